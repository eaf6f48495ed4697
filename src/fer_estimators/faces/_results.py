"""The results of a recognizer: the faces of a photo or a frame, and those of many photos."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_estimators._frame import make_frame
from fer_estimators.faces._drawing import annotate
from fer_estimators.faces._face import Face

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, kw_only=True)
class RecognizedFace(Face):
    """A face and its emotion.

    Parameters
    ----------
    box : tuple of (float, float, float, float)
        Left, top, width and height, in pixels of the photo.
    landmarks : ndarray of shape (6, 2) or None, default=None
        See :class:`Face`.
    score : float, default=1.0
        How sure the detector is that this is a face, 0 to 1.
    emotion : str or int
        The classifier's label, or its label for "not sure".
    probability : float
        Probability of the most probable emotion, 0 to 1: that of `emotion`, unless it is not sure.
    probabilities : dict of str or int to float
        Probability of each emotion, 0 to 1.
    id : int or None, default=None
        Number of the person in a video, counted from 1; None in a photo.

    See Also
    --------
    Face : What a detector finds.

    Examples
    --------
    >>> from fer_estimators.faces import RecognizedFace
    >>> probabilities = {"happy": 0.9, "sad": 0.1}
    >>> box = (10.0, 20.0, 80.0, 80.0)
    >>> face = RecognizedFace(
    ...     box, emotion="happy", probability=0.9, probabilities=probabilities
    ... )
    >>> face.is_sure
    True
    """

    emotion: Any
    probability: float
    probabilities: dict[Any, float] = field(repr=False)
    id: int | None = None

    @property
    def is_sure(self) -> bool:
        """Whether the classifier named an emotion, rather than saying "not sure"."""
        return self.emotion in self.probabilities

    def to_dict(self) -> dict[str, Any]:
        """Return the face as values that JSON can hold; labels become text.

        Returns
        -------
        dict
            `box`, `landmarks`, `score`, `emotion`, `probability`, `probabilities`, and `id` in a
            video.
        """
        landmarks = None if self.landmarks is None else np.asarray(self.landmarks).tolist()
        values = {
            # Other detectors may return NumPy's numbers.
            "box": [float(side) for side in self.box],
            "landmarks": landmarks,
            "score": float(self.score),
            "emotion": self.emotion,
            "probability": self.probability,
            "probabilities": {str(name): p for name, p in self.probabilities.items()},
        }
        return values if self.id is None else {"id": self.id, **values}

    def to_row(self) -> dict[str, Any]:
        """Return the face as a row of a table.

        Returns
        -------
        dict
            From column to value; see :meth:`Recognition.frame`.
        """
        left, top, width, height = self.box
        row: dict[str, Any] = {} if self.id is None else {"id": self.id}
        row |= {"left": left, "top": top, "width": width, "height": height, "score": self.score}
        row |= {"emotion": self.emotion, "probability": self.probability}
        return row | {f"p_{name}": p for name, p in self.probabilities.items()}


@dataclass(frozen=True, eq=False)
class Recognition:
    """The faces of one photo, or one frame of a video, with their emotions.

    Made by :meth:`EmotionRecognizer.recognize` and its siblings. It has a length and can be
    iterated over like a list of its faces.

    Parameters
    ----------
    faces : tuple of RecognizedFace
        The faces, in the order of the detector.
    emotions : tuple of str or int
        The classifier's labels.
    photo : ndarray of shape (height, width, 3), dtype uint8, or None, default=None
        The upright photo, for :meth:`plot`; None where it was not kept.
    source : str or None, default=None
        File name.
    time : float or None, default=None
        Seconds since the beginning of the video.
    frame_number : int or None, default=None
        Number of the frame, counted from 0.

    See Also
    --------
    EmotionRecognizer : Creates such results.

    Examples
    --------
    >>> from fer_estimators.faces import Recognition
    >>> len(Recognition(faces=(), emotions=("happy", "sad")))
    0
    """

    faces: tuple[RecognizedFace, ...]
    emotions: tuple[Any, ...]
    photo: NDArray[np.uint8] | None = field(default=None, repr=False)
    source: str | None = None
    time: float | None = None
    frame_number: int | None = None

    def __len__(self) -> int:
        return len(self.faces)

    def __iter__(self) -> Iterator[RecognizedFace]:
        return iter(self.faces)

    @overload
    def __getitem__(self, index: int) -> RecognizedFace: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[RecognizedFace, ...]: ...

    def __getitem__(self, index):
        return self.faces[index]

    def frame(self) -> pandas.DataFrame:
        """Return the faces as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each face: `file` (or `frame_number`, `time` in seconds and `id`), `left`,
            `top`, `width` and `height` in pixels, `score`, `emotion`, `probability`, and `p_` and
            the name for the probability of each emotion.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return make_frame(self.to_rows(), columns=self.columns)

    @property
    def columns(self) -> list[str]:
        """The columns of :meth:`frame`."""
        place = ["left", "top", "width", "height", "score", "emotion", "probability"]
        number = [] if self.time is None else ["id"]
        return [*self._where(), *number, *place, *(f"p_{e}" for e in self.emotions)]

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the rows of :meth:`frame`.

        Returns
        -------
        list of dict
            From column to value.
        """
        return [self._where() | face.to_row() for face in self.faces]

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold.

        Returns
        -------
        dict
            `faces`, a list of dicts, after `file`, or `frame_number` and `time`.
        """
        return self._where() | {"faces": [face.to_dict() for face in self.faces]}

    def _where(self):
        if self.time is not None:
            return {"frame_number": self.frame_number, "time": self.time}
        return {} if self.source is None else {"file": self.source}

    def annotated(self, *, min_side: int = 0) -> NDArray[np.uint8]:
        """Draw boxes and emotions into a copy of the photo.

        Parameters
        ----------
        min_side : int, default=0
            Pixels. A photo whose shorter side is smaller is enlarged to make room for labels, to
            4,096 pixels on the longer side at most.

        Returns
        -------
        ndarray of shape (height, width, 3), dtype uint8
            Dashed boxes stand for "not sure".

        Raises
        ------
        ValueError
            If the photo was not kept.
        """
        if self.photo is None:
            raise ValueError(
                "This result does not hold its photo: recognize_files keeps none. Pass the photo "
                f"({self.source!r}) to `recognize`."
            )
        return annotate(self.photo, self.faces, min_side=min_side)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Show the photo with boxes and emotions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        matplotlib Axes
            Its coordinates are pixels of the photo.

        Raises
        ------
        ValueError
            If the photo was not kept.
        """
        import matplotlib.pyplot as plt

        picture = self.annotated(min_side=_MIN_SIDE)
        height, width = self.photo.shape[:2]
        if ax is None:
            size = (7, min(10, 7 * height / width))
            _, ax = plt.subplots(figsize=size, layout="constrained")
        ax.imshow(
            picture, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="antialiased"
        )
        ax.set_axis_off()
        return ax

    def _repr_html_(self) -> str | None:
        if self.photo is None:
            return None
        image, file = Image.fromarray(self.annotated(min_side=_MIN_SIDE)), io.BytesIO()
        image.thumbnail((_MAX_SHOWN, _MAX_SHOWN))
        image.save(file, format="PNG")
        words = ", ".join(f"{face.emotion} ({face.probability:.0%})" for face in self.faces)
        encoded = base64.b64encode(file.getvalue()).decode()
        # Labels may come from an untrusted file.
        return (
            f'<img alt="{html.escape(words) or "no face"}" src="data:image/png;base64,{encoded}">'
        )


# Shorter side, pixels, to which small photos are enlarged before words are drawn into them, and
# the longest side of what notebooks show.
_MIN_SIDE = 480
_MAX_SHOWN = 900
# Faces of many photos that notebooks show.
_N_ROWS = 10


class Recognitions(Sequence[Recognition]):
    """The faces of many photos, in order; made by :meth:`EmotionRecognizer.recognize_files`.

    Parameters
    ----------
    results : iterable of Recognition
        One for each photo that could be read, without its pixels.
    emotions : tuple of str or int
        The classifier's labels.
    skipped : dict of str to str, default=None
        From the name of each file that could not be read to the reason.
    interrupted : bool, default=False
        Whether Ctrl-C ended it before the last file.

    Examples
    --------
    >>> from fer_estimators.faces import Recognition, Recognitions
    >>> emotions = ("happy", "sad")
    >>> results = Recognitions([Recognition((), emotions, source="a.jpg")], emotions)
    >>> len(results), results[0].source
    (1, 'a.jpg')
    """

    def __init__(
        self,
        results: Iterable[Recognition],
        emotions: tuple[Any, ...],
        *,
        skipped: dict[str, str] | None = None,
        interrupted: bool = False,
    ):
        self.results: list[Recognition] = list(results)
        self.emotions = emotions
        self.skipped: dict[str, str] = dict(skipped or {})
        self.interrupted = interrupted

    def __len__(self) -> int:
        return len(self.results)

    @overload
    def __getitem__(self, index: int) -> Recognition: ...

    @overload
    def __getitem__(self, index: slice) -> list[Recognition]: ...

    def __getitem__(self, index):
        return self.results[index]

    def frame(self) -> pandas.DataFrame:
        """Return the faces of all photos as one table.

        Returns
        -------
        pandas.DataFrame
            The columns of :meth:`Recognition.frame`; a photo without a face has no row.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        columns = Recognition((), self.emotions, source="").columns
        return make_frame([row for one in self.results for row in one.to_rows()], columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold.

        Returns
        -------
        dict
            `photos`, `skipped` and `interrupted`.
        """
        photos = [one.to_dict() for one in self.results]
        return {"photos": photos, "skipped": self.skipped, "interrupted": self.interrupted}

    def __repr__(self) -> str:
        n_faces = sum(map(len, self.results))
        skipped = f", {len(self.skipped)} skipped" if self.skipped else ""
        interrupted = ", interrupted" if self.interrupted else ""
        return f"<Recognitions: {n_faces} faces in {len(self)} photos{skipped}{interrupted}>"

    def _repr_html_(self) -> str:
        """Return a table of the first faces for notebooks."""
        found = [(one.source, face) for one in self.results for face in one]
        rows = "".join(
            f"<tr><td>{html.escape(str(source))}</td><td>{html.escape(str(face.emotion))}</td>"
            f"<td>{face.probability:.0%}</td></tr>"
            for source, face in found[:_N_ROWS]
        )
        heads = "".join(f"<th>{name}</th>" for name in ("file", "emotion", "probability"))
        table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        more = f"<p>and {len(found) - _N_ROWS:,} more</p>" if len(found) > _N_ROWS else ""
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{table if found else ''}{more}"
