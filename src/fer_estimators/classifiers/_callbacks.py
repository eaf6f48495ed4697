"""What happens between the epochs of a training."""

import keras


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


class KeepBestWeights(keras.callbacks.Callback):
    """Remember the best epoch's weights, and stop when no better one comes.

    The best epoch has the highest validation accuracy; of equals, the lowest validation loss.
    One instance can watch several phases of one training.

    Parameters
    ----------
    patience : int
        Epochs without a better one after which a phase stops.

    Attributes
    ----------
    best_epoch : int or None
        Counted from 1.
    """

    def __init__(self, patience):
        super().__init__()
        self.patience = patience
        self.best_epoch = None
        self._best_score = None
        self._best_weights = None
        self._waited = 0

    def on_train_begin(self, logs=None):
        """Give each phase its own patience."""
        self._waited = 0

    def on_epoch_end(self, epoch, logs=None):
        """Keep the weights if this epoch is the best so far."""
        score = (logs["val_accuracy"], -logs["val_loss"])
        if self._best_score is None or score > self._best_score:
            self._best_score = score
            self.best_epoch = epoch + 1
            self._best_weights = self.model.get_weights()
            self._waited = 0
            return
        self._waited += 1
        if self._waited >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        """Put the best weights back."""
        if self._best_weights is not None:
            self.model.set_weights(self._best_weights)
