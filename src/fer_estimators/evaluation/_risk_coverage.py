"""Selective prediction: how accuracy rises when unsure faces are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from fer_estimators._frame import by_position, make_frame, warn_of_reordered_rows
from fer_estimators._labels import check_labels
from fer_estimators._prediction import warn_of_unknown_labels
from fer_estimators._statistics import selective_accuracy, wilson_interval
from fer_estimators.evaluation._axes import BLUE, get_axes
from fer_estimators.evaluation._labels import (
    check_proba,
    check_same_kind,
    check_same_length,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class RiskCoverageDisplay:
    """Accuracy against the share of faces on which a classifier answers.

    The faces are answered in the order of confidence, the highest probability of a face; a
    point of the curve answers all faces whose confidence reaches a threshold [1]_. Make it with
    :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    coverage : ndarray of shape (n_thresholds,)
        Share of faces answered, ascending, in (0, 1].

    accuracy : ndarray of shape (n_thresholds,)
        Share of right answers among them, 0 to 1; the risk is 1 minus it.

    threshold : ndarray of shape (n_thresholds,)
        Lowest confidence that is answered, descending, 0 to 1.

    n_samples : int
        Number of faces.

    name : str, default=None
        Name of the curve in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curve. Set by :meth:`plot`.
    figure_ : matplotlib Figure
        Figure that holds the axes. Set by :meth:`plot`.

    See Also
    --------
    classification_report : Accuracy and calibration when all faces are answered.

    References
    ----------
    .. [1] Y. Geifman and R. El-Yaniv, "Selective classification for deep neural networks",
       NeurIPS 2017.

    Examples
    --------
    >>> from fer_estimators.evaluation import RiskCoverageDisplay
    >>> y_true = ["happy", "sad", "sad", "happy"]
    >>> y_proba = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]]
    >>> display = RiskCoverageDisplay.from_predictions(y_true, y_proba)
    >>> display.coverage.tolist()
    [0.25, 0.5, 0.75, 1.0]
    >>> display.accuracy.round(2).tolist()
    [1.0, 1.0, 0.67, 0.75]
    """

    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        coverage: NDArray[np.float64],
        accuracy: NDArray[np.float64],
        threshold: NDArray[np.float64],
        *,
        n_samples: int,
        name: str | None = None,
    ) -> None:
        self.coverage: NDArray[np.float64] = by_position(coverage)
        self.accuracy: NDArray[np.float64] = by_position(accuracy)
        self.threshold: NDArray[np.float64] = by_position(threshold)
        self.n_samples = n_samples
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        *,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the curve of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted classifier with ``predict_proba``.

        X : array-like of shape (n_samples, ...)
            Faces, as the classifier takes them.

        y : array-like of shape (n_samples,)
            True labels.

        name : str, default=None
            Name in the legend. None takes the name of the class.

        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        RiskCoverageDisplay

        Raises
        ------
        TypeError
            If the estimator has no ``predict_proba``.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "predict_proba"):
            raise TypeError(
                f"{type(estimator).__name__} has no predict_proba, expected a classifier that "
                "gives probabilities. Wrap it in sklearn.calibration.CalibratedClassifierCV."
            )
        warn_of_reordered_rows(X=X, y=y)
        name = type(estimator).__name__ if name is None else name
        proba = estimator.predict_proba(X)
        return cls.from_predictions(y, proba, classes=estimator.classes_, name=name, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_proba: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        name: str | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the curve of predicted probabilities.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.

        y_proba : array-like of shape (n_samples, n_classes)
            Probabilities, 0 to 1, each row summing to 1.

        classes : array-like of shape (n_classes,), default=None
            Class of each column. None stands for the sorted labels of `y_true`, the order of
            ``predict_proba``.

        name : str, default=None
            Name in the legend.

        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        RiskCoverageDisplay

        Raises
        ------
        ValueError
            If `y_proba` does not hold probabilities, or its columns do not match the labels.
        """
        warn_of_reordered_rows(y_true=y_true, y_proba=y_proba)
        y_true = check_labels(y_true, "y_true")
        proba, classes = check_proba(y_proba, classes, y_true)
        correct = classes[proba.argmax(axis=1)] == y_true
        coverage, accuracy, threshold = selective_accuracy(correct, proba.max(axis=1))
        return cls(coverage, accuracy, threshold, n_samples=len(y_true), name=name).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curve with its 95 % Wilson band.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw, perhaps beside other curves. None makes a new figure.

        Returns
        -------
        RiskCoverageDisplay
            This display, with ``ax_`` and ``figure_`` set.
        """
        self.figure_, self.ax_ = get_axes(ax, (5.2, 3.8))
        ax = self.ax_
        # Later curves on the same axes differ by line style, not by colour alone.
        n_before = len(ax.lines)
        style = ("-", "--", "-.", ":")[n_before % 4]
        colour = BLUE if n_before == 0 else f"C{n_before}"
        label = f"all answered: {self.accuracy[-1]:.0%}"
        if self.name is not None:
            label = f"{self.name} ({label})"
        low, high = self._interval()
        ax.fill_between(self.coverage, low, high, color=colour, alpha=0.15, linewidth=0)
        ax.plot(
            self.coverage,
            self.accuracy,
            color=colour,
            linestyle=style,
            marker="o",
            markevery=[-1],
            label=label,
        )
        ax.set(xlabel="share of faces answered", ylabel="accuracy of the answers", xlim=(0, 1.02))
        ax.xaxis.set_major_formatter("{x:.0%}")
        ax.yaxis.set_major_formatter("{x:.0%}")
        ax.grid(alpha=0.3)
        ax.legend()
        return self

    def _interval(self):
        answered = np.rint(self.coverage * self.n_samples)
        pairs = [wilson_interval(*pair) for pair in zip(self.accuracy, answered, strict=True)]
        return np.array(pairs).T

    def frame(self) -> pandas.DataFrame:
        """Return the curve as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each threshold: ``threshold``, ``coverage``, ``accuracy`` and its 95 %
            Wilson bounds ``accuracy_low`` and ``accuracy_high``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        low, high = self._interval()
        return make_frame(
            {
                "threshold": self.threshold,
                "coverage": self.coverage,
                "accuracy": self.accuracy,
                "accuracy_low": low,
                "accuracy_high": high,
            }
        )


