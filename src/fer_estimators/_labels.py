"""Check labels: all of one kind, none missing, in one dimension."""

from collections.abc import Iterable
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from fer_estimators._messages import find_alike, warn


def check_labels(y: ArrayLike) -> NDArray[Any]:
    """Check labels and return them in one dimension; a column gets scikit-learn's warning.

    Raises ValueError if `y` has another shape, a label is missing (None, NaN, pandas.NA or masked),
    or labels are bytes, fractions, objects such as members of an enumeration, or of several kinds,
    which NumPy would make one: ``[1, "1"]``.
    """
    refuse_masked(y=y)
    y = y if hasattr(y, "ndim") or isinstance(y, (list, tuple)) else np.asarray(y)
    if np.ndim(y) == 2 and np.shape(y)[1] == 1:
        # scikit-learn's own words, for which its tools look; from there, it would blame this line.
        warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape "
            "of y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
        )
    labels, as_written = column_or_1d(y), np.ravel(as_objects(y))
    if as_written.dtype.kind in "OSM":
        _refuse_gaps_and_mixtures(as_written)
    # scikit-learn makes fractions of pandas' Int64 and boolean.
    if not hasattr(y, "dtype") or (labels.dtype.kind == "f" and as_written.dtype.kind != "f"):
        labels = np.array(as_plain_text(as_written.tolist()))
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    return labels


def as_objects(values: ArrayLike) -> NDArray[Any]:
    """Return an array of typed values as it is, and of anything else an array of objects.

    NumPy would make text of NaN and of numbers that stand beside names.
    """
    return np.asarray(values) if hasattr(values, "dtype") else np.asarray(values, dtype=object)


def sort_classes(classes: ArrayLike) -> NDArray[Any]:
    """Check the ``classes`` of a first call to ``partial_fit``, and sort them.

    Raises ValueError if a class is missing (None, NaN), or they are bytes, other objects or of
    several kinds.
    """
    classes = classes if hasattr(classes, "dtype") else as_plain_text(list(classes))
    _refuse_gaps_and_mixtures(np.ravel(np.asarray(classes, dtype=object)), "classes")
    return np.unique(classes)


def as_plain_text(labels: Iterable[Any]) -> list[Any]:
    """Return labels, with members of an enumeration of text as the ``str`` that they equal.

    NumPy would store ``"Emotion.SAD"``, cut to the length of the value "sad".
    """
    return [str.__str__(label) if isinstance(label, str) else label for label in labels]


def _refuse_gaps_and_mixtures(labels, name="y"):
    first_of = {}
    for row, label in enumerate(labels):
        first_of.setdefault(kind_of(label), row)
    if "missing" in first_of:
        row = first_of["missing"]
        raise ValueError(
            f"Input {name} contains NaN or None ({name}[{row}] = {labels[row]!r}), but each image "
            "needs a label. Drop the images without one."
        )
    if "bytes" in first_of:
        raise ValueError(
            f"{name} holds bytes, but text is expected. Pass np.char.decode({name}, 'utf-8')."
        )
    if len(first_of) > 1:
        shown = " and ".join(f"{name}[{row}] = {labels[row]!r}" for row in first_of.values())
        raise ValueError(
            f"{name} mixes labels of several kinds ({' and '.join(first_of)}): {shown}. Write all "
            "of them in one way."
        )
    refuse_objects(labels, name)


def refuse_objects(labels: NDArray[Any], name: str) -> None:
    """Refuse labels of one kind that are neither names nor numbers, and cannot be sorted."""
    if labels.dtype.kind == "O" and len(labels) and kind_of(labels[0]) == type(labels[0]).__name__:
        raise ValueError(
            f"Unknown label type: {name}[0] = {labels[0]!r} has type {type(labels[0]).__name__}, "
            "but names or whole numbers are expected. Pass names, such as "
            f"[label.name for label in {name}] for the members of an enumeration."
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

    "names", "bytes", "missing", "truth values", "numbers", or the name of another type.
    """
    if isinstance(label, str):
        return "names"
    if isinstance(label, bytes):
        return "bytes"
    if is_missing(label):
        return "missing"
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
