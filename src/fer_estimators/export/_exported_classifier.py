"""Run an exported classifier without Keras."""

import os
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_estimators._messages import shorten
from fer_estimators._prediction import ImagePredictor
from fer_estimators._probabilities import refuse_sets
from fer_estimators.export._facts import as_plain
from fer_estimators.export._network_file import OpenedNetwork, read_network_file
from fer_estimators.export._shipped import find_shipped

if TYPE_CHECKING:
    from sklearn.utils import Tags
    from sklearn.utils.metadata_routing import MetadataRequest

_PARAMETERS = ("path", "classes", "n_jobs")


class ExportedClassifier(ImagePredictor):
    """Classify images with a file that :func:`export_classifier` wrote.

    It is already fitted, and gives the same answers as the classifier that was exported, with the
    same checks and conversions of images. Neither Keras nor its backend is imported.

    Parameters
    ----------
    path : str or path-like
        A ``.tflite`` file, run with ai-edge-litert, or an ``.onnx`` file, run with onnxruntime.
    classes : array-like of shape (n_classes,), default=None
        Labels in the order of the outputs, for a file that this library did not write; its
        network must take float32 or uint8 pixels in 0..255 and return probabilities.
    n_jobs : int, default=None
        Number of threads, at most as many as there are processors; None means 1, -1 all of them.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted, whatever the order of the outputs.
    handle_other_shapes : {"error", "convert"}
        How images of other shapes are handled.
    image_shape_ : tuple of int
        Height, width (pixels) and channels of the images.
    n_features_in_ : int
        Number of values in an image.
    threshold_ : float or None
        Smallest confidence that is answered, if an ``AbstainingClassifier`` was exported.
    abstain_label_ : str, int or None
        What :meth:`predict` returns below it.
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
    The file is read on first use. It may be untrusted: sizes, operators and the record in
    it are checked first, and it cannot run code. Copies and pickles hold the file's
    content, and do not need the file.

    The class has an estimator's methods but does not inherit from scikit-learn's base class,
    because importing scikit-learn takes most of the time until the first answer.

    Examples
    --------
    >>> from fer_estimators import make_faces
    >>> from fer_estimators.export import ExportedClassifier
    >>> clf = ExportedClassifier.from_pretrained("fer2013-compact")
    >>> clf.predict_proba(make_faces(3, random_state=0).images).shape
    (3, 7)
    """

    # Images that are checked and converted at once.
    batch_size = 1024

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        classes: ArrayLike | None = None,
        n_jobs: int | None = None,
    ):
        self.path = path
        self.classes = classes
        self.n_jobs = n_jobs

    @classmethod
    def from_pretrained(
        cls,
        name: Literal["fer2013-compact", "ferplus-compact"],
        *,
        n_jobs: int | None = None,
    ) -> Self:
        """Open a classifier that ships with the library, as ``load_pretrained`` does.

        Parameters
        ----------
        name : {"fer2013-compact", "ferplus-compact"}
            "fer2013-compact" predicts FER2013's labels, "ferplus-compact" FER+'s eight emotions.
            The larger networks are not exported yet: see :func:`export_classifier`.
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

    def predict(self, X: ArrayLike) -> NDArray[Any]:
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
    def classes_(self) -> NDArray[Any]:
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

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Ignored: none of them has parameters of its own.

        Returns
        -------
        dict
        """
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params: Any) -> Self:
        """Set parameters; the file is read again when it is another one.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no parameter of a name.
        """
        unknown = sorted(set(params) - set(_PARAMETERS))
        if unknown:
            raise ValueError(
                f"Invalid parameter {unknown[0]!r} for estimator {self!r}. Valid parameters are: "
                f"{list(_PARAMETERS)!r}."
            )
        vars(self).update(params)
        return self

    def _open(self) -> OpenedNetwork:
        """Return the file as the parameters have it now."""
        path, classes, n_jobs = asked = self._asked()
        before, file, opened = getattr(self, "_opened", (None, None, None))
        if before == asked and opened is not None:
            return opened
        if before is None or before[0] != path:
            file = read_network_file(path)
        opened = OpenedNetwork(file, classes=classes, n_threads=_count_threads(n_jobs))
        self._opened = asked, file, opened
        return opened

    def _asked(self) -> tuple:
        """Return the parameters, such that they can be compared."""
        if not isinstance(self.path, (str, os.PathLike)):
            raise TypeError(
                f"path={shorten(self.path)} is not a path. Pass that of a .tflite or .onnx file."
            )
        refuse_sets(classes=self.classes)
        return os.fspath(self.path), as_plain(self.classes), self.n_jobs

    def _check_is_fitted(self) -> None:
        """Do nothing: the classifier is fitted."""

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing to fit."""
        return True

    def __sklearn_clone__(self) -> Self:
        """Return a copy that is as fitted, and shares what runs the file."""
        copy = type(self)(self.path)
        vars(copy).update(vars(self))
        return copy

    def __sklearn_tags__(self) -> "Tags":
        """Describe the classifier to scikit-learn."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(three_d_array=True),
            requires_fit=False,
        )

    def get_metadata_routing(self) -> "MetadataRequest":
        """Tell scikit-learn's routing that :meth:`score` takes sample weights.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRequest
        """
        from sklearn.utils.metadata_routing import MetadataRequest

        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=True)
        return request

    def __getstate__(self) -> dict[str, Any]:
        """Keep the file's content, and not what runs it."""
        file = self._open().file
        return {**vars(self), "_opened": (self._asked(), file, None)}

    def __repr__(self) -> str:
        options = [
            f", {name}={shorten(value)}"
            for name in _PARAMETERS[1:]
            if (value := getattr(self, name)) is not None
        ]
        return f"ExportedClassifier({self.path!r}{''.join(options)})"

    def _repr_html_(self) -> str:
        """Show the classifier in a notebook."""
        from sklearn.utils import estimator_html_repr

        return estimator_html_repr(self)


def _count_threads(n_jobs):
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, Integral) or n_jobs == 0:
        raise ValueError(
            f"n_jobs={shorten(n_jobs)}, but a number of threads is expected: None or 1 for one, "
            "-1 for as many as there are processors."
        )
    from joblib import cpu_count, effective_n_jobs

    # Each thread takes memory, and more of them than processors only wait for each other.
    return min(effective_n_jobs(n_jobs), cpu_count())
