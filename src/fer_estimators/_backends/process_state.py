"""Settings of the whole process that the library changes for a moment and then restores."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import keras
import numpy as np

#: Precisions in which a network can be built.
DTYPE_POLICIES = {"float32", "float64", "mixed_bfloat16", "mixed_float16"}

# Two threads that change and restore the same state would mix theirs.
_ONE_AT_A_TIME = RLock()


@contextmanager
def isolated_random_state(seed: int) -> Iterator[None]:
    """Seed what Keras draws its seeds from, and restore it afterwards.

    Keras' layers and initialisers take their seeds from Python's ``random`` where none is given,
    and are stateless otherwise. Seeding the backend is therefore not needed, and neither is the
    process-wide determinism that scikeras switches on and never off.

    Parameters
    ----------
    seed : int
    """
    with _ONE_AT_A_TIME:
        # NumPy's global state, too, for networks of the user's own that draw from it.
        python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Make the layers that are built within the context in this precision.

    Parameters
    ----------
    name : str
        One of :data:`DTYPE_POLICIES`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def tensorflow_left_out() -> Iterator[None]:
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
