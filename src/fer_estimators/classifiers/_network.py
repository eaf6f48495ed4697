"""Check a network, and store and restore it in pickles, copies and model files.

The graph is not stored. It is built again from the parameters, so only names, numbers and weights
are stored, and custom layers need no registration with Keras.
"""

import math
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from inspect import signature
from os import PathLike
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from fer_estimators._backends.device import device_scope, same_device_here
from fer_estimators._backends.inference import compile_inference
from fer_estimators._backends.process_state import (
    dtype_policy,
    is_broken_fork,
    isolated_random_state,
    refuse_broken_fork,
)
from fer_estimators._compat import flatten_layers
from fer_estimators._fingerprint import describe
from fer_estimators._messages import warn
from fer_estimators._probabilities import check_probabilities

# Attributes that belong to the network in this process: neither pickled nor saved.
REBUILT = ("_compiled", "_trainer")
# Parameters that determine the network, and the weights with which it begins.
_NETWORK_PARAMETERS = ("architecture", "backbone", "weights", "head", "image_size", "dtype_policy")
_VERSION = "_fer_estimators_version"
#: Largest output of one layer for one image, in numbers: 512 MiB in float32. VGG16 on images of
#: 1024 pixels needs half of it.
MAX_OUTPUT = 2**27
# Keras numbers unnamed layers, starting again in each process.
_AUTOMATIC_NUMBER = re.compile(r"_\d+(?=/|$)")


