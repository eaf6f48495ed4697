"""A fitted network and its file."""

import json
from functools import partial

import fuzz_model_files as fuzz
import keras
import pytest

from fer_estimators import CNNClassifier, TransferClassifier
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
    """Write a file like the good one, but for one member, with checksums to match."""

    def change(name, edit):
        members = fuzz.read_members(good.read_bytes())
        if name.endswith(".json"):
            content = json.loads(members[name])
            edit(content)
            members[name] = json.dumps(content).encode()
        else:
            members[name] = edit(members[name])
        path = tmp_path / "changed.fer"
        members = members if name == "manifest.json" else fuzz.sign(members)
        path.write_bytes(fuzz.write_members(members))
        return path

    return change


@pytest.fixture
def like(fitted):
    """Make a classifier with other parameters that shares what `fitted` learned."""

    def make(cls=CNNClassifier, **params):
        learned = {k: v for k, v in vars(fitted).items() if k not in fitted.get_params()}
        own = {"architecture": "tiny"} if cls is CNNClassifier else {}
        clf = cls(**{**SMALL, **own, **params})
        vars(clf).update(learned)
        return clf

    return make
