"""Reproducible training that leaves the process's random state as it was."""

import random
from contextlib import contextmanager

import numpy as np


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
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
