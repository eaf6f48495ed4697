"""Fit the temperature that calibrates a network's probabilities, and measure the result.

Labels are given as a share for each class: the shares of the votes where several people voted, and
otherwise a one for the label.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.model_selection import StratifiedKFold

from fer_estimators._views import VIEWS
from fer_estimators.evaluation import vote_scores


def label_shares(clf, val):
    """Return the share of each class for each face, of shape (n, n_classes)."""
    if "soft_labels" in val:
        return val.soft_labels.reindex(columns=clf.classes_, fill_value=0).to_numpy()
    return np.eye(len(clf.classes_))[np.searchsorted(clf.classes_, val.target)]


def log_probabilities(clf, images):
    """Return the log-probabilities of each view, of shape (n_views, n, n_classes)."""
    tta = clf.tta
    clf.set_params(tta=None)
    views = [images[..., None]] if tta is None else VIEWS[tta](images[..., None])
    logits = np.log([clf.predict_proba(view) for view in views])
    clf.set_params(tta=tta)
    return logits


def fit_temperature(logits, shares):
    """Find the number by which to divide the logits for the lowest cross-entropy [1]_.

    References
    ----------
    .. [1] Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. (2017). "On calibration of modern neural
       networks." ICML.
    """
    return minimize_scalar(
        lambda temperature: _score(logits, shares, temperature)["cross_entropy"],
        bounds=(0.2, 5),
        method="bounded",
    ).x


def soften(logits, temperature):
    """Return the mean of the views' probabilities at a temperature."""
    return softmax(logits / temperature, axis=2).mean(axis=0)


def calibration_errors(logits, shares):
    """Calibrate each half with the other's temperature; return the error of all and of each."""
    codes = shares.argmax(axis=1)
    y_proba = np.empty(shares.shape)
    halves = list(StratifiedKFold(2, shuffle=True, random_state=0).split(codes, codes))
    for fitted, held_out in halves:
        temperature = fit_temperature(logits[:, fitted], shares[fitted])
        y_proba[held_out] = soften(logits[:, held_out], temperature)
    return [
        vote_scores(shares[part], y_proba[part], classes=np.arange(shares.shape[1]))[
            "expected_calibration_error"
        ]
        for part in (np.arange(len(codes)), *(held_out for _, held_out in halves))
    ]


def _score(logits, shares, temperature):
    return vote_scores(shares, soften(logits, temperature), classes=np.arange(shares.shape[1]))
