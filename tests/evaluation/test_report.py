"""The report: scikit-learn's numbers to the digit, the lines below them, and what it refuses."""

import sys
import warnings

import numpy as np
import pytest
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from fer_estimators._frame import make_frame
from fer_estimators._statistics import (
    wilson_interval,
)
from fer_estimators.evaluation import classification_report

EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
SORTED = sorted(EMOTIONS)


@pytest.fixture
def labels():
    rng = np.random.RandomState(0)
    y_true = rng.choice(EMOTIONS, size=200)
    y_pred = np.where(rng.uniform(size=200) < 0.6, y_true, rng.choice(EMOTIONS, size=200))
    return y_true, y_pred


@pytest.fixture
def proba(labels):
    """Probabilities whose highest column, in sorted order, is the prediction."""
    _, y_pred = labels
    scores = np.random.RandomState(1).uniform(size=(200, 7))
    scores[np.arange(200), np.searchsorted(SORTED, y_pred)] += 2
    return scores / scores.sum(axis=1, keepdims=True)


def table_rows(report):
    """Return the columns of each row, without the recall interval of label rows."""
    lines = report.split("\n\n")
    rows = [line.split() for part in lines[1:3] for line in part.splitlines()]
    return {row[0]: row[1:5] for row in rows if row[0] not in {"accuracy", "macro", "weighted"}}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"digits": 4},
        {"labels": ["sad", "happy"]},
        {"labels": ["sad", "happy"], "target_names": ["S", "H"]},
        {"target_names": list("abcdefg")},
        {"sample_weight": np.linspace(0.5, 2, 200)},
        {"zero_division": 0.0, "labels": [*EMOTIONS, "contempt"]},
    ],
)
def test_rows_equal_those_of_scikit_learn_to_the_digit(labels, options):
    ours = classification_report(*labels, **options)
    theirs = metrics.classification_report(*labels, **options)
    assert table_rows(ours) == table_rows(theirs)


def test_table_without_the_added_column_is_scikit_learns(labels):
    y_true, y_pred = labels
    ours = classification_report(y_true, y_pred).splitlines()[:13]
    theirs = metrics.classification_report(y_true, y_pred, labels=EMOTIONS).splitlines()
    assert [line[: len(theirs[0])].rstrip() for line in ours] == [t.rstrip() for t in theirs]


def test_output_dict_holds_what_scikit_learns_holds(labels):
    ours = classification_report(*labels, output_dict=True)
    theirs = metrics.classification_report(*labels, output_dict=True)
    assert ours.keys() == theirs.keys()
    assert all(ours[emotion] == theirs[emotion] for emotion in EMOTIONS)
    # The averages add up in another order, so that their last bit may differ.
    for average in ("macro avg", "weighted avg"):
        assert ours[average] == pytest.approx(theirs[average], rel=1e-12)


def test_emotions_stand_in_code_order(labels):
    assert list(table_rows(classification_report(*labels))) == EMOTIONS
    assert list(classification_report(*labels, output_dict=True))[:7] == EMOTIONS


def test_other_labels_stand_in_sorted_order():
    assert list(table_rows(classification_report([2, 0, 1], [2, 0, 0], zero_division=0))) == [
        *("0", "1", "2")
    ]


def test_column_vectors_are_taken_as_labels():
    column = np.array([["sad"], ["fear"]])
    assert classification_report(column, column) == classification_report(
        column.ravel(), column.ravel()
    )


@pytest.mark.parametrize("argument", ["target_names", "labels", "classes"])
def test_names_without_an_order_are_refused(argument):
    with pytest.raises(TypeError, match=rf"{argument} is a set, .* Pass a list"):
        classification_report([0, 1], [0, 1], **{argument: {"sad", "happy"}})


def test_target_names_of_numbers_follow_the_sorted_numbers():
    y = np.arange(7)
    report = classification_report(y, y, target_names=EMOTIONS)
    assert list(table_rows(report)) == EMOTIONS


def test_target_names_in_code_order_are_refused_for_sorted_names(labels):
    with pytest.raises(ValueError, match=r"would show 'neutral' as 'sad'.*Leave target_names out"):
        classification_report(*labels, target_names=EMOTIONS)


