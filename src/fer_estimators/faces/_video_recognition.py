"""The results of a video, one frame after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from fer_estimators._frame import make_frame
from fer_estimators._messages import warn
from fer_estimators.faces._following import FaceFinder
from fer_estimators.faces._other_detectors import Detector
from fer_estimators.faces._photo import ReadPixels
from fer_estimators.faces._progress import show_progress
from fer_estimators.faces._results import Recognition
from fer_estimators.faces._tracking import Tracker
from fer_estimators.faces._video_reading import USUAL_RATE, open_source
from fer_estimators.faces._video_writing import AnnotatedCopy

if TYPE_CHECKING:
    import pandas


class VideoRecognition(Iterator[Recognition]):
    """The faces of a video, frame by frame; made by :meth:`EmotionRecognizer.recognize_video`.

    An iterator over :class:`Recognition`. As a context manager, it closes the video, and finishes
    the annotated copy, also when the loop is left early.

    Parameters
    ----------
    recognize : callable
        From a frame's pixels, its faces and the tracker to a Recognition.
    detector : object with a method `detect`
        Finds the faces.
    source : str, path-like, int or iterable
        As for :meth:`EmotionRecognizer.recognize_video`, like all that follow.
    emotions : tuple of str or int
        The classifier's labels.
    fps : float or None
        Frames a second of an iterable of frames.
    smoothing : float
        Seconds.
    search_every : float
        Seconds.
    output : path-like or None
        Annotated copy.
    progress : bool
        Whether to show a progress bar.

    Attributes
    ----------
    output_error : str or None
        Why the annotated copy could not be written.

    Examples
    --------
    >>> from fer_estimators import EmotionRecognizer, make_faces
    >>> frames = list(make_faces(3, image_size=60, random_state=0).images)
    >>> recognizer = EmotionRecognizer(detector=lambda photo: [(20, 10, 30, 30)])
    >>> for result in recognizer.recognize_video(frames, fps=10):
    ...     print(result.time, [face.id for face in result])
    0.0 [1]
    0.1 [1]
    0.2 [1]
    """

    def __init__(
        self,
        recognize: Callable[..., Recognition],
        detector: Detector,
        source: Any,
        *,
        emotions: tuple[Any, ...],
        fps: float | None,
        smoothing: float,
        search_every: float,
        output: str | os.PathLike[str] | None,
        progress: bool,
    ):
        self.emotions = emotions
        self._source = open_source(source, fps)
        self._copy = None
        if output is not None:
            self._copy = self._open_copy(source, output)
        finder, tracker = FaceFinder(detector, search_every), Tracker(smoothing)
        # Without this object, so that a loop that is left early ends it at once.
        self._results = _recognize_frames(
            partial(_recognize_next, recognize, finder, tracker),
            self._source,
            self._copy,
            progress=progress,
        )

    @property
    def output_error(self) -> str | None:
        return None if self._copy is None else self._copy.error

    def __iter__(self) -> VideoRecognition:
        """Return the iterator itself: a video is read once."""
        return self

    def __next__(self) -> Recognition:
        """Return the result of the next frame."""
        return next(self._results)

    def __enter__(self) -> VideoRecognition:
        """Return the iterator itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the video."""
        self.close()

    def close(self) -> None:
        """Close the video and finish the annotated copy; what was written so far is kept."""
        self._results.close()
        self._source.close()
        if self._copy is not None:
            self._copy.close()

    def to_frame(self) -> pandas.DataFrame:
        """Read the video to its end, and return its faces as one table.

        After Ctrl-C, the table holds the results so far, and a warning says so.

        Returns
        -------
        pandas.DataFrame
            One row for each face in each frame that was not read before: `frame_number`, `time` in
            seconds, `id`, and the columns of :meth:`Recognition.frame`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        columns = Recognition((), self.emotions, time=0.0, frame_number=0).columns
        make_frame([], columns=columns)  # before the work: pandas may be missing
        rows, time = [], 0.0
        try:
            for result in self:
                rows.extend(result.to_rows())
                time = result.time
        except KeyboardInterrupt:
            warn(f"Interrupted after {time:.1f} seconds of the video: the table holds those.")
        finally:
            self.close()
        return make_frame(rows, columns=columns)

    def _open_copy(self, source, output):
        try:
            if isinstance(source, (str, os.PathLike)) and is_same_file(source, output):
                raise ValueError(f"output={output!r} is the video itself. Pass another name.")
            return AnnotatedCopy(output, self._source.rate or USUAL_RATE)
        except BaseException:
            self._source.close()
            raise


def _recognize_next(recognize, finder, tracker, number, time, pixels):
    faces = finder.find(pixels.view(ReadPixels), time)
    return recognize(pixels, faces, tracker, time=time, frame_number=number)


def _recognize_frames(recognize, source, copy, *, progress):
    """Yield the result of each frame; close the video and its copy at the end, however it comes."""
    frames = show_progress(source, "frames", shown=progress, total=source.n_frames)
    try:
        for number, (time, pixels) in enumerate(frames):
            result = recognize(number, time, pixels)
            if copy is not None:
                copy.write(result)
            yield result
    finally:
        source.close()
        if copy is not None:
            copy.close()


def is_same_file(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> bool:
    """Tell whether two paths lead to one file that exists."""
    return os.path.exists(a) and os.path.exists(b) and os.path.samefile(a, b)
