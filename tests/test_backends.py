"""The core of the library, on whichever backend KERAS_BACKEND names."""

import os
import pickle
import random
import signal
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from fer_estimators import (
    BackboneFeatures,
    CNNClassifier,
    EmotionRecognizer,
    ExportedClassifier,
    TransferClassifier,
    export_classifier,
    load,
    make_faces,
    save,
)
from fer_estimators.architectures import build_compact
from fer_estimators.backbones import Backbone
from fer_estimators.classifiers import _checkpoint, pooled_head
from fer_estimators.classifiers._data import TrainingData
from fer_estimators.exceptions import CheckpointError

SMALL = {"augmentation": None, "epochs": 1, "batch_size": 32, "random_state": 0}

WITH_DROPOUT = {
    CNNClassifier: {"architecture": partial(build_compact, dropout=0.2)},
    TransferClassifier: {"head": partial(pooled_head, dropout=0.2)},
}


@pytest.fixture(params=["cnn", "transfer"])
def clf(request):
    if request.param == "cnn":
        return CNNClassifier("compact", **SMALL)
    return TransferClassifier("mobilenet_025", weights=None, image_size=32, **SMALL)


def equal_weights(a, b):
    pairs = zip(a.model_.get_weights(), b.model_.get_weights(), strict=True)
    return all(np.array_equal(first, second) for first, second in pairs)


def test_fits_and_predicts(clf, faces):
    clf.set_params(class_weight="balanced", augmentation="standard").fit(faces.images, faces.target)
    assert set(clf.history_) >= {"loss", "val_accuracy", "learning_rate"}
    probabilities = clf.predict_proba(faces.images[:5])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert clf.predict_proba(faces.images[:1]).shape == (1, 7)
    assert set(clf.predict(faces.images)) <= set(faces.target_names)


def test_the_fast_path_of_prediction_changes_no_result(clf, faces):
    clf.fit(faces.images, faces.target)
    pixels = faces.images[..., np.newaxis].astype("float32")
    plain = keras.ops.convert_to_numpy(clf.model_(pixels, training=False))
    np.testing.assert_allclose(clf.predict_proba(faces.images), plain, atol=1e-5)


def test_the_order_of_bytes_makes_no_difference(faces):
    pixels = faces.images.astype("float32")
    clf = CNNClassifier("tiny", **SMALL).fit(pixels.astype(">f4"), faces.target)
    assert equal_weights(clf, clone(clf).fit(pixels, faces.target))
    swapped = clf.predict_proba(pixels.astype(">f4"))
    assert np.array_equal(swapped, clf.predict_proba(pixels))


@pytest.mark.parametrize("dtype", ["uint16", "uint64", "int64"])
def test_pixels_may_be_integers_of_any_length(dtype, faces):
    clf = CNNClassifier("tiny", **SMALL).fit(faces.images.astype(dtype), faces.target)
    assert equal_weights(clf, clone(clf).fit(faces.images, faces.target))


def test_same_seed_same_model_and_global_state_untouched(clf, faces):
    random.seed(5)
    before = random.getstate()
    first = clf.set_params(**WITH_DROPOUT[type(clf)]).fit(faces.images, faces.target)
    assert random.getstate() == before
    second = pickle.loads(pickle.dumps(first)).fit(faces.images, faces.target)
    assert equal_weights(first, second)


def test_pickles_predict_equal_to_the_bit(clf, faces):
    clf.fit(faces.images, faces.target)
    copied = pickle.loads(pickle.dumps(clf))
    assert np.array_equal(copied.predict_proba(faces.images), clf.predict_proba(faces.images))


def test_files_predict_equal_to_the_bit(clf, faces, tmp_path):
    clf.fit(faces.images, faces.target)
    save(clf, tmp_path / "clf.fer")
    loaded = load(tmp_path / "clf.fer")
    assert np.array_equal(loaded.predict_proba(faces.images), clf.predict_proba(faces.images))


class Interrupt(keras.callbacks.Callback):
    """Press Ctrl-C in an epoch, without a look at the model."""

    def __init__(self, epoch=1):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == self.at and batch == 1:
            signal.raise_signal(signal.SIGINT)


