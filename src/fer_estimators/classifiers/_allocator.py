"""Keep the C library from handing memory back between the steps of a training.

A step on the CPU allocates and frees the same tens of megabytes of activations again and again.
glibc returns them to the system each time, and the system clears each page anew: up to half of the
time of a training goes there. Other systems' allocators are left alone.
"""

import ctypes
import platform
from contextlib import contextmanager

# Numbers of mallopt's parameters, from glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3

_TRAINING = {
    _MMAP_THRESHOLD: 32 << 20,  # the most that glibc accepts
    _TRIM_THRESHOLD: (2 << 30) - 1,  # the largest C int: in effect, never
    _TOP_PAD: 64 << 20,
}
# glibc's initial values; the threshold of mmap stays where glibc's own adaptation would bring it.
_AFTERWARDS = {_TRIM_THRESHOLD: 128 << 10, _TOP_PAD: 128 << 10}


@contextmanager
def freed_memory_kept():
    """Reuse freed memory within the context, and give it back to the system at its end."""
    libc = _glibc()
    if libc is None:
        yield
        return
    _set(libc, _TRAINING)
    try:
        yield
    finally:
        _set(libc, _AFTERWARDS)
        libc.malloc_trim(0)


def _glibc():
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def _set(libc, values):
    for parameter, value in values.items():
        libc.mallopt(parameter, value)
