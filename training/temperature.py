"""Fit the temperature at which a network's probabilities can be taken at their word, and judge it.

Labels are shares of the classes: of votes where several people voted, else a one for the label.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.model_selection import StratifiedKFold

from fer_estimators._views import VIEWS
from fer_estimators.evaluation import vote_scores


def label_shares(clf, val):
    """Return what people saw in each face, of shape (n, n_classes), in the order of the classes."""
    if "soft_labels" in val:
        return val.soft_labels.reindex(columns=clf.classes_, fill_value=0).to_numpy()
    return np.eye(len(clf.classes_))[np.searchsorted(clf.classes_, val.target)]


def log_probabilities(clf, images):
    """Return those of each view of the images, of shape (n_views, n, n_classes)."""
    tta = clf.tta
    clf.set_params(tta=None)
    views = [images[..., None]] if tta is None else VIEWS[tta](images[..., None])
    logits = np.log([clf.predict_proba(view) for view in views])
    clf.set_params(tta=tta)
    return logits


def fit_temperature(logits, shares):
    """Find the number that the network's logits must be divided by to be true [1]_.

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
    """Measure each half with the temperature of the other; return the error of all, and of each."""
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