def test_summary_holds_scikit_learns_scores(labels):
    summary = classification_report(*labels, output="dict")["summary"]
    assert summary["n_samples"] == 200
    assert summary["accuracy"] == metrics.accuracy_score(*labels)
    assert summary["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(*labels))
    assert summary["macro_f1"] == metrics.f1_score(*labels, average="macro")
    assert summary["cohen_kappa"] == metrics.cohen_kappa_score(*labels)
    interval = summary["accuracy_low"], summary["accuracy_high"]
    assert interval == wilson_interval(summary["accuracy"], 200)


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 200)])
def test_every_recall_has_its_own_wilson_interval(labels, weights):
    report = classification_report(*labels, sample_weight=weights, output="dict")
    recalls = metrics.recall_score(*labels, labels=EMOTIONS, average=None, sample_weight=weights)
    text = classification_report(*labels, sample_weight=weights, digits=4).splitlines()
    for emotion, recall, line in zip(EMOTIONS, recalls, text[2:9], strict=True):
        own = labels[0] == emotion
        n = own.sum() if weights is None else weights[own].sum() ** 2 / (weights[own] ** 2).sum()
        expected = wilson_interval(recall, n)
        row = report[emotion]
        assert (row["recall_low"], row["recall_high"]) == pytest.approx(expected, rel=1e-12)
        assert line.split()[0] == emotion
        assert line.endswith(f" {row['recall_low']:.4f}-{row['recall_high']:.4f}")


def test_predictions_that_are_not_true_labels_do_not_warn_about_balanced_accuracy():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = classification_report(
            ["sad", "sad"], ["sad", "fear"], zero_division=0, output="dict"
        )
    assert report["summary"]["balanced_accuracy"] == 0.5
    assert np.isnan(report["fear"]["recall_low"])


def test_a_single_label_has_no_kappa():
    report = classification_report(["sad"] * 3, ["sad"] * 3, output="dict")
    assert np.isnan(report["summary"]["cohen_kappa"])
    assert report["confusions"] == []
    assert "confusions" not in classification_report(["sad"] * 3, ["sad"] * 3)


def test_zero_division_warns_once_as_in_scikit_learn():
    labels = ["sad", "sad"], ["sad", "fear"]
    for output in ("text", "dict"):
        with pytest.warns(UndefinedMetricWarning, match="no true samples") as ours:
            classification_report(*labels, output=output)
        with pytest.warns(UndefinedMetricWarning, match="no true samples") as theirs:
            metrics.classification_report(*labels, output_dict=output == "dict")
        assert len(ours) == len(theirs)


def test_most_frequent_confusions_come_first():
    y_true = ["fear"] * 6 + ["sad"] * 4 + ["happy"]
    y_pred = ["sad"] * 3 + ["fear"] * 3 + ["fear"] + ["sad"] * 3 + ["happy"]
    text = classification_report(y_true, y_pred)
    assert "fear taken for sad: 3 of 6\n  sad taken for fear: 1 of 4\n" in text
    report = classification_report(y_true, y_pred, n_confusions=1, output="dict")
    assert report["confusions"] == [{"true": "fear", "predicted": "sad", "count": 3, "support": 6}]


def test_confusions_use_the_shown_names_and_the_full_support():
    report = classification_report(
        [0, 0, 0, 1, 2], [1, 2, 0, 1, 2], labels=[0, 1], target_names=["A", "B"], output="dict"
    )
    assert report["confusions"] == [{"true": "A", "predicted": "B", "count": 1, "support": 3}]


def test_probabilities_add_log_loss_and_calibration(labels, proba):
    summary = classification_report(*labels, y_proba=proba, output="dict")["summary"]
    assert summary["log_loss"] == pytest.approx(metrics.log_loss(labels[0], proba, labels=SORTED))
    assert 0 <= summary["expected_calibration_error"] <= 1
    text = classification_report(*labels, y_proba=proba)
    assert "log-loss" in text
    assert "(15 bins)" in text


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_log_loss_clips_at_the_precision_it_is_given(dtype):
    y_true, proba = ["fear", "sad"], np.array([[1, 0], [1, 0]], dtype=dtype)
    summary = classification_report(y_true, ["fear"] * 2, y_proba=proba, output="dict",
                                    zero_division=0)["summary"]  # fmt: skip
    assert summary["log_loss"] == pytest.approx(metrics.log_loss(y_true, proba), rel=1e-3)


def test_named_columns_may_stand_in_any_order(labels, proba):
    order = [SORTED.index(emotion) for emotion in EMOTIONS]
    by_name = classification_report(
        *labels, y_proba=proba[:, order], classes=EMOTIONS, output="dict"
    )
    plain = classification_report(*labels, y_proba=proba, output="dict")
    assert by_name["summary"] == pytest.approx(plain["summary"])


def test_columns_in_code_order_without_names_are_refused(labels, proba):
    order = [SORTED.index(emotion) for emotion in EMOTIONS]
    with pytest.raises(ValueError, match=r"100% in FER2013 code order. Name the columns"):
        classification_report(*labels, y_proba=proba[:, order])


