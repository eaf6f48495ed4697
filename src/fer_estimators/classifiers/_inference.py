"""Run a trained network on batches of images, without what ``model.predict`` adds.

Keras' ``predict`` makes a data pipeline for each call, which for one image takes some fifty times
as long as the network, and ``predict_on_batch`` traces a new graph for each new batch size.
"""

from threading import Lock

import keras
import numpy as np

# Neither tracing nor the variables of a model may be used by two threads at once; one batch uses
# all cores anyway.
_ONE_AT_A_TIME = Lock()


def compile_inference(model):
    """Compile a network for inference.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    callable
        From a batch, ndarray of shape (n, height, width, channels) of any number type, to what
        the network makes of it, an ndarray. Safe to call from several threads.
    """
    run = _COMPILERS[keras.backend.backend()](model)

    def infer(batch):
        with _ONE_AT_A_TIME:
            return run(np.ascontiguousarray(batch))

    return infer


def _compile_tensorflow(model):
    import tensorflow as tf

    graphs = {}

    def run(batch):
        # One graph for any number of images: one for uint8 pixels, one for each float dtype.
        if batch.dtype not in graphs:
            function = tf.function(lambda images: model(images, training=False))
            spec = tf.TensorSpec(model.input_shape, batch.dtype)
            graphs[batch.dtype] = function.get_concrete_function(spec)
        return graphs[batch.dtype](tf.constant(batch)).numpy()

    return run


def _compile_jax(model):
    import jax

    compiled = jax.jit(
        lambda trainable, fixed, images: model.stateless_call(
            trainable, fixed, images, training=False
        )[0]
    )

    def run(batch):
        # XLA compiles for each shape: round the number of images up to a power of two.
        n_images = len(batch)
        padding = (1 << (n_images - 1).bit_length()) - n_images
        padded = np.concatenate([batch, np.repeat(batch[-1:], padding, axis=0)])
        variables = ([v.value for v in vs] for vs in _variables_of(model))
        return np.asarray(compiled(*variables, padded))[:n_images]

    return run


def _variables_of(model):
    return model.trainable_variables, model.non_trainable_variables


def _compile_torch(model):
    import torch

    def run(batch):
        with torch.no_grad():
            return keras.ops.convert_to_numpy(model(batch, training=False))

    return run


_COMPILERS = {"tensorflow": _compile_tensorflow, "jax": _compile_jax, "torch": _compile_torch}
