"""Cut faces out of photos, as the faces that classifiers are trained on were cut."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from fer_estimators.faces._face import Face
from fer_estimators.faces._photo import Photo, read_photo
from fer_estimators.images import height_and_width

# FER2013's framing, measured on 1,190 of its faces: the side of the crop, and how far its centre
# lies below the centre of the box, as shares of the box's size.
_SIDE = 1.18
_BELOW = -0.11

# Faces that are tilted by less, in degrees, are left as they are.
_SMALL_TILT = 0.0


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
        crop[...] = cut(pixels, *frame(face), (height, width))
    return crops if color else to_grey(crops)


def frame(face):
    """Return centre, side and angle (degrees, clockwise) of the square to cut."""
    left, top, width, height = face.box
    size = math.sqrt(width * height)
    angle = tilt(face)
    if abs(angle) < _SMALL_TILT:
        angle = 0.0
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    below = _BELOW * size
    centre = (left + width / 2 - below * sine, top + height / 2 + below * cosine)
    return centre, _SIDE * size, angle


def tilt(face):
    """Return by how much a face is turned clockwise in the picture, degrees."""
    if face.landmarks is None:
        return 0.0
    dx, dy = face.landmarks[1] - face.landmarks[0]
    return math.degrees(math.atan2(dy, dx))


def to_grey(crops):
    from PIL import Image

    grey = np.empty(crops.shape[:3], dtype=np.uint8)
    for target, crop in zip(grey, crops, strict=True):
        target[...] = Image.fromarray(crop).convert("L")
    return grey


def cut(pixels, centre, side, angle, size):
    """Cut a turned square out of a photo, padded where it reaches beyond the edge."""
    from PIL import Image

    height, width = size
    step = side / min(size)
    reach = math.hypot(height, width) / 2 * step + 2
    left, top = (math.floor(c - reach) for c in centre)
    right, bottom = (math.ceil(c + reach) for c in centre)
    region = _padded(pixels, left, top, right, bottom)
    image = Image.fromarray(region)
    reduced = max(1, int(step / 2))
    if reduced > 1:
        image = image.reduce(reduced)
    step /= reduced
    finer = max(1, math.ceil(step - 0.25))
    step /= finer
    x, y = (centre[0] - left) / reduced, (centre[1] - top) / reduced
    sine, cosine = (step * f(math.radians(angle)) for f in (math.sin, math.cos))
    w, h = width * finer, height * finer
    matrix = (
        cosine,
        -sine,
        x - cosine * w / 2 + sine * h / 2,
        sine,
        cosine,
        y - sine * w / 2 - cosine * h / 2,
    )
    cut = image.transform((w, h), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(cut.reduce(finer) if finer > 1 else cut)


def _padded(pixels, left, top, right, bottom):
    height, width = pixels.shape[:2]
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    columns = np.clip(np.arange(left, right), 0, width - 1)
    if top >= 0 and left >= 0 and bottom <= height and right <= width:
        return np.ascontiguousarray(pixels[top:bottom, left:right])
    return pixels[rows][:, columns]


class FaceCropper(TransformerMixin, BaseEstimator):
    """Photos (or their file names) of one face each to an array of crops."""

    def __init__(self, image_size=48, *, color=False, detector=None, root=None):
        self.image_size = image_size
        self.color = color
        self.detector = detector
        self.root = root