def test_an_interrupted_run_resumes_from_its_checkpoint(faces, tmp_path):
    clf = CNNClassifier("tiny", **{**SMALL, "epochs": 2, "augmentation": "strong"})
    expected = clone(clf).fit(faces.images, faces.target)
    clf.set_params(callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    assert clf.interrupted_
    assert clf.predict(faces.images[:2]).shape == (2,)
    resumed = clf.set_params(callbacks=None).fit(faces.images, faces.target, checkpoint=tmp_path)
    assert resumed.history_ == expected.history_
    assert equal_weights(resumed, expected)


def tiny_network(include_top, weights, input_shape):
    """Stand in for a network of keras.applications."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, strides=4, activation="relu", name="conv1")(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    return keras.Model(inputs, keras.layers.Conv2D(6, 3, padding="same", name="conv2")(x))


def to_unit(images):
    """Scale pixels to 0..1."""
    return images / 255


# Dropout, augmentation, and a stop in either phase.
def test_a_training_stopped_twice_ends_as_one_that_was_not(faces, tmp_path):
    clf = TransferClassifier(
        Backbone("tiny", tiny_network, to_unit, 8, "none"),
        **{**SMALL, "augmentation": "standard", "epochs": 2},
        weights=None,
        head=partial(pooled_head, dropout=0.2),
        optimizer="adamw",
        fine_tuning=(1, 2),
    )
    X, y = faces.images[:70], faces.target[:70]
    expected = clone(clf).fit(X, y)
    for epoch in (1, 3):
        clf = clone(clf).set_params(callbacks=[Interrupt(epoch)])
        with pytest.raises(KeyboardInterrupt):
            clf.fit(X, y, checkpoint=tmp_path)
    resumed = clone(clf).set_params(callbacks=None).fit(X, y, checkpoint=tmp_path)
    assert resumed.history_ == expected.history_
    assert equal_weights(resumed, expected)


def test_a_checkpoint_of_another_backend_is_refused(faces, tmp_path, monkeypatch):
    clf = CNNClassifier("tiny", **SMALL)
    with monkeypatch.context() as patch:
        patch.setattr(_checkpoint.keras.backend, "backend", lambda: "another")
        codes = np.zeros(140, dtype=np.int64)
        data = TrainingData(faces.images[..., np.newaxis], codes, np.unique(faces.target))
        described = _checkpoint.fingerprint(clf, data)
    with _checkpoint.open_checkpoint(tmp_path, described) as checkpoint:
        checkpoint.write({}, {})
    with pytest.raises(CheckpointError, match=r"Keras' backend.*changed"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)


def test_fine_tunes(faces):
    clf = TransferClassifier("mobilenet_025", weights=None, image_size=32, **SMALL)
    clf.set_params(fine_tuning=(1, 1))
    assert clf.fit(faces.images[:56], faces.target[:56]).n_epochs_ == 2


def test_searches(faces):
    search = GridSearchCV(CNNClassifier("tiny", **SMALL), {"learning_rate": [1e-3, 1e-2]}, cv=2)
    assert search.fit(faces.images, faces.target).best_estimator_.n_epochs_ == 1


def test_features_go_into_a_pipeline(faces):
    features = BackboneFeatures("mobilenet_025", weights=None, image_size=32, random_state=0)
    pipeline = make_pipeline(features, LogisticRegression())
    assert pipeline.fit(faces.images, faces.target).predict(faces.images).shape == (140,)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="needs another backend")
def test_tensorflow_is_not_imported():
    assert "tensorflow" not in sys.modules


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="exports")
def test_exports_say_that_they_need_tensorflow(faces, tmp_path):
    clf = CNNClassifier("tiny", **SMALL).fit(faces.images, faces.target)
    with pytest.raises(ImportError, match="KERAS_BACKEND=tensorflow"):
        export_classifier(clf, tmp_path / "faces")


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="exports by itself")
def test_saved_networks_are_exported_on_tensorflow(faces, tmp_path):
    clf = CNNClassifier("tiny", **SMALL).fit(faces.images, faces.target)
    save(clf, tmp_path / "faces.fer")
    code = (
        "import sys; from fer_estimators import export_classifier, load\n"
        "for format in ('litert', 'onnx'):\n"
        "    export_classifier(load(sys.argv[1]), f'{sys.argv[1]}.{format}', format=format)"
    )
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "faces.fer"],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        check=True,
    )
    expected = clf.predict_proba(faces.images)
    for format in ("litert", "onnx"):
        exported = ExportedClassifier(tmp_path / f"faces.fer.{format}")
        np.testing.assert_allclose(exported.predict_proba(faces.images), expected, atol=1e-4)


def test_exported_classifiers_run_beside_any_backend():
    clf = ExportedClassifier.from_pretrained("fer2013-compact")
    assert clf.predict(make_faces(3, random_state=0).images).shape == (3,)


def test_faces_are_found_with_any_backend():
    photo = np.full((480, 640), 128, dtype=np.uint8)
    photo[100:240, 200:340] = make_faces(1, image_size=140, random_state=0).images[0]
    (face,) = EmotionRecognizer().recognize(photo)
    np.testing.assert_allclose(face.box, (213, 136, 103, 103), atol=10)
