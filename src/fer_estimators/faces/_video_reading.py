"""Frames and their times, from video files, URLs, cameras and iterables."""

from __future__ import annotations

import os
import reprlib
import sys
from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from time import sleep
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fer_estimators._messages import warn
from fer_estimators.exceptions import VideoError
from fer_estimators.faces._photo import read_own_photo

TimedFrame = tuple[float, NDArray[np.uint8]]

#: Frames per second, if a video does not say.
USUAL_RATE = 30.0

# Time between two frames above which it is probably not in seconds.
_LONG_STEP = 10

# FFmpeg asks for 29.97 frames a second, which MacBooks' cameras refuse.
_OPTIONS = {"avfoundation": {"framerate": "30"}}

# Seconds to wait for a camera that has no frame yet.
_WAIT = 0.01

# Formats that FFmpeg turns into pictures although they are not videos: text and lists of files.
_NO_VIDEOS = frozenset(("tty", "concat", "hls", "dash", "sdp"))

# Seconds and usual frames without a frame that are worth a word: files of some kinds are read on
# behind a damaged part without an error.
_GAP_SECONDS, _GAP_FRAMES = 2.0, 10

# A video that ends before this share of what it announced was cut.
_WHOLE = 0.95

# Pixels of films and of old cameras are up to twice as wide as high; other shapes are mistakes.
_WIDEST_PIXEL = 4


class FrameSource(Protocol):
    """Frames with their times.

    `rate` is in frames a second, `n_frames` an estimate; either may be None.
    """

    rate: float | None
    n_frames: int | None

    def __iter__(self) -> Iterator[TimedFrame]:
        """Yield seconds since the beginning, and RGB pixels."""

    def close(self) -> None:
        """Let go of the file or camera."""


def open_source(source: Any, fps: float | None = None) -> FrameSource:
    """Open whatever frames can come from; see :meth:`EmotionRecognizer.recognize_video`."""
    if isinstance(source, bool) or source is None or isinstance(source, np.ndarray):
        raise TypeError(
            f"source={reprlib.repr(source)} is of type {type(source).__name__}, but a file name, a "
            "camera number, a URL or an iterable of frames is expected. Pass a single photo to "
            "`recognize`, and an array of frames as a list: list(frames)."
        )
    is_stored = isinstance(source, (str, os.PathLike, Integral))
    if is_stored and fps is not None:
        raise ValueError(
            f"fps={fps!r} is for an iterable of frames; {source!r} has its own frame times. "
            "Leave fps out."
        )
    if isinstance(source, Integral):
        return StoredVideo(*_find_camera(source), name=f"camera {source}")
    if is_stored:
        name = os.fspath(source)
        if "://" not in name and not os.path.exists(name):
            raise FileNotFoundError(
                f"Video {name!r} does not exist; the current folder is {os.getcwd()!r}."
            )
        return StoredVideo(name, name=repr(name))
    if not isinstance(source, Iterable):
        raise TypeError(
            f"source={reprlib.repr(source)} is not iterable; expected a file name, a camera "
            "number, a URL or an iterable of frames."
        )
    return FrameStream(source, fps)


