"""What the library asks of TensorFlow itself."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache, partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fer_estimators._backends.normalisation import fuse_normalisation
from fer_estimators._backends.tensorflow_training import Feed, compile_step, normalise
from fer_estimators._backends.tensorflow_updates import fuse_updates
from fer_estimators._compat import leave_gradients_unreduced
from fer_estimators._quiet import chatter_left_out

#: Whether XLA can compile the resampling of images.
XLA_RESAMPLES = False

_traces_networks: ContextVar[bool] = ContextVar("fer_estimators_traces_networks", default=False)


def _is_worth_telling(record):
    return not (_traces_networks.get() and "triggered tf.function retracing" in record.getMessage())


tf.get_logger().addFilter(_is_worth_telling)


def list_gpus() -> list[str]:
    """Return the names of the GPUs."""
    _look_for_gpus()
    return [gpu.name for gpu in tf.config.list_physical_devices("GPU")]


@cache
def _look_for_gpus():
    # TensorFlow's first search for GPUs prints messages about missing drivers.
    with chatter_left_out():
        tf.config.list_physical_devices("GPU")


def share_gpus() -> None:
    """Take only the GPU memory that is used, so that several processes can share a GPU."""
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            # The GPU is already in use, with the setting with which it was initialised.
            return


@contextmanager
def device_scope(device: str) -> Iterator[None]:
    """Place work on the first "cpu" or "gpu", and trace graphs without a warning of their number.

    Each network of a search has graphs of its own; TensorFlow takes them for one traced again.
    """
    token = _traces_networks.set(True)
    try:
        with keras.device(f"{device}:0"):
            yield
    finally:
        _traces_networks.reset(token)


def limit_threads(limit: int) -> None:
    """Set the number of threads, unless TensorFlow's own variables set it.

    Without effect once TensorFlow has begun to compute.
    """
    settings = {
        "TF_NUM_INTRAOP_THREADS": tf.config.threading.set_intra_op_parallelism_threads,
        "TF_NUM_INTEROP_THREADS": tf.config.threading.set_inter_op_parallelism_threads,
    }
    for variable, set_threads in settings.items():
        if variable in os.environ:
            continue
        try:
            set_threads(limit)
        except RuntimeError:
            return


def compile_inference(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a network: one graph for any number of images of a dtype."""
    graphs = {}

    def run(batch):
        if batch.dtype not in graphs:
            # Keras converts no code of its networks, either; AutoGraph fails where warnings are
            # errors, on Python 3.13.
            function = tf.function(lambda images: model(images, training=False), autograph=False)
            spec = tf.TensorSpec(model.input_shape, batch.dtype)
            graphs[batch.dtype] = function.get_concrete_function(spec)
        return graphs[batch.dtype](tf.constant(batch)).numpy()

    return run


def compute_gradient(function: Callable[[Any], Any], values: Any) -> Any:
    """Return the gradient of a function, from a tensor to a number, at a tensor."""
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = function(values)
    return tape.gradient(result, values)


def without_gradients() -> AbstractContextManager:
    """Return a context in which nothing is kept for gradients: only a tape would keep it."""
    return nullcontext()


def make_feed(batches: keras.utils.PyDataset) -> Feed:
    """Return what ``keras.Model.fit`` takes: the batches, without a ``tf.data`` pipeline."""
    return Feed(batches)


def compile_training(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, **arguments: Any
) -> None:
    """Compile a model for training on what :func:`make_feed` returns."""
    leave_gradients_unreduced(optimizer)
    fuse_updates(optimizer)
    on_gpu = any("gpu" in variable.value.device.lower() for variable in model.weights[:1])
    fuse_normalisation(model, partial(normalise, on_gpu=on_gpu))
    # XLA makes training slower on the CPU.
    model.compile(optimizer=optimizer, jit_compile="auto" if on_gpu else False, **arguments)
    model.train_function = compile_step(model.train_step, jit_compile=model.jit_compile)
    model.test_function = compile_step(model.test_step, jit_compile=model.jit_compile)
