"""Settings of the whole process that the library changes temporarily."""

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock

import keras

from fer_estimators._compat import replace_seed_source

#: Precisions in which a network can be built.
DTYPE_POLICIES = {"float32", "float64", "mixed_bfloat16", "mixed_float16"}

# Two threads that change and restore the same state would interfere.
_ONE_AT_A_TIME = RLock()


# Each thread has its own generator; other threads and the user's networks are not affected.
_seeds: ContextVar[random.Random | None] = ContextVar("fer_estimators_seeds", default=None)
_computing_since: int | None = None


class _SeedSource:
    """What Keras draws seeds from: the generator of this context, or Python's ``random``."""

    @staticmethod
    def randint(low, high):
        return (_seeds.get() or random).randint(low, high)


replace_seed_source(_SeedSource())


@contextmanager
def isolated_random_state(seed: int) -> Iterator[None]:
    """Let Keras draw from a generator of our own in this thread, within the context.

    Keras' layers and initialisers take their seeds from Python's ``random`` where none is given,
    and are stateless otherwise. No global state is seeded, restored or drawn from, so other threads
    neither disturb the network that is built here nor are disturbed.
    """
    token = _seeds.set(random.Random(seed))
    try:
        yield
    finally:
        _seeds.reset(token)


def note_computation() -> None:
    """Record that the backend computes in this process, for :func:`is_broken_fork`."""
    global _computing_since
    if _computing_since is None:
        _computing_since = os.getpid()


def is_broken_fork() -> bool:
    """Tell whether this process is a fork of one whose backend had started to compute.

    A fork copies the memory but not the threads, for which the backend would wait forever.
    """
    return _computing_since not in (None, os.getpid())


def refuse_broken_fork() -> None:
    """Raise a RuntimeError if :func:`is_broken_fork`, where the backend would wait forever."""
    if is_broken_fork():
        raise RuntimeError(
            f"This process (PID {os.getpid()}) was forked from one (PID {_computing_since}) in "
            f"which {keras.backend.backend()} had started to compute, and would wait forever. Use "
            'joblib\'s default backend "loky", or start processes with '
            'multiprocessing.get_context("spawn"), or fork before the first fit.'
        )


def refuse_channels_first() -> None:
    """Raise a ValueError where Keras' layers would take the rows of an image for its channels."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "Keras' image_data_format is 'channels_first', but images come with their channels "
            "last, and its layers would take their rows for channels. Call "
            "keras.config.set_image_data_format('channels_last'), or change it in "
            "~/.keras/keras.json."
        )


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Make the layers that are built within the context in one of :data:`DTYPE_POLICIES`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextmanager
def tensorflow_left_out() -> Iterator[None]:
    """Hide TensorFlow if another backend is used and TensorFlow is not imported yet.

    scikeras, and Keras when it serialises, import it if it is installed, which needlessly takes
    seconds and hundreds of megabytes.
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
