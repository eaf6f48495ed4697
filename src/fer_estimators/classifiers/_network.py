"""A fitted network as its weights: how classifiers go into pickles, copies and model files.

The graph is not kept. It is built again by the parameters that built it, so that nothing but
names, numbers and weights is stored, and custom layers need no registration with Keras.
"""

import math
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from importlib.metadata import version
from inspect import signature
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
from fer_estimators._messages import warn
from fer_estimators._probabilities import check_probabilities

# Neither pickled nor saved: what goes with the network in this process alone.
REBUILT = ("_compiled", "_trainer")
# Parameters that may change what the network consists of.
_NETWORK_PARAMETERS = (*("architecture", "backbone", "head", "image_size", "dtype_policy"),)
_VERSION = "_fer_estimators_version"
#: Numbers in the output of one layer for one image: 512 MiB in float32. VGG16 on images of 1024
#: pixels has half of it.
MAX_OUTPUT = 2**27
# Keras numbers the layers without names of their own, starting again in each process.
_AUTOMATIC_NUMBER = re.compile(r"_\d+(?=/|$)")


class NetworkState:
    """What of a fitted classifier can be stored, and how it comes back."""

    model_: keras.Model
    # A network and what runs it.
    _compiled: tuple[keras.Model | None, Callable] | None = None

    def _infer(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Run `model_`, also one that was put in the place of the one that was fitted."""
        network = getattr(self, "model_", None)
        if self._compiled is None or self._compiled[0] is not network:
            self._compiled = network, compile_inference(network)
        return self._compiled[1](batch)

    def _record_network(self, network: keras.Model) -> None:
        """Remember what a network was built with, whatever is set later."""
        self._built_with = self._network_parameters()
        self._built = _describe_weights(network)

    def _network_parameters(self):
        params = self.get_params(deep=False)
        return {name: params[name] for name in _NETWORK_PARAMETERS if name in params}

    def _sample_answer(self) -> NDArray[Any]:
        """Return the probabilities of one drawn image, by which another network is noticed.

        Raises
        ------
        ValueError
            If the network takes too much memory, or does not give probabilities.
        """
        large = _find_large_output(self.model_)
        if large:
            raise ValueError(
                f"a layer gives {large} numbers for one image of {self.image_shape_}, more than "
                f"{MAX_OUTPUT:,}"
            )
        # A ramp, folded again and again.
        image = (np.arange(np.prod(self.image_shape_)) * 7 % 256).astype(np.uint8)
        with device_scope(self.device_):
            answer = self._infer(image.reshape(1, *self.image_shape_))
        check_probabilities(answer)
        return answer[0]

    def _network_weights(self) -> dict[str, NDArray[Any]]:
        """Return the weights by name, the names sorted as the weights are.

        Raises
        ------
        ValueError
            If `model_` is not the network that :meth:`fit` built.
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
        """Tell which layers learn, after fine-tuning not all."""
        return [layer.trainable for layer in flatten_layers(self.model_)]

    def _restore_network(self, weights: Mapping[str, NDArray[Any]], trainable: list[bool]) -> Self:
        """Build the network again and give it its weights.

        No memory is taken for the network of a named architecture before it is known that
        there are as many weights.

        Parameters
        ----------
        weights : mapping of str to ndarray
            As :meth:`_network_weights` returns them; those of float32 may be float16.
        trainable : list of bool
            As :meth:`_trainable_layers` returns it.

        Raises
        ------
        ValueError
            If they are not those of the network that the parameters build.
        """
        self.device_ = same_device_here(self.device_)
        # A thread of its own: Keras lists the variables that are not initialised yet by thread,
        # and after an error they must not be found, and allocated, by somebody else.
        with ThreadPoolExecutor(1) as thread:
            network = thread.submit(self._rebuild, weights).result()
        layers = flatten_layers(network)
        if len(trainable) != len(layers):
            raise ValueError(f"{len(trainable)} layers, but the network has {len(layers)}")
        # A model passes its own on to its layers, which come after it.
        for layer, value in zip(layers, trainable, strict=True):
            layer.trainable = value
        self._record_network(network)
        self.model_ = network
        return self

    def _rebuild(self, weights):
        built_with = getattr(self, "_built_with", None) or self._network_parameters()
        params = {**self.get_params(deep=False), **built_with}
        if "weights" in params:
            # They would be downloaded or read for nothing.
            params["weights"] = None
        # Functions of the user's own may do what is not possible without memory.
        named = all(isinstance(value, _PLAIN) for value in built_with.values())
        with (
            device_scope(self.device_),
            isolated_random_state(self._seed),
            dtype_policy(params["dtype_policy"]),
        ):
            with _memory_for_weights_deferred() if named else nullcontext():
                builder = type(self)(**params)
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
            # An error here would end a worker that its pool waits for.
            self._compiled = None, _refuse
        elif network is not None:
            self._restore_network(*network)


def _refuse(batch):
    refuse_broken_fork()


_PLAIN = (str, int, float, tuple, list, type(None))


def _fill_in(cls, state, written_by):
    """Give the parameters that a class has gained since their defaults."""
    defaults = {name: p.default for name, p in signature(cls).parameters.items()}
    missing = {name: default for name, default in defaults.items() if name not in state}
    state.update(missing)
    if written_by != version("fer-estimators"):
        gained = f" Parameters it did not know get their defaults: {missing}." if missing else ""
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
        # On leaving it, Keras initialises the variables, now that their sizes are known.
        pass


def _find_large_output(model):
    """Return the shape of an output of a layer that takes too much memory, or None."""
    for operation in getattr(model, "operations", ()):
        if isinstance(operation, keras.Model) and (found := _find_large_output(operation)):
            return found
        for output in keras.tree.flatten(operation.output):
            if math.prod(output.shape[1:]) > MAX_OUTPUT:
                return output.shape[1:]
    return None


def _check_weights(network, weights):
    """Compare the weights with those that a network needs, by name, shape and dtype."""
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
    """Check what an architecture returned, and make sure that it answers however it is called.

    Parameters
    ----------
    network : object
        Expected to be a keras.Model.
    image_shape : tuple of int
        ``(height, width, channels)``, pixels.
    n_classes : int

    Returns
    -------
    keras.Model
        The network, or a functional model around one of another kind.

    Raises
    ------
    TypeError, ValueError
        If it is not a model, does not give one number for each class, changes its images at random
        unless told not to, or has weights that are not finite.
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


# Keras derives them from the random ones, with their arguments.
_NOT_RANDOM = (keras.layers.CenterCrop, keras.layers.Resizing)


def _refuse_random_changes(network):
    """Refuse layers such as RandomFlip, which put the whole network into training mode.

    Keras does so wherever the network is called without ``training=False``, also in exports.
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
            f"The network's layers {active} change images at random unless they are told not to, "
            "so that its answers would depend on how it is called. Leave them out of the "
            "architecture, and pass a function that returns them as `augmentation`."
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
            f"{ruined[0]!r}, so its answers would mean nothing. Look at the initialisers, or at "
            "the weights file."
        )
