"""Warnings that point at the user's line."""

import sys
import warnings

# scikit-learn's pipelines and searches call on behalf of whoever called them.
_NOT_THE_USER = {"fer_estimators", "sklearn"}


def warn(message, category=UserWarning):
    """Warn, and name the line that called the library as the place.

    Of all calls that led here, the first one counts that went into this library or scikit-learn:
    between it and the warning may lie others, such as Keras when it calls back.

    Parameters
    ----------
    message : str
    category : type of Warning, default=UserWarning
    """
    frame, depth, stacklevel = sys._getframe(), 1, 1
    while frame is not None:
        depth += 1
        if frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_USER:
            stacklevel = depth
        frame = frame.f_back
    warnings.warn(message, category, stacklevel=stacklevel)
