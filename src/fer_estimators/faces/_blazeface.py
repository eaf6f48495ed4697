"""BlazeFace, the network that finds faces, and the meaning of its outputs.

Bazarevsky et al. (2019), "BlazeFace: Sub-millisecond neural face detection on mobile GPUs",
arXiv:1907.05047. The weights are those of MediaPipe's short-range model (Apache-2.0), converted by
``training/blazeface.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

#: Height and width of an input are multiples of this, pixels.
INPUT_MULTIPLE = 16

# Output channels and stride of each block; the first five of a line of anchors see less.
_FINE_BLOCKS = ((24, 1), (28, 1), (32, 2), (36, 1), (42, 1), (48, 2))
_FINE_BLOCKS += tuple((channels, 1) for channels in (56, 64, 72, 80, 88))
_COARSE_BLOCKS = ((96, 2), (96, 1), (96, 1), (96, 1), (96, 1))

# Stride of the grid in pixels of the input, and anchors in each of its cells.
_GRIDS = ((8, 2), (16, 6))

#: What a layer's weights are called in the weights file, in Keras' order.
WEIGHTS = ("kernel", "bias")

# A score's logit, then centre, width and height of the box, and six points.
_N_NUMBERS = 17


def build_blazeface() -> keras.Model:
    """Build BlazeFace (short range) without weights.

    It maps RGB pixels in 0..255, of shape (n, height, width, 3) with sides that are multiples of
    16, to an array of shape (n, n_anchors, 17): the logit of the score; x and y of the box's
    centre, its width and height; x and y of six points. All but the logit are in pixels; positions
    are relative to the anchor, whose place `anchor_centres` gives.
    """
    import keras
    from keras import layers

    pixels = keras.Input((None, None, 3), name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(pixels)
    x = layers.Conv2D(24, 5, strides=2, padding="same", activation="relu", name="stem")(x)
    outputs, number = [], 0
    for (_, per_cell), blocks in zip(_GRIDS, (_FINE_BLOCKS, _COARSE_BLOCKS), strict=True):
        for channels, strides in blocks:
            number += 1
            x = _block(x, channels, strides, f"block{number}")
        outputs.append(_head(x, per_cell, f"head{len(outputs) + 1}"))
    anchors = layers.Concatenate(axis=1, name="anchors")(outputs)
    return keras.Model(pixels, anchors, name="blazeface")


def _block(x, channels, strides, name):
    import keras
    from keras import layers

    y = layers.DepthwiseConv2D(3, strides=strides, padding="same", name=f"{name}_depthwise")(x)
    y = layers.Conv2D(channels, 1, name=f"{name}_pointwise")(y)
    if strides > 1:
        x = layers.MaxPooling2D(strides, name=f"{name}_pool")(x)
    if added := channels - x.shape[-1]:
        x = keras.ops.pad(x, [[0, 0]] * 3 + [[0, added]])
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=f"{name}_relu")(y)


def _head(x, per_cell, name):
    from keras import layers

    logits = layers.Conv2D(per_cell, 1, name=f"{name}_logits")(x)
    places = layers.Conv2D(per_cell * (_N_NUMBERS - 1), 1, name=f"{name}_places")(x)
    logits = layers.Reshape((-1, 1), name=f"{name}_logits_rows")(logits)
    places = layers.Reshape((-1, _N_NUMBERS - 1), name=f"{name}_places_rows")(places)
    return layers.Concatenate(name=name)([logits, places])


def anchor_centres(height: int, width: int) -> NDArray[Any]:
    """Return x and y of an input's anchors in its pixels, an array of shape (n_anchors, 2)."""
    centres = []
    for stride, per_cell in _GRIDS:
        y, x = np.mgrid[stride / 2 : height : stride, stride / 2 : width : stride]
        centres.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), per_cell, axis=0))
    return np.concatenate(centres)


@cache
def load_blazeface() -> keras.Model:
    """Load BlazeFace, the network of :class:`FaceDetector`, with the shipped weights.

    Returns
    -------
    keras.Model
        From RGB pixels in 0..255, of shape (n, height, width, 3) where height and width are
        multiples of 16, to an array of shape (n, n_anchors, 17), as
        :func:`~fer_estimators.export.export_detector` describes it. Each call returns the same
        object, which detectors use, too.

    Examples
    --------
    >>> from fer_estimators.faces import load_blazeface
    >>> load_blazeface().name
    'blazeface'
    """
    from safetensors.numpy import load

    from fer_estimators._quiet import import_keras

    import_keras()
    from fer_estimators._backends.process_state import dtype_policy, isolated_random_state

    weights = load(_read("blazeface.safetensors"))
    # Whatever precision the user trains in; the weights to begin with are drawn at random.
    with isolated_random_state(0), dtype_policy("float32"):
        model = build_blazeface()
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([weights[f"{layer.name}.{name}"] for name in WEIGHTS])
    return model


def start_blazeface() -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """Make the network ready to run: on LiteRT where that is installed, and on Keras elsewhere.

    Both map pixels to the output as :func:`load_blazeface` describes them, with the same numbers to
    a hundredth of a pixel, and may be called from several threads. LiteRT imports no Keras, and
    takes less time, the least for images of one shape after another.
    """
    if find_spec("ai_edge_litert") is None:
        return _start_on_keras()
    from fer_estimators._litert import LiteRTModel

    model = LiteRTModel(_read("blazeface.tflite"))
    # Several images at once take as long as one by one, and each other number of them a preparation
    # that takes several times as long as an image.
    return lambda images: np.concatenate([model(image[np.newaxis]) for image in images])


@cache
def _start_on_keras():
    from fer_estimators._backends.inference import compile_inference

    return compile_inference(load_blazeface())


def _read(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()
