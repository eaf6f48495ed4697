"""Prediction and scoring with a fitted image classifier, with or without Keras."""

from contextlib import AbstractContextManager, nullcontext
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_estimators._arguments import check_choice
from fer_estimators._frame import warn_of_reordered_rows
from fer_estimators._messages import name_methods_alone, name_some, warn
from fer_estimators._probabilities import check_probabilities
from fer_estimators._scale import find_blank, warn_of_blank
from fer_estimators.images import (
    check_image_shape,
    check_images_of_any_shape,
    check_input_images,
    convert_to_shape,
    has_several_shapes,
)


@name_methods_alone
class ImagePredictor:
    """Predict with a network that a subclass has, and runs in :meth:`_predict_batch`.

    Neither this module nor a prediction imports scikit-learn where all is in order: it takes three
    times as long as everything else that an exported classifier's first answer needs.
    """

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Images of the shape and scale on which the classifier was fitted.

        Returns
        -------
        ndarray of shape (n, n_classes), dtype float
            In the order of `classes_`; each row sums to one.

        Raises
        ------
        NotFittedError
            If the classifier was not fitted.
        ValueError
            If the images differ from those of `fit` in shape or scale, or the network does not
            return probabilities.
        OutOfMemoryError
            If a batch does not fit into memory.
        """
        self._check_is_fitted()
        images = self._check_images(X)
        probabilities = np.empty((len(images), len(self.classes_)), dtype=self._output_dtype())
        step = self.batch_size
        if not isinstance(step, Integral) or step < 1:
            # It was set after `fit`.
            raise ValueError(f"batch_size={step!r}, but a whole number of at least 1 is expected.")
        blank = []
        with self._prediction_scope():
            for start in range(0, len(images), step):
                batch = self._as_fitted(images[start : start + step])
                blank.append(start + find_blank(batch))
                probabilities[start : start + step] = self._predict_batch(batch)
        check_probabilities(probabilities)
        warn_of_blank(np.concatenate(blank), len(images), "Do not rely on their predictions.")
        return probabilities

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the most probable label.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Images of the shape and scale on which the classifier was fitted.

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`.

        Raises
        ------
        NotFittedError, ValueError
            As for :meth:`predict_proba`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy of the predictions.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Images of the shape and scale on which the classifier was fitted.
        y : array-like of shape (n,)
            Labels. One that is not in `classes_` counts as a mistake, with a warning.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in the mean.

        Returns
        -------
        float
            Fraction of the images, in [0, 1].

        Raises
        ------
        NotFittedError, ValueError
            As for :meth:`predict_proba`.
        """
        from sklearn.metrics import accuracy_score

        from fer_estimators._compat import check_sample_weight
        from fer_estimators._labels import check_target, refuse_masked

        self._check_is_fitted()
        refuse_masked(sample_weight=sample_weight)
        warn_of_reordered_rows(X=X, y=y, sample_weight=sample_weight)
        y = check_target(y)
        refuse_abstain_label(y, getattr(self, "abstain_label_", None))
        warn_of_unknown_labels(y, self.classes_)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, y, ensure_non_negative=True)
        return accuracy_score(y, self.predict(X), sample_weight=sample_weight)

    def _check_is_fitted(self) -> None:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)

    def _check_images(self, X):
        """Check images to predict; those of other shapes are left to :meth:`_as_fitted`."""
        X = self._one_image_as_batch(X)
        if self.handle_other_shapes == "convert" and has_several_shapes(X):
            return check_images_of_any_shape(list(X))
        images = check_input_images(self, X, image_shape=self.image_shape_, reset=False)
        if images.shape[1:] != self.image_shape_:
            if self.handle_other_shapes == "error":
                check_image_shape(images, self.image_shape_, estimator=self)
            # It may have been set after `fit`.
            check_choice("handle_other_shapes", self.handle_other_shapes, ("error", "convert"))
        return images

    def _one_image_as_batch(self, X):
        """Treat an array of the shape of one image as one image, unless it may be rows."""
        shape = (X.height, X.width) if hasattr(X, "getbands") else getattr(X, "shape", None)
        height, _, channels = self.image_shape_
        is_one = shape == self.image_shape_ or (channels == 1 and shape == self.image_shape_[:2])
        return np.asarray(X)[np.newaxis] if is_one and height > 1 else X

    def _as_fitted(self, images):
        """Convert images to the shape of the training images, if necessary."""
        if isinstance(images, list):
            return np.concatenate(
                [convert_to_shape(image[np.newaxis], self.image_shape_) for image in images]
            )
        if images.shape[1:] == self.image_shape_:
            return images
        return convert_to_shape(images, self.image_shape_)

    def _predict_batch(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Compute the probabilities of images of the fitted shape."""
        raise NotImplementedError

    def _prediction_scope(self) -> AbstractContextManager:
        """Return the context in which all batches are computed."""
        return nullcontext()

    def _output_dtype(self):
        return "float32"


def as_seen(classifier: ImagePredictor, X: ArrayLike) -> NDArray[Any]:
    """Return images as the network of a fitted classifier sees them: of the shape of `fit`.

    Raises ValueError as :meth:`ImagePredictor.predict_proba` does.
    """
    return classifier._as_fitted(classifier._check_images(X))


def refuse_abstain_label(y, abstain_label):
    """Refuse true labels that stand for no answer: one that is not given would be right."""
    if abstain_label is not None and abstain_label in y.tolist():
        raise ValueError(
            f"y holds {abstain_label!r}, which stands for no answer, so that an unanswered sample "
            "would count as right. Leave these samples out, or fit with another abstain_label."
        )


def warn_of_unknown_labels(y, classes):
    """Warn if labels to compare predictions with can never be predicted."""
    unknown = sorted(set(np.ravel(y).tolist()) - set(classes.tolist()), key=str)
    if unknown:
        warn(
            f"y holds the labels {name_some(unknown)}, but this estimator knows "
            f"{classes.tolist()}: images that carry others count as mistakes. Rename the labels, "
            "or drop those images."
        )
