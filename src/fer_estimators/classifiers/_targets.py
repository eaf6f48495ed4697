"""Labels: check them, number them, weigh them and split them."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_consistent_length

from fer_estimators._compat import check_sample_weight
from fer_estimators._label_column import flatten_labels
from fer_estimators._messages import name_some, warn


def check_labels(y, *, estimator_name):
    """Check a vector of labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Names or integers.
    estimator_name : str
        For the error where `y` is missing.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        For missing, one-hot, continuous or two-dimensional labels.
    """
    if y is None:
        raise ValueError(
            f"{estimator_name} requires y to be passed, but the target y is None: pass one label "
            "for each image."
        )
    y = y if hasattr(y, "ndim") else np.asarray(y)
    if y.ndim == 2 and y.shape[1] > 1:
        kind = type_of_target(y, input_name="y")
        advice = " It looks one-hot: pass y.argmax(axis=1)." if "indicator" in kind else ""
        raise ValueError(
            f"Unknown label type: y has shape {y.shape}, but one label for each image is "
            f"expected.{advice}"
        )
    y = flatten_labels(y)
    missing = [i for i, label in enumerate(y) if _is_missing(label)] if y.dtype.kind == "O" else []
    if missing:
        first = missing[0]
        raise ValueError(
            f"Input y contains NaN or None (y[{first}] = {y[first]!r}), but each image needs a "
            "label. Drop the images without one."
        )
    if y.dtype.kind == "S" or (y.dtype.kind == "O" and any(isinstance(v, bytes) for v in y)):
        raise ValueError("y holds bytes, but text is expected. Pass np.char.decode(y, 'utf-8').")
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    return y


def _is_missing(label):
    """Tell None, NaN and pandas.NA, which compares as neither equal nor different."""
    if label is None:
        return True
    try:
        return bool(label != label)
    except TypeError:
        return True


def encode_labels(y, classes=None):
    """Turn labels into numbers, their places in the sorted classes.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    classes : ndarray of shape (n_classes,), sorted, or None
        None takes those found in `y`.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of shape (n_samples,), dtype int64

    Raises
    ------
    ValueError
        If there are fewer than two classes, or `y` holds others than `classes`.
    """
    if classes is None:
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y holds only one class, {classes.tolist()}, but at least two classes are needed "
                "to learn from. Check the folder or the subset that was loaded."
            )
        return classes, codes
    unknown = sorted(set(y.tolist()) - set(classes.tolist()), key=str)
    if unknown:
        raise ValueError(
            f"y holds the labels {unknown}, but this estimator knows {classes.tolist()}. Fit it on "
            "all of them, or drop the images that carry others."
        )
    return classes, np.searchsorted(classes, y)


def warn_of_unknown_labels(y, classes):
    """Warn if labels to compare predictions with can never be predicted.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
    """
    unknown = sorted(set(np.ravel(y).tolist()) - set(classes.tolist()), key=str)
    if unknown:
        warn(
            f"y holds the labels {name_some(unknown)}, but this estimator knows "
            f"{classes.tolist()}: images that carry others count as mistakes. Rename the labels, "
            "or drop those images."
        )


def check_soft_labels(y_proba, images, classes):
    """Check the probabilities to train on.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples, n_classes) or None
    images : ndarray of shape (n_samples, ...)
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    ndarray of shape (n_samples, n_classes), dtype float, or None

    Raises
    ------
    ValueError
        If they are no probabilities, or not those of these images and classes.
    """
    if y_proba is None:
        return None
    columns = getattr(y_proba, "columns", None)
    if columns is not None and list(columns) != classes.tolist():
        raise ValueError(
            f"The columns of y_proba are {list(columns)}, but {classes.tolist()} are expected, in "
            "this order. Select them: y_proba[list(np.unique(y))]."
        )
    y_proba = check_array(y_proba, input_name="y_proba", dtype=[np.float64, np.float32])
    expected = (len(images), len(classes))
    if y_proba.shape != expected:
        raise ValueError(
            f"y_proba has shape {y_proba.shape}, but {expected} is expected: a row for each image "
            f"in X, and a column for each of the classes {classes.tolist()}, in this order."
        )
    wrong = np.flatnonzero((y_proba.min(axis=1) < 0) | (np.abs(y_proba.sum(axis=1) - 1) > 1e-3))
    if len(wrong):
        first = int(wrong[0])
        raise ValueError(
            f"{len(wrong)} rows of y_proba are no probabilities, the first is y_proba[{first}] = "
            f"{y_proba[first].tolist()}; no number may be negative, and each row sums to one. "
            "Divide votes by their sum."
        )
    return y_proba


def weigh(images, codes, classes, sample_weight, class_weight):
    """Multiply the weights of images with those of their classes.

    Parameters
    ----------
    images : ndarray of shape (n_samples, ...)
    codes : ndarray of shape (n_samples,), dtype int
    classes : ndarray of shape (n_classes,)
    sample_weight : array-like of shape (n_samples,) or None
    class_weight : dict, "balanced" or None
        Images of weight zero do not count for "balanced".

    Returns
    -------
    ndarray of shape (n_samples,), dtype float64, or None
        None where nothing is weighed.
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = check_sample_weight(
        sample_weight, images, dtype=np.float64, copy=True, ensure_non_negative=True
    )
    if not weights.any():
        raise ValueError(
            "Sample weights must contain at least one non-zero number, but all are zero."
        )
    if class_weight is not None:
        labels = classes[codes[weights > 0]]
        weights *= compute_class_weight(class_weight, classes=classes, y=labels)[codes]
    return weights


def split_rows(codes, classes, fraction, *, weights, seed):
    """Hold a stratified part of the images out for validation.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,), dtype int
    classes : ndarray of shape (n_classes,)
    fraction : float or None
        Share of the images, above 0 and below 1; None holds nothing out.
    weights : ndarray of shape (n_samples,) or None
        Images of weight zero are in neither part, as if they were not there.
    seed : int

    Returns
    -------
    training : ndarray of int
    validation : ndarray of int or None

    Raises
    ------
    ValueError
        If a class is too small to be in both parts.
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


def check_validation_pair(validation_data):
    """Unpack ``validation_data=(X, y)``.

    Parameters
    ----------
    validation_data : tuple

    Returns
    -------
    X, y : array-like

    Raises
    ------
    ValueError
        If it is no pair, or the lengths differ.
    """
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) != 2:
        raise ValueError(
            f"validation_data has type {type(validation_data).__name__}, but a pair (X, y) is "
            "expected."
        )
    check_consistent_length(*validation_data)
    return validation_data
