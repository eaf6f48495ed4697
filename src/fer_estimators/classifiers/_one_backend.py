"""Keep TensorFlow out of processes that run Keras on another backend."""

import sys
from contextlib import contextmanager
from threading import RLock

import keras

# All threads look modules up in the same place.
_ONE_AT_A_TIME = RLock()


@contextmanager
def tensorflow_left_out():
    """Hide TensorFlow where another backend is used and nobody has imported it.

    scikeras, and Keras when it serialises, import it wherever it is installed: seconds and
    hundreds of megabytes for nothing.
    """
    with _ONE_AT_A_TIME:
        hide = keras.backend.backend() != "tensorflow" and "tensorflow" not in sys.modules
        if hide:
            sys.modules["tensorflow"] = None
        try:
            yield
        finally:
            if hide:
                del sys.modules["tensorflow"]
