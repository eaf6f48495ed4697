"""Phases of training, one after the other, on the same batches."""

from collections.abc import Callable
from typing import NamedTuple

import keras
from sklearn.exceptions import ConvergenceWarning

from fer_estimators._backends import get_backend
from fer_estimators._messages import warn
from fer_estimators.classifiers._averaging import averages_weights, take_average
from fer_estimators.classifiers._callbacks import (
    DetectDivergence,
    Diverged,
    DrawOrder,
    KeepBestWeights,
    LogLearningRate,
)
from fer_estimators.classifiers._interruption import Interrupted, Interruption
from fer_estimators.classifiers._optimizers import make_optimizer
from fer_estimators.classifiers._progress import Progress
from fer_estimators.classifiers._scikeras import train
from fer_estimators.exceptions import TrainingDivergedError


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
    averages : bool, default=True
        Whether the phase ends with averaged weights where the optimizer keeps them; a phase that is
        one of many, each from where the last one ended, would hardly move.
    """

    epochs: int
    learning_rate: float
    schedule: str | Callable
    keep_optimizer: bool = False
    averages: bool = True


class Trained(NamedTuple):
    """What a training left behind, besides the model's weights."""

    history: dict
    best_epoch: int
    interruption: Interruption


def run_phases(
    model,
    phases,
    batches,
    validation,
    *,
    history,
    checkpoint,
    seed,
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
    checkpoint : Checkpoint or None
        Where to go on from, and to write each epoch.
    seed : int
        What the training's randomness was drawn from, for the checkpoint.
    optimizer, label_smoothing, patience, callbacks, verbose
        As the classifiers' parameters.

    Returns
    -------
    Trained

    Raises
    ------
    TrainingDivergedError
        If the loss is not finite before the first epoch is over.
    ValueError
        If the optimizer averages weights, but one epoch's are to be kept.
    """
    best = KeepBestWeights(None if validation is None else patience)
    progress = Progress(history, best, checkpoint, seed)
    interruption = Interruption()
    # The user's callbacks see what the library's wrote into the logs.
    guards = [DrawOrder(batches), LogLearningRate(), DetectDivergence(), best]
    watching = [*guards, *callbacks, progress, interruption]
    make_dataset = get_backend().make_dataset
    data = make_dataset(batches)
    validation_data = None if validation is None else make_dataset(validation)
    try:
        with interruption.listening():
            for number, phase in enumerate(phases):
                if not (phase.keep_optimizer and model.compiled):
                    n_steps = phase.epochs * len(batches)
                    rule = make_optimizer(optimizer, phase.learning_rate, phase.schedule, n_steps)
                    _compile(model, rule, label_smoothing)
                _check_averaging(model.optimizer, best.patience)
                epochs = progress.begin_phase(model, number, phase.epochs)
                if epochs:
                    train(
                        model,
                        data,
                        validation_data=validation_data,
                        callbacks=watching,
                        epochs=epochs,
                        initial_epoch=progress.n_epochs,
                        verbose=verbose,
                    )
                averages = phase.averages and averages_weights(model.optimizer)
                if averages and number == progress.phase:
                    take_average(model, batches)
                    best.keep(model)
                best.restore(model)
    except Interrupted:
        if best.best_epoch is None:
            # Nothing was learned yet: leave as if the signal had come before the training.
            interruption.raise_as_usual()
            raise KeyboardInterrupt("the first epoch was interrupted") from None
        _end(model, best, callbacks)
    except Diverged as diverged:
        _tell_of_divergence(diverged, best)
        _end(model, best, callbacks)
    finally:
        for callback in callbacks:
            # Otherwise the estimator's parameters would hold the network, also in pickles.
            callback.set_model(None)
    return Trained(progress.history, best.best_epoch, interruption)


def _end(model, best, callbacks):
    """Do what Keras does at the end of a training that was not broken off."""
    best.restore(model)
    for callback in callbacks:
        callback.on_train_end()


def _tell_of_divergence(diverged, best):
    what = (
        f"The loss or the weights became NaN or infinite in epoch {diverged.epoch}, at a learning "
        f"rate of {diverged.learning_rate:.3g}"
    )
    advice = (
        "Lower learning_rate, take optimizer='adamw' with learning_rate_schedule='cosine', or "
        "look for extreme values in sample_weight and class_weight."
    )
    if best.best_epoch is None:
        raise TrainingDivergedError(f"{what}, before there were weights to keep. {advice}")
    warn(
        f"{what}; training ends with the weights of epoch {best.best_epoch}. {advice}",
        ConvergenceWarning,
    )


def _check_averaging(optimizer, patience):
    if averages_weights(optimizer) and patience is not None:
        raise ValueError(
            "The optimizer has use_ema=True, which averages the weights over all steps, but "
            f"patience={patience} keeps those of one epoch. Pass patience=None, or "
            "validation_fraction=None and no validation_data."
        )


def _compile(model, optimizer, label_smoothing):
    options = get_backend().prepare_training(model, optimizer)
    dtype = model.output.dtype
    model.compile(
        optimizer=optimizer,
        # With this reduction a weight of two is the same as the image twice.
        loss=keras.losses.CategoricalCrossentropy(
            label_smoothing=label_smoothing, reduction="mean_with_sample_weight", dtype=dtype
        ),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy", dtype=dtype)],
        **options,
    )
    # TensorFlow traces a step twice if its first trace makes variables.
    model.optimizer.build(model.trainable_variables)
