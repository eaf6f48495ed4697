"""Cut faces out of photos, as the faces that classifiers are trained on were cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from fer_estimators.faces._face import Face
from fer_estimators.faces._photo import Photo, read_photo
from fer_estimators.faces._square import Square
from fer_estimators.images import height_and_width

# FER2013's framing, measured on 1,190 of its faces: the side of the crop, and how far its centre
# lies below the centre of the box, as shares of the box's size.
_SIDE = 1.18
_BELOW = -0.11


def crop_faces(
    photo: Photo,
    faces: Sequence[Face],
    *,
    image_size: int | tuple[int, int] = 48,
    color: bool = False,
) -> NDArray[np.uint8]:
    pixels = read_photo(photo)
    height, width = height_and_width(image_size)
    crops = np.empty((len(faces), height, width, 3), dtype=np.uint8)
    for crop, face in zip(crops, faces, strict=True):
        crop[...] = frame(face).cut(pixels, (height, width))
    return crops if color else _to_grey(crops)


def frame(face: Face) -> Square:
    """Return the square that shows a face as FER2013's images do, upright."""
    left, top, width, height = face.box
    size = math.sqrt(width * height)
    middle, side = (left + width / 2, top + height / 2), _SIDE * size
    square = Square(middle, side)
    if face.landmarks is not None:
        square = Square.upright(middle, side, *face.landmarks[:2])
    return replace(square, centre=tuple(square.to_photo([[0, _BELOW * size]])[0].tolist()))


def _to_grey(crops):
    from PIL import Image

    grey = np.empty(crops.shape[:3], dtype=np.uint8)
    for target, crop in zip(grey, crops, strict=True):
        target[...] = Image.fromarray(crop).convert("L")
    return grey


class FaceCropper(TransformerMixin, BaseEstimator):
    """Photos (or their file names) of one face each to an array of crops."""

    def __init__(self, image_size=48, *, color=False, detector=None, root=None):
        self.image_size = image_size
        self.color = color
        self.detector = detector
        self.root = root
