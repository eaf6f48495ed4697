"""Train a network in phases, one after the other, on the same batches."""

from collections.abc import Callable, Sequence
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
    check_callbacks,
    left_copyable,
)
from fer_estimators.classifiers._optimizers import averages_weights, make_optimizer, take_average
from fer_estimators.classifiers._scikeras import train
from fer_estimators.exceptions import TrainingDivergedError


def _as_it_is(network):
    """Prepare nothing."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one optimizer.

    Parameters
    ----------
    epochs : int
        At most.
    learning_rate : float
        At its highest.
    schedule : str or callable
        As the classifiers' ``learning_rate_schedule``.
    prepare : callable, default=_as_it_is
        Gets the network before the phase begins, to freeze or unfreeze layers.
    averages : bool, default=True
        Whether the phase ends with averaged weights where the optimizer keeps them; a phase that is
        one of many, each from where the last one ended, would hardly move.
    """

    epochs: int
    learning_rate: float
    schedule: str | Callable
    prepare: Callable[[keras.Model], None] = _as_it_is
    averages: bool = True


@dataclass(frozen=True)
class Rule:
    """How a network learns in every phase; the fields are the classifiers' parameters."""

    optimizer: Any
    label_smoothing: float
    callbacks: Sequence[keras.callbacks.Callback] = ()
    verbose: int = 0


@dataclass
class Trainer:
    """A network and what trains it: random changes in front of it, and an optimizer.

    Only the training sees the random changes. The network itself is never compiled, and
    answers the same however it is called.

    Parameters
    ----------
    network : keras.Model
        From pixels to probabilities; trained in place.
    augmentation : str, callable or None
        As the classifiers' parameter.
    signature : str, default=None
        What tells whether a later call may go on with this one's optimizer.
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

        An optimizer that is there from an earlier call goes on in the first phase.

        Parameters
        ----------
        phases : sequence of Phase
        rule : Rule
        batches, validation : ImageBatches
            `validation` may be None.
        progress : Progress
            Where the training stands; gets each epoch.

        Returns
        -------
        Interruption

        Raises
        ------
        TrainingDivergedError
            If the loss is not finite before the first epoch is over.
        ValueError
            If the optimizer averages weights, but one epoch's are to be kept, or a callback cannot
            work with the optimizer.
        """
        best, interruption = progress.best, Interruption()
        shuffle = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: batches.set_epoch(epoch)
        )
        # The user's callbacks see what the library's wrote into the logs.
        guards = [shuffle, LogLearningRate(), DetectDivergence(self.network), best]
        watching = [*guards, *rule.callbacks, progress, interruption]
        make_dataset = get_backend().make_dataset
        data = make_dataset(batches), None if validation is None else make_dataset(validation)
        with left_copyable(rule.callbacks), interruption.listening():
            try:
                for number, phase in enumerate(phases):
                    self._run_phase(number, phase, rule, batches, data, progress, watching)
            except Interrupted:
                if best.best_epoch is None:
                    # Nothing was learned yet: leave as if the signal had come before the training.
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
        check_callbacks(rule.callbacks, self.model.optimizer)
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


def _end_early(best, callbacks):
    """Do what Keras does at the end of a training that was not broken off."""
    best.restore()
    for callback in callbacks:
        callback.on_train_end()


def _tell_of_divergence(diverged: Diverged, best: KeepBestWeights):
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
            "validation_fraction=None and no validation data."
        )


def compile_training(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, label_smoothing: float
) -> None:
    """Compile a network for training with weighted images.

    Parameters
    ----------
    model : keras.Model
        With the random changes in front of it.
    optimizer : keras.optimizers.Optimizer
        A fresh one.
    label_smoothing : float in [0, 1)
    """
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
