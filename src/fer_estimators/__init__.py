"""scikit-learn estimators that learn facial emotions from images.

Public names resolve on first use, so that ``import fer_estimators`` and
``fer_estimators.datasets`` stay light: neither Keras nor its backend is imported before an
estimator is needed.
"""

import os
from importlib import import_module
from importlib.metadata import version

# TensorFlow's faster convolutions are its default on processors of Intel only; on those of AMD,
# training takes a third less time with them. Read when TensorFlow is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = version("fer-estimators")

# Where each public name lives; one line per name.
_PUBLIC = {
    "AbstainingClassifier": "fer_estimators.abstaining",
    "BackboneFeatures": "fer_estimators.features",
    "CNNClassifier": "fer_estimators.classifiers",
    "EmotionCountsDisplay": "fer_estimators.evaluation",
    "ExportedClassifier": "fer_estimators.export",
    "Face": "fer_estimators.faces",
    "FaceCropper": "fer_estimators.faces",
    "FaceDetector": "fer_estimators.faces",
    "EmotionRecognizer": "fer_estimators.faces",
    "EmotionTimelineDisplay": "fer_estimators.evaluation",
    "FaceGridDisplay": "fer_estimators.evaluation",
    "ImageFiles": "fer_estimators.image_files",
    "ImageReader": "fer_estimators.preprocessing",
    "ImageResizer": "fer_estimators.preprocessing",
    "ResumableClassifier": "fer_estimators.resumable",
    "RiskCoverageDisplay": "fer_estimators.evaluation",
    "SaliencyDisplay": "fer_estimators.evaluation",
    "TrainingCurvesDisplay": "fer_estimators.evaluation",
    "TransferClassifier": "fer_estimators.classifiers",
    "classification_report": "fer_estimators.evaluation",
    "export_classifier": "fer_estimators.export",
    "find_duplicates": "fer_estimators.datasets",
    "load": "fer_estimators.persistence",
    "load_fer2013": "fer_estimators.datasets",
    "load_image_folder": "fer_estimators.datasets",
    "load_pretrained": "fer_estimators.pretrained",
    "make_faces": "fer_estimators.datasets",
    "save": "fer_estimators.persistence",
    "selective_scores": "fer_estimators.evaluation",
    "show_versions": "fer_estimators._versions",
}
_SUBMODULES = (
    "abstaining",
    "architectures",
    "augmentation",
    "backbones",
    "classifiers",
    "datasets",
    "evaluation",
    "exceptions",
    "export",
    "faces",
    "features",
    "image_files",
    "images",
    "persistence",
    "preprocessing",
    "pretrained",
    "resumable",
)

__all__ = sorted([*_PUBLIC, *_SUBMODULES, "__version__"])


def __getattr__(name):
    if name in _PUBLIC:
        value = getattr(import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value
    if name in _SUBMODULES:
        return import_module(f"fer_estimators.{name}")
    raise AttributeError(f"module 'fer_estimators' has no attribute {name!r}")


def __dir__():
    return __all__
