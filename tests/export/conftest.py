"""One small network, fitted once, and its exported files."""

import pytest

from fer_estimators import CNNClassifier
from fer_estimators.export import export_classifier


@pytest.fixture(scope="session")
def fitted(faces):
    """Fit a small network well enough to tell the emotions apart; not to be changed."""
    clf = CNNClassifier(
        "tiny",
        augmentation=None,
        epochs=30,
        learning_rate=0.01,
        validation_fraction=None,
        random_state=0,
    )
    return clf.fit(faces.images, faces.target)


@pytest.fixture(scope="session")
def litert_file(fitted, tmp_path_factory):
    """Export the network to LiteRT."""
    path = tmp_path_factory.mktemp("litert") / "faces.tflite"
    return export_classifier(fitted, path, card="# Faces", licence="MIT").path


@pytest.fixture(scope="session")
def onnx_file(fitted, tmp_path_factory):
    """Export the network to ONNX."""
    path = tmp_path_factory.mktemp("onnx") / "faces.onnx"
    return export_classifier(fitted, path, format="onnx", card="# Faces", licence="MIT").path


@pytest.fixture(scope="session", params=["litert", "onnx"])
def exported(request):
    """Export the network to each format that ExportedClassifier runs."""
    return request.getfixturevalue(f"{request.param}_file")
