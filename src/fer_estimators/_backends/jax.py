"""What the library asks of JAX itself."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import jax
import keras
import numpy as np

#: Whether XLA can compile the resampling of images.
XLA_RESAMPLES = True


def list_gpus() -> list[str]:
    """Return the names of the GPUs."""
    platforms = ("gpu", "cuda", "rocm")
    return [str(device) for device in jax.devices() if device.platform in platforms]


def share_gpus() -> None:
    """Do nothing: JAX reads XLA_PYTHON_CLIENT_PREALLOCATE before it starts, and never again."""


def device_scope(device: str) -> AbstractContextManager:
    """Return a context in which work is placed on the first "cpu" or "gpu"."""
    return keras.device(f"{device}:0")


def limit_threads(limit: int) -> None:
    """Do nothing: XLA has one pool of threads, whose size cannot be set."""


def compile_inference(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a network, once for each power of two of images."""
    compiled = jax.jit(
        lambda trainable, fixed, images: model.stateless_call(
            trainable, fixed, images, training=False
        )[0],
        compiler_options=_compiler_options(),
    )

    def run(batch):
        # XLA compiles for each shape: round the number of images up to a power of two.
        n_images = len(batch)
        padding = (1 << (n_images - 1).bit_length()) - n_images
        padded = np.concatenate([batch, np.repeat(batch[-1:], padding, axis=0)])
        sets = model.trainable_variables, model.non_trainable_variables
        values = ([variable.value for variable in variables] for variables in sets)
        return np.asarray(compiled(*values, padded))[:n_images]

    return run


@cache
def _compiler_options():
    """Return options with which XLA computes on a CPU what the same operations give one by one.

    jaxlib 0.10 fuses a maximum over windows with a convolution of padded channels, and then reads
    beyond the array: BlazeFace found faces where there are none. Without these fusions it does not.
    """
    options = {"xla_cpu_experimental_ynn_fusion_type": ""}
    try:
        jax.jit(lambda number: number, compiler_options=options)(0)
    except jax.errors.JaxRuntimeError:  # Another version of XLA, which has no such option.
        return None
    return options


def compute_gradient(function: Callable[[Any], Any], values: Any) -> Any:
    """Return the gradient of a function, from a tensor to a number, at a tensor."""
    return jax.grad(function)(values)


def without_gradients() -> AbstractContextManager:
    """Return a context in which nothing is kept for gradients: JAX never keeps anything."""
    return nullcontext()


def make_feed(batches: keras.utils.PyDataset) -> keras.utils.PyDataset:
    """Return what ``keras.Model.fit`` takes: the batches as they are."""
    return batches


def compile_training(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, **arguments: Any
) -> None:
    """Compile a model for training on what :func:`make_feed` returns."""
    model.compile(optimizer=optimizer, **arguments)
