"""Averages of the weights over the steps of a training, where the optimizer keeps them."""

import keras

from fer_estimators._backends import get_backend
from fer_estimators._compat import flatten_layers

# Statistics over some six thousand images are exact enough, at a tenth of an epoch's cost.
_N_BATCHES = 100


def averages_weights(optimizer):
    """Tell whether an optimizer keeps an exponential moving average (Keras' ``use_ema``).

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer

    Returns
    -------
    bool
    """
    # In half precision, Keras wraps it in one that scales the loss.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    return bool(getattr(optimizer, "use_ema", False))


def take_average(model, batches):
    """Give a model its averaged weights, and batch normalisation the statistics that go with them.

    Statistics of the weights before are wrong for their average: with them, the average can be
    the worse network.

    Parameters
    ----------
    model : keras.Model
        Compiled with an optimizer that averages.
    batches : ImageBatches
        Of the training, with at least one batch.
    """
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # The same order however often the training was interrupted.
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
                # The mean over the batches so far.
                layer.momentum = index / (index + 1)
            with get_backend().without_gradients():
                model(batches[index][0], training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
