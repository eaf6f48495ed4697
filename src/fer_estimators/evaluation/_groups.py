"""The report's part on groups: how well each slice of the faces is recognised."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_estimators._labels import as_column
from fer_estimators._statistics import gap_interval, score_accuracy


def describe_groups(
    y_true: NDArray[Any],
    y_pred: NDArray[Any],
    answered: NDArray[np.bool_],
    groups: ArrayLike,
    weights: NDArray[np.float64],
) -> dict[str, Any]:
    """Score each slice of the faces and find the largest gap in accuracy.

    Return a dict with ``"slices"``, for each group what `score_accuracy` returns, and
    ``"largest_gap"``: None for a single group, else a dict with ``best``, ``worst``, ``gap``,
    ``gap_low`` and ``gap_high`` (95 %, not corrected for having picked the largest of several
    gaps).
    """
    groups = as_column(groups, "groups")
    slices = {}
    found = np.unique(groups)
    for value, group in zip(found, found.tolist(), strict=True):
        mask = groups == value
        slices[group] = score_accuracy(y_true[mask], y_pred[mask], answered[mask], weights[mask])
    return {"slices": slices, "largest_gap": _largest_gap(slices)}


def _largest_gap(slices):
    known = [group for group, scores in slices.items() if scores["accuracy"] >= 0]
    if len(known) < 2:
        return None
    best = max(known, key=lambda group: slices[group]["accuracy"])
    # From the end: of equally good groups, it shall not be the best once more.
    worst = min(reversed(known), key=lambda group: slices[group]["accuracy"])
    ends = [
        (slices[group]["accuracy"], slices[group]["accuracy_low"], slices[group]["accuracy_high"])
        for group in (best, worst)
    ]
    low, high = gap_interval(*ends)
    gap = ends[0][0] - ends[1][0]
    return {"best": best, "worst": worst, "gap": gap, "gap_low": low, "gap_high": high}


def group_lines(groups: dict[str, Any], digits: int) -> list[str]:
    """Return the lines that show the groups in a text report."""
    width = max(len(str(group)) for group in groups["slices"])
    lines = ["accuracy by group"]
    lines += [
        f"  {group!s:>{width}}  {score['accuracy']:.{digits}f} "
        f"(95 %: {score['accuracy_low']:.{digits}f}-{score['accuracy_high']:.{digits}f}), "
        f"balanced {score['balanced_accuracy']:.{digits}f}, {score['n_samples']} faces"
        + ("" if not score["coverage"] < 1 else f", {score['coverage']:.0%} answered")
        for group, score in groups["slices"].items()
    ]
    gap = groups["largest_gap"]
    if gap is not None:
        lines.append(
            f"  largest gap {gap['gap']:.{digits}f} (95 %: {gap['gap_low']:.{digits}f} to "
            f"{gap['gap_high']:.{digits}f}): {gap['best']} over {gap['worst']}"
        )
    return lines
