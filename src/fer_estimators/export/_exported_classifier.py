"""Run an exported classifier without Keras."""

import os
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from fer_estimators._prediction import ImagePredictor
from fer_estimators.export._network_file import (
    NetworkFile,
    OpenedNetwork,
    read_network_file,
)
from fer_estimators.export._shipped import find_shipped


class ExportedClassifier(ImagePredictor, BaseEstimator):
    """Classify images with a file that :func:`export_classifier` wrote.

    It is fitted from the start, and answers as the classifier that was exported, with the same
    checks and conversions of images. Neither Keras nor its backend is imported.

    Parameters
    ----------
    path : str or path-like
        A ``.tflite`` file, run with ai-edge-litert, or an ``.onnx`` file, run with onnxruntime.
    classes : array-like of shape (n_classes,), default=None
        Labels in the order of the outputs, for a file that this library did not write; its
        network must take float32 or uint8 pixels in 0..255 and return probabilities.
    n_jobs : int, default=None
        Number of threads; None means 1, -1 as many as there are processors.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    handle_other_shapes : {"error", "convert"}
        What is done with images of other shapes.
    image_shape_ : tuple of int
        Height, width (pixels) and channels of the images.
    n_features_in_ : int
        Number of values in an image.
    threshold_ : float or None
        Smallest confidence that is answered, if an ``AbstainingClassifier`` was exported.
    abstain_label_ : str, int or None
        What :meth:`predict` says below it.
    card_ : str or None
        The model card, Markdown.
    licence_ : str or None
        The licence.

    See Also
    --------
    export_classifier : Write such a file.
    fer_estimators.load_pretrained : The shipped classifiers, to be trained on or searched over.

    Notes
    -----
    The file is read on first use. It may come from strangers: sizes, operators and the record in
    it are checked first, and code of its own is never run. Copies and pickles carry the file's
    content, and do not need the file.

    Examples
    --------
    >>> from fer_estimators import make_faces
    >>> from fer_estimators.export import ExportedClassifier
    >>> clf = ExportedClassifier.from_pretrained("fer2013-compact")
    >>> clf.predict_proba(make_faces(3, random_state=0).images).shape
    (3, 7)
    """

    _parameter_constraints = {
        "path": [str, os.PathLike],
        "classes": ["array-like", None],
        "n_jobs": [Integral, None],
    }
    # Images that are checked and converted at once.
    batch_size = 1024

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        classes: ArrayLike | None = None,
        n_jobs: int | None = None,
    ):
        self.path = path
        self.classes = classes
        self.n_jobs = n_jobs

    @classmethod
    def from_pretrained(
        cls, name: Literal["fer2013-base", "fer2013-compact"], *, n_jobs: int | None = None
    ) -> Self:
        """Open a classifier that ships with the library, as ``load_pretrained`` does.

        Parameters
        ----------
        name : {"fer2013-base", "fer2013-compact"}
            The first is the more accurate one, the second the faster one.
        n_jobs : int, default=None
            Number of threads.

        Returns
        -------
        ExportedClassifier
            With weights of eight bits. Faces of other sizes and in colour are converted.

        Raises
        ------
        ValueError
            If there is no classifier of this name; the nearest one is suggested.
        """
        return cls(find_shipped(name), n_jobs=n_jobs)

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Do nothing: the classifier is fitted.

        Parameters
        ----------
        X : None
            Ignored.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The classifier.
        """
        return self

    def predict(self, X: ArrayLike) -> NDArray:
        """Predict the most probable label, or the abstain label where it is not sure.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Pixels in 0..255, as for :meth:`predict_proba`.

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`, or `abstain_label_`.

        Raises
        ------
        FileNotFoundError, ModelFileError, ValueError
            As for :meth:`predict_proba`.
        """
        probabilities = self.predict_proba(X)
        labels = self.classes_[probabilities.argmax(axis=1)]
        if self.threshold_ is None:
            return labels
        sure = probabilities.max(axis=1) >= self.threshold_
        return np.where(sure, labels, np.asarray(self.abstain_label_))

    def _predict_batch(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        return self._open().run(batch)

    @property
    def classes_(self) -> NDArray:
        return np.asarray(self._open().facts.classes)

    @property
    def image_shape_(self) -> tuple[int, int, int]:
        return self._open().facts.image_shape

    @property
    def handle_other_shapes(self) -> str:
        return self._open().facts.handle_other_shapes

    @property
    def n_features_in_(self) -> int:
        return int(np.prod(self.image_shape_))

    @property
    def threshold_(self) -> float | None:
        return self._open().facts.threshold

    @property
    def abstain_label_(self) -> str | int | None:
        return self._open().facts.abstain_label

    @property
    def card_(self) -> str | None:
        return self._open().facts.card

    @property
    def licence_(self) -> str | None:
        return self._open().facts.licence

    def _open(self) -> OpenedNetwork:
        """Return the file as the parameters have it now."""
        path, *options = asked = self._asked()
        before, file, opened = getattr(self, "_opened", (None, None, None))
        if before == asked and opened is not None:
            return opened
        if before is None or before[0] != path:
            file = read_network_file(path)
        opened = self._start(file, *options)
        self._opened = asked, file, opened
        return opened

    def _asked(self) -> tuple:
        """Return the parameters, such that they can be compared."""
        classes = None if self.classes is None else np.asarray(self.classes).tolist()
        return os.fspath(self.path), classes, self.n_jobs

    @staticmethod
    def _start(file: NetworkFile, classes: list | None, n_jobs: int | None) -> OpenedNetwork:
        return OpenedNetwork(file, classes=classes, n_threads=effective_n_jobs(n_jobs))

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing to fit."""
        return True

    def __sklearn_clone__(self) -> Self:
        """Stay as it is where scikit-learn would make an unfitted copy."""
        return self

    def __getstate__(self) -> dict:
        """Keep the file's content, and not what runs it."""
        file = self._open().file
        return {**super().__getstate__(), "_opened": (self._asked(), file, None)}

    def __sklearn_tags__(self):
        """Describe the classifier to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
