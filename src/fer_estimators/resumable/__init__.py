"""Keep fits in a folder, so that an interrupted search can be resumed."""

from fer_estimators.resumable._classifier import ResumableClassifier
from fer_estimators.resumable._kept_fits import KeptFit, clear_fits, list_fits

__all__ = ["KeptFit", "ResumableClassifier", "clear_fits", "list_fits"]
