"""Update each variable in training with one kernel of TensorFlow.

Keras' own optimizers take ten to thirty operations for each variable, and as many passes over its
memory. Their graph takes longer to build than the rest of a small network, and a network of many
weights spends as long in it as in its layers.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import keras
import tensorflow as tf

from fer_estimators._compat import decays, replace_update, slots_of


def fuse_updates(optimizer: keras.optimizers.Optimizer) -> None:
    """Let an optimizer of Keras, if there is a kernel for it, compute the same in fewer passes.

    Its class, its variables and its configuration stay as they are.
    """
    kernel = _find_kernel(optimizer)
    if kernel is not None:
        replace_update(optimizer, partial(_update, optimizer, kernel), partial(_decay, optimizer))


def _find_kernel(optimizer):
    if type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW) and not optimizer.amsgrad:
        return _adam
    if type(optimizer) is keras.optimizers.SGD and optimizer.momentum:
        return _momentum
    return None


def _update(
    optimizer: keras.optimizers.Optimizer,
    kernel: Callable[..., Callable[..., None]],
    gradients: Sequence[Any],
    variables: Sequence[Any],
    learning_rate: Any,
) -> None:
    # What the variables of a dtype share is computed once.
    prepare = cache(partial(kernel, optimizer, learning_rate))
    for variable, gradient in zip(variables, gradients, strict=True):
        if isinstance(gradient, tf.IndexedSlices):
            # The gradient of an embedding has only the rows that a batch used.
            optimizer.update_step(gradient, variable.value, learning_rate)
            continue
        slots = [slot.value.handle for slot in slots_of(optimizer, variable)]
        apply = prepare(variable.dtype)
        apply(variable.value.handle, *slots, tf.cast(gradient, variable.dtype))


def _adam(optimizer, learning_rate, dtype):
    betas = optimizer.beta_1, optimizer.beta_2
    step = tf.cast(optimizer.iterations + 1, dtype)
    powers = [tf.pow(tf.cast(beta, dtype), step) for beta in betas]
    rate = tf.cast(learning_rate, dtype)

    def apply(variable, first, second, grad):
        tf.raw_ops.ResourceApplyAdam(
            var=variable,
            m=first,
            v=second,
            beta1_power=powers[0],
            beta2_power=powers[1],
            lr=rate,
            beta1=betas[0],
            beta2=betas[1],
            epsilon=optimizer.epsilon,
            grad=grad,
        )

    return apply


def _momentum(optimizer, learning_rate, dtype):
    rate = tf.cast(learning_rate, dtype)

    def apply(variable, accumulated, grad):
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable,
            accum=accumulated,
            lr=rate,
            grad=grad,
            momentum=optimizer.momentum,
            use_nesterov=optimizer.nesterov,
        )

    return apply


def _decay(optimizer, variables):
    if optimizer.weight_decay is None:
        return
    share = optimizer.weight_decay * optimizer.learning_rate
    for variable in variables:
        if decays(optimizer, variable):
            variable.value.assign_sub(variable.value * tf.cast(share, variable.dtype))