def selective_scores(estimator: Any, X: ArrayLike, y: ArrayLike) -> dict[str, float]:
    """Compute coverage, and accuracy among the answered samples.

    Pass it as ``scoring=selective_scores`` to :func:`sklearn.model_selection.cross_validate`,
    which then gives ``test_coverage`` and ``test_accuracy``.

    Parameters
    ----------
    estimator : AbstainingClassifier, or Pipeline or search with one inside
        Fitted. Any prediction that is not in its ``classes_`` counts as unanswered.
    X : array-like of shape (n_samples, ...)
        Input of the classifier.
    y : array-like of shape (n_samples,)
        True labels.

    Returns
    -------
    dict of str to float
        ``coverage``, the share of samples answered, and ``accuracy``, the share of right answers
        among them, each 0 to 1; the latter is NaN where nothing was answered.

    Raises
    ------
    ValueError
        If `y` is empty, has missing labels, is not as long as `X`, or holds names where the classes
        are numbers, or vice versa.

    Warns
    -----
    UserWarning
        If `y` holds labels that the classifier does not know, which count as mistakes.

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
    warn_of_reordered_rows(X=X, y=y)
    y = check_labels(y, "y")
    predicted = np.asarray(estimator.predict(X))
    check_same_length(y=y, predictions=predicted)
    check_same_kind(y, predicted)
    warn_of_unknown_labels(y, estimator.classes_)
    answered = np.isin(predicted, estimator.classes_)
    right = accuracy_score(y[answered], predicted[answered]) if answered.any() else float("nan")
    return {"coverage": float(answered.mean()), "accuracy": float(right)}
