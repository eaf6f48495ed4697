"""Train with TensorFlow without the overhead of Keras' ``fit``.

The network, the optimizer and ``fit`` itself are Keras' own. Batches reach the compiled step as
arrays rather than through a ``tf.data`` pipeline, which takes longer to start for each epoch than a
small network takes for its batches, and batch normalisation is one kernel in place of several.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import tensorflow as tf

from fer_estimators._compat import data_adapter_class

# oneDNN's kernel for bfloat16 takes ten times as long for any other number of channels.
_BFLOAT16_CHANNELS = 16


class Feed(data_adapter_class()):
    """Batches for ``keras.Model.fit``, the next of which is read while one is computed with."""

    def __init__(self, batches: Any):
        self._batches = batches

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        batches = self._batches.in_order()
        try:
            with ThreadPoolExecutor(1, "batches") as reader:
                coming = reader.submit(next, batches, None)
                while (batch := coming.result()) is not None:
                    coming = reader.submit(next, batches, None)
                    yield batch
        finally:
            batches.close()

    def get_tf_dataset(self) -> "Feed":
        """Return what Keras iterates over for each epoch."""
        return self

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return len(self._batches)


def compile_step(
    step: Callable[[tuple[Any, ...]], dict[str, Any]], *, jit_compile: bool
) -> Callable[[Iterator[tuple[Any, ...]]], dict[str, Any]]:
    """Compile a step on the next of some batches: one graph for batches of every size.

    `step` is ``train_step`` or ``test_step`` of a compiled model. Return a function that takes an
    iterator of batches and returns the values of the metrics. `jit_compile` compiles with XLA.
    """
    compiled = {}

    def run(batches):
        arrays = next(batches)
        spec = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in arrays)
        if spec not in compiled:
            compiled[spec] = tf.function(
                lambda *tensors: step(tensors),
                input_signature=spec,
                autograph=False,
                jit_compile=jit_compile,
            )
        return compiled[spec](*arrays)

    return run


def normalise(layer: keras.layers.Layer, inputs: Any, *, on_gpu: bool) -> tuple[Any, Any, Any]:
    """Normalise a batch with TensorFlow's kernel, for :func:`fuse_normalisation`."""
    dtype = "float32" if on_gpu else _kernel_dtype(layer)
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
    return tf.cast(outputs, layer.compute_dtype), mean, variance


def _kernel_dtype(layer):
    """Return the precision in which the fused kernel is fastest on the CPU."""
    if layer.compute_dtype == "bfloat16" and layer.gamma.shape[0] % _BFLOAT16_CHANNELS:
        return "float32"
    return layer.compute_dtype
