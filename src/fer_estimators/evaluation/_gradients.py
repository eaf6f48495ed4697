"""Gradients of a network's classes with respect to what it sees: Grad-CAM on every backend."""

from functools import partial

import keras
import numpy as np
from keras import layers, ops

from fer_estimators._backends import get_backend

_CONVOLUTIONS = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.Conv2DTranspose,
)
# Probabilities below are taken for it: the logarithm of zero has no gradient.
_TINY = 1e-30
# Images at once.
_BATCH = 32


def split_at_last_map(network):
    """Split a network at its last map of features that is larger than one cell.

    The last map that all of the network's answer passes through: the parallel branches of an
    Inception block are none. Networks inside the network, such as a backbone, are looked into.

    Return a model from images to the map, of shape (n, rows, columns, n_features), one from the map
    to the probabilities, and the name of the layer that gives the map. Raises ValueError if the
    network has no convolution, or no such map behind one.
    """
    if not _has_convolution(network):
        raise ValueError(
            f"The network {network.name!r} has no 2-D convolution, but Grad-CAM needs the map of "
            "features that one gives. Use a network with convolutions, such as "
            "architecture='compact'."
        )
    split = _split(network)
    if split is None:
        raise ValueError(
            f"The network {network.name!r} has no map of features of more than one cell behind a "
            f"convolution, for images of {network.input_shape[1]} x {network.input_shape[2]} "
            "pixels, so there is nowhere to look. Fit it on larger images."
        )
    return split


def grad_cam(head, tail, images, columns):
    """Compute where the evidence for a class, a column of the probabilities, stands in each image.

    `head` and `tail` are those of :func:`split_at_last_map`; images (n_samples, height, width,
    channels) have pixels in 0..255. Return float32 of shape (n_samples, height, width), from 0 to 1
    in each image; 0 everywhere where nothing speaks for the class.
    """
    saliency = np.empty(images.shape[:3], dtype="float32")
    for start in range(0, len(images), _BATCH):
        batch = slice(start, start + _BATCH)
        maps = head(np.ascontiguousarray(images[batch]), training=False)
        chosen = ops.one_hot(columns[batch], tail.output_shape[-1], dtype="float32")
        score = partial(_score, tail, chosen)
        gradient = get_backend().compute_gradient(score, maps)
        maps, gradient = (ops.cast(values, "float32") for values in (maps, gradient))
        weights = ops.mean(gradient, axis=(1, 2), keepdims=True)
        evidence = ops.relu(ops.sum(weights * maps, axis=-1, keepdims=True))
        resized = ops.image.resize(evidence, images.shape[1:3], interpolation="bilinear")
        saliency[batch] = ops.convert_to_numpy(resized)[..., 0]
    highest = saliency.max(axis=(1, 2), keepdims=True)
    return np.divide(saliency, highest, out=np.zeros_like(saliency), where=highest > 0)


def _has_convolution(layer):
    inner = getattr(layer, "layers", ())
    return isinstance(layer, _CONVOLUTIONS) or any(map(_has_convolution, inner))


def _split(network):
    """Return head, tail and name, or None."""
    images, steps, answer = _trace(network)
    convolutions = [_has_convolution(layer) for layer, _, _ in steps]
    first = convolutions.index(True) if any(convolutions) else len(steps)
    for layer, seen, output in reversed(steps[first:]):
        tail = _connect(output, answer)
        if tail is None:
            # A branch: the answer cannot be computed from it alone.
            continue
        if _is_map(output) and not isinstance(layer, layers.ZeroPadding2D):
            return keras.Model(images, output), tail, layer.name
        inner = _split(layer) if _is_graph(layer) else None
        if inner is not None:
            inner_head, inner_tail, name = inner
            maps = keras.Input(batch_shape=inner_tail.input_shape, dtype=inner_tail.input.dtype)
            return (
                keras.Model(images, inner_head(seen)),
                keras.Model(maps, tail(inner_tail(maps))),
                name,
            )
    return None


def _trace(network):
    """Return a network's input, its calls as (layer, what it got, what it gave), and its output.

    The layers are called again, in order, with the weights that they have.
    """
    steps = []

    def call(layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        steps.append((layer, args[0], output))
        return output

    # A bare graph of the same layers, as a compiled one would be compiled again.
    graph = keras.Model(network.inputs, network.outputs)
    traced = keras.models.clone_model(graph, clone_function=lambda layer: layer, call_function=call)
    return traced.inputs[0], steps, traced.outputs[0]


def _connect(inner, outer):
    try:
        return keras.Model(inner, outer)
    except ValueError:
        return None


def _is_graph(layer):
    """Tell a network of layers that are known from one that hides them in a ``call``."""
    return isinstance(layer, keras.Model) and getattr(layer, "inputs", None)


def _is_map(output):
    return len(getattr(output, "shape", ())) == 4 and output.shape[1] * output.shape[2] > 1


def _score(tail, chosen, maps):
    """Return how far the chosen class's logit stands above the mean logit, summed over images.

    The logarithm of a probability differs from its logit by a number that all classes share, which
    cancels in the difference, so the layer that gives the logits need not be known.
    """
    probabilities = ops.cast(tail(maps, training=False), "float32")
    logits = ops.log(ops.maximum(probabilities, _TINY))
    return ops.sum(logits * (chosen - 1 / chosen.shape[-1]))
