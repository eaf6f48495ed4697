"""What a fitted classifier of images does: predict and score."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from fer_estimators._backends.device import device_scope
from fer_estimators._backends.memory import advice_on_memory
from fer_estimators._scale import find_blank, warn_of_blank
from fer_estimators.classifiers._data import warn_of_unknown_labels
from fer_estimators.classifiers._outputs import check_probabilities
from fer_estimators.classifiers._views import average_over_views
from fer_estimators.images import (
    check_image_shape,
    check_images_of_any_shape,
    check_input_images,
    convert_to_shape,
    has_several_shapes,
)


class ImagePredictor(ClassifierMixin):
    """Predict with the network that a subclass fits."""

    def predict_proba(self, X):
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
            give probabilities.
        OutOfMemoryError
            If a batch does not fit into memory.
        """
        check_is_fitted(self)
        images = self._check_images(X)
        probabilities = np.empty((len(images), len(self.classes_)), dtype=self._output_dtype())
        step = int(self.batch_size)
        blank = []
        with device_scope(self.device_), advice_on_memory(step, self.image_shape_):
            for start in range(0, len(images), step):
                batch = self._as_fitted(images[start : start + step])
                blank.append(start + find_blank(batch))
                probabilities[start : start + step] = average_over_views(
                    self._infer, batch, self.tta
                )
        check_probabilities(probabilities)
        warn_of_blank(
            np.concatenate(blank), len(images), "Do not rely on what is predicted for them."
        )
        return probabilities

    def predict(self, X):
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

    def score(self, X, y, sample_weight=None):
        """Return the accuracy of the predictions.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Images of the shape and scale on which the classifier was fitted.
        y : array-like of shape (n,)
            Labels. One that was not in the training counts as a mistake, with a warning.
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
        check_is_fitted(self)
        warn_of_unknown_labels(y, self.classes_)
        return super().score(X, y, sample_weight)

    def _check_images(self, X):
        """Check images to predict; those of other shapes are left to :meth:`_as_fitted`."""
        X = self._one_image_as_batch(X)
        if self.handle_other_shapes == "convert" and has_several_shapes(X):
            return check_images_of_any_shape(list(X))
        images = check_input_images(self, X, image_shape=self.image_shape_, reset=False)
        if images.shape[1:] != self.image_shape_:
            # It may have been set after the training.
            self._validate_params()
            if self.handle_other_shapes == "error":
                check_image_shape(images, self.image_shape_, estimator=self)
        return images

    def _one_image_as_batch(self, X):
        """Take what has the very shape of an image for one, if rows cannot have it."""
        shape = (X.height, X.width) if hasattr(X, "getbands") else getattr(X, "shape", None)
        height, _, channels = self.image_shape_
        is_one = shape == self.image_shape_ or (channels == 1 and shape == self.image_shape_[:2])
        return np.asarray(X)[np.newaxis] if is_one and height > 1 else X

    def _as_fitted(self, images):
        """Convert images to the shape of those of the training, where they have another."""
        if isinstance(images, list):
            return np.concatenate(
                [convert_to_shape(image[np.newaxis], self.image_shape_) for image in images]
            )
        if images.shape[1:] == self.image_shape_:
            return images
        return convert_to_shape(images, self.image_shape_)

    def _output_dtype(self):
        return "float64" if self.dtype_policy == "float64" else "float32"
