"""How far boxes overlap, and from many overlapping candidates to one for each face."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Boxes that share this much of their union show one face (the threshold of BlazeFace).
SAME_FACE = 0.3

# A box of which this much lies in another one shows a part of that face.
_PART_OF_FACE = 0.6


def merge_candidates(
    numbers: NDArray[Any], scores: NDArray[Any], min_score: float = 0.0
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Average the candidates of each face, weighted by score (weighted non-maximum suppression).

    `numbers` has a row for each candidate: left, top, width, height, and any further numbers that
    are to be averaged. `min_score` is what the best candidate of a face has at least. Return a
    row for each face, by falling score, and the highest score of its candidates.
    """
    merged, best = [], []
    left = np.argsort(-scores, kind="stable")
    while len(left) and scores[left[0]] >= min_score:
        shared, sizes = _intersect(numbers[left[0]], numbers[left])
        same = shared >= SAME_FACE * (sizes[0] + sizes - shared)
        group = left[same]
        merged.append(np.average(numbers[group], axis=0, weights=scores[group]))
        best.append(scores[left[0]])
        part = shared >= _PART_OF_FACE * np.minimum(sizes, sizes[0])
        left = left[~(same | part)]
    return np.array(merged).reshape(-1, numbers.shape[1]), np.array(best)


def overlaps(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the intersection over union of boxes (left, top, width, height), of shape (n, m)."""
    shared, sizes = _intersect(a[:, None], b)
    return shared / (np.prod(a[:, None, 2:], axis=-1) + sizes - shared)


def _intersect(box, boxes):
    """Return the areas that `boxes` share with `box`, and their own areas, pixels squared."""
    starts = np.maximum(box[..., :2], boxes[:, :2])
    ends = np.minimum(box[..., :2] + box[..., 2:4], boxes[:, :2] + boxes[:, 2:4])
    return np.prod(np.maximum(ends - starts, 0), axis=-1), np.prod(boxes[:, 2:4], axis=1)
