"""The few statistics of a report that scikit-learn does not have."""

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score

# Quantile of the standard normal distribution for two-sided 95 % intervals.
_Z95 = 1.959963984540054


def wilson_interval(share, n):
    """Compute the 95 % Wilson score interval of a share.

    Unlike the textbook interval it stays within 0 and 1 and keeps its coverage for rare
    emotions and for shares near 0 or 1 [1]_.

    Parameters
    ----------
    share : float
        Observed share of successes, 0 to 1.
    n : float
        Number of trials; with sample weights the effective number, see `effective_size`.

    Returns
    -------
    low, high : float
        Bounds, 0 to 1; NaN both if there was no trial.

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


def score_accuracy(y_true, y_pred, sample_weight=None):
    """Compute accuracy with its 95 % interval, and balanced accuracy.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_samples,)
        True and predicted labels.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights.

    Returns
    -------
    dict
        ``n_samples``, ``accuracy``, ``accuracy_low``, ``accuracy_high`` (Wilson) and
        ``balanced_accuracy``.
    """
    accuracy = float(accuracy_score(y_true, y_pred, sample_weight=sample_weight))
    low, high = wilson_interval(accuracy, effective_size(as_weights(sample_weight, len(y_true))))
    # Balanced accuracy as macro recall of the true classes: balanced_accuracy_score warns
    # whenever some prediction is no true class, which in a report is no news.
    balanced = recall_score(
        y_true,
        y_pred,
        labels=np.unique(y_true),
        average="macro",
        sample_weight=sample_weight,
        zero_division=0.0,
    )
    return {
        "n_samples": len(y_true),
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": float(balanced),
    }


def as_weights(sample_weight, n):
    """Return weights as floats, `n` ones for None."""
    return np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)


def gap_interval(first, second):
    """Compute the 95 % interval of the difference of two independent shares.

    Parameters
    ----------
    first, second : tuple of (share, low, high)
        Two shares with their Wilson intervals.

    Returns
    -------
    low, high : float
        Bounds of ``first - second``, -1 to 1, after method 10 of [1]_.

    References
    ----------
    .. [1] R. G. Newcombe, "Interval estimation for the difference between independent
       proportions", Statistics in Medicine 17, 873-890, 1998.
    """
    (p1, low1, high1), (p2, low2, high2) = first, second
    below = np.hypot(p1 - low1, high2 - p2)
    above = np.hypot(high1 - p1, p2 - low2)
    return float(p1 - p2 - below), float(p1 - p2 + above)


def effective_size(weights):
    """Return how many equally weighted samples carry as much as these (Kish, 1965)."""
    squares = np.sum(np.square(weights))
    return float(np.sum(weights) ** 2 / squares) if squares > 0 else 0.0


def expected_calibration_error(correct, confidence, *, sample_weight=None, n_bins=15):
    """Compute the expected calibration error over equal-width bins.

    Parameters
    ----------
    correct : ndarray of shape (n_samples,), dtype bool
        Whether the most probable class is the true one.
    confidence : ndarray of shape (n_samples,), dtype float
        Probability of the most probable class, 0 to 1.
    sample_weight : ndarray of shape (n_samples,), default=None
        Sample weights.
    n_bins : int, default=15
        Number of bins of equal width between 0 and 1; each holds its upper edge.

    Returns
    -------
    float
        Mean distance between confidence and accuracy, weighted by the bins' sizes, 0 to 1.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017.
    """
    weights = np.ones(len(correct)) if sample_weight is None else np.asarray(sample_weight)
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    surplus = np.bincount(bins, weights * (correct - confidence), minlength=n_bins)
    return float(np.abs(surplus).sum() / weights.sum())


def selective_accuracy(correct, confidence):
    """Compute accuracy and coverage for each threshold from which on faces are answered.

    Parameters
    ----------
    correct : ndarray of shape (n_samples,), dtype bool
        Whether the most probable class is the true one.
    confidence : ndarray of shape (n_samples,), dtype float
        Probability of the most probable class, 0 to 1.

    Returns
    -------
    coverage, accuracy, threshold : ndarray of shape (n_thresholds,)
        Share answered, ascending up to 1; share of right answers among them; the lowest
        confidence answered, descending: each distinct one.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    # Faces of equal confidence are answered together: no threshold tells them apart.
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    answered = last + 1
    right = np.cumsum(correct[order])[last]
    return answered / len(correct), right / answered, ranked[last]


def most_frequent_confusions(y_true, y_pred, labels, *, sample_weight=None, n_confusions=5):
    """List the pairs of labels that are most often taken for each other.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_samples,)
        True and predicted labels.
    labels : sequence
        Labels among which to look; ties are listed in this order.
    sample_weight : ndarray of shape (n_samples,), default=None
        Sample weights.
    n_confusions : int, default=5
        Greatest number of pairs.

    Returns
    -------
    list of tuple (true label, predicted label, count, support)
        Most frequent pair first; pairs that never occur are left out.
    """
    if len({*y_true, *y_pred}) < 2:
        return []
    everything = [*labels, *sorted({*y_true, *y_pred} - set(labels))]
    counts = confusion_matrix(y_true, y_pred, labels=everything, sample_weight=sample_weight)
    support = counts.sum(axis=1)
    counts = counts[: len(labels), : len(labels)].copy()
    np.fill_diagonal(counts, 0)
    ranked = np.argsort(-counts, axis=None, kind="stable")[:n_confusions]
    pairs = zip(*np.unravel_index(ranked, counts.shape), strict=True)
    return [(labels[i], labels[j], counts[i, j], support[i]) for i, j in pairs if counts[i, j] > 0]
