"""A picture of faces: samples of a dataset, or predictions beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch, check_random_state

from fer_estimators._arguments import check_choice, check_whole
from fer_estimators._frame import by_position, make_frame, warn_of_reordered_rows
from fer_estimators._labels import check_labels
from fer_estimators._lazy import LazyImages, is_lazy
from fer_estimators._prediction import ImagePredictor, as_seen
from fer_estimators._wrapper import find_decider
from fer_estimators.evaluation._axes import LINE, draw_face, get_grid_axes, write_below
from fer_estimators.evaluation._labels import (
    check_images,
    check_proba,
    check_same_length,
    find_answered,
    order_labels,
)
from fer_estimators.images import has_several_shapes

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class FaceGridDisplay:
    """A grid of faces with their emotions.

    Make it with :meth:`from_bunch` for samples of a dataset, and with :meth:`from_estimator` or
    :meth:`from_predictions` for predictions. Wrong predictions are in bold, below a face
    with a thick frame.

    Parameters
    ----------
    images : ndarray of shape (n_faces, height, width) or (n_faces, height, width, channels)
        Faces to show, grey levels or red, green and blue, 0 to 255.

    y_true : sequence of shape (n_faces,), default=None
        True emotion of each face; None shows the predicted ones only.

    y_pred : sequence of shape (n_faces,), default=None
        Predicted emotion of each face; None shows the true ones only.

    confidence : ndarray of shape (n_faces,), default=None
        Probability of each prediction, 0 to 1.

    indices : ndarray of shape (n_faces,), dtype int, default=None
        Position of each face in the data from which it was taken.

    n_columns : int, default=7
        Number of faces beside each other.

    abstain_label : str or int, default="not sure"
        Label in `y_pred` for no answer, which counts as neither right nor wrong.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with all faces. Set by :meth:`plot`.
    figure_ : matplotlib Figure
        Figure that holds the axes. Set by :meth:`plot`.

    See Also
    --------
    EmotionCountsDisplay : Number of images of each emotion.

    Examples
    --------
    >>> from fer_estimators.datasets import make_faces
    >>> from fer_estimators.evaluation import FaceGridDisplay
    >>> faces = make_faces(28, image_size=24, random_state=0)
    >>> display = FaceGridDisplay.from_bunch(faces, n_per_emotion=2, random_state=0)
    >>> display.images.shape
    (14, 24, 24)
    >>> display.y_true[:4].tolist()
    ['angry', 'angry', 'disgust', 'disgust']
    """

    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        images: NDArray[Any],
        *,
        y_true: Sequence[Any] | NDArray[Any] | None = None,
        y_pred: Sequence[Any] | NDArray[Any] | None = None,
        confidence: NDArray[np.float64] | None = None,
        indices: NDArray[np.intp] | None = None,
        n_columns: int = 7,
        abstain_label: Any = "not sure",
    ) -> None:
        self.images = images
        self.y_true: Sequence[Any] | NDArray[Any] | None = by_position(y_true)
        self.y_pred: Sequence[Any] | NDArray[Any] | None = by_position(y_pred)
        self.confidence: NDArray[np.float64] | None = by_position(confidence)
        self.indices: NDArray[np.intp] | None = by_position(indices)
        self.n_columns = n_columns
        self.abstain_label = abstain_label

    @classmethod
    def from_bunch(
        cls,
        bunch: Bunch,
        *,
        n_per_emotion: int = 7,
        random_state: int | np.random.RandomState | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw samples of a dataset, one row for each emotion.

        Parameters
        ----------
        bunch : Bunch
            Result of a loader: ``images`` and ``target``.

        n_per_emotion : int, default=7
            Number of faces of each emotion; fewer where there are fewer.

        random_state : int, RandomState instance or None, default=None
            Chooses the faces; an integer chooses the same ones again.

        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        FaceGridDisplay

        Raises
        ------
        ValueError
            If `n_per_emotion` is less than 1 or the images have no known shape.
        """
        check_whole("n_per_emotion", n_per_emotion, 1)
        images, y = _keep_on_disk(bunch.images), check_labels(bunch.target, "bunch.target")
        check_same_length(images=images, target=y)
        rng = check_random_state(random_state)
        shuffled = rng.permutation(len(y))
        chosen = np.concatenate(
            [shuffled[y[shuffled] == emotion][:n_per_emotion] for emotion in order_labels(y)]
        )
        faces = check_images(images[chosen])
        display = cls(faces, y_true=y[chosen], indices=chosen, n_columns=n_per_emotion)
        return display.plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        select: Literal["random", "mistakes"] = "random",
        n_faces: int = 14,
        random_state: int | np.random.RandomState | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw faces with the predictions of a fitted classifier.

        Parameters
        ----------
        estimator : classifier
            Fitted classifier; its confidence is shown if it has ``predict_proba``.

        X : array-like of shape (n_samples, height, width[, channels]) or (n_samples, n_pixels)
            Faces, 0 to 255. Flat rows and faces of several shapes are shown as the network sees
            them, where the estimator is a classifier of this library.

        y : array-like of shape (n_samples,), default=None
            True labels; None shows only the predictions.

        select : {"random", "mistakes"}, default="random"
            Which faces to show; see :meth:`from_predictions`.

        n_faces : int, default=14
            Greatest number of faces.

        random_state : int, RandomState instance or None, default=None
            Chooses the faces for ``select="random"``.

        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        FaceGridDisplay

        Raises
        ------
        ValueError
            As :meth:`from_predictions`.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        warn_of_reordered_rows(X=X, y=y)
        proba = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else None
        images = X
        if isinstance(estimator, ImagePredictor) and (has_several_shapes(X) or np.ndim(X) < 3):
            images = as_seen(estimator, X)
        return cls.from_predictions(
            images,
            y,
            estimator.predict(X),
            y_proba=proba,
            classes=None if proba is None else estimator.classes_,
            select=select,
            n_faces=n_faces,
            random_state=random_state,
            abstain_label=getattr(find_decider(estimator), "abstain_label_", "not sure"),
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        images: ArrayLike,
        y_true: ArrayLike | None,
        y_pred: ArrayLike | None,
        *,
        y_proba: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        select: Literal["random", "mistakes"] = "random",
        n_faces: int = 14,
        random_state: int | np.random.RandomState | None = None,
        abstain_label: Any = "not sure",
        ax: Axes | None = None,
    ) -> Self:
        """Draw faces with their true and predicted emotions.

        Parameters
        ----------
        images : ndarray of shape (n_samples, height, width[, channels])
            Faces, 0 to 255.

        y_true : array-like of shape (n_samples,) or None
            True labels, if they are known.

        y_pred : array-like of shape (n_samples,)
            Predicted labels.

        y_proba : array-like of shape (n_samples, n_classes), default=None
            Probabilities: their highest is shown as the confidence.

        classes : array-like of shape (n_classes,), default=None
            Class of each column of `y_proba`. None stands for the sorted labels of `y_true`
            and `y_pred`, the order of ``predict_proba``.

        select : {"random", "mistakes"}, default="random"
            "random" shows any faces; "mistakes" the wrong predictions, most confident first
            where `y_proba` is given.

        n_faces : int, default=14
            Greatest number of faces.

        random_state : int, RandomState instance or None, default=None
            Chooses the faces for ``select="random"``.

        abstain_label : str or int, default="not sure"
            Label in `y_pred` for no answer, which counts as neither right nor wrong.

        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        FaceGridDisplay

        Raises
        ------
        ValueError
            If lengths differ, an argument is unknown, or there are no mistakes to show.
        """
        check_whole("n_faces", n_faces, 1)
        check_choice("select", select, ("random", "mistakes"))
        warn_of_reordered_rows(y_true=y_true, y_pred=y_pred, y_proba=y_proba)
        images, y_pred = _keep_on_disk(images), check_labels(y_pred, "y_pred")
        if y_true is None and select == "mistakes":
            raise ValueError(
                "select='mistakes' needs y_true, but it is None: without it no mistake is known. "
                "Pass the true labels, or select='random'."
            )
        truth = y_pred if y_true is None else check_labels(y_true, "y_true")
        check_same_length(images=images, y_true=truth, y_pred=y_pred)
        known = y_true is not None
        answered = find_answered(truth if known else y_pred[:0], y_pred, abstain_label)
        confidence = None
        if y_proba is not None:
            proba, _ = check_proba(y_proba, classes, truth if known else None, y_pred, answered)
            confidence = proba.max(axis=1)
        wrong = answered & (truth != y_pred)
        chosen = _select(select, wrong, confidence, random_state)[:n_faces]
        return cls(
            check_images(images[chosen]),
            y_true=truth[chosen] if known else None,
            y_pred=y_pred[chosen],
            confidence=None if confidence is None else confidence[chosen],
            indices=chosen,
            abstain_label=abstain_label,
        ).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the faces row by row.

        If the faces are sorted by emotion, its name is shown at the left of its first row;
        otherwise, names are shown below each face.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        FaceGridDisplay
            This display, with ``ax_`` and ``figure_`` set.
        """
        by_emotion = self._stand_by_emotion()
        n_lines = 0 if by_emotion else 1 if self.y_pred is None or self.y_true is None else 2
        aspect = self.images.shape[1] / self.images.shape[2]
        cells = self._cells(min(self.n_columns, len(self.images)), by_emotion)
        room = {"left": -0.2 - 0.09 * max(map(len, map(str, self.y_true)))} if by_emotion else {}
        pitch = aspect + 0.08 + LINE * n_lines
        self.figure_, self.ax_, corners = get_grid_axes(ax, cells, pitch, **room)
        for i, (x, y) in enumerate(corners):
            draw_face(self.ax_, self.images[i], x, y)
            if not by_emotion:
                self._plot_caption(i, x, y, aspect)
            elif i == 0 or self.y_true[i] != self.y_true[i - 1]:
                self.ax_.text(
                    -0.1, y + aspect / 2, self.y_true[i], ha="right", va="center", fontsize=12
                )
        return self

    def _stand_by_emotion(self):
        """Tell whether these are samples, those of each emotion one after the other."""
        if self.y_true is None:
            return False
        emotions = np.asarray(self.y_true)
        n_changes = (emotions[1:] != emotions[:-1]).sum()
        return self.y_pred is None and n_changes + 1 == len(np.unique(emotions))

    def _cells(self, n_columns, by_emotion):
        """Return row and column of each face; `by_emotion` starts a row for each emotion."""
        cells = [(0, 0)]
        for last, emotion in pairwise(self.y_pred if self.y_true is None else self.y_true):
            row, column = cells[-1]
            ends = column + 1 == n_columns or (by_emotion and emotion != last)
            cells.append((row + 1, 0) if ends else (row, column + 1))
        return cells

    def _is_wrong(self, i):
        if self.y_pred is None or self.y_true is None or self.y_pred[i] == self.abstain_label:
            return False
        return self.y_true[i] != self.y_pred[i]

    def _plot_caption(self, i, left, top, aspect):
        """Write below a face what it is taken for; a mistake stands out without colours."""
        from matplotlib.patches import Rectangle

        wrong = self._is_wrong(i)
        if wrong:
            self.ax_.add_patch(Rectangle((left, top), 1, aspect, fill=False, linewidth=2.5))
        weight = "bold" if wrong else "normal"
        write_below(self.ax_, self._caption(i, wrong), left, top + aspect, fontweight=weight)

    def _caption(self, i, wrong):
        if self.y_pred is None:
            return str(self.y_true[i])
        confidence = "" if self.confidence is None else f" {self.confidence[i]:.0%}"
        predicted = f"{self.y_pred[i]}{confidence}"
        if self.y_true is None:
            return predicted
        unanswered = self.y_pred[i] == self.abstain_label
        truth = f"true: {self.y_true[i]}" if wrong or unanswered else "right"
        return f"{predicted}\n{truth}"

    def frame(self) -> pandas.DataFrame:
        """Return what is known of the faces as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each face: ``index`` into the data where it is known, ``true`` and, for
            predictions, ``predicted`` and ``confidence``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        columns = {
            "index": self.indices,
            "true": self.y_true,
            "predicted": self.y_pred,
            "confidence": self.confidence,
        }
        return make_frame({name: values for name, values in columns.items() if values is not None})


def _keep_on_disk(images):
    """Check images in memory; of those on disk, only the faces to show are read, and checked."""
    return LazyImages(images) if is_lazy(images) else check_images(images)


def _select(select, wrong, confidence, random_state):
    """Return the positions of the faces to show, in the order in which to show them."""
    if select == "random":
        return check_random_state(random_state).permutation(len(wrong))
    mistakes = np.flatnonzero(wrong)
    if len(mistakes) == 0:
        raise ValueError(
            f"select='mistakes' found 0 mistakes among {len(wrong)} predictions, expected at "
            "least 1. Pass select='random'."
        )
    if confidence is None:
        return mistakes
    return mistakes[np.argsort(-confidence[mistakes], kind="stable")]
