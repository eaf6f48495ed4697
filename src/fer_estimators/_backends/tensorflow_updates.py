"""Update each variable in training with one kernel of TensorFlow.

Keras' own optimizers take ten to thirty operations for each variable, and as many passes over its
memory. Their graph takes longer to build than the rest of a small network, and a network of many
weights spends as long in it as in its layers.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from fer_estimators._compat import decays, replace_update, slots_of


def fuse_updates(optimizer: keras.optimizers.Optimizer) -> None:
    """Let an optimizer of Keras, if there is a kernel for it, compute the same in fewer passes.

    Its class, its variables and its configuration stay as they are.
    """
    update = _find_kernel(optimizer)
    if update is not None:
        replace_update(optimizer, partial(_update, optimizer, update), partial(_decay, optimizer))


def _find_kernel(optimizer):
    if type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW) and not optimizer.amsgrad:
        return _adam
    if type(optimizer) is keras.optimizers.SGD and optimizer.momentum:
        return _momentum
    return None


def _update(
    optimizer: keras.optimizers.Optimizer,
    kernel: Callable[..., None],
    gradients: Sequence[Any],
    variables: Sequence[Any],
    learning_rate: Any,
) -> None:
    step = optimizer.iterations + 1
    for variable, gradient in zip(variables, gradients, strict=True):
        if isinstance(gradient, tf.IndexedSlices):
            # The gradient of an embedding has only the rows that a batch used.
            optimizer.update_step(gradient, variable.value, learning_rate)
            continue
        slots = [slot.value.handle for slot in slots_of(optimizer, variable)]
        cast = partial(tf.cast, dtype=variable.dtype)
        gradient, rate = cast(gradient), cast(learning_rate)
        kernel(optimizer, variable.value.handle, slots, gradient, rate, cast(step))


def _adam(optimizer, variable, slots, gradient, learning_rate, step):
    betas = optimizer.beta_1, optimizer.beta_2
    powers = [tf.pow(tf.cast(beta, gradient.dtype), step) for beta in betas]
    tf.raw_ops.ResourceApplyAdam(
        var=variable,
        m=slots[0],
        v=slots[1],
        beta1_power=powers[0],
        beta2_power=powers[1],
        lr=learning_rate,
        beta1=betas[0],
        beta2=betas[1],
        epsilon=optimizer.epsilon,
        grad=gradient,
    )


def _momentum(optimizer, variable, slots, gradient, learning_rate, step):
    tf.raw_ops.ResourceApplyKerasMomentum(
        var=variable,
        accum=slots[0],
        lr=learning_rate,
        grad=gradient,
        momentum=optimizer.momentum,
        use_nesterov=optimizer.nesterov,
    )


def _decay(optimizer, variables):
    if optimizer.weight_decay is None:
        return
    share = optimizer.weight_decay * optimizer.learning_rate
    for variable in variables:
        if decays(optimizer, variable):
            variable.value.assign_sub(variable.value * tf.cast(share, variable.dtype))
