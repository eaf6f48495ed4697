"""Where a training stands: what an epoch adds to, and what a checkpoint holds."""

import keras

from fer_estimators.classifiers._callbacks import KeepBestWeights


class Progress(keras.callbacks.Callback):
    """Record each whole epoch, in memory and in a checkpoint.

    Comes last among the callbacks, so that it sees what they wrote into the logs.

    Parameters
    ----------
    history : dict of str to list of float
        Of the epochs before this training.
    best : KeepBestWeights
    checkpoint : Checkpoint or None
    seed : int
        Written into the checkpoint.

    Attributes
    ----------
    history : dict of str to list of float
    """

    def __init__(self, history, best: KeepBestWeights, checkpoint, seed):
        super().__init__()
        self.history = {name: list(values) for name, values in history.items()}
        self._best = best
        self._checkpoint = checkpoint
        self._seed = seed
        self._phase = 0
        self._epochs_in_phase = 0
        self._stopped = False
        self._resumed = checkpoint is not None and checkpoint.state is not None
        if self._resumed:
            self._read(checkpoint.state, checkpoint.arrays)

    @property
    def n_epochs(self):
        """Epochs trained, in all phases."""
        return len(self.history.get("loss", ()))

    @property
    def phase(self):
        """Number of the phase in which the training is."""
        return self._phase

    def begin_phase(self, model, number, epochs):
        """Put a model, compiled for a phase, where the training stands.

        Parameters
        ----------
        model : keras.Model
        number : int
            Of the phase.
        epochs : int
            Of the phase, at most.

        Returns
        -------
        int
            Epochs left in this phase.
        """
        if self._resumed and number < self._phase:
            return 0
        if self._resumed and number == self._phase:
            self._resumed = False
            self._checkpoint.restore("model", model.variables)
            self._checkpoint.restore("optimizer", model.optimizer.variables)
            return 0 if self._stopped else epochs - self._epochs_in_phase
        self._phase, self._epochs_in_phase, self._stopped = number, 0, False
        self._best.waited = 0
        if self._checkpoint is not None:
            self._write(model)
        return epochs

    def on_epoch_end(self, epoch, logs=None):
        """Add an epoch."""
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        self._epochs_in_phase += 1
        # By patience, or by a callback of the user's own.
        self._stopped = bool(self.model.stop_training)
        if self._checkpoint is not None:
            self._write(self.model)

    def _write(self, model):
        state = {
            "seed": self._seed,
            "history": self.history,
            "phase": self._phase,
            "epochs_in_phase": self._epochs_in_phase,
            "stopped": self._stopped,
            "best_epoch": self._best.best_epoch,
            "best_score": self._best.best_score,
            "waited": self._best.waited,
        }
        arrays = {
            "model": _values(model.variables),
            "optimizer": _values(model.optimizer.variables),
            "best": self._best.best_weights or [],
        }
        self._checkpoint.write(state, arrays)

    def _read(self, state, arrays):
        self.history = state["history"]
        self._phase = state["phase"]
        self._epochs_in_phase = state["epochs_in_phase"]
        self._stopped = state["stopped"]
        self._best.best_epoch = state["best_epoch"]
        self._best.best_score = state["best_score"]
        self._best.waited = state["waited"]
        self._best.best_weights = arrays.get("best")


def _values(variables):
    return [keras.ops.convert_to_numpy(variable) for variable in variables]
