"""Labels in one dimension."""

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import column_or_1d

from fer_estimators._messages import warn


def flatten_labels(y):
    """Return labels in one dimension, with scikit-learn's warning where they were a column.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, 1)

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If `y` has another shape.
    """
    if np.ndim(y) == 2 and np.shape(y)[1] == 1:
        # scikit-learn's own words, for which its tools look; from there, it would blame this line.
        warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape "
            "of y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
        )
    return column_or_1d(y)
