"""Reduce memory use, and advise what to lower if there is too little."""

import ctypes
import gc
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from fer_estimators.exceptions import OutOfMemoryError

# TensorFlow and JAX report a gRPC status, PyTorch and CUDA a message.
_SIGNS = ("RESOURCE_EXHAUSTED", "out of memory", "can't allocate memory")

# Bytes that dropped networks may take before they are collected, because a collection takes a third
# of the time in which a tiny network is fitted.
_MOST_DROPPED = 64 << 20
# Bytes of a tiny network's graphs.
_GRAPHS = 8 << 20
# A weight, its gradient, what the optimizer remembers of it, and its best value.
_BYTES_PER_WEIGHT = 5 * 4
_n_bytes = 0

# Numbers of mallopt's parameters, from glibc's malloc.h, by the variables that set them as well.
_MALLOPT = {
    "MALLOC_TRIM_THRESHOLD_": -1,
    "MALLOC_TOP_PAD_": -2,
    "MALLOC_MMAP_THRESHOLD_": -3,
}
_WHILE_TRAINING = {
    "MALLOC_MMAP_THRESHOLD_": 32 << 20,  # the most that glibc accepts
    "MALLOC_TRIM_THRESHOLD_": (2 << 30) - 1,  # the largest C int: in effect, never
    "MALLOC_TOP_PAD_": 64 << 20,
}
# glibc's initial values; the threshold of mmap stays where glibc's own adaptation would bring it.
_OTHERWISE = {"MALLOC_TRIM_THRESHOLD_": 128 << 10, "MALLOC_TOP_PAD_": 128 << 10}
_counting = Lock()
_n_training = 0


def free_dropped_networks(n_weights: int) -> None:
    """Collect networks of earlier fits that are no longer referenced, once they may fill memory.

    A network, the state of its optimizer and its graphs form reference cycles. Python collects
    cycles by the number of new objects, not by their size, so gigabytes would accumulate in a
    search. `n_weights` is the size of the new network, which will be dropped in its turn.
    """
    global _n_bytes
    size = _GRAPHS + _BYTES_PER_WEIGHT * n_weights
    with _counting:
        _n_bytes += size
        is_much = _n_bytes > _MOST_DROPPED
        if is_much:
            _n_bytes = size
    if is_much:
        gc.collect()


@contextmanager
def advice_on_memory(batch_size: int, image_shape: tuple[int, ...]) -> Iterator[None]:
    """Turn any backend's lack of memory into an OutOfMemoryError that says what was too large."""
    try:
        yield
    except Exception as error:
        if not _is_about_memory(error):
            raise
        size = " x ".join(map(str, image_shape))
        raise OutOfMemoryError(
            f"A batch of {batch_size} images of {size} values does not fit into memory "
            f"({type(error).__name__}). Lower batch_size, use smaller images (ImageResizer, or "
            "image_size), or a smaller network."
        ) from error


def _is_about_memory(error):
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep the C library from handing memory back between the steps of a training run.

    Each step on the CPU allocates and frees the same tens of megabytes of activations. glibc would
    return them to the system each time, which then has to clear the pages. Freed memory is
    returned when the last of several concurrent contexts ends. Other allocators do not change, nor
    does glibc's if the user has set one of its variables.
    """
    global _n_training
    libc = _load_glibc()
    if libc is None:
        yield
        return
    with _counting:
        _n_training += 1
        _set(libc, _WHILE_TRAINING)
    try:
        yield
    finally:
        with _counting:
            _n_training -= 1
            if _n_training == 0:
                _set(libc, _OTHERWISE)
                libc.malloc_trim(0)


def _load_glibc():
    is_users_own = "GLIBC_TUNABLES" in os.environ or any(name in os.environ for name in _MALLOPT)
    if is_users_own or platform.libc_ver()[0] != "glibc":
        return None
    return ctypes.CDLL(None)


def _set(libc, values):
    for name, value in values.items():
        libc.mallopt(_MALLOPT[name], value)
