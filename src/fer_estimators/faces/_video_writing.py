"""Write frames into a video file, whole or not at all."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fer_estimators._files.writing import written_whole
from fer_estimators._messages import warn
from fer_estimators.faces._results import Recognition
from fer_estimators.faces._video_reading import import_av

_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}

# Ticks a second, and how many of them lie between two frames at least: a millisecond, the unit of
# Matroska's files.
_TICKS = 90_000
_MIN_STEP = 90


class VideoWriter:
    """Write frames with their times; the file takes its place when it is closed.

    `rate` is the usual number of frames a second. Raises ValueError if the path does not end in
    .mp4, .mov, .mkv or .webm, and FileNotFoundError if there is no such folder.
    """

    def __init__(self, path: str | os.PathLike[str], rate: float):
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in _FORMATS:
            raise ValueError(
                f"output={os.fspath(path)!r} ends in {suffix!r}; expected one of {list(_FORMATS)}."
            )
        if not path.parent.is_dir():
            raise FileNotFoundError(
                f"The folder of output={os.fspath(path)!r} does not exist. Make it first."
            )
        self._av = import_av()
        self._rate = max(1, round(rate))
        self._stream, self._start = None, 0.0
        self._last = -_MIN_STEP
        with ExitStack() as stack:
            file = stack.enter_context(written_whole(path))
            self._container = self._av.open(file, "w", format=_FORMATS[suffix])
            self._files = stack.pop_all()

    def write(self, pixels: NDArray[np.uint8], time: float) -> None:
        """Add a frame, ndarray of shape (height, width, 3), of a time in seconds.

        The first one decides on the size, into which others are fitted, and is shown at once.
        """
        if self._stream is None:
            self._begin(pixels.shape)
            self._start = time
        frame = self._av.VideoFrame.from_ndarray(self._fit(pixels), format="rgb24")
        frame.pts = max(self._last + _MIN_STEP, round((time - self._start) * _TICKS))
        frame.time_base = Fraction(1, _TICKS)
        self._last = frame.pts
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file and put it in its place; without any frame, leave no file."""
        if self._stream is None:
            self.discard()
            return
        with self._files:
            self._container.mux(self._stream.encode())
            self._container.close()

    def discard(self) -> None:
        """Remove what was written; a file that was there before stays as it was."""
        # On a full disk, what is left in a buffer cannot be written either.
        with suppress(InterruptedError, OSError), self._files:
            raise InterruptedError

    def _begin(self, shape):
        codec = self._container.default_video_codec
        stream = self._container.add_stream(codec, rate=self._rate)
        # Colours are stored for two by two pixels.
        stream.height, stream.width = (side + side % 2 for side in shape[:2])
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        self._stream = stream

    def _fit(self, pixels):
        height, width = self._stream.height, self._stream.width
        more = height - pixels.shape[0], width - pixels.shape[1]
        if more == (0, 0):
            return np.ascontiguousarray(pixels)
        if min(more) >= 0 and max(more) <= 1:
            return np.pad(pixels, ((0, more[0]), (0, more[1]), (0, 0)), mode="edge")
        return np.asarray(ImageOps.pad(Image.fromarray(pixels), (width, height)))


class AnnotatedCopy:
    """Results drawn into a video. If it cannot be written, recognition continues without it.

    `error` says why it could not be written; None if it could.
    """

    def __init__(self, path: str | os.PathLike[str], rate: float):
        self.error: str | None = None
        self._path = path
        self._errors = (OSError, import_av().FFmpegError)
        self._writer: VideoWriter | None = VideoWriter(path, rate)

    def write(self, result: Recognition) -> None:
        """Add a frame with its boxes and emotions."""
        if self._writer is not None:
            try:
                self._writer.write(result.annotated(), result.time)
            except self._errors as error:
                self._writer.discard()
                self._give_up(error)
            except Exception:
                # Closing it would put what there is of it into the place of an older copy.
                self._writer.discard()
                self._writer = None
                raise

    def close(self) -> None:
        """Finish the file and put it in its place."""
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except self._errors as error:
                self._give_up(error)

    def _give_up(self, error):
        self._writer = None
        self.error = (
            f"The annotated copy {os.fspath(self._path)!r} could not be written: "
            f"{error.strerror or error}. The results are complete without it."
        )
        warn(self.error)
