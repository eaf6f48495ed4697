"""Callbacks that record, guard and end a training run."""

import math
import signal
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import joblib
import keras
import numpy as np
from sklearn.base import BaseEstimator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Diverged(Exception):
    """The loss or the weights are no longer finite."""

    def __init__(self, epoch, learning_rate):
        super().__init__(epoch, learning_rate)
        self.epoch = epoch
        self.learning_rate = learning_rate


class LogLearningRate(keras.callbacks.Callback):
    """Log the learning rate at the end of each epoch."""

    def on_epoch_end(self, epoch, logs=None):
        """Add ``learning_rate`` to the logs."""
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class DetectDivergence(keras.callbacks.Callback):
    """Raise `Diverged` after the first batch whose loss is not finite."""

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch, for the error."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Check the mean loss of this epoch so far, which stays NaN once it is NaN."""
        if not np.isfinite(float(logs["loss"])):
            raise Diverged(self._epoch + 1, float(self.model.optimizer.learning_rate))


class KeepBestWeights(keras.callbacks.Callback):
    """Keep the weights of the best epoch, and stop when there is no improvement.

    The best epoch has the highest validation accuracy; of equals, the lowest validation loss. One
    instance can watch several phases of one training run.

    `patience` is the number of epochs without improvement after which a phase stops, not counting
    those in which the learning rate still rises; None treats each epoch as better than those before
    it. Epochs count from 1. `waited` (epochs since the best one) and `learning_rate` (of the last
    epoch) belong to the current phase.
    """

    def __init__(self, network, patience):
        super().__init__()
        self._network = network
        self.patience = patience
        self.best_epoch = None
        self.best_score = None
        self.best_weights = None
        self.begin_phase()

    def begin_phase(self):
        """Start counting the epochs without improvement again."""
        self.waited = 0
        self.learning_rate = 0.0

    def keep(self):
        """Keep the current weights as the best."""
        self.best_weights = self._network.get_weights()

    def restore(self):
        """Put the best weights back, if there are any and others have come since."""
        if self.best_weights is None:
            return
        weights = self._network.get_weights()
        # Writing takes three times as long as reading.
        if not all(map(np.array_equal, weights, self.best_weights)):
            self._network.set_weights(self.best_weights)

    def on_epoch_end(self, epoch, logs=None):
        """Keep the weights if this epoch is the best so far.

        Raise `Diverged` if the last batch, whose loss was still finite, ruined the weights.
        """
        weights = self._network.get_weights()
        if not all(np.isfinite(values).all() for values in weights):
            raise Diverged(epoch + 1, logs["learning_rate"])
        if self.patience is None:
            score = [float(epoch)]
        else:
            score = [float(logs["val_accuracy"]), -float(logs["val_loss"])]
        warming_up = self.learning_rate < logs["learning_rate"]
        self.learning_rate = logs["learning_rate"]
        if self.best_score is None or score > self.best_score:
            self.best_score = score
            self.best_epoch = epoch + 1
            self.best_weights = weights
            self.waited = 0
            return
        if not warming_up:
            self.waited += 1
        if self.patience is not None and self.waited >= self.patience:
            self.model.stop_training = True


_STATE_OF_BEST = ("best_epoch", "best_score", "waited", "learning_rate")


class Progress(keras.callbacks.Callback):
    """Record each whole epoch, in memory and in a checkpoint.

    It is the last of the callbacks, so that it sees everything that they log. `history` is that of
    the epochs before this training run. A checkpoint, where there is one, also holds the state of
    `best` and the seed of this training run.
    """

    def __init__(self, history, best: KeepBestWeights, checkpoint, seed):
        super().__init__()
        self.history = {name: list(values) for name, values in history.items()}
        self.best = best
        self._checkpoint = checkpoint
        self._seed = seed
        self.phase = 0
        self._epochs_in_phase = 0
        self._stopped = False
        self._resumed = checkpoint is not None and checkpoint.state is not None
        if self._resumed:
            self._read(checkpoint.state, checkpoint.arrays)

    @property
    def n_epochs(self):
        """Epochs trained, in all phases."""
        return len(self.history.get("loss", ()))

    def begin_phase(self, model, number, epochs):
        """Bring a model that was compiled for a phase to the state that was reached.

        Return the number of epochs that are left of the phase's maximum.
        """
        if self._resumed and number < self.phase:
            return 0
        if self._resumed and number == self.phase:
            self._resumed = False
            self._checkpoint.restore("model", model.variables)
            self._checkpoint.restore("optimizer", model.optimizer.variables)
            return 0 if self._stopped else epochs - self._epochs_in_phase
        self.phase, self._epochs_in_phase, self._stopped = number, 0, False
        self.best.begin_phase()
        if self._checkpoint is not None:
            self._write(model)
        return epochs

    def on_epoch_end(self, epoch, logs=None):
        """Add an epoch, with NaN for what was not computed in it or in those before."""
        n_before = self.n_epochs
        for name in {**self.history, **logs}:
            column = self.history.setdefault(name, [math.nan] * n_before)
            column.append(float(logs.get(name, math.nan)))
        self._epochs_in_phase += 1
        # Because of patience, or by a callback of the user's.
        self._stopped = bool(self.model.stop_training)
        if self._checkpoint is not None:
            self._write(self.model)

    def _write(self, model):
        state = {
            "seed": self._seed,
            "history": self.history,
            "phase": self.phase,
            "epochs_in_phase": self._epochs_in_phase,
            "stopped": self._stopped,
            **{name: getattr(self.best, name) for name in _STATE_OF_BEST},
        }
        arrays = {
            "model": _values(model.variables),
            "optimizer": _values(model.optimizer.variables),
            "best": self.best.best_weights or [],
        }
        self._checkpoint.write(state, arrays)

    def _read(self, state, arrays):
        self.history = state["history"]
        self.phase = state["phase"]
        self._epochs_in_phase = state["epochs_in_phase"]
        self._stopped = state["stopped"]
        for name in _STATE_OF_BEST:
            setattr(self.best, name, state[name])
        self.best.best_weights = arrays.get("best")


