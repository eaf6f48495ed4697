"""Phases of training, one after the other, on the same batches."""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import keras

from fer_estimators.classifiers._batches import as_keras_data
from fer_estimators.classifiers._callbacks import DrawOrder, KeepBestWeights, LogLearningRate
from fer_estimators.classifiers._optimizers import make_optimizer
from fer_estimators.classifiers._scikeras import train


class Phase(NamedTuple):
    """A stretch of training with one optimizer.

    Parameters
    ----------
    epochs : int
        At most.
    learning_rate : float
        At its highest.
    schedule : str or callable
        As the classifiers' ``learning_rate_schedule``.
    keep_optimizer : bool, default=False
        Go on with the optimizer of the last training, if the model has one.
    """

    epochs: int
    learning_rate: float
    schedule: str | Callable
    keep_optimizer: bool = False


class Trained(NamedTuple):
    """What a training left behind, besides the model's weights."""

    history: dict
    best_epoch: int


def run_phases(
    model,
    phases,
    batches,
    validation,
    *,
    history,
    optimizer,
    label_smoothing,
    patience,
    callbacks,
    verbose,
):
    """Train a model in place.

    Parameters
    ----------
    model : keras.Model
    phases : iterable of Phase
        Each is drawn when the one before it is over, and may then change the model.
    batches, validation : ImageBatches
        `validation` may be None.
    history : dict of str to list of float
        Of the epochs before; its values are added to.
    optimizer, label_smoothing, patience, callbacks, verbose
        As the classifiers' parameters.

    Returns
    -------
    Trained
    """
    history = defaultdict(list, {name: list(values) for name, values in history.items()})
    watch = KeepBestWeights(patience) if validation is not None and patience is not None else None
    # The user's callbacks come last, and see what the others wrote into the logs.
    watching = [DrawOrder(batches), LogLearningRate(), *([watch] if watch else []), *callbacks]
    data, validation_data = as_keras_data(batches), as_keras_data(validation)
    for phase in phases:
        if not (phase.keep_optimizer and model.compiled):
            n_steps = phase.epochs * len(batches)
            rule = make_optimizer(optimizer, phase.learning_rate, phase.schedule, n_steps)
            _compile(model, rule, label_smoothing)
        more = train(
            model,
            data,
            validation_data=validation_data,
            callbacks=watching,
            epochs=phase.epochs,
            initial_epoch=len(history["loss"]),
            verbose=verbose,
        )
        for name, values in more.items():
            history[name] += values
    for callback in callbacks:
        # Otherwise the estimator's parameters would hold the network, also in pickles and clones.
        callback.set_model(None)
    n_epochs = len(history["loss"])
    return Trained(dict(history), watch.best_epoch if watch else n_epochs)


def _compile(model, optimizer, label_smoothing):
    dtype = model.output.dtype
    # XLA makes TensorFlow's training slower on the CPU.
    on_gpu = any("gpu" in str(getattr(v.value, "device", "")).lower() for v in model.weights[:1])
    tensorflow_on_cpu = keras.backend.backend() == "tensorflow" and not on_gpu
    model.compile(
        optimizer=optimizer,
        # With this reduction a weight of two is the same as the image twice.
        loss=keras.losses.CategoricalCrossentropy(
            label_smoothing=label_smoothing, reduction="mean_with_sample_weight", dtype=dtype
        ),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy", dtype=dtype)],
        jit_compile=False if tensorflow_on_cpu else "auto",
    )
