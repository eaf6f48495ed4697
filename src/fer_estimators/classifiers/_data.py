"""Check the training data once, and encode, weight and split it."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_consistent_length

from fer_estimators import _labels
from fer_estimators._compat import check_sample_weight
from fer_estimators._frame import warn_of_reordered_rows
from fer_estimators._lazy import LazyImages
from fer_estimators._messages import warn
from fer_estimators._probabilities import (
    are_unrelated,
    as_ordered_columns,
    find_improper,
    find_permutation,
)
from fer_estimators._scale import find_blank, warn_of_blank, warn_of_large
from fer_estimators.exceptions import ImageReadError
from fer_estimators.images import (
    check_image_shape,
    check_input_images,
    convert_to_shape,
    refuse_datasets,
)


@dataclass(frozen=True)
class TrainingData:
    """Checked images and labels.

    Parameters
    ----------
    images : ndarray of shape (n_samples, height, width, channels)
        Pixels in 0..255, in the dtype in which they came.
    codes : ndarray of shape (n_samples,), dtype int64
        Index of each label in `classes`.
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    soft : ndarray of shape (n_samples, n_classes) or None
        Probabilities to train on instead of the labels.
    weights : ndarray of shape (n_samples,) or None
        Weight of each image times the weight of its class.
    validation : tuple of ndarray (images, codes) or None
        Images on which to choose the best epoch; None if they are to be held out.
    """

    images: NDArray[Any]
    codes: NDArray[np.int64]
    classes: NDArray[Any]
    soft: NDArray[np.floating] | None = None
    weights: NDArray[np.float64] | None = None
    validation: tuple[NDArray[Any], NDArray[np.int64]] | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self.images.shape[1:]

    def arrays(self) -> dict[str, NDArray[Any] | None]:
        """Return all arrays by name."""
        arrays = {"X": self.images, "y": self.codes, "y_proba": self.soft, "weights": self.weights}
        if self.validation is not None:
            arrays["validation X"], arrays["validation y"] = self.validation
        return arrays

    def batches(self, *, fraction, batch_size, dtype, seed):
        """Return the batches for training, and those for validation or None.

        Without a validation set, `fraction` of the images is held out; None holds out none. Targets
        and weights have `dtype`. The seed determines the split and the order of each epoch.
        """
        if self.validation is not None:
            fraction = None
        training, held_out = split_rows(
            self.codes, self.classes, fraction, weights=self.weights, seed=seed
        )
        options = {"n_classes": len(self.classes), "batch_size": batch_size, "dtype": dtype}
        batches = ImageBatches(
            self.images,
            self.codes,
            soft=self.soft,
            weights=self.weights,
            rows=training,
            shuffle=True,
            seed=seed,
            **options,
        )
        if self.validation is not None:
            return batches, ImageBatches(*self.validation, **options)
        if held_out is None:
            return batches, None
        return batches, ImageBatches(self.images, self.codes, rows=held_out, **options)


class ImageBatches(keras.utils.PyDataset):
    """Batches of images, one-hot classes and weights, drawn from arrays that are never copied.

    The order of an epoch depends on `seed` and the epoch alone, so that training can resume from
    any epoch.

    Images, an ndarray or LazyImages of shape (n_samples, height, width, channels), have pixels of
    any dtype; what is on disk is read batch by batch. `codes` are the columns of their classes;
    `soft`, of shape (n_samples, n_classes), are probabilities instead of the one-hot class. `rows`
    are those that belong to this set; None takes all. `dtype` is that of the one-hot classes and
    weights. `shuffle` draws a new order for each epoch.
    """

    def __init__(
        self,
        images,
        codes,
        n_classes,
        *,
        soft=None,
        weights=None,
        rows=None,
        batch_size,
        dtype,
        shuffle=False,
        seed=0,
    ):
        super().__init__()
        self.images = images
        self.error = None
        self.codes = codes
        self.soft = None if soft is None else soft.astype(dtype)
        self.weights = None if weights is None else weights.astype(dtype)
        self.rows = np.arange(len(images)) if rows is None else rows
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self._one_hot = np.eye(n_classes, dtype=dtype)
        self.set_epoch(0)

    def set_epoch(self, epoch):
        """Draw the order of an epoch."""
        if self.shuffle:
            self._order = np.random.default_rng((self.seed, epoch)).permutation(self.rows)
        else:
            self._order = self.rows

    def __len__(self):
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, index):
        rows = self._rows_of(index)
        return self._make_batch(self.images[rows], rows)

    def in_order(self):
        """Yield the batches of an epoch, those of files read ahead; keep an error in `error`."""
        picks = [self._rows_of(index) for index in range(len(self))]
        is_lazy = isinstance(self.images, LazyImages)
        parts = self.images.read_ahead(picks) if is_lazy else map(self.images.__getitem__, picks)
        try:
            yield from map(self._make_batch, parts, picks)
        except OSError as error:
            self.error = error
            raise

    def _rows_of(self, index):
        return self._order[index * self.batch_size : (index + 1) * self.batch_size]

    def _make_batch(self, images, rows):
        if isinstance(self.images, LazyImages) and self.images.skips_unreadable:
            readable = images.any(axis=(1, 2, 3))
            if not readable.any():
                raise _none_readable(f"{len(rows)} image files of a batch")
            images, rows = images[readable], rows[readable]
        targets = self._one_hot[self.codes[rows]] if self.soft is None else self.soft[rows]
        # Not every backend takes numbers of another machine's byte order, nor PyTorch uint64.
        dtype = np.int64 if images.dtype.str[1:] == "u8" else images.dtype.newbyteorder("=")
        batch = images.astype(dtype, copy=False), targets
        return batch if self.weights is None else (*batch, self.weights[rows])


def check_training_data(
    estimator, X, y, *, sample_weight, y_proba=None, validation=None, classes=None, warm=False
) -> TrainingData:
    """Check all training data before any work is done.

    The estimator gets ``n_features_in_`` (and ``feature_names_in_``), unless `warm`: then the
    images must match those of the previous fit. The data are those of
    :meth:`BaseImageClassifier.fit`; `classes` are sorted, and None takes those found in `y`. Raise
    a ValueError or TypeError if something is not as described.
    """
    # Before y, which may be inside it.
    refuse_datasets(X)
    warn_of_reordered_rows(X=X, y=y, sample_weight=sample_weight, y_proba=y_proba)
    _labels.refuse_masked(sample_weight=sample_weight, y_proba=y_proba)
    labels = _labels.check_target(y)
    if warm:
        images = estimator._check_images(X)
        images = estimator._as_fitted(images) if isinstance(images, list) else images
    else:
        images = check_input_images(estimator, X, image_shape=estimator.image_shape, reset=True)
        warn_of_large(images)
    blank = find_blank(images)
    warn_of_blank(blank, len(images), "Look at how they were made, or leave them out.")
    check_consistent_length(images, labels)
    classes, codes = encode_labels(labels, classes)
    if not warm:
        _labels.warn_of_doubtful_classes(classes)
    soft = check_soft_labels(y_proba, codes, classes)
    unreadable = _find_unreadable(images, blank)
    if unreadable:
        sample_weight = check_sample_weight(sample_weight, images, dtype=np.float64, copy=True)
        sample_weight[unreadable] = 0
    if warm:
        # Not before: what is converted no longer tells which files it comes from.
        images = estimator._as_fitted(images)
    weights = weigh(images, codes, classes, sample_weight, estimator.class_weight)
    if validation is not None:
        validation = _check_validation(estimator, validation, images.shape[1:], classes)
    return TrainingData(images, codes, classes, soft, weights, validation)


def _find_unreadable(images, blank=None):
    """Return the rows of files that cannot be read, if such files are to be left out."""
    if not isinstance(images, LazyImages) or not images.skips_unreadable:
        return []
    # They are read as black images.
    blank = find_blank(images) if blank is None else blank
    unreadable = [row for row in blank if not images[[row]].any()]
    if len(unreadable) == len(images):
        raise _none_readable(f"{len(images)} image files")
    return unreadable


def _none_readable(files):
    return ImageReadError(f"None of the {files} can be read. Is their folder still there?")


def _check_validation(estimator, validation, image_shape, classes):
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        size = f" of length {len(validation)}" if isinstance(validation, (tuple, list)) else ""
        raise ValueError(
            f"validation_data is a {type(validation).__name__}{size}, but a pair (X, y) is "
            "expected. Pass (images, labels), or X_val and y_val."
        )
    X, y = validation
    warn_of_reordered_rows(X_val=X, y_val=y)
    check_consistent_length(X, y)
    labels = _labels.check_target(y)
    _, codes = encode_labels(labels, classes)
    images = check_input_images(estimator, X, image_shape=image_shape, reset=False)
    unreadable = _find_unreadable(images)
    images = images.leave_out(unreadable) if unreadable else images
    codes = np.delete(codes, unreadable)
    if estimator.handle_other_shapes == "convert" and images.shape[1:] != image_shape:
        return convert_to_shape(images, image_shape), codes
    check_image_shape(images, image_shape, estimator=estimator)
    return images, codes


def encode_labels(y, classes=None):
    """Return the sorted classes, and the place of each label in them.

    Where `classes` is None, they are those found in `y`. Raises ValueError if there are fewer than
    two classes, or `y` holds others than `classes`.
    """
    name = "y" if classes is None else "classes"
    classes = np.unique(y) if classes is None else classes
    if len(classes) < 2:
        raise ValueError(
            f"{name} holds only one class, {classes.tolist()}, but at least two classes are needed "
            "to learn from. Check the folder or the subset that was loaded."
        )
    unknown = sorted(set(y.tolist()) - set(classes.tolist()), key=str)
    if unknown:
        raise ValueError(
            f"y holds the labels {unknown}, but this estimator knows {classes.tolist()}. Fit it on "
            "all labels, or drop the images with unknown ones."
        )
    return classes, np.searchsorted(classes, y)


def check_soft_labels(y_proba, codes, classes):
    """Check the probabilities to train on, of shape (n_samples, n_classes), if there are any.

    The columns of a data frame are matched by their names; `codes` are the places of the labels in
    `classes`. Raises ValueError if they are not probabilities, or clearly belong to other images
    or classes.
    """
    if y_proba is None:
        return None
    y_proba = as_ordered_columns(y_proba, classes, name="y_proba")
    y_proba = check_array(y_proba, input_name="y_proba", dtype=[np.float64, np.float32])
    expected = (len(codes), len(classes))
    if y_proba.shape != expected:
        raise ValueError(
            f"y_proba has shape {y_proba.shape}, but {expected} is expected: a row for each image "
            f"in X, and a column for each of the classes {classes.tolist()}, in this order."
        )
    wrong = np.flatnonzero(find_improper(y_proba))
    if len(wrong):
        first = int(wrong[0])
        raise ValueError(
            f"{len(wrong)} rows of y_proba are not probabilities, the first is y_proba[{first}] = "
            f"{y_proba[first].tolist()}; no number may be negative, and each row sums to one. "
            "Divide votes by their sum."
        )
    best = find_permutation(codes, y_proba)
    if best is not None:
        agreement, other = (
            (y_proba.argmax(axis=1) == c).mean() for c in (codes, np.take(best, codes))
        )
        raise ValueError(
            f"The columns of y_proba do not belong to the classes {classes.tolist()}, in this "
            f"order: the most probable class is the label of {agreement:.0%} of the images, but "
            f"of {other:.0%} if the columns stand for {classes[np.argsort(best)].tolist()}. Sort "
            "the columns by class, or pass a data frame whose columns have the classes' names."
        )
    if are_unrelated(codes, y_proba):
        warn(
            "y_proba says no more of the labels in y than chance would. If its rows are in another "
            "order than those of X and y, nothing can be learned from them."
        )
    return y_proba


def weigh(images, codes, classes, sample_weight, class_weight):
    """Multiply the weights of images by those of their classes; return None if there are neither.

    "balanced" ignores images of weight zero.
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = check_sample_weight(
        sample_weight, images, dtype=np.float64, copy=True, ensure_non_negative=True
    )
    if class_weight is not None:
        _check_class_weight(class_weight)
        labels = classes[codes[weights > 0]]
        weights *= compute_class_weight(class_weight, classes=classes, y=labels)[codes]
    if not weights.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number, but all are zero once they "
            f"are multiplied by those of the classes, class_weight={class_weight!r}."
        )
    # Only ratios count, and float32 ends at 1e-38 and 1e38. A power of two changes no digit.
    return np.ldexp(weights, -np.frexp(weights.max())[1])


