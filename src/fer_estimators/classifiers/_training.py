"""Train a network in phases, one after the other, on the same batches."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
from sklearn.exceptions import ConvergenceWarning

from fer_estimators._backends import get_backend
from fer_estimators._messages import warn
from fer_estimators.augmentation import add_augmentation
from fer_estimators.classifiers._callbacks import (
    DetectDivergence,
    Diverged,
    Interrupted,
    Interruption,
    KeepBestWeights,
    LogLearningRate,
    Progress,
    check_kinds,
    left_copyable,
    refuse_second_schedule,
)
from fer_estimators.classifiers._optimizers import averages_weights, make_optimizer, take_average
from fer_estimators.classifiers._scikeras import train
from fer_estimators.exceptions import TrainingDivergedError


def _as_it_is(network):
    """Leave the network unchanged."""


@dataclass(frozen=True)
class Phase:
    """A part of the training with one optimizer.

    `epochs` is the maximum number of epochs and `learning_rate` the highest learning rate.
    `prepare` is called with the network before the phase begins, to freeze or unfreeze layers.
    `averages` tells whether the phase ends with averaged weights if the optimizer averages: in a
    series of short phases, each starting from the average of the last one, the weights would hardly
    change.
    """

    epochs: int
    learning_rate: float
    schedule: str | Callable
    prepare: Callable[[keras.Model], None] = _as_it_is
    averages: bool = True


@dataclass(frozen=True)
class Rule:
    """The settings that all phases share; the fields are parameters of the classifiers."""

    optimizer: Any
    label_smoothing: float
    callbacks: Sequence[keras.callbacks.Callback]
    verbose: int


@dataclass
class Trainer:
    """Train a network with random changes of the images.

    The augmentation belongs to an outer model that is used in training only. The network itself,
    from pixels to probabilities, is never compiled, and its predictions do not depend on how it is
    called. :meth:`partial_fit` uses a trainer, and with it the optimizer, again if its signature is
    the same.
    """

    network: keras.Model
    augmentation: Any
    signature: str | None = None
    model: keras.Model = field(init=False)

    def __post_init__(self):
        self.model = add_augmentation(self.network, self.augmentation)

    def run(
        self, phases: Sequence[Phase], rule: Rule, batches, validation, progress: Progress
    ) -> Interruption:
        """Train the network in place.

        The first phase continues with the optimizer of an earlier call, if there is one.
        `validation` may be None. Raises TrainingDivergedError if the loss is not finite before the
        first epoch is over, and ValueError if the optimizer averages weights, but `patience`
        keeps those of one epoch, or a callback cannot work with the optimizer.
        """
        check_kinds(rule.callbacks)
        best, interruption = progress.best, Interruption()
        shuffle = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: batches.set_epoch(epoch)
        )
        # The user's callbacks see what the library's callbacks logged.
        guards = [shuffle, LogLearningRate(), DetectDivergence(), best]
        watching = [*guards, *rule.callbacks, progress, interruption]
        make_feed = get_backend().make_feed
        data = make_feed(batches), None if validation is None else make_feed(validation)
        with (
            left_copyable(rule.callbacks),
            interruption.listening(),
            _errors_of_files(batches, validation),
        ):
            try:
                for number, phase in enumerate(phases):
                    self._run_phase(number, phase, rule, batches, data, progress, watching)
            except Interrupted:
                if best.best_epoch is None:
                    # No epoch is complete: behave as if the signal had arrived before training.
                    interruption.raise_as_usual()
                    raise KeyboardInterrupt("the first epoch was interrupted") from None
                _end_early(best, rule.callbacks)
            except Diverged as diverged:
                _tell_of_divergence(diverged, best)
                _end_early(best, rule.callbacks)
        return interruption

    def _run_phase(self, number, phase, rule, batches, data, progress, watching):
        phase.prepare(self.network)
        if number or not self.model.compiled:
            n_steps = phase.epochs * len(batches)
            optimizer = make_optimizer(rule.optimizer, phase.learning_rate, phase.schedule, n_steps)
            compile_training(self.model, optimizer, rule.label_smoothing)
        _check_averaging(self.model.optimizer, progress.best.patience)
        refuse_second_schedule(rule.callbacks, self.model.optimizer)
        epochs = progress.begin_phase(self.model, number, phase.epochs)
        if epochs:
            train(
                self.model,
                data[0],
                validation_data=data[1],
                callbacks=watching,
                epochs=epochs,
                initial_epoch=progress.n_epochs,
                verbose=rule.verbose,
            )
        if phase.averages and averages_weights(self.model.optimizer) and number == progress.phase:
            take_average(self.model, batches)
            progress.best.keep()
        progress.best.restore()


@contextmanager
def _errors_of_files(*sets):
    """Raise an error about a file in its original form, if the backend replaced it with its own."""
    try:
        yield
    except Exception:
        for batches in sets:
            if batches is not None and batches.error is not None:
                raise batches.error from None
        raise


def _end_early(best, callbacks):
    """Do what Keras does at the normal end of training."""
    best.restore()
    for callback in callbacks:
        callback.on_train_end()


def _tell_of_divergence(diverged: Diverged, best: KeepBestWeights):
    what = (
        f"The loss or the weights became NaN or infinite in epoch {diverged.epoch}, at a learning "
        f"rate of {diverged.learning_rate:.3g}"
    )
    advice = (
        "Lower learning_rate, use optimizer='adamw' with learning_rate_schedule='cosine', or "
        "look for extreme values in sample_weight and class_weight."
    )
    if best.best_epoch is None:
        raise TrainingDivergedError(f"{what}, before any epoch was complete. {advice}")
    warn(
        f"{what}; training ends with the weights of epoch {best.best_epoch}. {advice}",
        ConvergenceWarning,
    )


def _check_averaging(optimizer, patience):
    if averages_weights(optimizer) and patience is not None:
        raise ValueError(
            "The optimizer has use_ema=True, which averages the weights over all steps, but "
            f"patience={patience} keeps those of one epoch. Pass patience=None, or "
            "validation_fraction=None and no validation data."
        )


def compile_training(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, label_smoothing: float
) -> None:
    """Compile a model, which includes the augmentation, for training with weighted images."""
    dtype = model.output.dtype
    get_backend().compile_training(
        model,
        optimizer,
        # With this reduction, a weight of two has the same effect as using the image twice.
        loss=keras.losses.CategoricalCrossentropy(
            label_smoothing=label_smoothing, reduction="mean_with_sample_weight", dtype=dtype
        ),
        weighted_metrics=[keras.metrics.CategoricalAccuracy(name="accuracy", dtype=dtype)],
    )
    # TensorFlow traces a step twice if its first trace makes variables.
    model.optimizer.build(model.trainable_variables)