def _values(variables):
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


_SETS_THE_RATE = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


def check_kinds(callbacks):
    """Raise TypeError if one is not a Keras callback."""
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                f"callbacks holds {callback!r} of type {type(callback).__name__}, but instances of "
                "keras.callbacks.Callback are expected."
            )


def refuse_second_schedule(callbacks, optimizer):
    """Raise ValueError if a callback sets the learning rate, but the optimizer has a schedule."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    scheduled = isinstance(
        optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule
    )
    for callback in callbacks:
        if scheduled and isinstance(callback, _SETS_THE_RATE):
            raise ValueError(
                f"callbacks holds a {type(callback).__name__}, which sets the learning rate, but "
                "the optimizer follows a schedule. Pass "
                "learning_rate_schedule='constant', or leave the callback out."
            )


@contextmanager
def left_copyable(callbacks):
    """Release the network and the open files that callbacks hold after a training run.

    As part of the estimator's parameters, they would prevent copying and pickling. What a callback
    recorded is kept.
    """
    before = [dict(vars(callback)) for callback in callbacks]
    try:
        yield
    finally:
        for callback, attributes in zip(callbacks, before, strict=True):
            callback._model = None
            for name, value in list(vars(callback).items()):
                if value is not attributes.get(name) and not _can_be_copied(value):
                    if name in attributes:
                        setattr(callback, name, attributes[name])
                    else:
                        delattr(callback, name)


def _can_be_copied(value):
    try:
        # Hashing pickles it. It is not copied: TensorFlow's context does not survive the end of a
        # copy of its parts.
        joblib.hash(value)
    except Exception:  # objects of any kind may raise any error
        return False
    return True


class Interrupted(Exception):
    """A signal arrived during training."""


class Interruption(keras.callbacks.Callback):
    """Raise `Interrupted` after the batch during which the first signal arrived.

    The first signal restores the previous handlers, so a second one takes effect at once.
    `ended_training` tells whether it arrived in time to end the training.
    """

    def __init__(self):
        super().__init__()
        self.signal = None
        self.ended_training = False
        self._handlers = {}

    def on_train_batch_end(self, batch, logs=None):
        """Stop if a signal has arrived."""
        if self.signal is not None:
            self.ended_training = True
            raise Interrupted

    @contextmanager
    def listening(self):
        """Handle signals in this context, if this is the main thread."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                # Leave signals alone that are ignored or handled outside of Python.
                if handler not in (None, signal.SIG_IGN):
                    self._handlers[number] = handler
                    signal.signal(number, self._remember)
        try:
            yield
        finally:
            self._put_back()

    def raise_as_usual(self):
        """Do what the signal would have done; nothing if there was none."""
        if self.signal is None:
            return
        handler = signal.getsignal(self.signal)
        if handler is signal.SIG_DFL:
            # End the process so that `finally` and `atexit` run.
            raise SystemExit(128 + self.signal)
        handler(self.signal, None)

    def _remember(self, number, frame):
        self.signal = signal.Signals(number)
        self._put_back()

    def _put_back(self):
        # A signal may arrive during this loop and run it, too.
        for number in _SIGNALS:
            handler = self._handlers.pop(number, None)
            if handler is not None:
                signal.signal(number, handler)


class TellScikitLearn(keras.callbacks.Callback):
    """Report each epoch as a subtask of ``fit``, and stop when a callback asks for it.

    `context` is that of this fit, `X` and `y` are its arguments, and `fitted` holds the attributes
    that a copy of the estimator needs to predict.
    """

    def __init__(self, estimator: BaseEstimator, context: Any, X: Any, y: Any, fitted: dict):
        super().__init__()
        self._estimator = estimator
        self._context = context
        self._data = {"X": X, "y": y}
        self._fitted = fitted

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Begin a subtask."""
        self._task = self._context.subcontext(task_name="epoch")
        self._tell(self._task.call_on_fit_task_begin)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """End the subtask; callbacks may predict with the weights of this epoch."""
        if self._tell(self._task.call_on_fit_task_end):
            self.model.stop_training = True

    def _tell(self, call: Callable) -> Any:
        return call(estimator=self._estimator, reconstruction_attributes=self._fitted, **self._data)
