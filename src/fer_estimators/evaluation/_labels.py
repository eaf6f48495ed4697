"""Check what a report or a display is given: order of labels, weights, probabilities, faces."""

import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from fer_estimators._labels import kind_of, refuse_masked
from fer_estimators._messages import find_alike, suggest, warn
from fer_estimators._probabilities import (
    as_ordered_columns,
    column_names,
    find_improper,
    find_permutation,
    refuse_sets,
)
from fer_estimators._scale import check_scale, refuse_other_than_pixels
from fer_estimators.datasets import EMOTIONS


def check_images(images):
    """Return images of shape (n, height, width) or (n, height, width, 3)."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim != 3 and not (images.ndim == 4 and images.shape[3] == 3):
        raise ValueError(
            f"images has shape {images.shape}, expected (n, height, width) or (n, height, width, "
            "channels) with 1 or 3 channels. Reshape flat rows: `X.reshape(-1, 48, 48)`."
        )
    # Faces on another scale would be drawn black.
    refuse_other_than_pixels(images)
    check_scale(images)
    return images


def check_same_length(**arrays):
    """Raise ValueError unless all arrays that are not None are equally long."""
    lengths = {name: len(array) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1:
        received = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"{received}: expected one entry per face in each. Pass the same faces.")


def check_same_kind(y_true, y_pred):
    """Raise ValueError if one holds names and the other numbers, each checked on its own."""
    # True equals 1.
    kinds = [kind_of(y[0]).replace("truth values", "numbers") for y in (y_true, y_pred)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"y_true holds {kinds[0]} such as {y_true.tolist()[0]!r}, but y_pred holds {kinds[1]} "
            f"such as {y_pred.tolist()[0]!r}; expected labels of one kind. Pass what "
            "`clf.predict` returned, from a `clf` fitted on labels like y_true."
        )


def order_labels(labels):
    """Return the distinct labels: emotions in FER2013 code order, anything else sorted."""
    found = np.unique(labels)
    if all(isinstance(label, str) and label in EMOTIONS for label in found.tolist()):
        return np.array([emotion for emotion in EMOTIONS if emotion in set(found.tolist())])
    return found


def check_weights(sample_weight: ArrayLike | None, n_samples: int) -> NDArray[np.float64] | None:
    """Return sample weights as floats, or say what is wrong with them; None stays None."""
    if sample_weight is None:
        return None
    refuse_masked(sample_weight=sample_weight)
    weights = np.asarray(sample_weight, dtype=float)
    if weights.shape != (n_samples,):
        raise ValueError(
            f"sample_weight has shape {weights.shape}, expected ({n_samples},): one per face."
        )
    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        first = int(bad.argmax())
        raise ValueError(
            f"sample_weight has {bad.sum()} values that are negative, NaN or infinite, the first "
            f"at index {first}: {weights[first].item()!r}; expected 0 or more. Weight 0 leaves a "
            "face out."
        )
    if not weights.any():
        raise ValueError("sample_weight is 0 for every face, expected more than 0 for some.")
    if weights.max() > np.finfo(float).max / len(weights):
        raise ValueError(
            f"sample_weight reaches {weights.max():.3g}, too large for a sum. Divide all weights "
            "by their largest one."
        )
    return weights


def find_answered(
    y_true: NDArray[Any], y_pred: NDArray[Any], abstain_label: Any
) -> NDArray[np.bool_]:
    """Tell which predictions are answers, rather than the label that stands for none."""
    is_text = isinstance(y_pred.tolist()[0], str)
    if abstain_label is None or isinstance(abstain_label, str) != is_text:
        return np.ones(len(y_pred), dtype=bool)
    if abstain_label in y_true.tolist():
        raise ValueError(
            f"y_true holds {abstain_label!r}, which as abstain_label stands for no answer. Leave "
            "these faces out, or pass abstain_label=None if it is a class like the others."
        )
    return y_pred != abstain_label


def check_spelling(found: Iterable[Any], allowed: Iterable[Any] = ()) -> None:
    """Refuse labels that people would read alike, unless all of them are allowed."""
    allowed = set(allowed)
    alike = [words for words in find_alike(found) if not allowed.issuperset(words)]
    if alike:
        raise ValueError(
            f"The labels {alike[0]!a} differ only in case, spaces or Unicode form; expected one "
            "spelling of each class. Rename them, or list them all in `labels` if they are "
            "different classes."
        )


def warn_of_unknown_predictions(answers: NDArray[Any], known: NDArray[Any]) -> None:
    """Warn of predicted labels that may stand for no answer, or be misspelt."""
    true = set(known.tolist())
    unknown = sorted(set(answers.tolist()) - true - set(EMOTIONS))
    if unknown and isinstance(unknown[0], numbers.Number):
        # Any number may be a class; a negative one among others usually means "no answer".
        unknown = [label for label in unknown if label < 0 <= min(true)]
    if unknown:
        warn(
            f"y_pred holds {unknown!r}, which y_true does not: counted as classes of their own. "
            f"If {unknown[0]!r} stands for no answer, pass abstain_label={unknown[0]!r}; if it is "
            "a class without faces here, list all classes in `labels`."
        )


def check_proba(
    y_proba: ArrayLike,
    classes: ArrayLike | None,
    y_true: NDArray[Any] | None,
    y_pred: NDArray[Any] | None = None,
    answered: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Check probabilities and find which class each column stands for.

    If `classes` is None, the columns' names are the classes or, in an array, the sorted labels that
    occur. The columns are checked against `y_true` and `y_pred` if these are given; `answered`
    tells which of `y_pred` are answers, and None that all are. Return the probabilities as float64,
    and the class of each column.
    """
    n_samples = len(y_pred if y_true is None else y_true)
    answered = np.ones(n_samples, dtype=bool) if answered is None else answered
    answers = None if y_pred is None else y_pred[answered]
    seen = np.concatenate([labels for labels in (y_true, answers) if labels is not None])
    refuse_masked(y_proba=y_proba)
    refuse_sets(classes=classes)
    if scipy.sparse.issparse(y_proba):
        y_proba = y_proba.toarray()
    named = column_names(y_proba)
    if named is not None and classes is None:
        columns = _read_names(named, seen)
    else:
        columns = np.unique(seen) if classes is None else np.asarray(classes)
        y_proba = as_ordered_columns(y_proba, columns, name="y_proba")
    proba = np.asarray(y_proba, dtype=float)
    if proba.ndim != 2 or len(proba) != n_samples:
        raise ValueError(
            f"y_proba has shape {proba.shape}, expected ({n_samples}, n_classes): one row per "
            "face. Pass what `clf.predict_proba` returned for the same faces."
        )
    _check_probabilities(proba)
    _check_columns(columns, proba.shape[1], are_given=classes is not None or named is not None)
    if y_true is not None:
        _check_against_truth(proba, columns, y_true)
    if answers is not None and len(answers):
        in_doubt = named is classes is None
        _check_against_predictions(proba[answered], columns, answers, in_doubt=in_doubt)
    return proba, columns


