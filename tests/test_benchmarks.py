"""Benchmarks count correctly, and do not mix results of different runs."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fer_estimators.faces import Face

pytest.importorskip("skimage")

from benchmarks import __main__ as table
from benchmarks import faces as benchmark
from benchmarks._pictures import Picture, paste_faces, pictures_without_faces


class Placed:
    """A detector that knows where the faces are."""

    def __init__(self, *boxes):
        self.boxes = boxes

    def detect(self, photo):
        return [Face(box) for box in self.boxes]


class AlwaysHappy:
    def predict(self, X):
        return np.full(len(X), "happy")


@pytest.fixture
def one_face(faces):
    return SimpleNamespace(images=faces.images[:1], target=np.array(["happy"]))


def test_results_of_other_faces_do_not_stand_under_one_heading(tmp_path):
    path = tmp_path / "results.json"
    assert table.read_results(path, "100 faces") == []
    path.write_text(json.dumps({"machine": "100 faces", "results": [{"row": "memory"}]}))
    assert table.read_results(path, "100 faces") == [{"row": "memory"}]
    with pytest.raises(SystemExit, match="was measured with 100 faces, but this is 200 faces"):
        table.read_results(path, "200 faces")


def test_a_row_that_failed_leaves_no_earlier_result():
    before = [{"row": "memory"}, {"row": "loading"}]
    assert table.replace_rows(before, [], ["memory"]) == [{"row": "loading"}]
    both = table.replace_rows(before, [{"row": "memory", "new": True}], ["memory"])
    assert sorted(row["row"] for row in both if "new" not in row) == ["loading"]
    assert len(both) == 2


def test_a_tilted_face_is_expected_where_it_is(faces):
    (picture,) = paste_faces(faces.images[:1], 140)
    left, top, width, height = benchmark.expected_box(picture)
    x, y = picture.centre
    assert (left - x, top - y) == pytest.approx((-60.5, -46.2), abs=0.1)
    assert width == height == pytest.approx(118.6, abs=0.1)
    turned = benchmark.expected_box(picture._replace(tilt=180))
    assert turned[1] + turned[3] / 2 - y == pytest.approx(y - top - height / 2)


def test_shares_of_unions():
    assert benchmark.overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert benchmark.overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert benchmark.overlap((0, 0, 10, 10), (20, 0, 10, 10)) == 0


@pytest.mark.parametrize(
    ("moved_by", "expected"),
    [
        ([(0, 0)], (1.0, 1.0, 0.0)),
        ([(0, 0), (300, 300)], (1.0, 1.0, 1.0)),
        ([(300, 300)], (0.0, 0.0, 1.0)),
        ([], (0.0, 0.0, 0.0)),
    ],
)
def test_what_is_found_and_what_is_false_is_counted(one_face, moved_by, expected):
    (picture,) = paste_faces(one_face.images, 140)
    left, top, width, height = benchmark.expected_box(picture)
    boxes = [(left + x, top + y, width, height) for x, y in moved_by]
    assert benchmark.measure(Placed(*boxes), AlwaysHappy(), one_face, 140, 0) == expected


def test_a_smaller_face_within_the_image_is_not_false(one_face):
    (picture,) = paste_faces(one_face.images, 140)
    x, y = picture.centre
    detector = Placed((x + 30, y - 40, 30, 30))
    assert benchmark.measure(detector, AlwaysHappy(), one_face, 140, 0).false == 0


def test_pictures_without_faces_are_of_all_kinds():
    pictures = pictures_without_faces(21)
    assert len(pictures) == 21
    assert all(isinstance(one, Picture) and one.centre is None for one in pictures)


def test_a_report_has_all_rows(monkeypatch, faces):
    monkeypatch.setattr(benchmark, "CASES", ((140, 0), (140, 25)))
    some = SimpleNamespace(images=faces.images[:2], target=faces.target[:2])
    lines = list(benchmark.report_finding(Placed(), AlwaysHappy(), some, "shown", 17))
    assert [line.split("|")[1].strip() for line in lines[4:]] == ["140", "140", "none"]
    assert lines[-1].endswith("0.000 |")


def test_times_are_those_of_both_engines(faces):
    pytest.importorskip("ai_edge_litert")
    lines = list(benchmark.report_times(faces, 1))
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["Keras", "LiteRT"]
    assert all(line.count(" ms |") == 3 for line in lines[2:])
