"""Images that occur more than once."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_estimators._frame import make_frame
from fer_estimators._lazy import is_lazy
from fer_estimators._parts import row_slices

if TYPE_CHECKING:
    import pandas
    from sklearn.utils import Bunch

_RANK = {"train": 0, "val": 1, "test": 2}


class Duplicates:
    """The images that are equal, pixel for pixel; made by `find_duplicates`.

    Attributes
    ----------
    groups : list of ndarray of int
        Each a set of positions of equal images, ascending.
    n_images : int
        Number of images that were compared.
    n_duplicated : int
        Number of images that have at least one equal.
    n_redundant : int
        Number of images beyond the first of each group.
    conflicting : list of ndarray of int
        The groups whose images have different labels.
    across_splits : dict
        From ``(first, second)``, two splits in the order train, val, test, to the number of
        images of `second` that are also in `first`.
    redundant : ndarray of shape (n_images,), dtype bool
        True for each image that repeats an earlier one: ``images[~redundant]`` has no
        duplicates, and keeps those of the split that comes first.

    Examples
    --------
    >>> import numpy as np
    >>> from fer_estimators.datasets import find_duplicates
    >>> images = np.zeros((3, 8, 8), dtype=np.uint8)
    >>> images[1] = 255
    >>> print(find_duplicates(images, target=["sad", "happy", "fear"]))
    2 of 3 images have an identical copy (1 groups, 1 images redundant)
    1 groups have conflicting labels
    """

    groups: list[NDArray[np.intp]]
    n_images: int
    n_duplicated: int
    n_redundant: int
    redundant: NDArray[np.bool_]
    conflicting: list[NDArray[np.intp]]
    across_splits: dict[tuple[str, str], int]

    def __init__(
        self,
        groups: list[NDArray[np.intp]],
        n_images: int,
        target: NDArray[Any] | None,
        split: NDArray[Any] | None,
        filenames: NDArray[Any] | None,
    ) -> None:
        self.groups, self.n_images = groups, n_images
        self._target, self._split, self._filenames = target, split, filenames
        self.n_duplicated = sum(map(len, groups))
        self.n_redundant = self.n_duplicated - len(groups)
        self.redundant = np.zeros(n_images, dtype=bool)
        for group in groups:
            self.redundant[group[1:]] = True
        self.conflicting = [g for g in groups if target is not None and len(set(target[g])) > 1]
        self.across_splits = self._count_across_splits()

    def _count_across_splits(self):
        counts = Counter()
        for group in self.groups if self._split is not None else ():
            within = Counter(self._split[group].tolist())
            names = sorted(within, key=lambda name: (_RANK.get(name, len(_RANK)), name))
            for position, second in enumerate(names):
                for first in names[:position]:
                    counts[first, second] += within[second]
        return dict(counts)

    def rows(self) -> list[dict[str, Any]]:
        """Return one dict for each duplicated image, group by group."""
        conflicting = {id(group) for group in self.conflicting}
        return [
            {
                "group": number,
                "index": int(index),
                "filename": None if self._filenames is None else str(self._filenames[index]),
                "split": None if self._split is None else str(self._split[index]),
                "target": None if self._target is None else self._target[index],
                "conflicting": id(group) in conflicting,
            }
            for number, group in enumerate(self.groups)
            for index in group
        ]

    def frame(self) -> pandas.DataFrame:
        """Return `rows` as a pandas DataFrame."""
        columns = ["group", "index", "filename", "split", "target", "conflicting"]
        return make_frame(self.rows(), columns=columns)

    def __str__(self) -> str:
        lines = [
            f"{self.n_duplicated:,} of {self.n_images:,} images have an identical copy "
            f"({len(self.groups):,} groups, {self.n_redundant:,} images redundant)"
        ]
        if self._target is not None:
            lines.append(f"{len(self.conflicting):,} groups have conflicting labels")
        lines += [
            f"{count:,} images of {second!r} are also in {first!r}"
            for (first, second), count in self.across_splits.items()
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Duplicates(n_images={self.n_images}, n_duplicated={self.n_duplicated})"


def find_duplicates(
    images: Bunch | ArrayLike,
    *,
    target: ArrayLike | None = None,
    split: ArrayLike | None = None,
    filenames: ArrayLike | None = None,
) -> Duplicates:
    """Find images that are equal pixel for pixel, within and across splits.

    Parameters
    ----------
    images : Bunch or ndarray of shape (n_images, ...)
        What a loader returned, or an array of images or of flat rows. A Bunch brings its own
        `target`, `split` and `filenames` where these are not given.
    target : array-like of shape (n_images,), default=None
        Labels; equal images with different labels are in conflict.
    split : array-like of shape (n_images,), default=None
        Name of the split of each image.
    filenames : array-like of shape (n_images,), default=None
        Names for the rows of the result.

    Returns
    -------
    Duplicates
        Groups of equal images and counts; ``print`` it, or see its ``frame()``.

    Raises
    ------
    TypeError
        If `images` is neither a Bunch with images nor an array of numbers.
    ValueError
        If `target`, `split` or `filenames` differ in length from `images`.

    Notes
    -----
    Images are compared by a 128-bit hash of their values, in one pass. Only exact copies are
    found, not crops or other compressions of the same photograph.

    Examples
    --------
    >>> from fer_estimators.datasets import find_duplicates
    >>> import numpy as np
    >>> images = np.zeros((3, 48, 48), dtype=np.uint8)
    >>> images[0] = 9
    >>> duplicates = find_duplicates(images, split=["train", "train", "test"])
    >>> duplicates.across_splits
    {('train', 'test'): 1}
    >>> images[~duplicates.redundant].shape
    (2, 48, 48)
    """
    from fer_estimators._labels import refuse_masked

    if isinstance(images, dict):  # a Bunch
        target = images.get("target") if target is None else target
        split = images.get("split") if split is None else split
        filenames = images.get("filenames") if filenames is None else filenames
        images = images.get("images")
    refuse_masked(images=images, target=target, split=split, filenames=filenames)
    images = images if is_lazy(images) else np.asarray(images)
    if images.ndim < 2 or images.dtype.kind not in "buif":
        raise TypeError(
            f"images is an array of shape {images.shape} and dtype {images.dtype}; expected a "
            "Bunch with images, or numbers of shape (n_images, height, width)"
        )
    named = {"target": target, "split": split, "filenames": filenames}
    columns = {name: _column(name, values, len(images)) for name, values in named.items()}
    return Duplicates(_group_equal(images), len(images), **columns)


def _column(name, values, n_images):
    if values is None:
        return None
    values = np.asarray(values)
    if values.shape != (n_images,):
        raise ValueError(f"{name} has shape {values.shape}, but there are {n_images} images")
    return values


def _group_equal(images):
    """Return the groups of positions of equal images, in the order of their first."""
    positions = defaultdict(list)
    for rows in row_slices(images):
        for position, image in enumerate(np.asarray(images[rows]), start=rows.start):
            # One by one, so that a memory-mapped or strided array is never copied as a whole.
            digest = hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).digest()
            positions[digest].append(position)
    return [np.array(group) for group in positions.values() if len(group) > 1]
