"""Build the frozen part of a backbone from all that it depends on, once in a process."""

from dataclasses import dataclass, field, fields, replace
from functools import partial
from math import prod
from pathlib import Path
from threading import RLock
from typing import Any

import keras
from keras import layers

from fer_estimators._backends.device import device_scope
from fer_estimators._backends.inference import compile_inference
from fer_estimators._backends.process_state import dtype_policy, isolated_random_state
from fer_estimators._files.kinds import file_digest
from fer_estimators._messages import suggest
from fer_estimators.backbones import Backbone

#: What becomes of a map of features.
POOLING = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}

#: Held while a network is built: Keras' settings and random state are the whole process's.
BUILDING = RLock()
_latest = None


@dataclass(frozen=True)
class Recipe:
    """All that features depend on besides the images.

    `content` is a digest of what the backbone computes: its functions may change under their
    names, those of a library with its version. `weights` is "imagenet", the SHA-256 digest of a
    weights file, or None for random ones, which depend on `seed` and on `software`, the backend and
    version of Keras. `weights_path`, where that file was, is not part of the identity.
    `image_size` (height, width) is the size to which the graph resizes images of `input_shape`
    (height, width, channels); `layer` None stands for the last layer.
    """

    backbone: Backbone
    content: str
    weights: str | None
    weights_path: str | None = field(compare=False)
    layer: str | None
    pooling: str | None
    image_size: tuple | None
    input_shape: tuple
    dtype_policy: str
    seed: int | None
    software: tuple = field(default_factory=lambda: (keras.backend.backend(), keras.__version__))

    def key(self):
        """Return names and numbers that identify a recipe."""
        compared = [item.name for item in fields(self) if item.compare]
        return tuple(getattr(self, name) for name in compared if name != "backbone")


@dataclass(frozen=True)
class FrozenNetwork:
    """A built network: its recipe and device, the model, and a compiled call of it."""

    made_for: tuple
    model: keras.Model
    infer: Any

    @property
    def n_features(self):
        """Number of features of an image."""
        return prod(self.model.output_shape[1:])


def digest_weights(path):
    """Return the SHA-256 digest of a file, or the path itself where there is none."""
    return file_digest(path) if Path(path).is_file() else path


def get_network(recipe, device, carried=None):
    """Build a network, or return the one built last in this process if it is the same.

    Frozen networks never change, so that all estimators can share one. A search over what follows
    the features would otherwise spend its time on building the same network again and again.
    `carried` are weights that were pickled; None takes them from where the recipe says.

    Raises ValueError if the backbone has no such layer or its weights file has changed, and
    WeightsNotFoundError if the weights cannot be found or downloaded.
    """
    global _latest
    with BUILDING:
        if _latest is None or _latest.made_for != (recipe, device):
            with device_scope(device):
                model = _build(recipe, carried)
            _latest = FrozenNetwork((recipe, device), model, compile_inference(model))
        return _latest


def _build(recipe, carried):
    if carried is None:
        _check_unchanged(recipe)
    backbone = recipe.backbone
    if recipe.layer is not None:
        backbone = replace(backbone, builder=partial(_cut_at, recipe.layer, backbone.builder))
    weights = recipe.weights_path or recipe.weights
    with isolated_random_state(recipe.seed or 0), dtype_policy(recipe.dtype_policy):
        inputs, features, network = backbone.build(
            recipe.input_shape,
            weights=weights if carried is None else None,
            image_size=recipe.image_size,
        )
        if recipe.layer is not None:
            _check_layer(recipe, network)
        model = keras.Model(inputs, _flatten(features, recipe), name=f"{backbone.name}_features")
    if carried is not None:
        model.set_weights(carried)
    return model


def _cut_at(layer, builder, **arguments):
    """Build a network that ends at a layer."""
    network = builder(**arguments)
    if layer not in _layer_names(network):
        # Not raised here, where it would be taken for a fault of the weights.
        return network
    return keras.Model(network.input, network.get_layer(layer).output, name=network.name)


def _check_layer(recipe, network):
    names = _layer_names(network)
    if recipe.layer in names:
        return
    raise ValueError(
        f"layer={recipe.layer!r} is not a layer of {recipe.backbone.name!r}; expected one of "
        f"{names}, or None for the last.{suggest(recipe.layer, names)}"
    )


def _layer_names(network):
    return [layer.name for layer in network.layers if not isinstance(layer, layers.InputLayer)]


def _flatten(features, recipe):
    """Bring a map of features to one row for each image, in full precision."""
    dtype = "float64" if recipe.dtype_policy == "float64" else "float32"
    if recipe.pooling is not None and len(features.shape) == 4:
        return POOLING[recipe.pooling](dtype=dtype, name="pooling")(features)
    return layers.Flatten(dtype=dtype, name="flatten")(features)


def _check_unchanged(recipe):
    path = recipe.weights_path
    if path is not None and digest_weights(path) not in (recipe.weights, path):
        raise ValueError(
            f"The weights file {path!r} has changed since BackboneFeatures was fitted with it (its "
            f"SHA-256 digest was {recipe.weights[:12]}...). Fit again, or restore the file."
        )
