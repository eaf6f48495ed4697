"""Reproducible training that leaves the process's random state as it was."""

import random
from contextlib import contextmanager
from threading import RLock

import numpy as np

# The state is the whole process's: two threads that seed and restore would mix their streams.
_ONE_AT_A_TIME = RLock()


@contextmanager
def isolated_random_state(seed):
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
