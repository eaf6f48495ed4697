"""What happens between the batches and the epochs of a training."""

import keras
import numpy as np


class Diverged(Exception):
    """The loss or the weights are no longer finite."""

    def __init__(self, epoch, learning_rate):
        super().__init__(epoch, learning_rate)
        self.epoch = epoch
        self.learning_rate = learning_rate


class DrawOrder(keras.callbacks.Callback):
    """Shuffle the training batches anew at the start of each epoch.

    Parameters
    ----------
    batches : ImageBatches
    """

    def __init__(self, batches):
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch, logs=None):
        """Draw the order of `epoch`."""
        self._batches.set_epoch(epoch)


class LogLearningRate(keras.callbacks.Callback):
    """Write the learning rate at each epoch's end into the history."""

    def on_epoch_end(self, epoch, logs=None):
        """Add ``learning_rate`` to the logs."""
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class DetectDivergence(keras.callbacks.Callback):
    """Raise `Diverged` after the first batch whose loss is not finite."""

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch, for the error."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Look at the mean loss since the epoch's start, which stays NaN once it was."""
        if not np.isfinite(float(logs["loss"])):
            self._stop()

    def on_epoch_end(self, epoch, logs=None):
        """Look at the weights, which the last batch may have ruined."""
        if not all(np.isfinite(values).all() for values in self.model.get_weights()):
            self._stop()

    def _stop(self):
        raise Diverged(self._epoch + 1, float(self.model.optimizer.learning_rate))


class KeepBestWeights(keras.callbacks.Callback):
    """Remember the best epoch's weights, and stop when no better one comes.

    The best epoch has the highest validation accuracy; of equals, the lowest validation loss.
    One instance can watch several phases of one training.

    Parameters
    ----------
    patience : int or None
        Epochs without a better one after which a phase stops. None takes each epoch for better
        than those before it.

    Attributes
    ----------
    best_epoch : int or None
        Counted from 1.
    best_score : list of float or None
        What it was chosen by.
    best_weights : list of ndarray or None
    waited : int
        Epochs of this phase since the best one.
    """

    def __init__(self, patience):
        super().__init__()
        self.patience = patience
        self.best_epoch = None
        self.best_score = None
        self.best_weights = None
        self.waited = 0

    def keep(self, model):
        """Take a model's weights for the best."""
        self.best_weights = model.get_weights()

    def restore(self, model):
        """Put the best weights back, if there are any."""
        if self.best_weights is not None:
            model.set_weights(self.best_weights)

    def on_epoch_end(self, epoch, logs=None):
        """Keep the weights if this epoch is the best so far."""
        if self.patience is None:
            score = [float(epoch)]
        else:
            score = [float(logs["val_accuracy"]), -float(logs["val_loss"])]
        if self.best_score is None or score > self.best_score:
            self.best_score = score
            self.best_epoch = epoch + 1
            self.best_weights = self.model.get_weights()
            self.waited = 0
            return
        self.waited += 1
        if self.patience is not None and self.waited >= self.patience:
            self.model.stop_training = True
