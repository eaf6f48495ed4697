"""Refuse networks that are not a classification."""

import inspect

import keras
import numpy as np

from fer_estimators._compat import flatten_layers


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
        if "training" in (found := inspect.signature(layer.call).parameters)
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
