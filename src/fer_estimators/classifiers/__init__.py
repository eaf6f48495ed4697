"""Classifiers that learn emotions from images with Keras networks."""

import fer_estimators._backends  # noqa: F401  Keras, without the messages of its backend
from fer_estimators.classifiers._cnn import RECIPES, CNNClassifier
from fer_estimators.classifiers._heads import HEADS, pooled_head, study_head
from fer_estimators.classifiers._transfer import FineTuning, TransferClassifier

__all__ = [
    "HEADS",
    "RECIPES",
    "CNNClassifier",
    "FineTuning",
    "TransferClassifier",
    "pooled_head",
    "study_head",
]
