"""Whole networks, built from scratch for the images and classes that they are given.

An architecture is a function ``build(input_shape, n_classes, *, dropout=...)`` that returns an
uncompiled Keras model: images ``(height, width, channels)`` with pixels in 0..255 go in,
probabilities of the classes come out. A new one is one file and one line in
:data:`ARCHITECTURES`.
"""

import fer_estimators._backends  # noqa: F401  Keras, without the messages of its backend
from fer_estimators.architectures._compact import build_compact
from fer_estimators.architectures._output import class_probabilities
from fer_estimators.architectures._residual import build_residual, build_residual_small
from fer_estimators.architectures._residual_se import (
    build_residual_se,
    build_residual_se_small,
)
from fer_estimators.architectures._study_cnn import build_study_cnn
from fer_estimators.architectures._tiny import build_tiny

ARCHITECTURES = {
    "compact": build_compact,
    "residual": build_residual,
    "residual_se": build_residual_se,
    "residual_se_small": build_residual_se_small,
    "residual_small": build_residual_small,
    "study_cnn": build_study_cnn,
    "tiny": build_tiny,
}

__all__ = [
    "ARCHITECTURES",
    "build_compact",
    "build_residual",
    "build_residual_se",
    "build_residual_se_small",
    "build_residual_small",
    "build_study_cnn",
    "build_tiny",
    "class_probabilities",
]
