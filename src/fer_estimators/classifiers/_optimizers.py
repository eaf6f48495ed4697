"""Optimizers and learning-rate schedules by name, and optimizers that average the weights."""

import copy

import keras
import numpy as np
from keras import optimizers

from fer_estimators._backends import get_backend
from fer_estimators._compat import flatten_layers
from fer_estimators._messages import look_up

_WARM_UP = 0.15
# About six thousand images give exact statistics for a tenth of the cost of an epoch.
_N_BATCHES = 100


class _Cosine(optimizers.schedules.LearningRateSchedule):
    """Rise for the first 15 % of the steps, then fall along half a cosine to zero.

    Keras' own ``CosineDecay`` holds a condition, which makes a graph in each place where an
    optimizer asks for the learning rate: a tenth of the time of a fit on little data.
    """

    def __init__(self, learning_rate, n_steps):
        self.learning_rate = learning_rate
        self.n_steps = n_steps

    def __call__(self, step):
        warm_up = max(1, round(_WARM_UP * self.n_steps))
        fall = max(1, self.n_steps - warm_up)
        step = keras.ops.cast(step, keras.config.floatx())
        start = 1 / warm_up
        risen = start + (1 - start) / warm_up * step
        angle = keras.ops.clip(np.pi / fall * (step - warm_up), 0, np.pi)
        # Each of the two is at least one where the other applies.
        return self.learning_rate * keras.ops.minimum(risen, (1 + keras.ops.cos(angle)) / 2)

    def get_config(self):
        return {"learning_rate": self.learning_rate, "n_steps": self.n_steps}


def _constant(learning_rate, n_steps):
    return learning_rate


def _adamw(learning_rate):
    return _decaying_kernels(optimizers.AdamW(learning_rate, weight_decay=0.05))


def _sgd(learning_rate, **options):
    # Keras shrinks the weights directly. Added to the gradient, as in most papers, the usual 5e-4
    # passes through the momentum, which multiplies it by 1 / (1 - 0.9).
    return _decaying_kernels(
        optimizers.SGD(learning_rate, momentum=0.9, nesterov=True, weight_decay=0.005, **options)
    )


def _decaying_kernels(optimizer):
    # Biases and the scales of batch normalisation need not be small.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


# Each takes the learning rate, a number or a schedule.
OPTIMIZERS = {
    "adam": optimizers.Adam,
    "adamw": _adamw,
    "rmsprop": optimizers.RMSprop,
    "sgd": _sgd,
}
# Each takes the peak learning rate and the number of training steps.
SCHEDULES = {"constant": _constant, "cosine": _Cosine}


def make_optimizer(optimizer, learning_rate, schedule, n_steps):
    """Create a new optimizer for one phase of training, of `n_steps` batches.

    An instance is copied with its configuration, its learning rate included; a function takes the
    learning rate. A schedule is a name, or a function of the highest learning rate and the number
    of steps.
    """
    if isinstance(optimizer, keras.optimizers.Optimizer):
        # The configuration does not include the exclusions from weight decay.
        return copy.deepcopy(optimizer)
    make = look_up(optimizer, OPTIMIZERS, parameter="optimizer")
    rate = look_up(schedule, SCHEDULES, parameter="learning_rate_schedule")(learning_rate, n_steps)
    return make(rate)


def averages_weights(optimizer):
    """Tell whether an optimizer keeps an exponential moving average (Keras' ``use_ema``)."""
    # In half precision, Keras wraps it in an optimizer that scales the loss.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return bool(getattr(optimizer, "use_ema", False))


def take_average(model, batches):
    """Set the averaged weights, and estimate the statistics of batch normalisation for them.

    The statistics of the last weights are wrong for the average, and can make it the worse network.
    The model was compiled with an optimizer that averages; there is at least one batch.
    """
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # Use the same order whether or not training was interrupted.
    batches.set_epoch(0)
    layers = [
        layer
        for layer in flatten_layers(model)
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    momenta = [layer.momentum for layer in layers]
    try:
        for index in range(min(len(batches), _N_BATCHES) if layers else 0):
            for layer in layers:
                # Makes the statistics the mean over the batches so far.
                layer.momentum = index / (index + 1)
            with get_backend().without_gradients():
                model(batches[index][0], training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