class FrameStream:
    """Frames of any iterable: frames at a rate, or pairs of seconds and a frame."""

    def __init__(self, frames: Iterable[Any], fps: float | None):
        if fps is not None and (not isinstance(fps, Real) or not 0 < fps < np.inf):
            raise ValueError(f"fps={fps!r}, but frames a second are expected, above 0.")
        self._frames = frames
        self.rate = None if fps is None else float(fps)
        self.n_frames = len(frames) if hasattr(frames, "__len__") else None

    def __iter__(self) -> Iterator[TimedFrame]:
        """Yield seconds and pixels."""
        before, is_warned, is_scale_known = -np.inf, False, False
        for number, frame in enumerate(self._frames):
            time, pixels = self._split(frame, number)
            if not before <= time < np.inf:
                raise ValueError(
                    f"Frame {number} has the time {time!r}, after {before!r}, but seconds that do "
                    "not decrease are expected."
                )
            if number and not is_warned:
                is_warned = _warn_of_step(number, time - before)
            before = time
            try:
                pixels = read_own_photo(pixels, may_be_black=True)
            except (TypeError, ValueError) as error:
                raise type(error)(f"Frame {number}: {error}") from error
            if not is_scale_known and pixels.any():
                is_scale_known = True
                _warn_of_darkness(pixels, number)
            yield time, pixels
        if before == -np.inf:
            warn(
                "The iterable of frames is empty. If it is an iterator, it can be read only once: "
                "make it again, or pass a list."
            )

    def _split(self, frame, number):
        if isinstance(frame, tuple) and len(frame) == 2 and isinstance(frame[0], (bool, np.bool_)):
            raise TypeError(
                f"Frame {number} is a pair of {frame[0]!r} and a frame, as OpenCV's `read` returns "
                "it. Yield the frame alone, in RGB: cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)."
            )
        if isinstance(frame, tuple) and len(frame) == 2 and isinstance(frame[0], Real):
            if self.rate is not None:
                raise ValueError(
                    f"fps={self.rate!r} is for frames alone, but frame {number} has the time "
                    f"{frame[0]!r}. Leave fps out, or yield frames without times."
                )
            return float(frame[0]), frame[1]
        if self.rate is None:
            raise ValueError(
                f"Frame {number} has no time, on which smoothing depends. Pass fps=30 (or whatever "
                "the frames a second are), or yield pairs (seconds, frame)."
            )
        return number / self.rate, frame

    def close(self) -> None:
        """Leave the frames open: who made them may go on reading, and closes them."""


def _warn_of_step(number, step):
    """Warn of times between two frames for which smoothing is not meant; tell whether it did."""
    if step == 0:
        warn(
            f"Frame {number} has the time of the one before, so that it does not change smoothed "
            "probabilities, and no new face is looked for. Pass times that increase, or frames "
            "alone and fps=."
        )
    elif step > _LONG_STEP:
        warn(
            f"Frame {number} comes {step:g} seconds after the one before, so that "
            "probabilities are not smoothed. If the times are milliseconds (as OpenCV's "
            "CAP_PROP_POS_MSEC), divide them by 1000."
        )
    return step == 0 or step > _LONG_STEP


def _warn_of_darkness(pixels, number):
    if pixels.max() == 1:
        warn(
            f"Frame {number} has no value above 1: it is nearly black, or was divided by 255 and "
            "cut off. Pass pixels in 0..255."
        )


class StoredVideo:
    """Frames of a file, URL or camera, read by PyAV.

    `file` is what FFmpeg opens, `format` its name for the kind of camera; messages show `name`.
    """

    def __init__(self, file: str, format: str | None = None, *, name: str):
        av = import_av()
        self._name = name
        self._is_live = format is not None or "://" in file
        try:
            self._container = av.open(file, format=format, options=_OPTIONS.get(format))
        except av.FFmpegError as error:
            raise VideoError(_explain(name, error, is_camera=format is not None)) from error
        kind = self._container.format.name
        if not self._container.streams.video or (not self._is_live and kind in _NO_VIDEOS):
            self._container.close()
            raise VideoError(f"{name} holds no pictures (format {kind!r}); a video is expected.")
        self._stream = self._container.streams.video[0]
        if not self._is_live:
            self._stream.thread_type = "AUTO"
        self.rate = float(self._stream.average_rate or USUAL_RATE)
        self._duration = None if self._is_live else self._find_duration()
        self.n_frames = self._stream.frames or None
        if self.n_frames is None and self._duration is not None:
            self.n_frames = round(self._duration * self.rate)

    def __iter__(self) -> Iterator[TimedFrame]:
        """Yield seconds and pixels; warn at the end of what could not be read."""
        clock, time, n_damaged = _Clock(1 / self.rate), None, 0
        gaps: list[tuple[float, float]] = []
        for frame in self._decode():
            if frame is None:
                n_damaged += 1
                continue
            before, time = time, clock.read(frame.time)
            if before is not None and time - before > max(_GAP_SECONDS, _GAP_FRAMES / self.rate):
                gaps.append((before, time))
            yield time, _upright_pixels(frame, self._stream.sample_aspect_ratio)
        if time is None:
            raise VideoError(f"No frame of {self._name} can be read: it is damaged or empty.")
        self._warn_of_what_is_missing(time, n_damaged, gaps)

    def _decode(self):
        """Yield frames, and None for each packet that is damaged."""
        av = import_av()
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.BlockingIOError:
                sleep(_WAIT)
                # What raised an error gives nothing more.
                packets = self._container.demux(self._stream)
                continue
            except av.FFmpegError as error:
                warn(f"{self._name} cannot be read any further: {error.strerror}.")
                return
            try:
                yield from (None if frame.is_corrupt else frame for frame in packet.decode())
            except av.EOFError:
                return
            except av.FFmpegError:
                yield None

    def _find_duration(self):
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return None if self._container.duration is None else self._container.duration / 1e6

    def _warn_of_what_is_missing(self, time, n_damaged, gaps):
        if n_damaged:
            warn(f"{n_damaged} parts of {self._name} are damaged; their frames are left out.")
        if gaps and not self._is_live:
            start, end = gaps[0]
            more = f", and {len(gaps) - 1} more such gaps" if len(gaps) > 1 else ""
            warn(
                f"{self._name} has no frame between {start:.1f} and {end:.1f} seconds{more}. Where "
                "the picture does not stand still for so long, the file is damaged."
            )
        end = time + 1 / self.rate
        if self._duration is not None and end < _WHOLE * self._duration - 0.2:
            warn(
                f"{self._name} was cut: it ends after {end:.1f} of {self._duration:.1f} seconds. "
                "The results hold what is there."
            )

    def close(self) -> None:
        """Let go of the file or camera."""
        self._container.close()


