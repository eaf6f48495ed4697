"""Pipelines that end in our classifiers, converted by skl2onnx."""

import copy

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from fer_estimators import CNNClassifier
from fer_estimators.export import register_onnx_converters

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")


@pytest.fixture(autouse=True)
def registered():
    register_onnx_converters()


def run(model, X):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {session.get_inputs()[0].name: X})


@pytest.mark.parametrize("tta", [None, "flip"])
def test_labels_and_probabilities_are_those_of_the_classifier(fitted, faces, tta):
    clf = copy.copy(fitted).set_params(tta=tta)
    X = faces.images.astype(np.float32)
    model = skl2onnx.to_onnx(clf, X[:1], options={"zipmap": False})
    labels, probabilities = run(model, X)
    assert labels.tolist() == clf.predict(X).tolist()
    np.testing.assert_allclose(probabilities, clf.predict_proba(X), atol=1e-4)


def test_a_pipeline_on_flat_rows_is_converted(faces):
    y = np.unique(faces.target, return_inverse=True)[1]
    X = faces.data.astype(np.float32)
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, image_shape=(16, 16), random_state=0)
    pipeline = Pipeline([("same", FunctionTransformer()), ("clf", clf)]).fit(X, y)
    model = skl2onnx.to_onnx(pipeline, X[:1], options={id(clf): {"zipmap": False}})
    labels, probabilities = run(model, X)
    assert labels.tolist() == pipeline.predict(X).tolist()
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(X), atol=1e-4)


def test_too_old_an_operator_set_is_refused(fitted, faces):
    with pytest.raises(ValueError, match="target_opset=18 or more"):
        skl2onnx.to_onnx(fitted, faces.images[:1].astype(np.float32), target_opset=12)


def test_images_of_another_size_are_refused(fitted):
    from skl2onnx.common.data_types import FloatTensorType

    model = skl2onnx.to_onnx(fitted, initial_types=[("X", FloatTensorType([None, None]))])
    assert run(model, np.zeros((3, 256), np.float32))[0].shape == (3,)
    with pytest.raises(Exception, match="cannot be reshaped"):
        run(model, np.zeros((3, 512), np.float32))


def test_another_backend_than_tensorflow_is_refused(fitted, faces, monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(ImportError, match="needs Keras on TensorFlow, but it runs on 'jax'"):
        skl2onnx.to_onnx(fitted, faces.images[:1].astype(np.float32))
