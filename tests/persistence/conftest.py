"""A fitted network and its file."""

from functools import partial

import keras
import pytest

from fer_estimators import CNNClassifier, TransferClassifier
from fer_estimators._files.weights import read_weights, write_weights
from fer_estimators.backbones import Backbone
from fer_estimators.persistence import save

SMALL = {"augmentation": None, "epochs": 1, "validation_fraction": None, "random_state": 0}


@pytest.fixture(scope="package")
def make_cnn():
    def make(**params):
        return CNNClassifier(**{"architecture": "tiny", **SMALL, **params})

    return make


@pytest.fixture
def make_transfer():
    return partial(TransferClassifier, **SMALL)


@pytest.fixture
def tiny_backbone():
    def build(include_top, weights, input_shape):
        inputs = keras.Input(input_shape)
        x = keras.layers.Conv2D(4, 3, strides=4, name="conv1")(inputs)
        x = keras.layers.BatchNormalization(name="bn")(x)
        return keras.Model(inputs, keras.layers.Conv2D(6, 3, padding="same", name="conv2")(x))

    return Backbone("tiny", build, keras.layers.Rescaling(1 / 255), 8, "none")


@pytest.fixture(scope="package")
def fitted(make_cnn, faces):
    """Not to be changed."""
    return make_cnn(validation_fraction=0.2).fit(faces.images, faces.target)


@pytest.fixture(scope="package")
def good(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "faces.fer"
    save(fitted, path)
    return path


@pytest.fixture
def changed(good, tmp_path):
    """Write a file that differs from the good one by an edit, with a matching digest."""

    def change(edit):
        arrays, metadata = read_weights(good)
        edit(arrays, metadata["estimator"])
        path = tmp_path / "changed.fer"
        write_weights(path, arrays, metadata)
        return path

    return change


@pytest.fixture
def like(fitted):
    """Make a classifier with other parameters that shares what `fitted` learned."""

    def make(cls=CNNClassifier, **params):
        learned = {k: v for k, v in vars(fitted).items() if k not in fitted.get_params()}
        clf = cls(**{"architecture": "tiny", **SMALL, **params})
        vars(clf).update(learned)
        return clf

    return make