class _Clock:
    """Seconds since the first frame; `step` is what is usual between two frames.

    A raw stream has no times, and in parts that were joined end to end they begin again.
    """

    def __init__(self, step: float):
        self._step = step
        self._time: float | None = None
        self._start: float | None = None

    def read(self, own: float | None) -> float:
        expected = 0.0 if self._time is None else self._time + self._step
        if own is None:
            self._time = expected
            return expected
        if self._start is None or (self._time is not None and own - self._start < self._time):
            self._start = own - expected
        self._time = own - self._start
        return self._time


def import_av():
    """Import PyAV, or say how to install it."""
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "PyAV reads and writes videos, and is not installed. Install it with "
            '`pip install "fer-estimators[video]"`, or pass an iterable of frames.'
        ) from error
    return av


def _upright_pixels(frame, pixel_shape):
    """Return what is shown of a frame whose pixels are stored in another shape than a square."""
    width, height = frame.width, frame.height
    if pixel_shape and 1 / _WIDEST_PIXEL <= pixel_shape <= _WIDEST_PIXEL:
        # The side that has too few pixels is made longer.
        width, height = round(width * max(1, pixel_shape)), round(height * max(1, 1 / pixel_shape))
    pixels = frame.to_ndarray(format="rgb24", width=width, height=height)
    quarters = round(frame.rotation / 90) % 4  # anticlockwise
    return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels


def _find_camera(number):
    """Return what FFmpeg opens for a camera, and its name for that kind."""
    if number < 0:
        raise ValueError(f"source={number!r}, but cameras are counted from 0.")
    if sys.platform == "darwin":
        return str(number), "avfoundation"
    if sys.platform == "win32":
        devices = import_av().enumerate_input_devices("dshow")
        names = [device.description for device in devices if "video" in device.media_types]
        if number >= len(names):
            raise VideoError(f"There is no camera {number}; cameras found: {names!r}.")
        return f"video={names[number]}", "dshow"
    return f"/dev/video{number}", "v4l2"


def _explain(name, error, *, is_camera):
    reason = error.strerror
    if not is_camera:
        return (
            f"{name} cannot be opened as a video: {reason}. It may be damaged or of another kind."
        )
    if isinstance(error, FileNotFoundError):
        return f"There is no {name} ({reason}). Connect it, or pass another number, from 0."
    if isinstance(error, PermissionError):
        return f"Access to {name} is not allowed ({reason}). Allow it in the system's settings."
    return f"{name} cannot be opened ({reason}). Another program may be using it: close that."
