"""Turn a Keras network into files that run without Keras."""

import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from fer_estimators._quiet import chatter_left_out

#: ONNX's operator set, which runtimes have read since 2023, onnxruntime-web included.
OPSET = 18

# What tf.py_function and tf.numpy_function become.
_PYTHON = ("EagerPyFunc", "PyFunc", "PyFuncStateless")


def trace(
    model: keras.Model,
    image_shape: tuple[int, int, int],
    views: list[tuple[NDArray[np.int32], NDArray[np.int32]]],
) -> tf.types.experimental.PolymorphicFunction:
    """Make a graph from pixels to probabilities, averaged over views of each image.

    A view is the rows and the columns of the image that it shows. The graph maps ``images``,
    pixels in 0..255 of shape (n, *image_shape), to ``probabilities`` of shape (n, n_classes), both
    float32.
    """
    n_views, n_classes = len(views), model.output_shape[-1]

    def average(images):
        if n_views == 1:
            return model(images, training=False)
        seen = [
            tf.gather(tf.gather(images, rows, axis=1), columns, axis=2) for rows, columns in views
        ]
        outputs = model(tf.concat(seen, axis=0), training=False)
        return tf.reduce_mean(tf.reshape(outputs, (n_views, -1, n_classes)), axis=0)

    return trace_network(average, image_shape, "images", "probabilities")


def trace_network(
    network: Callable, image_shape: tuple[int | None, int | None, int], source: str, target: str
) -> tf.types.experimental.PolymorphicFunction:
    """Make a graph of a function from float32 images to one tensor.

    `image_shape` is (height, width, channels), pixels, where None stands for any; `source` and
    `target` are the names of the graph's input and output.
    """
    spec = tf.TensorSpec((None, *image_shape), tf.float32, name=source)
    return tf.function(
        lambda images: {target: tf.cast(network(images), tf.float32)},
        input_signature=[spec],
        autograph=False,
    )


def to_litert(
    function: Callable, *, quantize: str | None, representative: Iterable[NDArray[Any]] | None
) -> bytes:
    """Convert a network that :func:`trace` returned to LiteRT.

    `quantize` is the precision of the weights, "float16", "int8" or None. `representative` images
    of shape (1, height, width, channels) serve to measure the ranges of the values between the
    layers, which are then fixed, so that the network computes in int8; with None, the ranges are
    measured in each call. Raises ValueError, which names the layer, if the network holds an
    operation that LiteRT does not have.
    """
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    with quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    if quantize is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if representative is not None:
        converter.representative_dataset = lambda: ([images] for images in representative)
    with quiet():
        try:
            return converter.convert()
        except Exception as error:
            raise ValueError(_name_operations(frozen, error, "LiteRT")) from error


def to_onnx(function: Callable):
    """Convert a network that :func:`trace` returned to an ``onnx.ModelProto``.

    Raises ValueError, which names the layer, if it holds an operation that ONNX does not have.
    """
    import onnx
    import tf2onnx

    with quiet():
        model, _ = tf2onnx.convert.from_function(
            function, input_signature=function.input_signature, opset=OPSET
        )
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    unknown = {
        node.op_type
        for node in model.graph.node
        if node.op_type not in known or node.domain not in ("", "ai.onnx")
    }
    if unknown:
        frozen = convert_variables_to_constants_v2(function.get_concrete_function())
        raise ValueError(_name_operations(frozen, " ".join(sorted(unknown)), "ONNX"))
    return model


def _name_operations(frozen, error, target):
    """Say which layers hold the operations that an error names."""
    words = set(str(error).replace("'", " ").replace('"', " ").replace(".", " ").split())
    nodes = frozen.graph.get_operations()
    culprits = [node for node in nodes if node.type in words - {"Identity"}]
    listed = ", ".join(f"{node.type!r} in {node.name!r}" for node in culprits[:5])
    found = listed or str(error).strip().splitlines()[-1][:300]
    return (
        f"The network cannot be expressed in {target}: {found}. Replace that layer with one of "
        "Keras' own for inference, or export another format."
    )


def to_saved_model(function: Callable, model: keras.Model, folder: str | os.PathLike[str]) -> None:
    """Write a traced network as TensorFlow's SavedModel.

    `model` is the network in it, which holds the weights. Raises ValueError, which names the
    layer, if the network calls Python functions, which only this process has, and OSError if the
    disk is full or cannot be written.
    """
    signature = function.get_concrete_function()
    frozen = convert_variables_to_constants_v2(signature)
    if any(node.type in _PYTHON for node in frozen.graph.get_operations()):
        raise ValueError(_name_operations(frozen, " ".join(_PYTHON), "a SavedModel"))
    module = tf.Module()
    module.model, module.probabilities = model, function
    try:
        tf.saved_model.save(module, os.fspath(folder), signatures=signature)
    except tf.errors.OpError as error:
        raise OSError(f"TensorFlow cannot write the SavedModel: {error.message}") from error


def run_saved_model(folder: str | os.PathLike[str]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Load what :func:`to_saved_model` wrote.

    Return a function from pixels of any number type to probabilities.
    """
    loaded = tf.saved_model.load(os.fspath(folder))
    serve = loaded.signatures["serving_default"]
    # The signature lives as long as what was loaded.
    return lambda images, owner=loaded: serve(tf.constant(images, tf.float32))[
        "probabilities"
    ].numpy()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the converters' warnings and reports of progress to themselves."""
    loggers = [logging.getLogger(name) for name in ("absl", "root", "tensorflow", "tf2onnx")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with chatter_left_out(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
