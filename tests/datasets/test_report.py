"""The report of what a loader skipped or converted."""

import pytest

from fer_estimators.datasets._report import LoadReport


@pytest.fixture
def report():
    report = LoadReport()
    for number in range(3):
        report.add(f"train/happy/{number}.jpg", "empty file", "skipped")
    report.add("train/<b>.txt", "not an image extension", "ignored")
    return report


def test_each_kind_is_a_line_with_its_number_and_an_example(report):
    assert str(report).splitlines() == [
        "3 skipped: empty file (train/happy/0.jpg, ...)",
        "1 ignored: not an image extension (train/<b>.txt)",
    ]
    assert repr(report) == "<LoadReport: skipped=3, ignored=1>"
    assert len(report) == len(list(report)) == 4


def test_notebooks_show_a_table(report):
    html = report._repr_html_()
    assert html.count("<tr>") == 3
    assert "<td>train/happy/0.jpg</td>" in html
    assert "train/&lt;b&gt;.txt" in html
    assert "\n" not in html


def test_report_without_entries_says_so():
    report = LoadReport()
    for shown in (str(report), repr(report), report._repr_html_()):
        assert "nothing was skipped, ignored or converted" in shown


def test_report_out_of_a_cache_shows_and_warns_as_before(report):
    report.warn("look here")
    again = LoadReport.from_dict(report.to_dict())
    assert str(again) == str(report)
    assert again.skipped == report.skipped
    with pytest.warns(UserWarning, match="look here"):
        again.emit()
