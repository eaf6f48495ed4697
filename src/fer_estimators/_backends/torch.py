"""What the library asks of PyTorch itself."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import keras
import numpy as np
import torch

from fer_estimators._backends.normalisation import fuse_normalisation
from fer_estimators._compat import fix_seed, flatten_layers

#: Whether XLA can compile the resampling of images.
XLA_RESAMPLES = True


def list_gpus() -> list[str]:
    """Return the names of the GPUs."""
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def share_gpus() -> None:
    """Do nothing: PyTorch takes only the memory that it uses."""


def device_scope(device: str) -> AbstractContextManager:
    """Return a context in which work is placed on the first "cpu" or "gpu"."""
    # Variables made on a CPU with an index would take no gradients.
    return keras.device(device)


def limit_threads(limit: int) -> None:
    """Do nothing: PyTorch follows OMP_NUM_THREADS by itself."""


def compile_inference(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that runs a network."""

    def run(batch):
        with torch.no_grad():
            return keras.ops.convert_to_numpy(model(batch, training=False))

    return run


def compute_gradient(function: Callable[[Any], Any], values: Any) -> Any:
    """Return the gradient of a function, from a tensor to a number, at a tensor."""
    values = values.detach().requires_grad_()
    return torch.autograd.grad(function(values), values)[0]


def without_gradients() -> AbstractContextManager:
    """Return a context in which nothing is kept for gradients."""
    return torch.no_grad()


def make_feed(batches: keras.utils.PyDataset) -> keras.utils.PyDataset:
    """Return what ``keras.Model.fit`` takes: the batches as they are."""
    return batches


def compile_training(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, **arguments: Any
) -> None:
    """Compile a model for training on what :func:`make_feed` returns.

    Dropout is made to draw from its layers' seeds. Keras draws from PyTorch's global state where
    a layer was made without a seed: for speed, but no two fits would be alike.
    """
    for layer in flatten_layers(model):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            fix_seed(generator)
        if type(layer) is keras.layers.MaxPooling2D and layer.data_format == "channels_last":
            layer.call = partial(_pool, layer)
    fuse_normalisation(model, _normalise)
    model.compile(optimizer=optimizer, **arguments)


def _pool(layer, inputs):
    """Pool in training without Keras' copies into another order of axes and back."""
    sides = zip(inputs.shape[1:3], layer.strides, strict=True)
    # Padding makes no difference to windows that fill the image.
    filled = layer.pool_size == layer.strides and not any(side % step for side, step in sides)
    if not filled or not torch.is_grad_enabled():
        return type(layer).call(layer, inputs)
    return torch.nn.functional.max_pool2d(inputs.movedim(3, 1), layer.pool_size).movedim(1, 3)


def _normalise(layer, inputs):
    mean = torch.zeros_like(layer.moving_mean.value)
    variance = torch.zeros_like(mean)
    outputs = torch.nn.functional.batch_norm(
        inputs.movedim(3, 1),
        mean,
        variance,
        layer.gamma.value,
        layer.beta.value,
        training=True,
        # Sets the mean and the variance of the batch.
        momentum=1.0,
        eps=layer.epsilon,
    )
    return outputs.movedim(1, 3), mean, variance
