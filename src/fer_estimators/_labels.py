"""Check labels: all of one kind, none missing, in one dimension."""

from collections.abc import Iterable
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets

from fer_estimators._messages import find_alike, warn


def check_labels(values: ArrayLike, name: str) -> NDArray[Any]:
    """Check labels, and return them in one dimension.

    Raises ValueError as :func:`as_column` does, and if the labels are bytes or objects that are
    neither names nor numbers, such as members of an enumeration.
    """
    labels = as_column(values, name)
    _refuse_objects(labels, name)
    return labels


def as_column(values: ArrayLike, name: str) -> NDArray[Any]:
    """Return what belongs to each sample, a label or a group, in one dimension.

    Raises ValueError if `values` is empty or has another shape, if a value is missing (None, NaN,
    pandas.NA or masked), or if values are of several kinds, which NumPy would make one:
    ``[1, "1"]``.
    """
    refuse_masked(**{name: values})
    column = as_objects(values)
    if column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if column.ndim != 1:
        raise ValueError(
            f"{name} has shape {column.shape}, expected (n_samples,): one label for each sample. "
            "Pass one column. For one-hot rows or probabilities, pass "
            "`classes[rows.argmax(axis=1)]`."
        )
    if len(column) == 0:
        raise ValueError(f"{name} is empty (0 labels), expected at least 1.")
    _refuse_gaps_and_mixtures(column, name)
    return np.array(as_plain_text(column.tolist())) if column.dtype == object else column


def check_target(y: ArrayLike) -> NDArray[Any]:
    """Check the labels to fit on or to score with; a column gets scikit-learn's warning.

    Raises ValueError if `y` is None, holds fractions or infinity, or as :func:`check_labels` does.
    """
    if y is None:
        raise ValueError(
            "The classifier requires y to be passed, but the target y is None: pass one label for "
            "each image."
        )
    y = y if hasattr(y, "ndim") or isinstance(y, (list, tuple)) else np.asarray(y)
    if np.ndim(y) == 2 and np.shape(y)[1] == 1:
        # scikit-learn's own words, for which its tools look; from there, it would blame this line.
        warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape "
            "of y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
        )
    labels = check_labels(y, "y")
    if hasattr(y, "dtype") and labels.dtype.kind == "U":
        # Names stay objects where they came as such.
        labels = np.asarray(y).ravel()
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    return labels


def as_objects(values: ArrayLike) -> NDArray[Any]:
    """Return an array of typed values as it is, and of anything else an array of objects.

    NumPy would make text of NaN and of numbers that stand beside names.
    """
    return np.asarray(values) if hasattr(values, "dtype") else np.asarray(values, dtype=object)


def sort_classes(classes: ArrayLike) -> NDArray[Any]:
    """Check the ``classes`` of a first call to ``partial_fit``, perhaps a set, and sort them."""
    classes = classes if hasattr(classes, "dtype") else list(classes)
    return np.unique(check_labels(classes, "classes"))


def as_plain_text(labels: Iterable[Any]) -> list[Any]:
    """Return labels, with members of an enumeration of text as the ``str`` that they equal.

    NumPy would store ``"Emotion.SAD"``, cut to the length of the value "sad".
    """
    return [str.__str__(label) if isinstance(label, str) else label for label in labels]


def _refuse_gaps_and_mixtures(labels, name):
    if labels.dtype.kind in "biuU":
        return
    labels = labels.tolist()
    missing = [row for row, label in enumerate(labels) if is_missing(label)]
    if missing:
        raise ValueError(
            f"{name} has {len(missing)} missing labels (None or NaN), the first at index "
            f"{missing[0]}, expected one for each sample. Leave these samples out, or give them a "
            "label of their own."
        )
    first_of = {}
    for row, label in enumerate(labels):
        first_of.setdefault(kind_of(label), row)
    if len(first_of) > 1:
        shown = " and ".join(f"{name}[{row}] = {labels[row]!r}" for row in first_of.values())
        raise ValueError(
            f"{name} mixes labels of several kinds ({' and '.join(first_of)}): {shown}. Write all "
            "of them in one way."
        )
    if first_of.keys() & {"list", "tuple", "ndarray"}:
        raise ValueError(
            f"{name} holds rows such as {labels[0]!r}, expected shape (n_samples,): one label for "
            "each sample."
        )


def _refuse_objects(labels, name):
    """Refuse labels of one kind that are neither names nor numbers, and cannot be sorted."""
    if labels.dtype.kind not in "OS":
        return
    kind = kind_of(labels[0])
    if kind == "bytes":
        raise ValueError(
            f"{name} holds bytes, but text is expected. Pass np.char.decode({name}, 'utf-8')."
        )
    if kind == type(labels[0]).__name__:
        raise ValueError(
            f"Unknown label type: {name}[0] = {labels[0]!r} has type {kind}, but names or whole "
            f"numbers are expected. Pass names, such as [label.name for label in {name}] for the "
            "members of an enumeration."
        )


def refuse_masked(**arrays: Any) -> None:
    """Refuse masked values, which most functions would read as if nothing were masked."""
    for name, values in arrays.items():
        if np.ma.is_masked(values):
            raise ValueError(
                f"{name} has {np.ma.count_masked(values)} masked values, but none may be missing. "
                "Leave these images out, or fill the values."
            )


def warn_of_doubtful_classes(classes: NDArray[Any]) -> None:
    """Warn of classes that are probably two spellings of one, or a missing label made text."""
    labels = classes.tolist()
    for words in find_alike(labels):
        warn(
            f"The labels {words!a} differ only in case, spaces or Unicode form, and are "
            "learned as different classes. Write them in one way if they are one class."
        )
    for label in labels:
        if label in _MISSING_AS_TEXT:
            warn(
                f"y holds the label {label!r}, which is how NumPy and pandas write a missing "
                "label as text. Leave these images out if their labels are missing."
            )


# Without "None", which is a class of some sets.
_MISSING_AS_TEXT = ("nan", "NaN", "NaT", "<NA>")


def kind_of(label: Any) -> str:
    """Name the kind of a label, for messages about labels of several kinds.

    "names", "bytes", "truth values", "numbers", or the name of another type.
    """
    if isinstance(label, str):
        return "names"
    if isinstance(label, bytes):
        return "bytes"
    if isinstance(label, (bool, np.bool_)):
        return "truth values"
    return "numbers" if isinstance(label, Number) else type(label).__name__


def is_missing(label: Any) -> bool:
    """Tell whether a label is None, NaN, or pandas' NA or NaT."""
    if label is None:
        return True
    try:
        return bool(label != label)
    except (TypeError, ValueError):
        return type(label).__name__ == "NAType"
