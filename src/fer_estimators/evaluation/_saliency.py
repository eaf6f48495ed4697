"""A picture of where in a face a network finds its evidence: Grad-CAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fer_estimators._arguments import check_whole
from fer_estimators._frame import by_position, make_frame, warn_of_reordered_rows
from fer_estimators._labels import check_labels
from fer_estimators._messages import suggest
from fer_estimators._prediction import as_seen
from fer_estimators.evaluation._axes import LINE, draw_face, get_grid_axes, write_below
from fer_estimators.evaluation._labels import (
    check_images,
    check_same_length,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Distance between a face and its map, as a share of the face's width.
_GAP = 0.05


class SaliencyDisplay:
    """Faces, and below each the regions that support an emotion.

    Make it with :meth:`from_estimator`. Brighter regions support the class more
    strongly; a line encloses the region where the evidence is at least half of its maximum.

    Parameters
    ----------
    images : ndarray of shape (n_faces, height, width) or (n_faces, height, width, channels)
        Faces, 0 to 255.

    saliency : ndarray of shape (n_faces, height, width)
        Evidence at each pixel, 0 to 1 in each face.

    explained : sequence of shape (n_faces,)
        The class that the evidence supports, for each face.

    probability : ndarray of shape (n_faces,), default=None
        Predicted probability of that class, 0 to 1.

    y_true : sequence of shape (n_faces,), default=None
        True label of each face.

    layer : str, default=None
        Name of the network's layer whose features were looked at.

    n_columns : int, default=7
        Number of faces beside each other.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with all faces. Set by :meth:`plot`.
    figure_ : matplotlib Figure
        Figure that holds the axes. Set by :meth:`plot`.

    See Also
    --------
    FaceGridDisplay : Predictions beside the truth.

    Notes
    -----
    The map is Grad-CAM's [1]_, of the last map of features that has more than one cell. Such a
    map is coarse (6 x 6 cells for the default network on faces of 48 pixels) and stretched over
    the face, so it shows regions, not pixels. It shows what raises the class's score above
    the mean of all classes, not what lowers it, and is scaled to a maximum of 1 in each face, so
    brightness cannot be compared between faces. A plausible region does not prove that the network
    decides for a sound reason.

    References
    ----------
    .. [1] R. R. Selvaraju et al., "Grad-CAM: Visual explanations from deep networks via
       gradient-based localization", ICCV 2017.

    Examples
    --------
    >>> from fer_estimators import CNNClassifier
    >>> from fer_estimators.datasets import make_faces
    >>> from fer_estimators.evaluation import SaliencyDisplay
    >>> faces = make_faces(70, image_size=16, random_state=0)
    >>> clf = CNNClassifier("tiny", epochs=1, random_state=0).fit(faces.images, faces.target)
    >>> display = SaliencyDisplay.from_estimator(clf, faces.images, faces.target, n_faces=3)
    >>> display.saliency.shape, display.layer
    ((3, 16, 16), 'block2_conv1')
    """

    ax_: Axes
    figure_: Figure

    def __init__(
        self,
        images: NDArray[Any],
        saliency: NDArray[np.floating[Any]],
        *,
        explained: Sequence[Any] | NDArray[Any],
        probability: NDArray[np.floating[Any]] | None = None,
        y_true: Sequence[Any] | NDArray[Any] | None = None,
        layer: str | None = None,
        n_columns: int = 7,
    ) -> None:
        self.images = images
        self.saliency = saliency
        self.explained: Sequence[Any] | NDArray[Any] = by_position(explained)
        self.probability: NDArray[np.floating[Any]] | None = by_position(probability)
        self.y_true: Sequence[Any] | NDArray[Any] | None = by_position(y_true)
        self.layer = layer
        self.n_columns = n_columns

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        target: Any = None,
        n_faces: int = 14,
        ax: Axes | None = None,
    ) -> Self:
        """Draw where a fitted network finds its evidence.

        Parameters
        ----------
        estimator : CNNClassifier, TransferClassifier or Pipeline that ends with one
            Fitted classifier whose network has convolutions.

        X : array-like of shape (n_samples, height, width[, channels]) or (n_samples, n_pixels)
            Faces, as the estimator takes them.

        y : array-like of shape (n_samples,), default=None
            True labels, shown below the faces.

        target : str or int, default=None
            The class to explain in all faces. None explains the predicted class of each.

        n_faces : int, default=14
            Greatest number of faces: the first ones of `X`.

        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        SaliencyDisplay

        Raises
        ------
        TypeError
            If the estimator is not a network of this library.
        ValueError
            If the network has no map of features to look at, `target` is not a class, or the faces
            are not as the estimator takes them.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        check_whole("n_faces", n_faces, 1)
        if y is not None:
            warn_of_reordered_rows(X=X, y=y)
            y = check_labels(y, "y")
            check_same_length(X=X, y=y)
            y = y[:n_faces]
        classifier, X = _find_classifier(estimator, X[:n_faces])
        proba = classifier.predict_proba(X)
        columns = _find_columns(classifier.classes_, target, proba)
        images = as_seen(classifier, X)
        saliency, layer = _explain(classifier, images, columns)
        return cls(
            # The picture may be drawn again after X has changed.
            check_images(images).copy(),
            saliency,
            explained=classifier.classes_[columns],
            probability=proba[np.arange(len(columns)), columns],
            y_true=y,
            layer=layer,
        ).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw each face, and below it the face with its evidence.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        SaliencyDisplay
            This display, with ``ax_`` and ``figure_`` set.
        """
        aspect = self.images.shape[1] / self.images.shape[2]
        pitch = 2 * aspect + 2 * _GAP + LINE * (1 if self.y_true is None else 2)
        cells = [divmod(i, self.n_columns) for i in range(len(self.images))]
        self.figure_, self.ax_, corners = get_grid_axes(ax, cells, pitch)
        for i, (left, top) in enumerate(corners):
            draw_face(self.ax_, self.images[i], left, top)
            self._plot_evidence(i, left, top + aspect + _GAP, aspect)
        return self

    def _plot_evidence(self, i, left, top, aspect):
        """Draw a face under its evidence, and write below what is explained."""
        extent = draw_face(self.ax_, self.images[i], left, top)
        evidence = self.saliency[i]
        self.ax_.imshow(
            evidence, cmap="inferno", vmin=0, vmax=1, alpha=0.75 * evidence, extent=extent
        )
        if evidence.min() < 0.5 < evidence.max():
            self._enclose(evidence, left, top, aspect)
        write_below(self.ax_, self._caption(i), left, top + aspect)

    def _enclose(self, evidence, left, top, aspect):
        """Draw a line that is seen without colours, on dark and on bright faces."""
        n_rows, n_columns = evidence.shape
        x = left + (np.arange(n_columns) + 0.5) / n_columns
        y = top + aspect * (np.arange(n_rows) + 0.5) / n_rows
        for colour, width in (("black", 2.2), ("white", 1.0)):
            self.ax_.contour(x, y, evidence, levels=[0.5], colors=colour, linewidths=width)

    def _caption(self, i):
        share = "" if self.probability is None else f" {self.probability[i]:.0%}"
        truth = "" if self.y_true is None else f"\ntrue: {self.y_true[i]}"
        return f"{self.explained[i]}{share}{truth}"

    def frame(self) -> pandas.DataFrame:
        """Return what the pictures show as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each face: ``true`` and ``probability`` where they are known, ``explained``,
            the centre of the evidence as ``row`` and ``column`` (pixels from the upper left
            corner; NaN where there is none), and ``area``, the share of the face on which it is
            at least half of its highest value.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        row, column = _centres(self.saliency)
        highest = self.saliency.max(axis=(1, 2), keepdims=True)
        columns = {
            "true": self.y_true,
            "explained": self.explained,
            "probability": self.probability,
            "row": row,
            "column": column,
            "area": ((self.saliency >= highest / 2) & (highest > 0)).mean(axis=(1, 2)),
        }
        return make_frame({name: values for name, values in columns.items() if values is not None})


