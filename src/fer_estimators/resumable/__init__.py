"""Fits that are kept in a folder, so that a search that died resumes where it was."""

from fer_estimators.resumable._classifier import ResumableClassifier
from fer_estimators.resumable._kept_fits import KeptFit, clear_fits, list_fits

__all__ = ["KeptFit", "ResumableClassifier", "clear_fits", "list_fits"]
