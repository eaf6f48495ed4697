"""Reproducible training that leaves the process's random state as it was."""

import random
from contextlib import contextmanager
from threading import RLock

import keras
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


def seed_dropout(model):
    """Let dropout draw from the seeds of its layers on PyTorch, too.

    There, Keras draws from PyTorch's global state where a layer was made without a seed: for
    speed, but no fit would be like another, and resumed trainings would differ.

    Parameters
    ----------
    model : keras.Model
    """
    if keras.backend.backend() != "torch":
        return
    for layer in model._flatten_layers():
        generator = getattr(layer, "seed_generator", None)
        if generator is not None and generator._initial_seed is None:
            # The one that was drawn for the layer when it was made.
            generator._initial_seed = int(keras.ops.convert_to_numpy(generator.state)[0])
