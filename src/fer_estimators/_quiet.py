"""Import Keras and start what runs networks without TensorFlow's messages about itself.

TensorFlow writes some ten lines to standard error about processors, drivers and GPUs that are not
there. Its C++ code writes them past Python, in part before any setting is read. What it says later,
and what others write meanwhile, is not touched.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import RLock

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_CHATTER = re.compile(
    rb"^(?:WARNING: All log messages before absl|To enable the following instructions:"
    rb"|INFO: Created TensorFlow Lite|fully_quantize: "
    rb"|[IW]\d{4} |E\d{4} .*(?:cuInit|cuda|CUDA|cuDNN|cuFFT|cuBLAS)).*\n?",
    re.MULTILINE,
)
_STANDARD_ERROR = 2
# The descriptor is the whole process's.
_ONE_AT_A_TIME = RLock()


def import_keras() -> None:
    """Import Keras, silently where this is what imports TensorFlow.

    Where TensorFlow is imported already, or the user asked for its messages with
    ``TF_CPP_MIN_LOG_LEVEL=0``, it is left alone. Raises ImportError if Keras is missing.
    """
    if find_spec("keras") is None:
        raise ImportError(
            "Keras is not installed, but networks are built and trained with it. Run `pip install "
            "fer-estimators` without --no-deps. To predict without Keras, use ExportedClassifier."
        )
    before = os.environ.get(_LEVEL)
    if "tensorflow" in sys.modules or before == "0":
        import keras

        return
    # Read once, while TensorFlow is imported: warnings and errors will still be written.
    os.environ.setdefault(_LEVEL, "1")
    try:
        with chatter_left_out():
            import keras  # noqa: F401
    finally:
        if before is None:
            os.environ.pop(_LEVEL, None)


@contextmanager
def chatter_left_out() -> Iterator[None]:
    """Hold back standard error within the context, and then write it without the chatter."""
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as held:
        try:
            original = os.dup(_STANDARD_ERROR)
        except OSError:
            # The process has no standard error, like a program without a terminal.
            yield
            return
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(held.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(original, _STANDARD_ERROR)
            os.close(original)
            held.seek(0)
            rest = _CHATTER.sub(b"", held.read())
            if rest:
                os.write(_STANDARD_ERROR, rest)
