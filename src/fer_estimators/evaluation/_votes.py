"""Scores of probabilities against several people's votes on each face."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from fer_estimators._frame import warn_of_reordered_rows
from fer_estimators._labels import refuse_masked
from fer_estimators._probabilities import as_ordered_columns, refuse_sets
from fer_estimators._statistics import expected_calibration_error
from fer_estimators.evaluation._labels import check_proba


def vote_scores(votes: ArrayLike, y_proba: ArrayLike, *, classes: ArrayLike) -> dict[str, float]:
    """Score probabilities against the votes of several people.

    Each face counts the same, however many people voted on it. Where people disagree, no
    classifier can agree with all of them, so the best possible scores are given as well.

    Parameters
    ----------
    votes : array-like or DataFrame of shape (n_samples, n_classes)
        Votes for each class, as counts or shares, not negative, with at least one in each row. The
        columns of a data frame, such as ``soft_labels`` of
        :func:`~fer_estimators.datasets.load_fer2013`, are found by name; a class without a column
        has no votes. Those of an array are in the order of `classes`.
    y_proba : array-like of shape (n_samples, n_classes)
        Probabilities from 0 to 1, as ``predict_proba`` gives them.
    classes : array-like of shape (n_classes,)
        Class of each column of `y_proba`: ``clf.classes_``.

    Returns
    -------
    dict of str to float
        ``cross_entropy``
            Cross-entropy of the probabilities with the shares of the votes, in nats; lower is
            better.
        ``lowest_cross_entropy``
            The entropy of the shares, the lowest value that any probabilities can reach.
        ``agreement``
            Mean share of the votes that agree with the most probable class, 0 to 1.
        ``highest_agreement``
            The same for the class with the most votes, the highest value that any answer can reach.
        ``expected_calibration_error``
            Mean difference over 15 bins between the highest probability and the share of the votes
            that agree with it, 0 to 1.

    Raises
    ------
    ValueError
        If votes are negative, missing or without a class, or probabilities are not probabilities.

    See Also
    --------
    classification_report : Scores against one label for each face.

    Examples
    --------
    Two faces: on the first three people saw joy and one saw nothing, on the second all saw nothing.

    >>> from fer_estimators.evaluation import vote_scores
    >>> votes = [[3, 1], [0, 4]]
    >>> y_proba = [[0.6, 0.4], [0.2, 0.8]]
    >>> scores = vote_scores(votes, y_proba, classes=["happy", "neutral"])
    >>> scores["agreement"], scores["highest_agreement"]
    (0.875, 0.875)
    """
    warn_of_reordered_rows(votes=votes, y_proba=y_proba)
    refuse_masked(votes=votes)
    refuse_sets(classes=classes)
    shares = _as_shares(votes, np.asarray(classes))
    y_proba, _ = check_proba(y_proba, classes, np.asarray(classes)[shares.argmax(axis=1)])
    # Networks that compute in half precision give sums that are a little off.
    y_proba = y_proba / y_proba.sum(axis=1, keepdims=True)
    answers = y_proba.argmax(axis=1)
    agreeing = shares[np.arange(len(shares)), answers]
    confidence = y_proba.max(axis=1)
    return {
        "cross_entropy": _cross_entropy(shares, y_proba),
        "lowest_cross_entropy": _cross_entropy(shares, shares),
        "agreement": float(agreeing.mean()),
        "highest_agreement": float(shares.max(axis=1).mean()),
        "expected_calibration_error": expected_calibration_error(agreeing, confidence),
    }


def _as_shares(votes, classes):
    votes = as_ordered_columns(votes, classes, name="votes", may_lack=True)
    try:
        votes = check_array(votes, input_name="votes", dtype=np.float64)
    except TypeError as error:
        raise ValueError(
            f"votes holds something other than numbers ({error}). Leave out faces without votes."
        ) from error
    if votes.shape[1] != len(classes):
        raise ValueError(
            f"votes has {votes.shape[1]} columns, but there are {len(classes)} classes, "
            f"{classes.tolist()!r}; expected a column for each, in this order."
        )
    wrong = (votes < 0).any(axis=1) | (votes.sum(axis=1) <= 0)
    if wrong.any():
        first = int(wrong.argmax())
        raise ValueError(
            f"votes has {wrong.sum()} of {len(votes)} rows with negative votes or none, the first "
            f"at index {first}: {votes[first].tolist()!r}. Leave these faces out."
        )
    return votes / votes.sum(axis=1, keepdims=True)


def _cross_entropy(shares, y_proba):
    # A probability of 0 for what somebody voted for would make the mean infinite.
    logs = np.log(np.maximum(y_proba, np.finfo(np.float32).tiny))
    return float(-(shares * logs).sum(axis=1).mean())
