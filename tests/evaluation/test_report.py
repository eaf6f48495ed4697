"""The report: scikit-learn's numbers to the digit, what stands below them, and refusals."""

import sys
import warnings

import numpy as np
import pytest
from sklearn import metrics

from fer_estimators.evaluation import classification_report
from fer_estimators.evaluation._frame import make_frame
from fer_estimators.evaluation._statistics import (
    effective_size,
    expected_calibration_error,
    gap_interval,
    wilson_interval,
)

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
    assert summary["accuracy_low"] < summary["accuracy"] < summary["accuracy_high"]


def test_predictions_that_are_no_true_label_do_not_warn_about_balanced_accuracy():
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
    with pytest.warns(metrics._classification.UndefinedMetricWarning, match="no true samples"):
        classification_report(["sad", "sad"], ["sad", "fear"])


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


def test_a_single_group_has_no_gap():
    report = classification_report(["sad"], ["sad"], groups=["a"], output="dict")
    assert report["groups"]["largest_gap"] is None
    assert "gap" not in classification_report(["sad"], ["sad"], groups=["a"])


def test_sample_weights_reach_every_number(labels):
    weights = np.random.RandomState(2).uniform(0.1, 3, size=200)
    groups = np.where(np.arange(200) % 2, "odd", "even")
    report = classification_report(*labels, sample_weight=weights, groups=groups, output="dict")
    accuracy = metrics.accuracy_score(*labels, sample_weight=weights)
    assert report["summary"]["accuracy"] == pytest.approx(accuracy)
    odd = groups == "odd"
    assert report["groups"]["slices"]["odd"]["accuracy"] == pytest.approx(
        metrics.accuracy_score(labels[0][odd], labels[1][odd], sample_weight=weights[odd])
    )
    plain = classification_report(*labels, output="dict")["summary"]
    width = report["summary"]["accuracy_high"] - report["summary"]["accuracy_low"]
    assert width > plain["accuracy_high"] - plain["accuracy_low"]


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
    ("y_true", "y_pred", "message"),
    [
        ([], [], r"y_true is empty \(0 labels\), expected at least 1"),
        (["sad"], ["sad", "sad"], r"y_true has 1, y_pred has 2: expected one entry a face"),
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
        ({"labels": ["hapy"]}, ValueError, r"\['hapy'\] names no label.*mean 'happy'\?"),
        ({"target_names": ["a"]}, ValueError, r"has 1 names, expected 7"),
        ({"target_names": ["a"] * 7}, ValueError, r"repeats a name"),
        ({"output": "txt"}, ValueError, r"output='txt' is unknown.*mean 'text'\?"),
        ({"n_confusions": -1}, ValueError, r"n_confusions=-1 is negative"),
        ({"n_confusions": 1.5}, TypeError, r"n_confusions=1.5 is a float"),
        ({"groups": ["a"]}, ValueError, r"groups has 1: expected one entry a face"),
        ({"groups": [None] * 200}, ValueError, r"groups has 200 missing values"),
        ({"groups": np.zeros((200, 2))}, ValueError, r"groups has shape \(200, 2\)"),
        ({"sample_weight": [1.0]}, ValueError, r"sample_weight has 1"),
    ],
)
def test_bad_options_are_named(labels, options, error, message):
    with pytest.raises(error, match=message):
        classification_report(*labels, **options)


def test_bad_probabilities_are_named(labels, proba):
    def report(y_proba, **options):
        return classification_report(*labels, y_proba=y_proba, **options)

    diverged = proba.copy()
    diverged[3:5] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinity in 2 of 200 rows, the first at index 3"):
        report(diverged)
    with pytest.raises(ValueError, match=r"200 of 200 rows that are no probabilities"):
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


def test_wilson_interval_equals_published_values():
    # Newcombe, Statistics in Medicine 17, 857-872, 1998, table I: 81/263, 15/148, 0/20, 1/29.
    for successes, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson_interval(successes / n, n) == pytest.approx((low, high), abs=6e-5)
    assert np.isnan(wilson_interval(0.5, 0)).all()
    assert wilson_interval(1.0, 5)[1] == 1.0


def test_gap_interval_equals_published_values():
    # Newcombe, Statistics in Medicine 17, 873-890, 1998, table II: 56/70 - 48/80, method 10.
    first, second = ((k / n, *wilson_interval(k / n, n)) for k, n in ((56, 70), (48, 80)))
    assert gap_interval(first, second) == pytest.approx((0.0524, 0.3339), abs=6e-5)


def test_effective_size_of_equal_weights_is_their_number():
    assert effective_size(np.full(9, 0.3)) == pytest.approx(9)
    assert effective_size(np.array([1.0, 0, 0])) == 1
    assert effective_size(np.zeros(3)) == 0


def test_calibration_error_is_the_mean_distance_of_confidence_and_accuracy():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, False, True, True])
    assert expected_calibration_error(correct, confidence) == pytest.approx(0.45)
    weighted = expected_calibration_error(correct, confidence, sample_weight=[1, 0, 0, 0])
    assert weighted == pytest.approx(0.05)
    assert expected_calibration_error(np.array([True]), np.array([1.0])) == 0
