"""The two classifiers with the smallest possible networks."""

from functools import partial

import keras
import pytest

from fer_estimators import CNNClassifier, TransferClassifier
from fer_estimators.architectures import build_tiny
from fer_estimators.backbones import Backbone
from fer_estimators.classifiers import pooled_head


def tiny_network(include_top, weights, input_shape):
    """Stand in for a network of keras.applications."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, strides=4, activation="relu", name="conv1")(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="conv2")(x)
    model = keras.Model(inputs, x, name="tiny_network")
    if weights is not None:
        model.load_weights(weights)
    return model


def to_unit(images):
    """Scale pixels to 0..1."""
    return images / 255


TINY_BACKBONE = Backbone("tiny_backbone", tiny_network, to_unit, 8, "none")

# Tracing the graph of the augmentation takes longer than training.
SMALL = {"augmentation": None, "epochs": 1, "random_state": 0}


def make_cnn(**params):
    """Make a CNNClassifier that trains in a moment."""
    return CNNClassifier(**{"architecture": "tiny", **SMALL, **params})


def make_transfer(**params):
    """Make a TransferClassifier that trains in a moment."""
    return TransferClassifier(**{"backbone": TINY_BACKBONE, "weights": None, **SMALL, **params})


@pytest.fixture
def cnn():
    """Make a small CNNClassifier with the given parameters."""
    return make_cnn


@pytest.fixture
def transfer():
    """Make a small TransferClassifier with the given parameters."""
    return make_transfer


@pytest.fixture(params=[make_cnn, make_transfer], ids=["cnn", "transfer"])
def make(request):
    """Make either classifier with the given parameters."""
    return request.param


@pytest.fixture
def with_dropout(make):
    """Return the parameters that let what `make` makes drop activations in training."""
    if make is make_cnn:
        return {"architecture": partial(build_tiny, dropout=0.3)}
    return {"head": partial(pooled_head, dropout=0.3)}


@pytest.fixture(scope="session")
def fitted(faces):
    """Fit a small network well enough to tell the emotions apart; not to be changed."""
    clf = make_cnn(epochs=30, learning_rate=0.01, batch_size=32, validation_fraction=None)
    return clf.fit(faces.images, faces.target)
