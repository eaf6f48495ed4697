"""The precision in which networks are built."""

from contextlib import contextmanager

import keras

DTYPE_POLICIES = {"float32", "float64", "mixed_bfloat16", "mixed_float16"}


@contextmanager
def dtype_policy(name):
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
