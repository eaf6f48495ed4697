"""Use no more memory than is needed, and say what to lower where it is too little."""

import gc
import itertools
from contextlib import contextmanager

from fer_estimators.exceptions import OutOfMemoryError

# TensorFlow and JAX name the gRPC status, PyTorch and CUDA say it in words.
_SIGNS = ("RESOURCE_EXHAUSTED", "out of memory", "can't allocate memory")

# A collection takes as long as a few hundred training steps of a tiny network.
_FITS_PER_COLLECTION = 4
_n_fits = itertools.count(1)


def free_dropped_networks():
    """Let Python find the networks of earlier fits that nobody holds any more.

    A network, its optimizer's state and its graphs refer to each other in cycles. Python would
    come to them after many more objects, which are small: in a search, gigabytes would pile up.
    """
    if next(_n_fits) % _FITS_PER_COLLECTION == 0:
        gc.collect()


@contextmanager
def advice_on_memory(batch_size, image_shape):
    """Turn every backend's error about memory into one that names what was too large.

    Parameters
    ----------
    batch_size : int
    image_shape : tuple of int

    Raises
    ------
    OutOfMemoryError
    """
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
