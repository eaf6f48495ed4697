# All public names, one line each: type checkers and the lazy imports of __init__.py read them here.
from ._export_classifier import ExportReport as ExportReport
from ._export_classifier import export_classifier as export_classifier
from ._export_detector import export_detector as export_detector
from ._exported_classifier import ExportedClassifier as ExportedClassifier
from ._skl2onnx import register_onnx_converters as register_onnx_converters