def _read_names(names: list[Any], seen: NDArray[Any]) -> NDArray[Any]:
    """Return the names of columns as labels of the kind of those that occur."""
    columns = np.array([str(name) for name in names])
    try:
        if seen.dtype.kind == "b":
            return np.array([bool(("False", "True").index(column)) for column in columns])
        return columns if seen.dtype.kind not in "iuf" else columns.astype(seen.dtype)
    except ValueError as error:
        raise ValueError(
            f"The columns of y_proba are {names!r}, but the labels are {kind_of(seen.tolist()[0])} "
            f"such as {seen.tolist()[0]!r}. Rename the columns, or pass an array and `classes`."
        ) from error


def _check_probabilities(proba):
    bad = ~np.isfinite(proba).all(axis=1)
    if bad.any():
        raise ValueError(
            f"y_proba has NaN or infinity in {bad.sum()} of {len(proba)} rows, the first at index "
            f"{bad.argmax()}; expected probabilities. Look for a diverged training (a NaN loss)."
        )
    bad = find_improper(proba)
    if bad.any():
        first = int(bad.argmax())
        raise ValueError(
            f"y_proba has {bad.sum()} of {len(proba)} rows that are not probabilities, the first "
            f"at index {first}: {proba[first].round(4).tolist()!r}; expected values from 0 to 1 "
            "that sum to 1. Pass `clf.predict_proba(X)`, not scores or logits."
        )


def _check_columns(columns: NDArray[Any], n_columns: int, *, are_given: bool) -> None:
    if columns.ndim != 1 or len(columns) != n_columns:
        source = "classes has" if are_given else "y_true and y_pred hold"
        raise ValueError(
            f"y_proba has {n_columns} columns, but {source} {len(columns)} labels "
            f"{columns.tolist()!r}; expected one column per class. Pass `classes=clf.classes_`."
        )
    if len(columns) < 2 or len(set(columns.tolist())) < len(columns):
        raise ValueError(
            f"classes={columns.tolist()!r} must be at least 2 different labels, one for each "
            "column of y_proba. Pass `classes=clf.classes_`."
        )


def _check_against_predictions(
    proba: NDArray[Any], columns: NDArray[Any], y_pred: NDArray[Any], *, in_doubt: bool
) -> None:
    """Refuse columns in FER2013 code order that would silently be read as sorted ones."""
    in_code_order = order_labels(columns)
    best = proba.argmax(axis=1)
    agreement = np.mean(columns[best] == y_pred)
    other = np.mean(in_code_order[best] == y_pred)
    if in_doubt and other > max(agreement, 0.5):
        raise ValueError(
            f"y_proba agrees with y_pred on {agreement:.0%} of the faces if its columns follow "
            f"the sorted labels {columns.tolist()!r}, as predict_proba gives them, but on "
            f"{other:.0%} in FER2013 code order. Name the columns: `classes=clf.classes_`."
        )
    if agreement < 0.5:
        warn(
            f"The most probable class in y_proba is that of y_pred for only {agreement:.0%} of the "
            "faces. Check that both belong to the same faces, in the same order."
        )


def _check_against_truth(proba: NDArray[Any], columns: NDArray[Any], y_true: NDArray[Any]) -> None:
    unseen = sorted(set(y_true.tolist()) - set(columns.tolist()))
    if unseen:
        raise ValueError(
            f"y_true has labels {unseen!r} for which y_proba has no column; its columns stand for "
            f"{columns.tolist()!r}. Leave these faces out, or fit on all labels."
            + suggest(unseen[0], columns)
        )
    order = np.argsort(columns)
    codes = order[np.searchsorted(columns, y_true, sorter=order)]
    best = find_permutation(codes, proba)
    if best is not None:
        raise ValueError(
            f"The columns of y_proba do not stand for {columns.tolist()!r}, in this order: the "
            f"true labels fit {columns[np.argsort(best)].tolist()!r} far better. Pass "
            "`classes=clf.classes_`, or a data frame whose columns have the classes' names."
        )
