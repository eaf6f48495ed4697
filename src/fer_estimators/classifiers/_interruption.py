"""End a training at Ctrl-C or SIGTERM so that nothing learned is lost."""

import signal
import threading
from contextlib import contextmanager

import keras

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """A signal came while the network was trained."""


class Interruption(keras.callbacks.Callback):
    """Raise `Interrupted` after the batch during which the first signal came.

    A second signal is not waited for: the first one puts the handlers back that were there
    before.

    Attributes
    ----------
    signal : signal.Signals or None
        The one that came.
    ended_training : bool
        Whether it came in time to end the training.
    """

    def __init__(self):
        super().__init__()
        self.signal = None
        self.ended_training = False
        self._handlers = {}

    def on_train_batch_end(self, batch, logs=None):
        """Stop if a signal has come."""
        if self.signal is not None:
            self.ended_training = True
            raise Interrupted

    @contextmanager
    def listening(self):
        """Handle signals meanwhile; in the main thread, the only one that gets any."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                # Whoever ignores a signal, or handles it outside of Python, goes on doing so.
                if handler not in (None, signal.SIG_IGN):
                    self._handlers[number] = handler
                    signal.signal(number, self._remember)
        try:
            yield
        finally:
            self._put_back()

    def raise_as_usual(self):
        """Do what the signal would have done; nothing if none came."""
        if self.signal is None:
            return
        handler = signal.getsignal(self.signal)
        if handler is signal.SIG_DFL:
            # The process was to end; this way, `finally` and `atexit` get their turn.
            raise SystemExit(128 + self.signal)
        handler(self.signal, None)

    def _remember(self, number, frame):
        self.signal = signal.Signals(number)
        self._put_back()

    def _put_back(self):
        # A signal may come in the middle of this, and do the same.
        for number in _SIGNALS:
            handler = self._handlers.pop(number, None)
            if handler is not None:
                signal.signal(number, handler)