def test_groups_show_each_slice_and_the_largest_gap():
    y_true, y_pred = ["sad"] * 8 + ["fear"] * 4, ["sad"] * 8 + ["sad"] * 2 + ["fear"] * 2
    groups = ["day"] * 8 + ["night"] * 4
    report = classification_report(y_true, y_pred, groups=groups, output="dict")["groups"]
    assert report["slices"]["day"]["accuracy"] == 1.0
    assert report["slices"]["night"]["n_samples"] == 4
    gap = report["largest_gap"]
    assert (gap["best"], gap["worst"], gap["gap"]) == ("day", "night", 0.5)
    assert gap["gap_low"] < 0.5 < gap["gap_high"]
    text = classification_report(y_true, y_pred, groups=groups)
    assert "largest gap 0.50 (95 %: " in text
    assert text.rstrip().endswith("day over night")


def test_equal_groups_are_both_named():
    groups = ["day", "dusk", "night"]
    report = classification_report(["sad"] * 3, ["sad"] * 3, groups=groups, output="dict")
    gap = report["groups"]["largest_gap"]
    assert (gap["best"], gap["worst"], gap["gap"]) == ("day", "night", 0)


def test_a_single_group_has_no_gap():
    report = classification_report(["sad"], ["sad"], groups=["a"], output="dict")
    assert report["groups"]["largest_gap"] is None
    assert "gap" not in classification_report(["sad"], ["sad"], groups=["a"])


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "datetime64[us]"])
def test_groups_may_be_dates(dtype):
    pandas = pytest.importorskip("pandas")
    days = pandas.Series(pandas.to_datetime(["2024-05-01", "2024-05-02"])).astype(dtype)
    report = classification_report(["sad"] * 2, ["sad"] * 2, groups=days, output="dict")
    assert [score["n_samples"] for score in report["groups"]["slices"].values()] == [1, 1]


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_a_factor_of_all_weights_changes_no_score(labels, proba, scale):
    weights = np.random.RandomState(2).uniform(0.1, 3, size=200)
    expected, found = (
        classification_report(*labels, y_proba=proba, sample_weight=each, output="dict")["summary"]
        for each in (weights, weights * scale)
    )
    assert found == pytest.approx(expected)


def test_sample_weights_reach_every_number(labels, proba):
    weights = np.random.RandomState(2).uniform(0.1, 3, size=200)
    groups = np.where(np.arange(200) % 2, "odd", "even")
    report = classification_report(
        *labels, y_proba=proba, sample_weight=weights, groups=groups, output="dict"
    )
    everyone = np.full(200, True)
    odd = groups == "odd"
    for found, mask in ((report["summary"], everyone), (report["groups"]["slices"]["odd"], odd)):
        faces, own = (labels[0][mask], labels[1][mask]), weights[mask]
        accuracy = metrics.accuracy_score(*faces, sample_weight=own)
        balanced = metrics.balanced_accuracy_score(*faces, sample_weight=own)
        assert found["accuracy"] == pytest.approx(accuracy)
        assert found["balanced_accuracy"] == pytest.approx(balanced)
        interval = wilson_interval(accuracy, own.sum() ** 2 / (own**2).sum())
        assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx(interval)
    summary = report["summary"]
    macro_f1 = metrics.f1_score(*labels, average="macro", sample_weight=weights)
    assert summary["macro_f1"] == pytest.approx(macro_f1)
    kappa = metrics.cohen_kappa_score(*labels, sample_weight=weights)
    assert summary["cohen_kappa"] == pytest.approx(kappa)
    loss = metrics.log_loss(labels[0], proba, labels=SORTED, sample_weight=weights)
    assert summary["log_loss"] == pytest.approx(loss)
    counts = metrics.confusion_matrix(*labels, labels=EMOTIONS, sample_weight=weights)
    for pair in report["confusions"]:
        row, column = (EMOTIONS.index(pair[side]) for side in ("true", "predicted"))
        expected = counts[row, column], counts[row].sum()
        assert (pair["count"], pair["support"]) == pytest.approx(expected)


def test_frame_has_a_row_for_each_label_and_average(labels, proba):
    frame = classification_report(*labels, y_proba=proba, groups=labels[0], output="frame")
    assert frame.index.tolist() == [*EMOTIONS, "accuracy", "macro avg", "weighted avg"]
    assert frame.columns.tolist()[-2:] == ["recall_low", "recall_high"]
    assert frame.loc["accuracy", "f1-score"] == metrics.accuracy_score(*labels)
    assert set(frame.attrs) == {"summary", "confusions", "groups"}


def test_frame_without_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pandas is not installed.*`pip install pandas`"):
        make_frame({"a": [1]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["sad", "fear", float("nan")], r"has 1 missing .* first at index 2"),
        (["sad", "fear", np.float32("nan")], r"has 1 missing .* first at index 2"),
        (["sad", None, "fear"], r"has 1 missing .* first at index 1"),
        (["sad", 3, "fear"], r"mixes .* \(names and numbers\): .*\[1\] = 3. Write all .* in one"),
        (np.array(["sad", 3, 4], dtype=object), r"mixes .* \(names and numbers\): .*\[1\] = 3"),
        ([["sad"], ["sad", "fear"], ["sad"]], r"holds rows such as \['sad'\], expected shape"),
    ],
)
@pytest.mark.parametrize("argument", ["y_true", "y_pred", "groups"])
def test_labels_that_numpy_would_turn_into_text_are_named(values, message, argument):
    arguments = {name: ["sad", "fear", "sad"] for name in ("y_true", "y_pred")}
    with pytest.raises(ValueError, match=f"^{argument} {message}"):
        classification_report(**(arguments | {argument: values}))


