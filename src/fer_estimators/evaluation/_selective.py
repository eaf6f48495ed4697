"""Scores of a classifier that may leave samples unanswered."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score

from fer_estimators._label_column import flatten_labels


def selective_scores(estimator: Any, X: ArrayLike, y: ArrayLike) -> dict[str, float]:
    """Compute coverage, and accuracy among the answered samples.

    Pass it as ``scoring=selective_scores`` to :func:`sklearn.model_selection.cross_validate`,
    which then gives ``test_coverage`` and ``test_accuracy``.

    Parameters
    ----------
    estimator : AbstainingClassifier, or Pipeline or search with one inside
        Fitted. Any prediction that is none of its ``classes_`` counts as unanswered.
    X : array-like of shape (n_samples, ...)
        What the classifier takes.
    y : array-like of shape (n_samples,)
        True labels.

    Returns
    -------
    dict of str to float
        ``coverage``, the share of samples answered, and ``accuracy``, the share of right answers
        among them, each 0 to 1; the latter is NaN where nothing was answered.

    See Also
    --------
    AbstainingClassifier : Answers only where it is sure enough.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from fer_estimators import AbstainingClassifier, selective_scores
    >>> from fer_estimators.datasets import make_faces
    >>> emotions = {"happy": 1, "sad": 1, "surprise": 1}
    >>> faces = make_faces(300, image_size=16, weights=emotions, random_state=0)
    >>> clf = AbstainingClassifier(LogisticRegression(max_iter=500), target_accuracy=0.6)
    >>> X, y = faces.data / 255, faces.target
    >>> scores = cross_validate(clf, X, y, cv=2, scoring=selective_scores)
    >>> sorted(name for name in scores if name.startswith("test"))
    ['test_accuracy', 'test_coverage']
    """
    predicted = np.asarray(estimator.predict(X))
    answered = np.isin(predicted, estimator.classes_)
    y = flatten_labels(y)
    right = accuracy_score(y[answered], predicted[answered]) if answered.any() else float("nan")
    return {"coverage": float(answered.mean()), "accuracy": float(right)}
