"""Say what to lower when a batch does not fit into memory."""

from contextlib import contextmanager

from fer_estimators.exceptions import OutOfMemoryError

# TensorFlow and JAX name the gRPC status, PyTorch and CUDA say it in words.
_SIGNS = ("RESOURCE_EXHAUSTED", "out of memory", "can't allocate memory")


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
