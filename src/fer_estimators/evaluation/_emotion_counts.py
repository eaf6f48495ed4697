"""A picture of a dataset: how many images each emotion has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch

from fer_estimators._frame import make_frame
from fer_estimators._labels import check_labels
from fer_estimators.evaluation._axes import BLUE, GREEN, ORANGE, get_axes
from fer_estimators.evaluation._labels import check_same_length, order_labels

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Fill and hatch of each split in turn; after the fifth, each fill has the next one's hatch.
_FILLS = (BLUE, ORANGE, GREEN, "0.75", "white")
_HATCHES = ("", "///", "...", "xxx", "\\\\\\")
# Splits in the order in which they are used; others follow as they come.
_SPLIT_ORDER = ("train", "val", "test")


class EmotionCountsDisplay:
    """Number of images of each emotion, in each split.

    Make it with :meth:`from_bunch` or :meth:`from_labels`.

    Parameters
    ----------
    counts : ndarray of shape (n_splits, n_emotions), dtype int
        Number of images.

    emotions : sequence of str
        Name of each column.

    splits : sequence of str
        Name of each row.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the bars. Set by :meth:`plot`.
    figure_ : matplotlib Figure
        Figure that holds the axes. Set by :meth:`plot`.

    See Also
    --------
    FaceGridDisplay : The images themselves.

    Examples
    --------
    >>> from fer_estimators.datasets import make_faces
    >>> from fer_estimators.evaluation import EmotionCountsDisplay
    >>> faces = make_faces(10, image_size=16, weights={"happy": 7, "sad": 3}, random_state=0)
    >>> display = EmotionCountsDisplay.from_bunch(faces)
    >>> display.frame()
         happy  sad
    all      7    3
    """

    ax_: Axes
    figure_: Figure

    def __init__(
        self, counts: NDArray[np.int_], *, emotions: Sequence[str], splits: Sequence[str]
    ) -> None:
        self.counts = counts
        self.emotions = emotions
        self.splits = splits

    @classmethod
    def from_bunch(cls, bunch: Bunch, *, ax: Axes | None = None) -> Self:
        """Draw the counts of a loaded dataset.

        Parameters
        ----------
        bunch : Bunch
            Result of a loader: ``target`` and, where it has splits, ``split``.

        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        EmotionCountsDisplay

        Raises
        ------
        TypeError
            If `bunch` has no ``target``.
        """
        if not hasattr(bunch, "target"):
            raise TypeError(
                f"bunch is a {type(bunch).__name__} without `target`, expected what a loader "
                "returned. Pass labels alone to `from_labels`."
            )
        return cls.from_labels(bunch.target, split=getattr(bunch, "split", None), ax=ax)

    @classmethod
    def from_labels(
        cls, y: ArrayLike, *, split: ArrayLike | None = None, ax: Axes | None = None
    ) -> Self:
        """Draw the counts of labels.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Emotion of each image, or any other labels.

        split : array-like of shape (n_samples,) or str, default=None
            Split of each image, or of all. None shows one set, named "all".

        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        EmotionCountsDisplay

        Raises
        ------
        ValueError
            If `y` is empty or `split` has another length.
        """
        y = check_labels(y, "y")
        if split is None or isinstance(split, str):
            split = np.full(len(y), split or "all")
        split = np.array([str(name) for name in check_labels(split, "split").tolist()])
        check_same_length(y=y, split=split)
        emotions, splits = order_labels(y), _order_splits(split.tolist())
        counts = np.array([[np.sum((split == s) & (y == e)) for e in emotions] for s in splits])
        names = [str(emotion) for emotion in emotions.tolist()]
        return cls(counts, emotions=names, splits=splits).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw one bar for each emotion and split.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        EmotionCountsDisplay
            This display, with ``ax_`` and ``figure_`` set.
        """
        n_splits, n_emotions = np.shape(self.counts)
        height = max(2.6, 0.8 + n_emotions * (0.16 + 0.22 * n_splits))
        self.figure_, self.ax_ = get_axes(ax, (6.4, height))
        ax = self.ax_
        thickness = 0.84 / n_splits
        for i, (split, row) in enumerate(zip(self.splits, self.counts, strict=True)):
            colour = _FILLS[i % len(_FILLS)]
            hatch = _HATCHES[(i + i // len(_FILLS)) % len(_HATCHES)]
            centre = np.arange(n_emotions) + (i - (n_splits - 1) / 2) * thickness
            bars = ax.barh(
                centre, row, thickness, color=colour, hatch=hatch, edgecolor="black", label=split
            )
            ax.bar_label(bars, labels=[f"{count:,}" for count in row], padding=3, fontsize="small")
        ax.set_yticks(np.arange(n_emotions), self.emotions)
        ax.set_ylim(n_emotions - 0.5, -0.5)
        ax.set_xlabel("images")
        # Room for the numbers beside the longest bar.
        ax.set_xlim(right=max(1, np.max(self.counts)) * 1.14)
        ax.spines[["top", "right"]].set_visible(False)
        if n_splits > 1:
            ax.legend(title="split")
        return self

    def frame(self) -> pandas.DataFrame:
        """Return the counts as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each split, one column for each emotion.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return make_frame(self.counts, index=self.splits, columns=self.emotions)


def _order_splits(split):
    found = list(dict.fromkeys(split))
    return [s for s in _SPLIT_ORDER if s in found] + [s for s in found if s not in _SPLIT_ORDER]
