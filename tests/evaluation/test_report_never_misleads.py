"""The report does not mislead about missing answers, columns, weights or names."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from fer_estimators.evaluation import (
    FaceGridDisplay,
    RiskCoverageDisplay,
    classification_report,
    vote_scores,
)

EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
SORTED = np.array(sorted(EMOTIONS))
Y_TRUE = ["happy", "sad", "sad", "fear", "fear", "neutral"]
Y_PRED = ["happy", "sad", "not sure", "fear", "sad", "not sure"]


@pytest.fixture(scope="module")
def predictions():
    """True labels, predictions and their probabilities, columns in sorted order."""
    rng = np.random.default_rng(0)
    y_true = rng.choice(SORTED, 300)
    y_pred = np.where(rng.uniform(size=300) < 0.6, y_true, rng.choice(SORTED, 300))
    proba = rng.uniform(size=(300, 7))
    proba[np.arange(300), np.searchsorted(SORTED, y_pred)] += 1.5
    return y_true, y_pred, proba / proba.sum(axis=1, keepdims=True)


def report(y_true, y_pred, **options):
    return classification_report(
        y_true, y_pred, **{"output": "dict", "zero_division": 0, **options}
    )


# Abstention


def test_the_abstain_label_is_not_a_class():
    found = report(Y_TRUE, Y_PRED)
    assert list(found)[:4] == ["fear", "happy", "sad", "neutral"]
    assert "not sure" not in found
    emotions = ["fear", "happy", "sad", "neutral"]
    theirs = metrics.classification_report(
        Y_TRUE, Y_PRED, labels=emotions, output_dict=True, zero_division=0
    )
    for row in (*emotions, "macro avg", "weighted avg", "micro avg"):
        assert found[row].items() >= theirs[row].items()


def test_the_summary_tells_coverage_and_the_accuracy_of_the_answers():
    summary = report(Y_TRUE, Y_PRED)["summary"]
    assert summary["coverage"] == pytest.approx(4 / 6)
    assert summary["answered_accuracy"] == pytest.approx(3 / 4)
    assert summary["accuracy"] == pytest.approx(3 / 6)
    assert summary["balanced_accuracy"] == pytest.approx((1 + 1 / 2 + 1 / 2 + 0) / 4)
    answers = ["happy", "sad", "fear", "fear"], ["happy", "sad", "fear", "sad"]
    assert summary["cohen_kappa"] == pytest.approx(metrics.cohen_kappa_score(*answers))
    text = classification_report(Y_TRUE, Y_PRED, zero_division=0)
    assert "faces answered           0.67 (95 %" in text
    assert "accuracy of the answers  0.75 (95 %" in text
    assert "not sure" not in text


def test_the_log_loss_is_that_of_the_columns(predictions):
    y_true, y_pred, proba = predictions
    unsure = np.where(proba.max(axis=1) < 0.35, "not sure", y_pred)
    assert 0 < (unsure == "not sure").sum() < 300
    with_silence = report(y_true, unsure, y_proba=proba)["summary"]
    without = report(y_true, y_pred, y_proba=proba)["summary"]
    assert with_silence["log_loss"] == without["log_loss"]


def test_a_report_of_no_answers_has_no_accuracy_among_them():
    summary = report(["sad", "fear"], ["not sure"] * 2)["summary"]
    assert (summary["coverage"], summary["accuracy"]) == (0, 0)
    assert np.isnan([summary["answered_accuracy"], summary["cohen_kappa"]]).all()
    assert "nan" in classification_report(["sad", "fear"], ["not sure"] * 2, zero_division=0)


def test_groups_tell_their_coverage():
    found = report(Y_TRUE, Y_PRED, groups=[0, 0, 0, 1, 1, 1])["groups"]["slices"]
    assert [found[group]["coverage"] for group in (0, 1)] == pytest.approx([2 / 3, 2 / 3])
    assert [found[group]["answered_accuracy"] for group in (0, 1)] == pytest.approx([1, 0.5])
    text = classification_report(Y_TRUE, Y_PRED, groups=[0, 0, 0, 1, 1, 1], zero_division=0)
    assert "3 faces, 67% answered" in text


def test_numbers_take_a_number_for_no_answer():
    found = report([0, 1, 1, 2], [0, 1, -1, 2], abstain_label=-1)
    assert found["summary"]["coverage"] == 0.75
    assert "-1" not in found


@pytest.mark.parametrize(
    ("y_true", "y_pred", "label"),
    [
        (["a", "b"], ["a", "?"], r"'\?'"),
        ([0, 1], [0, -1], "-1"),
        (["sad"], ["no face"], "'no face'"),
    ],
)
def test_a_prediction_that_is_never_true_may_be_an_abstain_label(y_true, y_pred, label):
    with pytest.warns(UserWarning, match=f"y_pred holds .{label}.*pass abstain_label={label}"):
        report(y_true, y_pred)


def test_classes_without_faces_here_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report(["a", "b"], ["a", "c"], labels=["a", "b", "c"])
        report(["sad", "happy"], ["sad", "fear"])
        report([0, 1], [0, 2])


def test_true_labels_that_stand_for_no_answer_are_refused():
    with pytest.raises(ValueError, match=r"y_true holds 'not sure'.*abstain_label=None"):
        report(["sad", "not sure"], ["sad", "not sure"])
    assert "not sure" in report(["sad", "not sure"], ["sad", "not sure"], abstain_label=None)
    with pytest.raises(ValueError, match=r"lists 'not sure', which as abstain_label"):
        report(Y_TRUE, Y_PRED, labels=["sad", "not sure"])


@pytest.mark.parametrize("wrong", ["Happy", "happy ", "HAPPY", "Not sure"])
def test_labels_that_differ_in_case_or_spaces_are_refused(wrong):
    with pytest.raises(ValueError, match="differ only in case, spaces or Unicode form"):
        report(["happy", "sad"], [wrong, "sad"])


def test_labels_that_look_the_same_are_refused():
    with pytest.raises(ValueError, match=r"\['ge\\u0302ne\\u0301', 'g\\xean\\xe9'\] differ"):
        report(["g\xean\xe9", "sad"], ["ge\u0302ne\u0301", "sad"])


def test_labels_that_are_listed_may_differ_in_case():
    found = report(["a", "A"], ["a", "A"], labels=["a", "A"])
    assert found["summary"]["accuracy"] == 1


# Probabilities


def in_code_order(proba):
    return proba[:, np.searchsorted(SORTED, EMOTIONS)]


class Table:
    """Any other kind of data frame: columns with names, and an array inside."""

    def __init__(self, columns):
        self.columns = list(columns)
        self._values = np.column_stack([*columns.values()])

    def __array__(self, dtype=None, copy=None):
        return self._values.astype(dtype)


@pytest.fixture(params=["pandas", "polars", "another"])
def as_frame(request):
    if request.param == "another":
        return lambda proba, names: Table(dict(zip(names, np.asarray(proba).T, strict=True)))
    library = pytest.importorskip(request.param)
    return lambda proba, names: library.DataFrame(
        dict(zip(names, np.asarray(proba).T, strict=True))
    )


def test_columns_are_matched_by_name(predictions, as_frame):
    y_true, y_pred, proba = predictions
    frame = as_frame(in_code_order(proba), EMOTIONS)
    plain = report(y_true, y_pred, y_proba=proba)["summary"]
    assert report(y_true, y_pred, y_proba=frame)["summary"] == pytest.approx(plain)
    named = report(y_true, y_pred, y_proba=frame, classes=SORTED)["summary"]
    assert named == pytest.approx(plain)
    curve = RiskCoverageDisplay.from_predictions(y_true, frame)
    expected = RiskCoverageDisplay.from_predictions(y_true, proba)
    np.testing.assert_array_equal(curve.accuracy, expected.accuracy)


@pytest.mark.parametrize("labels", [[0, 1], [False, True]])
def test_names_of_numbered_classes_are_numbers(as_frame, labels):
    frame = as_frame([[0.1, 0.9], [0.8, 0.2]], [str(labels[1]), str(labels[0])])
    assert report(labels, labels, y_proba=frame)["summary"]["log_loss"] < 0.2
    with pytest.raises(
        ValueError, match=r"columns of y_proba are \['a', 'b'\], but the labels are"
    ):
        report(labels, labels, y_proba=as_frame([[0.1, 0.9], [0.8, 0.2]], ["a", "b"]))


def test_names_of_other_classes_are_refused(predictions, as_frame):
    y_true, y_pred, proba = predictions
    frame = as_frame(proba, ["joy" if name == "happy" else name for name in SORTED])
    with pytest.raises(ValueError, match=r"labels \['happy'\] for which y_proba has no column"):
        report(y_true, y_pred, y_proba=frame)
    with pytest.raises(ValueError, match=r"columns of y_proba are .* each once"):
        report(y_true, y_pred, y_proba=frame, classes=SORTED)


@pytest.mark.parametrize("classes", [None, EMOTIONS])
def test_columns_that_contradict_the_truth_are_refused(predictions, classes):
    y_true, _, proba = predictions
    wrong = in_code_order(proba) if classes is None else proba
    with pytest.raises(ValueError, match=r"columns of y_proba do not stand for.*far better"):
        RiskCoverageDisplay.from_predictions(y_true, wrong, classes=classes)


def test_rows_of_other_faces_are_reported(predictions):
    y_true, y_pred, proba = predictions
    with pytest.warns(UserWarning, match=r"is that of y_pred for only \d+% of the faces"):
        report(y_true, y_pred, y_proba=np.roll(proba, 1, axis=0))


# Weights


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -1, 1], r"has 1 values that are negative.*first at index 1: -1.0"),
        ([1, 1, np.nan], r"first at index 2: nan"),
        ([np.inf, 1, 1], r"first at index 0: inf"),
        ([0, 0, 0], r"is 0 for every face"),
        ([1, 1], r"sample_weight has 2: expected one entry per face"),
        ([[1], [1], [1]], r"has shape \(3, 1\), expected \(3,\)"),
    ],
)
def test_weights_that_would_give_nonsense_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        report(["sad", "fear", "sad"], ["sad", "fear", "fear"], sample_weight=weights)


def test_a_group_without_weight_has_no_accuracy_and_no_gap():
    found = report(
        ["sad", "fear", "sad"], ["sad"] * 3, groups=list("aab"), sample_weight=[1, 1, 0]
    )["groups"]
    assert np.isnan(found["slices"]["b"]["accuracy"])
    assert found["largest_gap"] is None


# Names


@pytest.mark.parametrize("name", ["accuracy", "macro avg", "weighted avg", "micro avg"])
@pytest.mark.parametrize("form", [{"output_dict": True}, {"output": "dict"}, {"output": "frame"}])
def test_rows_that_a_dict_would_overwrite_are_refused(name, form):
    labels = [name, "other"], [name, "other"]
    with pytest.raises(ValueError, match=f"row '{name}' cannot be distinguished from the entry"):
        classification_report(*labels, **form)
    renamed = report(*labels, labels=[name, "other"], target_names=["A", "B"])
    assert renamed["A"]["support"] == 1


@pytest.mark.parametrize("name", ["summary", "confusions", "groups"])
def test_rows_named_like_a_part_of_the_report_are_refused_where_they_collide(name):
    labels = [name, "other"], [name, "other"]
    with pytest.raises(ValueError, match=f"row '{name}' cannot be distinguished"):
        report(*labels)
    assert classification_report(*labels, output_dict=True)[name]["support"] == 1


def test_the_text_shows_a_class_of_any_name():
    labels = ["accuracy", "groups"], ["accuracy", "accuracy"]
    with pytest.warns(UndefinedMetricWarning):
        rows = classification_report(*labels).splitlines()
    assert rows[2].split()[:3] == ["accuracy", "0.50", "1.00"]
    assert rows[2].endswith("0.21-1.00")


def test_numbers_that_are_not_classes_are_refused():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        report([0, 1], [0.2, 0.7])


def test_a_label_listed_twice_is_refused():
    with pytest.raises(ValueError, match=r"labels=\['sad', 'sad'\] repeats a label"):
        report(["sad"], ["sad"], labels=["sad", "sad"])


# Notebooks


def test_a_notebook_shows_the_lines_of_the_text():
    text = classification_report(["<b>", "sad"], ["<b>", "sad"])
    assert text._repr_html_().startswith('<pre style="font-family: monospace">')
    assert "&lt;b&gt;" in text._repr_html_()
    assert isinstance(text, str)


# Rows in another order


@pytest.fixture
def reordered(predictions):
    """Return true labels, predictions and probabilities with an index, the labels reordered."""
    pandas = pytest.importorskip("pandas")
    y_true, y_pred, proba = predictions
    y_true = pandas.Series(y_true).sample(frac=1, random_state=0)
    return y_true, pandas.Series(y_pred), pandas.DataFrame(proba, columns=SORTED)


REORDERED = r"y_true and y_p\w+ have the same index in another order.*\.loc\[y_true\.index\]"


def test_rows_in_another_order_are_told_by_their_index(reordered):
    y_true, y_pred, proba = reordered
    with pytest.warns(UserWarning, match=REORDERED):
        report(y_true, y_pred)
    with pytest.warns(UserWarning, match=REORDERED):
        RiskCoverageDisplay.from_predictions(y_true, proba)
    with pytest.warns(UserWarning, match=REORDERED):
        FaceGridDisplay.from_predictions(np.zeros((300, 8, 8)), y_true, y_pred)
    y_pred.index += 1000
    with pytest.warns(UserWarning, match="y_true and y_proba have the same index"):
        report(y_true, y_pred, y_proba=proba)
    with pytest.warns(UserWarning, match="votes and y_proba have the same index"):
        vote_scores(proba.loc[y_true.index], proba, classes=SORTED)


def test_rows_of_other_names_or_in_the_same_order_are_not(reordered):
    y_true, y_pred, proba = reordered
    same = y_pred.loc[y_true.index], proba.loc[y_true.index]
    report(y_true, same[0], y_proba=same[1])
    # What `Series(clf.predict(X_test))` has beside rows out of a larger table.
    y_true.index += 1000
    report(y_true, y_pred)


def test_sparse_probabilities_are_read(predictions):
    y_true, y_pred, proba = predictions
    expected = report(y_true, y_pred, y_proba=proba)
    assert report(y_true, y_pred, y_proba=scipy.sparse.csr_array(proba)) == expected


@pytest.mark.parametrize("name", ["y_true", "y_pred", "y_proba", "sample_weight", "groups"])
def test_masked_values_are_refused(name):
    given = {
        "y_true": ["a", "b", "a"],
        "y_pred": ["a", "b", "b"],
        "y_proba": [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]],
        "sample_weight": [1, 1, 1],
        "groups": ["x", "x", "y"],
    }
    masked = np.ma.array(given[name])
    masked[1] = np.ma.masked
    with pytest.raises(ValueError, match=f"{name} has [12] masked values"):
        classification_report(**{**given, name: masked})


def test_masked_votes_are_refused():
    votes = np.ma.array([[3, 1], [0, 4]], mask=[[0, 1], [0, 0]])
    with pytest.raises(ValueError, match="votes has 1 masked values"):
        vote_scores(votes, [[0.6, 0.4], [0.2, 0.8]], classes=["happy", "neutral"])


@pytest.mark.parametrize("dtype", ["Int64", object])
def test_missing_votes_are_refused(dtype):
    votes = pd.DataFrame({"happy": [3, pd.NA], "neutral": [1, 4]}, dtype=dtype)
    with pytest.raises(ValueError, match=r"votes (contains NaN|holds something other.*NAType)"):
        vote_scores(votes, [[0.6, 0.4], [0.2, 0.8]], classes=["happy", "neutral"])


def test_weights_too_large_for_a_sum_are_refused():
    with pytest.raises(ValueError, match=r"sample_weight reaches 1e\+308, too large for a sum"):
        classification_report(["a", "b"], ["a", "b"], sample_weight=[1e308, 1e308])
