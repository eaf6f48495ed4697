"""The report's part on groups: how well each slice of the faces is recognised."""

import numpy as np

from fer_estimators.evaluation._labels import as_objects, find_missing, of_one_kind
from fer_estimators.evaluation._statistics import gap_interval, score_accuracy


def describe_groups(y_true, y_pred, groups, sample_weight):
    """Score each slice of the faces and find the largest gap in accuracy.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_samples,)
        True and predicted labels.
    groups : array-like of shape (n_samples,)
        Slice to which each face belongs.
    sample_weight : array-like of shape (n_samples,) or None
        Sample weights.

    Returns
    -------
    dict
        ``"slices"``: for each group a dict with ``n_samples``, ``accuracy``, ``accuracy_low``,
        ``accuracy_high`` (95 % Wilson) and ``balanced_accuracy``. ``"largest_gap"``: None for a
        single group, else a dict with ``best``, ``worst``, ``gap``, ``gap_low`` and ``gap_high``
        (95 %, not corrected for having picked the largest of several gaps).
    """
    groups = _check_groups(groups)
    slices = {}
    found = np.unique(groups)
    for value, group in zip(found, found.tolist(), strict=True):
        mask = groups == value
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)[mask]
        slices[group] = score_accuracy(y_true[mask], y_pred[mask], weight)
    return {"slices": slices, "largest_gap": _largest_gap(slices)}


def _check_groups(groups):
    groups = as_objects(groups)
    if groups.ndim != 1:
        raise ValueError(
            f"groups has shape {groups.shape}, expected (n_samples,): one group a face. "
            "Report on one grouping at a time."
        )
    missing = find_missing(groups)
    if missing:
        raise ValueError(
            f"groups has {len(missing)} missing values (None or NaN), the first at index "
            f"{missing[0]}, expected a group for each face. Name them, for example 'unknown'."
        )
    return of_one_kind(groups, "groups")


def _largest_gap(slices):
    if len(slices) < 2:
        return None
    best = max(slices, key=lambda group: slices[group]["accuracy"])
    worst = min(slices, key=lambda group: slices[group]["accuracy"])
    ends = [
        (slices[group]["accuracy"], slices[group]["accuracy_low"], slices[group]["accuracy_high"])
        for group in (best, worst)
    ]
    low, high = gap_interval(*ends)
    gap = ends[0][0] - ends[1][0]
    return {"best": best, "worst": worst, "gap": gap, "gap_low": low, "gap_high": high}


def group_lines(groups, digits):
    """Return the lines that show the groups in a text report."""
    width = max(len(str(group)) for group in groups["slices"])
    lines = ["accuracy by group"]
    lines += [
        f"  {group!s:>{width}}  {score['accuracy']:.{digits}f} "
        f"(95 %: {score['accuracy_low']:.{digits}f}-{score['accuracy_high']:.{digits}f}), "
        f"balanced {score['balanced_accuracy']:.{digits}f}, {score['n_samples']} faces"
        for group, score in groups["slices"].items()
    ]
    gap = groups["largest_gap"]
    if gap is not None:
        lines.append(
            f"  largest gap {gap['gap']:.{digits}f} (95 %: {gap['gap_low']:.{digits}f} to "
            f"{gap['gap_high']:.{digits}f}): {gap['best']} over {gap['worst']}"
        )
    return lines
