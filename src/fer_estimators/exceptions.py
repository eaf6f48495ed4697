"""The library's own errors and warnings.

Each derives from the built-in error that a caller would expect, so that ``except ValueError``
keeps working without knowing these names.
"""

from typing import Any


class _PickledAsItIs:
    """Lets tblib, which Dask imports, pickle errors that are of two built-in kinds."""

    def __reduce__(self) -> tuple[Any, ...]:
        return super().__reduce__()


class DatasetError(ValueError):
    """A data set is not of the expected kind, or cannot be read."""


class ImageReadError(_PickledAsItIs, DatasetError, OSError):
    """One image file is damaged, not an image, or of a format that is not accepted."""


class UnsafeArchiveError(DatasetError):
    """An archive holds members that leave it, link out of it, or exceed the stated limits."""


class LabelError(DatasetError):
    """A class folder or a label is not a known emotion."""


class WeightsNotFoundError(FileNotFoundError):
    """Pretrained weights are neither in the cache nor at the given path."""


class WeightsFileError(_PickledAsItIs, WeightsNotFoundError, ValueError):
    """A weights file is damaged, not a weights file, or for another network."""


class ModelFileError(ValueError):
    """A file is not a model file, is damaged or newer than this library, or has refused content."""


class ModelFileNotFoundError(_PickledAsItIs, ModelFileError, FileNotFoundError):
    """No model file exists at the given path."""


class CheckpointError(ValueError):
    """A checkpoint is damaged, in use, or from another training run."""


class TrainingDivergedError(ArithmeticError):
    """The loss became infinite or NaN before there were any weights worth keeping."""


class OutOfMemoryError(MemoryError):
    """A batch does not fit into the memory of the device or the machine."""


class BadImageWarning(UserWarning):
    """Images were skipped or converted; the dataset's ``report`` lists each one."""


class NoFaceError(ValueError):
    """A photo shows no face, but one was required."""


class VideoError(_PickledAsItIs, OSError, ValueError):
    """A video or camera cannot be opened or read, or a video cannot be written."""
