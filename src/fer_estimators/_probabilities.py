"""Checks of rows of probabilities, and of the classes that their columns stand for."""

from collections.abc import Set
from math import lgamma, log, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_estimators._messages import shorten

# Chance of refusing columns in the right order, if the probabilities had nothing to do with the
# labels. Columns that follow their labels are never refused.
_FALSE_ALARM = 1e-4
# Wide enough for networks that compute in half precision: bfloat16 has eight significant bits.
_SUM_TOLERANCE = 1e-2
_FEWEST_TO_JUDGE = 50


def column_names(table: Any) -> list[Any] | None:
    """Return the names of a data frame's columns (pandas, polars, ...), or None for an array."""
    names = getattr(table, "column_names", None)  # an Arrow table
    names = getattr(table, "columns", None) if names is None else names
    return None if names is None or callable(names) else list(names)


def as_ordered_columns(
    table: ArrayLike, classes: NDArray[Any], *, name: str, may_lack: bool = False
) -> ArrayLike:
    """Bring the columns of a data frame into the order of the classes; leave arrays as they are.

    A class without a column gets zeros where the columns may lack some. Raises ValueError if the
    names of the columns are not the classes, each once; `name` is that of the argument.
    """
    names = column_names(table)
    if names is None:
        return table
    # As text: the columns of polars and Arrow are always named by text.
    received, expected = list(map(str, names)), list(map(str, classes.tolist()))
    found = set(received)
    complete = found == set(expected) or (may_lack and found <= set(expected))
    if not complete or len(found) < len(received):
        once = "at most once" if may_lack else "each once"
        raise ValueError(
            f"The columns of {name} are {names!r}, but {classes.tolist()!r} are expected, {once} "
            "and in any order. Rename the columns, or pass an array in that order."
        )
    values = np.asarray(table)
    ordered = np.zeros((len(values), len(expected)), dtype=values.dtype)
    ordered[:, [expected.index(column) for column in received]] = values
    return ordered


def refuse_sets(**labels: Any) -> None:
    """Refuse sets where the order of the labels counts: theirs differs from process to process."""
    for name, values in labels.items():
        if isinstance(values, Set):
            raise TypeError(
                f"{name} is a {type(values).__name__}, {shorten(values)}, which has no order. Pass "
                "a list of the labels in their order."
            )


def find_improper(y_proba: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell which rows are not probabilities: NaN, negative, or not summing to one."""
    # Comparisons with NaN are false.
    proper = np.abs(y_proba.sum(axis=1) - 1) <= _SUM_TOLERANCE
    return ~(proper & (y_proba >= 0).all(axis=1))


def check_probabilities(probabilities: NDArray[np.floating]) -> None:
    """Check what a network returned: finite numbers, not negative, each row summing to one."""
    improper = find_improper(probabilities)
    if not improper.any():
        return
    first = int(improper.argmax())
    row = np.array2string(probabilities[first], precision=3)
    if not np.isfinite(probabilities[first]).all():
        raise ValueError(
            f"The network's output for X[{first}] is not finite: {row}, so nothing can be "
            "predicted. Its weights diverged in training. Fit again with a lower learning_rate."
        )
    raise ValueError(
        f"The network's output for X[{first}] is {row}, but probabilities that sum to one are "
        "expected. End the network with a softmax."
    )


def find_permutation(codes: NDArray[np.integer], y_proba: NDArray[Any]) -> list[int] | None:
    """Find out whether the columns clearly belong to other classes than assumed.

    Each class is compared with each column: how much more probable is the column among the
    faces of that class than among all? The best matching is taken for the truth if it is beyond
    chance, while the classes that it moves have nothing to do with their own columns.

    `codes` are the assumed columns of the samples' labels. The result is the column that belongs to
    each class, or None if the assumed order may be right.
    """
    from scipy.optimize import linear_sum_assignment

    n_classes = y_proba.shape[1]
    surplus = y_proba - y_proba.mean(axis=0)
    association = np.zeros((n_classes, n_classes))
    for code in np.unique(codes):
        association[code] = surplus[codes == code].sum(axis=0)
    _, best = linear_sum_assignment(association, maximize=True)
    moved = best[codes] != codes
    own = surplus[moved, codes[moved]]
    gain = surplus[moved, best[codes[moved]]] - own
    # A union bound over all orders of the columns, for sums with random signs.
    beyond_chance = sqrt(2 * (lgamma(n_classes + 1) - log(_FALSE_ALARM)))
    by_chance = gain.sum() <= beyond_chance * np.linalg.norm(gain)
    # The mean of equal probabilities differs from them by rounding alone.
    by_rounding = gain.sum() <= 1e-6 * len(codes)
    own_column_fits = own.sum() > gain.sum() / 3
    return None if by_chance or by_rounding or own_column_fits else best.tolist()


def are_unrelated(codes: NDArray[np.integer], y_proba: NDArray[Any]) -> bool:
    """Tell whether probabilities say no more of the labels than chance, as those of other rows.

    `codes` are the columns of the samples' labels. Return False for fewer than 50 samples, and
    where all have the same probabilities.
    """
    surplus = y_proba[np.arange(len(codes)), codes] - y_proba.mean(axis=0)[codes]
    error = surplus.std() / sqrt(len(codes))
    return len(codes) >= _FEWEST_TO_JUDGE and error > 1e-6 and surplus.mean() <= 3 * error
