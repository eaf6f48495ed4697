"""Cut faces out of photos, as the faces that classifiers are trained on were cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from fer_estimators.faces._face import Face


def crop_faces(
    photo,
    faces: Sequence[Face],
    *,
    image_size: int | tuple[int, int] = 48,
    color: bool = False,
) -> NDArray[np.uint8]:
    """Return an array of shape (n, height, width) or (n, height, width, 3), dtype uint8."""
    raise NotImplementedError


class FaceCropper(TransformerMixin, BaseEstimator):
    """Photos (or their file names) of one face each to an array of crops."""

    def __init__(self, image_size=48, *, color=False, detector=None, root=None):
        self.image_size = image_size
        self.color = color
        self.detector = detector
        self.root = root
