"""The graph of a published name never changes, because model files do not contain it."""

import hashlib
import json
import re

import keras
import pytest

from fer_estimators.architectures import ARCHITECTURES
from fer_estimators.backbones import BACKBONES
from fer_estimators.classifiers._heads import HEADS

# The settings of Keras' layers that determine what a network computes from its weights.
_SETTINGS = {
    *(
        "activation",
        "axis",
        "epsilon",
        "kernel_size",
        "strides",
        "padding",
        "use_bias",
        "pool_size",
    ),
    *("scale", "offset", "units", "filters", "depth_multiplier", "negative_slope", "max_value"),
    *("threshold", "height", "width", "interpolation", "mean", "variance", "groups"),
    *("dilation_rate", "rate", "momentum", "keepdims", "crop_to_aspect_ratio", "antialias"),
}


def graph_of(model):
    """Describe a network by its layers, their settings and weights, and how they are joined.

    Keras numbers unnamed layers, starting again in each process.
    """
    names = {}
    operations = list(model.operations)
    for operation in operations:
        kind, name = type(operation).__name__, operation.name
        automatic = re.fullmatch(rf"{kind.lower()}\d*", name.replace("_", "").lower())
        names[operation] = f"{kind} {len(names)}" if automatic else name
    return [
        {
            "name": names[operation],
            "class": type(operation).__name__,
            "settings": _settings(operation),
            "weights": [
                [w.path.rpartition("/")[2], list(w.shape)]
                for w in getattr(operation, "weights", ())
                if not isinstance(operation, keras.Model)
            ],
            "inputs": [
                names[tensor._keras_history.operation]
                for tensor in keras.tree.flatten(operation.input)
                if tensor._keras_history.operation in names
            ],
            "inner": graph_of(operation) if isinstance(operation, keras.Model) else None,
        }
        for operation in operations
    ]


def _settings(operation):
    if isinstance(operation, keras.Model) or not isinstance(operation, keras.layers.Layer):
        return {}
    config = operation.get_config()
    return {name: config[name] for name in sorted(_SETTINGS & set(config))}


def digest_of(model):
    text = json.dumps(graph_of(model), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


GRAPHS = {
    "compact": "25d1e4bd0367853a",
    "residual": "f89ab29a91dd6cbe",
    "residual_se": "160c3f44ad08f323",
    "residual_se_small": "24d1e2cc671818ee",
    "residual_small": "ecc841e787fe43c6",
    "study_cnn": "9c954e56d55c9fe1",
    "tiny": "c8a3cae73ed2fd79",
    "vgg16 pooled": "db60c693f2323d49",
    "vgg16 study": "bcfe4c7356b25a5c",
    "inception_v3 pooled": "a9f211be753d348f",
    "inception_v3 study": "e3b1a84a30717186",
    "mobilenet_025 pooled": "ef2f301fb6e8a086",
    "mobilenet_025 study": "29de7bbc782a7c17",
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_graph_of_an_architecture_is_the_one_that_was_published(name):
    digest = digest_of(ARCHITECTURES[name]((48, 48, 1), 7))
    assert name in GRAPHS, f'a new architecture: add "{name}": "{digest}" to GRAPHS'
    assert digest == GRAPHS[name]


@pytest.mark.parametrize("name", ["vgg16", "inception_v3", "mobilenet_025"])
@pytest.mark.parametrize("head", HEADS)
def test_graph_of_a_backbone_is_the_one_that_was_published(name, head):
    assert digest_of(transfer_network(name, head)) == GRAPHS[f"{name} {head}"]


def transfer_network(name, head):
    backbone = BACKBONES[name]
    size = max(backbone.minimum_size, 48)
    inputs, features, _ = backbone.build((96, 96, 1), weights=None, image_size=(size, size))
    return keras.Model(inputs, HEADS[head](features, 7))


@pytest.mark.parametrize(
    "change",
    [
        {"activation": "tanh"},
        {"strides": 2},
        {"name": "other"},
        {"kernel_size": 1},
        {"use_bias": False},
    ],
    ids=str,
)
def test_a_changed_layer_changes_the_digest(change):
    def build(**options):
        inputs = keras.Input((8, 8, 1))
        options = {"kernel_size": 3, "name": "conv", **options}
        return keras.Model(inputs, keras.layers.Conv2D(4, padding="same", **options)(inputs))

    assert digest_of(build()) == digest_of(build())
    assert digest_of(build()) != digest_of(build(**change))


def test_another_connection_changes_the_digest():
    def build(first):
        inputs = keras.Input((8,))
        x = keras.layers.Dense(8, name="a")(inputs)
        y = keras.layers.Dense(8, name="b")(x)
        return keras.Model(inputs, keras.layers.Add(name="sum")([x if first else inputs, y]))

    assert digest_of(build(True)) != digest_of(build(False))
