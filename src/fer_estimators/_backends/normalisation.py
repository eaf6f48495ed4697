"""Batch normalisation in training as one kernel in place of Keras' several passes over memory."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras

from fer_estimators._compat import flatten_layers

# Precisions of the layers that a kernel may replace.
_FUSED_DTYPES = ("float32", "bfloat16")


def fuse_normalisation(
    model: keras.Model, kernel: Callable[[keras.layers.Layer, Any], tuple[Any, Any, Any]]
) -> None:
    """Let the layers of batch normalisation call a kernel of the backend in training.

    The layers' class stays Keras' own, and with it what is saved and exported. The kernel takes a
    layer and its inputs (n, height, width, channels), and returns the outputs, and the mean and the
    unbiased variance of each channel.
    """
    for layer in flatten_layers(model):
        if _can_be_fused(layer):
            layer.call = partial(_normalise, layer, kernel)


def _can_be_fused(layer):
    return (
        type(layer) is keras.layers.BatchNormalization
        and len(layer.gamma.shape if layer.scale else ()) == 1
        and layer.center
        and layer.compute_dtype in _FUSED_DTYPES
        and not (layer.renorm or layer.synchronized)
    )


def _normalise(layer, kernel, inputs, training=None, mask=None):
    is_map = len(inputs.shape) == 4 and layer.axis in (-1, 3)
    if not (training and layer.trainable and is_map and mask is None):
        return type(layer).call(layer, inputs, training=training, mask=mask)
    outputs, mean, variance = kernel(layer, inputs)
    # The kernel divides by one less than the number of values, Keras by the number.
    n_values = keras.ops.cast(keras.ops.prod(keras.ops.shape(inputs)[:3]), "float32")
    variance = variance * ((n_values - 1) / n_values)
    for average, of_batch in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        average.assign(average * layer.momentum + of_batch * (1 - layer.momentum))
    return outputs