class NetworkState:
    """Store and restore the network of a fitted classifier."""

    model_: keras.Model
    # A network and its compiled function.
    _compiled: tuple[keras.Model | None, Callable] | None = None

    def _infer(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Run `model_`, even if it was replaced after the fit."""
        network = getattr(self, "model_", None)
        if self._compiled is None or self._compiled[0] is not network:
            # Behind a ReLU, NaN gives one finite answer for every image.
            _refuse_ruined_weights(network)
            self._compiled = network, compile_inference(network)
        return self._compiled[1](batch)

    def _record_network(self, network: keras.Model, built_with: dict[str, Any]) -> None:
        """Record the parameters and weights of a network, which later changes do not affect."""
        self._built_with = built_with
        self._built = _describe_weights(network)

    def _network_parameters(self):
        # By attributes: a subclass may show fewer parameters.
        return {name: getattr(self, name) for name in _NETWORK_PARAMETERS if hasattr(self, name)}

    def _changes_since_built(self) -> dict[str, str]:
        """Describe, by name, the parameters with which the network was not built."""
        return {
            name: f"{name}={getattr(self, name)!r:.60} (the network was built with {value!r:.60})"
            for name, value in self._built_with.items()
            if getattr(self, name) != value and not _are_alike(getattr(self, name), value)
        }

    def _sample_answer(self) -> NDArray[Any]:
        """Return the probabilities for one fixed image, which identify the network.

        Raises ValueError if the network needs too much memory, or does not return probabilities.
        """
        large = _find_large_output(self.model_)
        if large:
            raise ValueError(
                f"a layer gives {large} numbers for one image of {self.image_shape_}, more than "
                f"{MAX_OUTPUT:,}"
            )
        # A ramp, modulo 256.
        image = (np.arange(np.prod(self.image_shape_)) * 7 % 256).astype(np.uint8)
        with device_scope(self.device_):
            answer = self._infer(image.reshape(1, *self.image_shape_))
        check_probabilities(answer)
        return answer[0]

    def _network_weights(self) -> dict[str, NDArray[Any]]:
        """Return the weights by name, in the order of the network.

        Raises ValueError if `model_` is not the network that :meth:`fit` built.
        """
        network = self.model_
        if _describe_weights(network) != self._built:
            raise ValueError(
                "model_ is not the network that fit built, so it cannot be built again from the "
                "parameters. Keep it with Keras: `model_.save(...)`."
            )
        pairs = zip(network.weights, network.get_weights(), strict=True)
        return {f"{index:05d} {weight.path}": value for index, (weight, value) in enumerate(pairs)}

    def _trainable_layers(self) -> list[bool]:
        """Tell which layers are trainable; after fine-tuning, not all are."""
        return [layer.trainable for layer in flatten_layers(self.model_)]

    def _restore_network(self, weights: Mapping[str, NDArray[Any]], trainable: list[bool]) -> Self:
        """Build the network again and set its weights, of which those of float32 may be float16.

        For a named architecture, no memory is allocated before the weights are known to match.
        Raises ValueError if they do not match the network that the parameters describe.
        """
        self.device_ = same_device_here(self.device_)
        # Parameters may have been set since the network was built.
        built_with = getattr(self, "_built_with", None) or self._network_parameters()
        network = self._rebuild(weights, built_with)
        layers = flatten_layers(network)
        if len(trainable) != len(layers):
            raise ValueError(f"{len(trainable)} layers, but the network has {len(layers)}")
        # A model sets this attribute of its layers, which come after it in the list.
        for layer, value in zip(layers, trainable, strict=True):
            layer.trainable = value
        self._record_network(network, built_with)
        self.model_ = network
        return self

    def _network_in_single_precision(self) -> keras.Model:
        """Return `model_` itself, or one that computes in float32 with the same weights.

        Raises ValueError if `model_` computes in another precision and is not the network that
        :meth:`fit` built.
        """
        if all(layer.compute_dtype == "float32" for layer in flatten_layers(self.model_)):
            return self.model_
        weights = {
            name: value.astype(np.float32) if value.dtype.kind == "f" else value
            for name, value in self._network_weights().items()
        }
        return self._rebuild(weights, self._built_with | {"dtype_policy": "float32"})

    def _rebuild(self, weights, built_with):
        # Keras keeps a list of uninitialised variables for each thread. In a separate thread, later
        # code cannot find and allocate them after an error.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._rebuild_here, weights, built_with).result()

    def _rebuild_here(self, weights, built_with):
        builder = object.__new__(type(self))
        # Avoid downloading or reading weights that are replaced.
        vars(builder).update(vars(self) | built_with | {"weights": None})
        # A user's function may need the values of the variables.
        named = all(isinstance(value, _PLAIN) for value in built_with.values())
        with (
            device_scope(self.device_),
            isolated_random_state(self._seed),
            dtype_policy(builder.dtype_policy),
        ):
            with _memory_for_weights_deferred() if named else nullcontext():
                network = builder._build_network(self.image_shape_, len(self.classes_))
                if not named:
                    network = check_network(network, self.image_shape_, len(self.classes_))
                _check_weights(network, weights)
            network.set_weights(list(weights.values()))
        return network

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state[_VERSION] = version("fer-estimators")
        if "model_" in state:
            state["model_"] = (self._network_weights(), self._trainable_layers())
            for name in REBUILT:
                state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        written_by = state.pop(_VERSION, "0.1.0")
        network = state.pop("model_", None)
        if isinstance(network, dict):
            raise ValueError(
                f"This {type(self).__name__} was pickled by fer-estimators {written_by}, whose "
                f"networks version {version('fer-estimators')} cannot read. Unpickle it with that "
                "version, or train again; `fer_estimators.save` writes files that later versions "
                "read."
            )
        _fill_in(type(self), state, written_by)
        super().__setstate__(state)
        if network is not None and is_broken_fork():
            # An error here would end a worker process while its pool waits for it.
            self._compiled = None, _refuse
        elif network is not None:
            self._restore_network(*network)


def _are_alike(value, other):
    try:
        return describe(value) == describe(other)
    except TypeError:  # nobody can tell
        return False


def _refuse(batch):
    refuse_broken_fork()


_PLAIN = (str, int, float, tuple, list, PathLike, type(None))


def _fill_in(cls, state, written_by):
    """Set parameters that were added since to their defaults."""
    defaults = {name: p.default for name, p in signature(cls).parameters.items()}
    missing = {name: default for name, default in defaults.items() if name not in state}
    state.update(missing)
    if written_by != version("fer-estimators"):
        gained = f" Parameters added since have their defaults: {missing}." if missing else ""
        warn(
            f"This {cls.__name__} was pickled by fer-estimators {written_by}, and this is "
            f"{version('fer-estimators')}.{gained} `fer_estimators.save` writes files for other "
            "versions."
        )


@contextmanager
def _memory_for_weights_deferred():
    with keras.StatelessScope(initialize_variables=False):
        yield
    with keras.StatelessScope():
        # On leaving this scope, Keras initialises the variables, whose sizes are now known.
        pass


def _find_large_output(model):
    """Return the shape of a layer's output that needs too much memory, or None."""
    for operation in getattr(model, "operations", ()):
        if isinstance(operation, keras.Model) and (found := _find_large_output(operation)):
            return found
        for output in keras.tree.flatten(operation.output):
            if math.prod(output.shape[1:]) > MAX_OUTPUT:
                return output.shape[1:]
    return None


def _check_weights(network, weights):
    """Compare names, shapes and dtypes of the weights with those of a network."""
    needed = _describe_weights(network)
    given = [
        (_fixed_name(name.partition(" ")[2]), array.shape, array.dtype.name)
        for name, array in weights.items()
    ]
    if len(given) != len(needed):
        raise ValueError(f"{len(given)} weights, but the network has {len(needed)}")
    for have, need in zip(given, needed, strict=True):
        halved = have == (*need[:2], "float16") and need[2] == "float32"
        if have != need and not halved:
            raise ValueError(f"weights {have}, but the network has {need}")


def _describe_weights(network):
    return [(_fixed_name(w.path), tuple(w.shape), w.dtype) for w in network.weights]


def _fixed_name(path):
    return _AUTOMATIC_NUMBER.sub("", path)


def check_network(
    network: keras.Model, image_shape: tuple[int, ...], n_classes: int
) -> keras.Model:
    """Check what an architecture returned, and that its output does not depend on how it is called.

    Return the network, or a functional model around one of another kind. Raises TypeError if it is
    not a model, and ValueError if it does not return one number for each class, changes images at
    random by default, or has weights that are not finite.
    """
    if not isinstance(network, keras.Model):
        raise TypeError(
            f"The architecture returned {network!r} of type {type(network).__name__}, but a Keras "
            "model is expected. End the function with `return keras.Model(inputs, outputs)`."
        )
    inputs = keras.Input(image_shape, name="images")
    outputs = network(inputs)
    shape = getattr(outputs, "shape", None)
    if shape != (None, n_classes):
        raise ValueError(
            f"The network's output has shape {shape}, but (None, {n_classes}) is expected: one "
            "probability for each class. Make the last layer "
            f"`Dense({n_classes}, activation='softmax')`."
        )
    _refuse_random_changes(network)
    _refuse_ruined_weights(network)
    if isinstance(network, keras.Sequential):
        # Its own layers, rather than itself as one layer of another network.
        inputs, outputs = network.inputs, network.outputs[0]
    functional = keras.Model(inputs, outputs, name=network.name)
    return network if isinstance(network, type(functional)) else functional


# Keras derives these from random layers, so they have the same arguments.
_NOT_RANDOM = (keras.layers.CenterCrop, keras.layers.Resizing)


def _refuse_random_changes(network):
    """Refuse layers such as RandomFlip, which put the whole network into training mode.

    Keras does this whenever the network is called without ``training=False``, even in exports.
    """
    active = [
        layer.name
        for layer in flatten_layers(network)
        if "training" in (found := signature(layer.call).parameters)
        and found["training"].default is True
        and not isinstance(layer, _NOT_RANDOM)
    ]
    if active:
        raise ValueError(
            f"The network's layers {active} change images at random by default, so its "
            "predictions would depend on how it is called. Leave them out of the architecture, and "
            "pass a function that returns them as `augmentation`."
        )


def _refuse_ruined_weights(network):
    ruined = [
        weight.path
        for weight, values in zip(network.weights, network.get_weights(), strict=True)
        if not np.isfinite(values).all()
    ]
    if ruined:
        raise ValueError(
            f"{len(ruined)} of the network's weights hold NaN or infinity, the first is "
            f"{ruined[0]!r}, so its predictions would be meaningless. Check the initialisers, or "
            "where the weights come from."
        )
