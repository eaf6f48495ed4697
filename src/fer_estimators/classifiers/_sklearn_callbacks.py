"""Tell scikit-learn's callbacks (progress bars, scoring monitors) of each epoch."""

from collections.abc import Callable
from typing import Any

import keras
from sklearn.base import BaseEstimator


class TellScikitLearn(keras.callbacks.Callback):
    """Report each epoch as a subtask of ``fit``, and stop when a callback asks for it.

    Parameters
    ----------
    estimator : estimator
        The classifier whose ``fit`` runs.
    context : sklearn.callback.CallbackContext
        Of that ``fit``.
    X, y : array-like
        What it was called with.
    fitted : dict of str to object
        The attributes with which a copy of the estimator predicts.
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
        """End it; the network predicts with the weights of this epoch."""
        if self._tell(self._task.call_on_fit_task_end):
            self.model.stop_training = True

    def _tell(self, call: Callable) -> Any:
        return call(estimator=self._estimator, reconstruction_attributes=self._fitted, **self._data)