@pytest.mark.parametrize("argument", ["y_true", "y_pred", "groups"])
def test_missing_values_of_pandas_are_missing(argument):
    pandas = pytest.importorskip("pandas")
    arguments = {name: ["sad", "fear"] for name in ("y_true", "y_pred")}
    values = pandas.Series(["sad", pandas.NA], dtype="string")
    with pytest.raises(ValueError, match=f"^{argument} has 1 missing .* first at index 1"):
        classification_report(**(arguments | {argument: values}))


@pytest.mark.parametrize("dtype", ["string", "category", "object", "str"])
def test_series_of_any_type_of_text_are_labels(labels, dtype):
    pandas = pytest.importorskip("pandas")
    series = [pandas.Series(column, dtype=dtype) for column in labels]
    assert classification_report(*series) == classification_report(*labels)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([], [], r"y_true is empty \(0 labels\), expected at least 1"),
        (["sad"], ["sad", "sad"], r"y_true has 1, y_pred has 2: expected one entry per face"),
        (["sad", None], ["sad", "sad"], r"y_true has 1 missing labels .* first at index 1"),
        ([0.0, 1.0], [0.0, np.nan], r"y_pred has 1 missing labels .* first at index 1"),
        (["sad"], [4], r"y_true holds names such as 'sad', but y_pred holds numbers such as 4"),
        ([[1, 0], [0, 1]], [0, 1], r"y_true has shape \(2, 2\), expected \(n_samples,\)"),
    ],
)
def test_bad_labels_are_named(y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        classification_report(y_true, y_pred)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"labels": ["hapy"]}, ValueError, r"\['hapy'\] does not name a label.*mean 'happy'\?"),
        ({"target_names": ["a"]}, ValueError, r"has 1 names, expected 7"),
        ({"target_names": ["a"] * 7}, ValueError, r"repeats a name"),
        ({"output": "txt"}, ValueError, r"output='txt' is unknown.*mean 'text'\?"),
        ({"n_confusions": -1}, ValueError, r"n_confusions=-1 is out of range"),
        ({"n_confusions": 1.5}, TypeError, r"n_confusions=1.5 is a float"),
        ({"groups": ["a"]}, ValueError, r"groups has 1: expected one entry per face"),
        ({"groups": [None] * 200}, ValueError, r"groups has 200 missing labels"),
        ({"groups": np.zeros((200, 2))}, ValueError, r"groups has shape \(200, 2\).*one column"),
        ({"sample_weight": [1.0]}, ValueError, r"sample_weight has 1"),
    ],
)
def test_bad_options_are_named(labels, options, error, message):
    with pytest.raises(error, match=message):
        classification_report(*labels, **options)


def test_probabilities_may_be_as_inexact_as_half_precision(labels, proba):
    assert "log-loss" in classification_report(*labels, y_proba=proba * 1.008)
    with pytest.raises(ValueError, match=r"200 of 200 rows that are not probabilities"):
        classification_report(*labels, y_proba=proba * 1.02)


def test_bad_probabilities_are_named(labels, proba):
    def report(y_proba, **options):
        return classification_report(*labels, y_proba=y_proba, **options)

    diverged = proba.copy()
    diverged[3:5] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinity in 2 of 200 rows, the first at index 3"):
        report(diverged)
    with pytest.raises(ValueError, match=r"200 of 200 rows that are not probabilities"):
        report(proba * 2)
    with pytest.raises(ValueError, match=r"shape \(199, 7\), expected \(200, n_classes\)"):
        report(proba[1:])
    with pytest.raises(ValueError, match=r"has 7 columns, but classes has 2 labels"):
        report(proba, classes=["sad", "happy"])
    with pytest.raises(ValueError, match=r"must be at least 2 different labels"):
        report(proba, classes=["sad"] * 7)
    named = ["happiness" if emotion == "happy" else emotion for emotion in SORTED]
    with pytest.raises(ValueError, match=r"labels \['happy'\] for which .* no column"):
        report(proba, classes=named)


def test_too_few_labels_for_the_columns_ask_for_classes():
    with pytest.raises(ValueError, match=r"3 columns, but y_true and y_pred hold 2 .*classes_"):
        classification_report(["sad", "fear"], ["sad", "fear"], y_proba=np.full((2, 3), 1 / 3))
