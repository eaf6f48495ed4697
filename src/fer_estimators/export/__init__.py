"""Classifiers out of the laboratory: files that run without Keras, and what runs them.

Importing this package, and running a file, imports neither Keras nor its backend.
"""

from fer_estimators.export._export_classifier import ExportReport, export_classifier
from fer_estimators.export._export_detector import export_detector
from fer_estimators.export._exported_classifier import ExportedClassifier
from fer_estimators.export._skl2onnx import register_onnx_converters

__all__ = [
    "ExportReport",
    "ExportedClassifier",
    "export_classifier",
    "export_detector",
    "register_onnx_converters",
]
