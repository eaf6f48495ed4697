"""The few statistics of a report that scikit-learn does not have."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Quantile of the standard normal distribution for two-sided 95 % intervals.
_Z95 = 1.959963984540054
_N_BINS = 15


def wilson_interval(share: float, n: float) -> tuple[float, float]:
    """Compute the 95 % Wilson score interval of a share of `n` trials; NaN if there was no trial.

    Unlike the textbook interval it stays within 0 and 1 and keeps its coverage for rare
    emotions and for shares near 0 or 1 [1]_. With sample weights, `n` is their `effective_size`.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", Journal of the American Statistical Association 22, 209-212, 1927.
    """
    if not n > 0 or np.isnan(share):
        return float("nan"), float("nan")
    shrink = 1 + _Z95**2 / n
    centre = (share + _Z95**2 / (2 * n)) / shrink
    half = _Z95 * np.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n**2)) / shrink
    # Rounding may put the bound of a share of 0 or 1 on the wrong side of it.
    return float(min(max(centre - half, 0.0), share)), float(max(min(centre + half, 1.0), share))


def score_accuracy(
    y_true: NDArray[Any],
    y_pred: NDArray[Any],
    answered: NDArray[np.bool_],
    weights: NDArray[np.float64],
) -> dict[str, float]:
    """Compute accuracy and coverage with their 95 % intervals, and balanced accuracy.

    Returns ``n_samples``, ``accuracy`` (an unanswered sample is not right), ``balanced_accuracy``,
    ``coverage`` (share answered) and ``answered_accuracy``; all but the first and third with
    ``..._low`` and ``..._high`` (Wilson). NaN where the weights are all 0.
    """
    right = y_true == y_pred
    present = weights > 0
    # Balanced accuracy as macro recall of the true classes: balanced_accuracy_score warns
    # whenever some prediction is not a true class, which is expected in a report.
    recalls = [
        np.average(right[own], weights=weights[own])
        for own in (present & (y_true == label) for label in np.unique(y_true[present]))
    ]
    return {
        "n_samples": len(y_true),
        **_share("accuracy", right, weights),
        "balanced_accuracy": float(np.mean(recalls)) if recalls else float("nan"),
        **_share("coverage", answered, weights),
        **_share("answered_accuracy", right[answered], weights[answered]),
    }


def _share(name: str, hits: NDArray[np.bool_], weights: NDArray[np.float64]) -> dict[str, float]:
    """Return a weighted share and its interval under three names."""
    total = weights.sum()
    share = float(weights[hits].sum() / total) if total > 0 else float("nan")
    low, high = wilson_interval(share, effective_size(weights))
    return {name: share, f"{name}_low": low, f"{name}_high": high}


def gap_interval(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float]:
    """Compute the 95 % interval of the difference of two independent shares.

    Each is given with its Wilson interval, as (share, low, high). Returns the bounds of
    ``first - second``, -1 to 1, after method 10 of [1]_.

    References
    ----------
    .. [1] R. G. Newcombe, "Interval estimation for the difference between independent
       proportions", Statistics in Medicine 17, 873-890, 1998.
    """
    (p1, low1, high1), (p2, low2, high2) = first, second
    below = np.hypot(p1 - low1, high2 - p2)
    above = np.hypot(high1 - p1, p2 - low2)
    return float(p1 - p2 - below), float(p1 - p2 + above)


def effective_size(weights: NDArray[np.float64]) -> float:
    """Return how many equally weighted samples carry as much as these (Kish, 1965)."""
    largest = weights.max(initial=0)
    if largest == 0:
        return 0.0
    weights = weights / largest  # squares of very small or large numbers are 0 or infinite
    return float(np.sum(weights) ** 2 / np.sum(np.square(weights)))


def expected_calibration_error(
    correct: NDArray[np.bool_ | np.floating],
    confidence: NDArray[np.floating],
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the expected calibration error over 15 bins of equal width.

    `confidence` is the probability of the most probable class, and `correct` tells whether that
    class is the true one, or is the share of the votes for it. The error is the mean distance
    between the two in each bin, weighted by the bins' sizes, 0 to 1. Each bin holds its upper edge.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017.
    """
    weights = np.ones(len(correct)) if sample_weight is None else np.asarray(sample_weight)
    bins = np.clip(np.ceil(confidence * _N_BINS).astype(int) - 1, 0, _N_BINS - 1)
    surplus = np.bincount(bins, weights * (correct - confidence), minlength=_N_BINS)
    return float(np.abs(surplus).sum() / weights.sum())


def selective_accuracy(
    correct: NDArray[np.bool_],
    confidence: NDArray[np.floating],
    weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.floating]]:
    """Compute accuracy and coverage for each threshold from which on faces are answered.

    `correct` and `confidence` are those of the most probable class; weights are above 0. Each
    distinct confidence is a threshold. Returns the coverage (ascending up to 1), the accuracy among
    the answered faces, and the threshold (descending).
    """
    weights = np.ones(len(correct)) if weights is None else weights
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    # Faces of equal confidence are answered together: no threshold tells them apart.
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    answered = np.cumsum(weights[order])[last]
    right = np.cumsum((weights * correct)[order])[last]
    return answered / answered[-1], right / answered, ranked[last]
