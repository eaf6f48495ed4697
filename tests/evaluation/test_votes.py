"""Probabilities are scored against the votes of several people."""

import numpy as np
import pandas as pd
import pytest

from fer_estimators.evaluation import vote_scores

CLASSES = ["happy", "neutral", "sad"]
VOTES = np.array([[8, 2, 0], [0, 5, 5], [1, 0, 9]])
SHARES = VOTES / 10
PROBA = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.2, 0.7, 0.1]])


def test_scores_are_those_of_the_definitions():
    scores = vote_scores(VOTES, PROBA, classes=CLASSES)
    assert scores["cross_entropy"] == pytest.approx(-(SHARES * np.log(PROBA)).sum(axis=1).mean())
    assert scores["agreement"] == pytest.approx((0.8 + 0.5 + 0) / 3)
    assert scores["highest_agreement"] == pytest.approx((0.8 + 0.5 + 0.9) / 3)


def test_the_shares_themselves_reach_the_best_scores():
    scores = vote_scores(VOTES, SHARES, classes=CLASSES)
    assert scores["cross_entropy"] == pytest.approx(scores["lowest_cross_entropy"])
    assert scores["agreement"] == pytest.approx(scores["highest_agreement"])
    assert scores["expected_calibration_error"] == pytest.approx(0)


def test_rounded_sums_do_not_beat_the_best_score():
    scores = vote_scores(VOTES, SHARES * 1.005, classes=CLASSES)
    assert scores["cross_entropy"] == pytest.approx(scores["lowest_cross_entropy"])


def test_counts_and_shares_give_the_same():
    assert vote_scores(VOTES * 3, PROBA, classes=CLASSES) == pytest.approx(
        vote_scores(SHARES, PROBA, classes=CLASSES)
    )


def test_columns_of_a_frame_are_found_by_name():
    frame = pd.DataFrame(SHARES, columns=CLASSES)[["sad", "happy", "neutral"]]
    assert vote_scores(frame, PROBA, classes=CLASSES) == vote_scores(SHARES, PROBA, classes=CLASSES)
    with pytest.raises(ValueError, match=r"columns of votes are .*'fear'.*, but \['happy'"):
        vote_scores(frame.rename(columns={"sad": "fear"}), PROBA, classes=CLASSES)


def test_columns_of_polars_are_found_by_name():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(SHARES, schema=CLASSES)[["sad", "happy", "neutral"]]
    assert vote_scores(frame, PROBA, classes=CLASSES) == vote_scores(SHARES, PROBA, classes=CLASSES)


def test_a_column_that_stands_twice_is_refused():
    frame = pd.DataFrame(SHARES, columns=["happy", "sad", "sad"])
    with pytest.raises(ValueError, match=r"\['happy', 'sad', 'sad'\], but .* at most once"):
        vote_scores(frame, PROBA, classes=CLASSES)


def test_a_class_that_nobody_voted_for_needs_no_column():
    frame = pd.DataFrame([[1.0, 0.0]], columns=["happy", "neutral"])
    scores = vote_scores(frame, [[0.5, 0.3, 0.2]], classes=CLASSES)
    assert scores["cross_entropy"] == pytest.approx(np.log(2))


def test_a_probability_of_zero_gives_a_finite_score():
    scores = vote_scores([[1, 1, 0]], [[1.0, 0.0, 0.0]], classes=CLASSES)
    assert np.isfinite(scores["cross_entropy"])


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ([[1, -1, 2]], r"1 of 1 rows with negative votes or none.*index 0: \[1.0, -1.0, 2.0\]"),
        ([[0, 0, 0]], "negative votes or none"),
        ([[np.nan, 1, 0]], "Input votes contains NaN"),
        ([[1, 2]], "votes has 2 columns, but there are 3 classes"),
        ([[1, 0, 0], [0, 1, 0]], r"y_proba has shape \(1, 3\), expected \(2, n_classes\)"),
    ],
)
def test_votes_that_cannot_be_scored_are_refused(votes, message):
    with pytest.raises(ValueError, match=message):
        vote_scores(votes, PROBA[:1], classes=CLASSES)


def test_classes_without_an_order_are_refused():
    with pytest.raises(TypeError, match=r"classes is a set, .*has no order"):
        vote_scores([[3, 1]], [[0.6, 0.4]], classes={"happy", "neutral"})
