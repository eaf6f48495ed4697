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

from fer_estimators._compat import flatten_layers, leave_gradients_unreduced
from fer_estimators._quiet import chatter_left_out

#: Whether XLA can compile the resampling of images.
XLA_RESAMPLES = False

# Of the layers that TensorFlow's fused kernel may stand in for.
_FUSED_DTYPES = ("float32", "bfloat16")
# oneDNN's kernel for bfloat16 takes ten times as long for any other number of channels.
_BFLOAT16_CHANNELS = 16
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
    # The first look writes of drivers that are not there.
    with chatter_left_out():
        tf.config.list_physical_devices("GPU")


def share_gpus() -> None:
    """Take only the GPU memory that is used, so that several processes can share a GPU."""
    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            # The GPU is already in use, with the setting of whoever initialised it.
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
    """Compute in so many threads, unless TensorFlow's own variables say otherwise.

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


def make_dataset(batches: keras.utils.PyDataset) -> tf.data.Dataset:
    """Wrap batches in what ``keras.Model.fit`` reads without waiting.

    Keras would put a ``tf.data`` pipeline around any other kind of data, and its autotuner can
    stall the end of each epoch for longer than the epoch took: it is switched off here.
    """

    def spec(array):
        return tf.TensorSpec((None, *array.shape[1:]), array.dtype)

    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    dataset = tf.data.Dataset.from_generator(
        batches.in_order,
        output_signature=tuple(spec(array) for array in batches[0]),
    )
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return dataset.prefetch(2).with_options(options)


def prepare_training(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> dict[str, Any]:
    """Ready a model and its optimizer for ``compile``, and return further arguments of it."""
    leave_gradients_unreduced(optimizer)
    on_gpu = any("gpu" in variable.value.device.lower() for variable in model.weights[:1])
    for layer in flatten_layers(model):
        if _can_be_fused(layer):
            # The layer's class stays Keras' own, and with it what is saved and exported.
            layer.call = partial(_normalise, layer, "float32" if on_gpu else _kernel_dtype(layer))
    # XLA makes training slower on the CPU.
    return {"jit_compile": "auto" if on_gpu else False}


def _can_be_fused(layer):
    return (
        type(layer) is keras.layers.BatchNormalization
        and len(layer.gamma.shape if layer.scale else ()) == 1
        and layer.center
        and layer.compute_dtype in _FUSED_DTYPES
        and not (layer.renorm or layer.synchronized)
    )


def _kernel_dtype(layer):
    """Return the precision of the pixels that the fused kernel is quickest with on the CPU."""
    if layer.compute_dtype == "bfloat16" and layer.gamma.shape[0] % _BFLOAT16_CHANNELS:
        return "float32"
    return layer.compute_dtype


def _normalise(layer, dtype, inputs, training=None, mask=None):
    """Normalise a batch as Keras does, in training with one kernel in place of several passes."""
    is_map = len(inputs.shape) == 4 and layer.axis in (-1, 3)
    if not (training and layer.trainable and is_map and mask is None):
        return type(layer).call(layer, inputs, training=training, mask=mask)
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=tf.cast(inputs, dtype),
        scale=layer.gamma.value,
        offset=layer.beta.value,
        mean=tf.zeros(0),
        variance=tf.zeros(0),
        epsilon=layer.epsilon,
        exponential_avg_factor=1.0,
        is_training=True,
    )
    # The kernel divides by one less than the number of values, Keras by the number.
    n_values = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), "float32")
    variance *= (n_values - 1) / n_values
    for average, of_batch in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        average.assign(average * layer.momentum + of_batch * (1 - layer.momentum))
    return tf.cast(outputs, layer.compute_dtype)
