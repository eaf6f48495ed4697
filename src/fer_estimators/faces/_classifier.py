"""Adapt crops of faces to the input of any fitted classifier, and read its answers."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fer_estimators._messages import warn
from fer_estimators._probabilities import as_ordered_columns
from fer_estimators._wrapper import find_decider
from fer_estimators.faces._cropper import FaceCropper
from fer_estimators.images import describe_shape

# Not even in half precision is a probability further from 0..1.
_ROUNDING = 1e-3


class EmotionClassifier(Protocol):
    """A fitted classifier of any library that predicts emotions."""

    classes_: NDArray[Any]

    def predict_proba(self, X: NDArray[Any], /) -> NDArray[Any]:
        """Return the probability of each class."""


class CropClassifier:
    """Classify crops of faces with any fitted classifier.

    A name is one of :func:`~fer_estimators.pretrained.load_pretrained`, and None stands for
    "ferplus-compact"; without Keras, the exported network of that name is taken. `image_shape`,
    height and width (and channels) in pixels, is needed if the classifier has no `image_shape_`.
    """

    def __init__(self, classifier, image_shape=None):
        if classifier is None or isinstance(classifier, str):
            classifier = _load_shipped("ferplus-compact" if classifier is None else classifier)
        _check_classifier(classifier)
        self.classifier = classifier
        self._given_shape = image_shape
        self._try_on_a_crop()

    # The classifier may be fitted again, so that nothing of it is kept here.

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return _choose_shape(self.classifier, self._given_shape)[0]

    @property
    def classes(self) -> list[Any]:
        return np.asarray(self.classifier.classes_).tolist()

    def predict_proba(self, crops: NDArray[np.uint8]) -> NDArray[Any]:
        """Return probabilities, ndarray of shape (n_crops, n_classes)."""
        classes = self.classes
        if len(crops) == 0:
            return np.empty((0, len(classes)))
        name = f"predict_proba of {_show(self.classifier)}"
        proba = self.classifier.predict_proba(self._as_input(_without_ones(crops)))
        proba = np.asarray(as_ordered_columns(proba, np.asarray(classes), name=name), dtype=float)
        expected = (len(crops), len(classes))
        # Neither is NaN.
        n_wrong = (~((proba >= -_ROUNDING) & (proba <= 1 + _ROUNDING))).sum()
        if proba.shape != expected or n_wrong:
            raise ValueError(
                f"{name} returned an array of shape {proba.shape} with {n_wrong} values that are "
                f"not in 0..1, but probabilities of shape {expected} are expected: one column for "
                f"each of {classes!r}."
            )
        return proba

    def _as_input(self, crops):
        _, as_rows = _choose_shape(self.classifier, self._given_shape)
        return crops.reshape(len(crops), -1) if as_rows else crops

    def decide(self, proba: NDArray[Any]) -> Any:
        """Return the label of one row of probabilities; "not sure" below the threshold."""
        best = proba.argmax()
        decider = find_decider(self.classifier)
        abstain_label = getattr(decider, "abstain_label_", None)
        if abstain_label is not None and proba[best] < decider.threshold_:
            # As `classes` are: NumPy's integers cannot be written as JSON.
            return abstain_label.item() if isinstance(abstain_label, np.generic) else abstain_label
        return self.classes[best]

    def _try_on_a_crop(self):
        height, width, channels = self.image_shape
        shape = (1, height, width) if channels == 1 else (1, height, width, channels)
        # Noise, as classifiers warn of images of one grey.
        crop = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        try:
            (proba,) = self.predict_proba(crop)
        except Exception as error:
            kind = "images" if self._as_input(crop) is crop else "flat rows"
            raise ValueError(
                f"{_show(self.classifier)} cannot classify crops of shape "
                f"{describe_shape(self.image_shape)}, passed as {kind} in 0..255: {error} Pass the "
                "image_shape that it was fitted on, or a classifier of images."
            ) from error
        if hasattr(self.classifier, "predict"):
            self._compare_decision(crop, proba)

    def _compare_decision(self, crop, proba):
        """Warn where `predict` decides by more than the highest probability."""
        (said,) = np.asarray(self.classifier.predict(self._as_input(crop))).tolist()
        decided = self.decide(proba)
        if said != decided:
            warn(
                f"predict of {_show(self.classifier)} returns {said!r} for a picture of noise, but "
                f"the highest of its probabilities is that of {decided!r}. The recognizer uses the "
                "probabilities, so a threshold of predict is not applied."
            )


def _without_ones(crops):
    """Blacken crops of only 0 and 1, which would be taken for pixels on another scale."""
    nearly_black = crops.max(axis=tuple(range(1, crops.ndim)), keepdims=True) == 1
    return np.where(nearly_black, np.uint8(0), crops)


def _load_shipped(name):
    if find_spec("keras") is None:
        from fer_estimators.export import ExportedClassifier

        return ExportedClassifier.from_pretrained(name)
    from fer_estimators.pretrained import load_pretrained

    return load_pretrained(name)


def _check_classifier(classifier):
    if isinstance(classifier, type):
        raise TypeError(
            f"classifier={classifier!r} is a class, but a fitted classifier is expected. Fit one: "
            f"{classifier.__name__}(...).fit(X, y)."
        )
    if hasattr(classifier, "get_params"):  # a Keras model has `fit`, too
        check_is_fitted(classifier)
    missing = [name for name in ("predict_proba", "classes_") if not hasattr(classifier, name)]
    if missing:
        raise TypeError(
            f"classifier={_show(classifier)} has no {' and no '.join(missing)}, but a fitted "
            "classifier with probabilities is expected. Wrap a classifier without them in "
            "sklearn.calibration.CalibratedClassifierCV, or leave it out for the pretrained one."
        )
    _refuse_cropper(classifier, classifier)


def _refuse_cropper(estimator, classifier):
    """Refuse a pipeline of photos: the face in a crop would be cut out once more."""
    if isinstance(estimator, FaceCropper):
        raise ValueError(
            f"classifier={_show(classifier)} finds the faces in photos by a FaceCropper, but a "
            "classifier of crops is expected: the recognizer cuts them out. Pass the steps behind "
            "it, such as pipeline[1:], and its detector as `detector`."
        )
    for part in _parts(estimator):
        _refuse_cropper(part, classifier)


def _choose_shape(classifier, image_shape):
    """Return height, width and channels, and whether the classifier takes flat rows."""
    known = _find_image_shape(classifier)
    n_features = getattr(classifier, "n_features_in_", None)
    if image_shape is None and known is None:
        rows = "" if n_features is None else f" It was fitted on rows of {n_features} features."
        raise ValueError(
            f"{_show(classifier)} does not say the size of its images (it has no image_shape_)."
            f"{rows} Pass it: EmotionRecognizer(classifier, "
            "image_shape=(48, 48)), with a third number, 3, for RGB."
        )
    shape = known if image_shape is None else _check_shape(image_shape)
    if known is not None and shape != known:
        raise ValueError(
            f"image_shape={image_shape!r}, but {_show(classifier)} was fitted on images of shape "
            f"{describe_shape(known)}. Leave image_shape out."
        )
    # Of images, scikit-learn takes the height for the number of features.
    are_images = n_features in (None, shape[0]) and n_features != math.prod(shape)
    as_rows = known is None and not are_images
    if as_rows and n_features != math.prod(shape):
        raise ValueError(
            f"image_shape={image_shape!r} makes rows of {math.prod(shape)} pixels, but "
            f"{_show(classifier)} was fitted on rows of {n_features}. Pass the "
            "height and width (and 3 for RGB) of the images it was fitted on."
        )
    return shape, as_rows


def _check_shape(image_shape):
    shape = tuple(np.atleast_1d(image_shape).tolist())
    shape = (*shape, 1) if len(shape) == 2 else shape
    integers = all(isinstance(side, int) and side > 0 for side in shape)
    if len(shape) != 3 or not integers or shape[2] not in (1, 3):
        raise ValueError(
            f"image_shape={image_shape!r} is not a shape; expected (height, width) of grey images "
            "or (height, width, 3) of RGB images, pixels."
        )
    return shape


def _find_image_shape(estimator):
    """Return the image shape of an estimator, or of its first part that has one.

    The parts of a pipeline come in order, as the first one takes the images.
    """
    shape = getattr(estimator, "image_shape_", None)
    if shape is not None:
        return _check_shape(shape)
    found = (_find_image_shape(part) for part in _parts(estimator))
    return next((shape for shape in found if shape is not None), None)


def _parts(estimator) -> Iterator[Any]:
    if isinstance(estimator, Pipeline):
        yield from (step for _, step in estimator.steps if hasattr(step, "fit"))
    for name in ("best_estimator_", "estimator_", "estimator"):
        if hasattr(estimator, name):
            yield getattr(estimator, name)
    for name in ("calibrated_classifiers_", "estimators_"):
        yield from list(getattr(estimator, name, ()))[:1]


def _show(classifier):
    return reprlib.repr(type(classifier).__name__).strip("'")