def _check_class_weight(class_weight):
    if not isinstance(class_weight, dict):
        return
    wrong = [
        f"{label}: {w!r}"
        for label, w in class_weight.items()
        if not isinstance(w, Real) or not 0 <= w < np.inf
    ]
    if wrong:
        raise ValueError(
            f"class_weight holds {', '.join(wrong)}, but a weight is a finite number of at least "
            "0: a negative one would train away from the class."
        )


def split_rows(codes, classes, fraction, *, weights, seed):
    """Return the rows to train on, and a stratified part held out for validation.

    `fraction` is above 0 and below 1; None holds nothing out. Images of weight zero are in neither
    part. Raises ValueError if a class is too small to be in both.
    """
    rows = np.arange(len(codes)) if weights is None else np.flatnonzero(weights)
    if fraction is None:
        return rows, None
    counts = np.bincount(codes[rows], minlength=len(classes))
    rare = classes[counts < 2].tolist()
    n_validation = max(round(fraction * len(rows)), len(classes))
    if rare or len(rows) - n_validation < len(classes):
        what = f"the classes {rare} have fewer than 2" if rare else f"there are only {len(rows)}"
        raise ValueError(
            f"validation_fraction={fraction} needs images of each class in both parts, but {what} "
            "images. Pass validation_data=(X, y) to fit, or validation_fraction=None."
        )
    training, validation = train_test_split(
        rows, test_size=n_validation, stratify=codes[rows], random_state=seed
    )
    return np.sort(training), np.sort(validation)