def _find_classifier(estimator, X):
    """Return the classifier at the end of a pipeline, and what reaches it."""
    # Here, so that importing the displays imports no Keras.
    from fer_estimators.classifiers import CNNClassifier, TransferClassifier

    while isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        if len(estimator.steps) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator.steps[-1][1]
    if not isinstance(estimator, (CNNClassifier, TransferClassifier)):
        raise TypeError(
            f"estimator is a {type(estimator).__name__}, expected a CNNClassifier, a "
            "TransferClassifier or a Pipeline that ends with one: Grad-CAM needs the gradients of "
            "a network. For a search, pass `search.best_estimator_`, for a wrapper, the "
            "classifier inside it."
        )
    check_is_fitted(estimator)
    return estimator, X


def _find_columns(classes, target, proba):
    if target is None:
        return proba.argmax(axis=1)
    if np.ndim(target) or target not in classes.tolist():
        raise ValueError(
            f"target={target!r} is not a class, expected one of {classes.tolist()!r}, or None for "
            f"the predicted class of each face.{suggest(target, classes)}"
        )
    return np.full(len(proba), classes.tolist().index(target))


def _explain(classifier, images, columns):
    """Return the saliency of each image, and the name of the layer that was looked at."""
    # Here, so that importing the displays imports no Keras.
    from fer_estimators._backends.device import device_scope
    from fer_estimators.evaluation._gradients import grad_cam, split_at_last_map

    with device_scope(classifier.device_):
        head, tail, layer = split_at_last_map(classifier.model_)
        return grad_cam(head, tail, images, columns), layer


def _centres(saliency):
    """Return the centres of mass, rows and columns in pixels; NaN where all is 0."""
    total = saliency.sum(axis=(1, 2))
    total = np.where(total > 0, total, np.nan)
    n_rows, n_columns = saliency.shape[1:]
    row = (saliency.sum(axis=2) * np.arange(n_rows)).sum(axis=1) / total
    column = (saliency.sum(axis=1) * np.arange(n_columns)).sum(axis=1) / total
    return row, column
