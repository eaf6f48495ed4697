"""A picture of a video: how probable each emotion of each face is over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from fer_estimators._arguments import check_whole
from fer_estimators._frame import by_position, make_frame
from fer_estimators._labels import is_missing
from fer_estimators.evaluation._labels import check_same_length

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Seconds without the face from which on its strip is interrupted, unless frames are as far apart.
_GAP = 0.5

# Height of a face's strip, inches: of each emotion, and of what is around them.
_ROW, _AROUND = 0.2, 0.55


class EmotionTimelineDisplay:
    """Probability of each emotion over the time of a video, one strip for each face.

    Make it with :meth:`from_results` or :meth:`from_frame`. Darker colours are more probable. A
    line marks the most probable emotion, and is interrupted where the classifier is not sure.

    Parameters
    ----------
    time : array-like of shape (n_rows,)
        Seconds, in any order.

    ids : array-like of shape (n_rows,)
        Number of the face.

    probabilities : array-like of shape (n_rows, n_emotions)
        0 to 1.

    answers : sequence of n_rows labels
        Answers of the classifier: one of `emotions`, or another word for "not sure".

    emotions : sequence of n_emotions labels
        Labels of the columns of `probabilities`.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One for each face drawn. Set by :meth:`plot`.
    figure_ : matplotlib Figure
        Figure that holds the axes. Set by :meth:`plot`.

    See Also
    --------
    EmotionRecognizer : Its `recognize_video` makes the results.

    Examples
    --------
    >>> from fer_estimators.evaluation import EmotionTimelineDisplay
    >>> display = EmotionTimelineDisplay(
    ...     time=[0.0, 0.1, 0.2],
    ...     ids=[1, 1, 1],
    ...     probabilities=[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]],
    ...     answers=["happy", "not sure", "sad"],
    ...     emotions=["happy", "sad"],
    ... )
    >>> display.frame()["emotion"].tolist()
    ['happy', 'not sure', 'sad']
    """

    axes_: list[Axes]
    figure_: Figure

    def __init__(
        self,
        time: ArrayLike,
        ids: ArrayLike,
        probabilities: ArrayLike,
        answers: Sequence[Any],
        *,
        emotions: Sequence[Any],
    ) -> None:
        self.time: ArrayLike = by_position(time)
        self.ids: ArrayLike = by_position(ids)
        self.probabilities: ArrayLike = by_position(probabilities)
        self.answers: Sequence[Any] = by_position(answers)
        self.emotions = emotions

    @classmethod
    def from_results(
        cls, results: Iterable[Any], *, n_faces: int = 4, ax: Axes | None = None
    ) -> Self:
        """Draw the results of a video.

        Parameters
        ----------
        results : iterable of Recognition
            What :meth:`EmotionRecognizer.recognize_video
            <fer_estimators.faces.EmotionRecognizer.recognize_video>` yields.

        n_faces : int, default=4
            Number of faces to draw, those seen longest.

        ax : matplotlib Axes, default=None
            Where to draw; see :meth:`plot`.

        Returns
        -------
        EmotionTimelineDisplay

        Raises
        ------
        ValueError
            If no face is in the results, or they are those of photos, of several
            videos or of several classifiers.
        TypeError
            If `results` is a table.
        """
        if hasattr(results, "columns"):
            raise TypeError("results is a table. Pass it to from_frame, which draws tables.")
        # Not the results, which hold the frames.
        rows = [(one.frame_number, one.time, face) for one in results for face in one]
        _refuse_empty(rows)
        frames, times, faces = zip(*rows, strict=True)
        if None in times:
            raise ValueError(_NO_TIMES)
        ids = [face.id for face in faces]
        _refuse_several_videos(frames, ids)
        emotions = list(faces[0].probabilities)
        _refuse_several_classifiers(faces, emotions)
        return cls(
            np.array(times),
            np.array(ids),
            np.array([[face.probabilities[emotion] for emotion in emotions] for face in faces]),
            [face.emotion for face in faces],
            emotions=emotions,
        ).plot(n_faces=n_faces, ax=ax)

    @classmethod
    def from_frame(
        cls, frame: pandas.DataFrame, *, n_faces: int = 4, ax: Axes | None = None
    ) -> Self:
        """Draw a table of a video's faces.

        Parameters
        ----------
        frame : pandas.DataFrame
            What :meth:`VideoRecognition.to_frame
            <fer_estimators.faces.VideoRecognition.to_frame>` returns, or a part of its rows: the
            columns `time`, `id`, `emotion`, and one that begins with `p_` for each emotion.

        n_faces : int, default=4
            Number of faces to draw, those seen longest.

        ax : matplotlib Axes, default=None
            Where to draw; see :meth:`plot`.

        Returns
        -------
        EmotionTimelineDisplay

        Raises
        ------
        ValueError
            If `frame` lacks a column or has no rows, or if its faces are from photos or from
            several videos.
        TypeError
            If `frame` is not a table.
        """
        if not hasattr(frame, "columns"):
            raise TypeError(
                f"frame is a {type(frame).__name__}, but a table is expected. Pass results to "
                "from_results."
            )
        columns = [name for name in frame.columns if str(name).startswith("p_")]
        missing = [name for name in ("time", "id", "emotion") if name not in frame.columns]
        if missing or not columns:
            raise ValueError(
                f"frame has the columns {list(frame.columns)!r}, but not {missing or ['p_...']!r}. "
                "Pass what `recognize_video(...).to_frame()` returns."
            )
        _refuse_empty(frame)
        if frame["time"].isna().any():
            raise ValueError(_NO_TIMES)
        # The command `fer-estimators --csv` writes all of its files into one table.
        number = "frame_number" if "frame_number" in frame.columns else "time"
        _refuse_several_videos(frame[number], frame["id"], frame.get("file", ()))
        return cls(
            frame["time"].to_numpy(),
            frame["id"].to_numpy(),
            frame[columns].to_numpy(),
            frame["emotion"].tolist(),
            emotions=[name.removeprefix("p_") for name in columns],
        ).plot(n_faces=n_faces, ax=ax)

    def plot(self, *, n_faces: int = 4, ax: Axes | None = None) -> Self:
        """Draw a strip for each face.

        Parameters
        ----------
        n_faces : int, default=4
            Number of faces to draw, those seen longest.

        ax : matplotlib Axes, default=None
            Draws only the face seen longest. None makes a new figure.

        Returns
        -------
        EmotionTimelineDisplay
            This display, with ``axes_`` and ``figure_`` set.

        Raises
        ------
        ValueError
            If `n_faces` is less than 1, or the rows do not belong together: there are none, their
            numbers differ, or one has no time or face.
        """
        import matplotlib.pyplot as plt

        check_whole("n_faces", n_faces, 1)
        self._check_rows()
        faces, counts = np.unique(np.asarray(self.ids), return_counts=True)
        longest = faces[np.argsort(-counts, kind="stable")][: n_faces if ax is None else 1]
        shown = sorted(longest.tolist())
        if ax is None:
            height = len(shown) * (_AROUND + _ROW * len(self.emotions)) + 0.4
            self.figure_, axes = plt.subplots(
                len(shown), figsize=(8, height), sharex=True, squeeze=False, layout="constrained"
            )
            self.axes_ = axes[:, 0].tolist()
        else:
            self.figure_, self.axes_ = ax.figure, [ax]
        for face, axes in zip(shown, self.axes_, strict=True):
            image = self._plot_face(face, axes)
        self.axes_[-1].set_xlabel("seconds")
        self.figure_.colorbar(image, ax=self.axes_, label="probability", format="{x:.0%}")
        return self

    def _check_rows(self):
        _refuse_empty(self.time)
        times, ids = np.asarray(self.time, dtype=float), np.asarray(self.ids).tolist()
        proba = np.asarray(self.probabilities)
        check_same_length(time=times, ids=ids, probabilities=proba, answers=self.answers)
        check_same_length(emotions=self.emotions, columns_of_probabilities=proba.T)
        for row, (time, face) in enumerate(zip(times.tolist(), ids, strict=True)):
            if not np.isfinite(time) or is_missing(face):
                raise ValueError(
                    f"Row {row} has time={time!r} and id={face!r}, but seconds and the number of a "
                    "face are expected. Leave such rows out."
                )

    def _plot_face(self, face, ax):
        time = np.asarray(self.time, dtype=float)
        step = _time_between_frames(time)
        rows = np.flatnonzero(np.asarray(self.ids) == face)
        rows = rows[np.argsort(time[rows], kind="stable")]
        time = time[rows]
        proba = np.asarray(self.probabilities, dtype=float)[rows]
        position = {str(emotion): i for i, emotion in enumerate(self.emotions)}
        line = np.array([position.get(str(self.answers[row]), np.nan) for row in rows], dtype=float)
        starts = [0, *np.flatnonzero(np.diff(time) > max(_GAP, 2 * step)) + 1, len(time)]
        for start, end in pairwise(starts):
            edges = np.append(time[start:end], time[end - 1] + step)
            heights = np.arange(len(self.emotions) + 1) - 0.5
            strip = proba[start:end].T
            image = ax.pcolormesh(edges, heights, strip, cmap="Blues", vmin=0, vmax=1)
            values = np.append(line[start:end], line[end - 1])
            ax.step(edges, values, where="post", color="black", linewidth=2)
        ax.set_yticks(range(len(self.emotions)), [str(emotion) for emotion in self.emotions])
        ax.set_ylim(len(self.emotions) - 0.5, -0.5)
        ax.set_title(f"face {face}", loc="left", fontsize="medium")
        return image

    def frame(self) -> pandas.DataFrame:
        """Return what is drawn as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each face in each frame: `time` in seconds, `id`, `emotion`, and `p_` and
            the name for the probability of each emotion.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        proba = np.asarray(self.probabilities)
        columns = {f"p_{emotion}": proba[:, i] for i, emotion in enumerate(self.emotions)}
        answers = {"time": self.time, "id": self.ids, "emotion": self.answers}
        return make_frame(answers | columns)


def _time_between_frames(time):
    times = np.unique(time)
    return np.quantile(np.diff(times), 0.5, method="lower") if len(times) > 1 else 0.04


_NO_TIMES = "results are those of photos, which have no time. Pass what recognize_video yields."


def _refuse_several_videos(frames, ids, files=()):
    """Refuse faces of several videos, each of which counts its faces from 1."""
    seen = list(zip(frames, ids, strict=True))
    if len(set(files)) > 1 or len(set(seen)) < len(seen):
        raise ValueError(
            "These are the faces of several videos, whose numbers stand for different people in "
            "each. Draw one video, such as frame[frame['file'] == 'a.mp4']."
        )


def _refuse_several_classifiers(faces, emotions):
    for face in faces:
        if face.probabilities.keys() != set(emotions):
            raise ValueError(
                f"results hold faces with the emotions {emotions!r} and others with "
                f"{list(face.probabilities)!r}, expected those of one classifier. Draw them by "
                "themselves."
            )


def _refuse_empty(rows):
    if len(rows) == 0:
        raise ValueError("No face was seen in this video, so there is nothing to draw.")
