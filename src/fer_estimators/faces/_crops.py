"""Cut faces out of photos in the framing of the images on which classifiers are trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fer_estimators.faces._face import Face, check_face
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
    """Cut faces out of a photo, upright and in FER2013's framing.

    Parameters
    ----------
    photo : array-like, PIL image, str, path-like or bytes
        See :func:`read_photo`.
    faces : sequence of Face
        Faces in it. Those without landmarks are not turned.
    image_size : int or tuple of (int, int), default=48
        Height and width of the crops, pixels; one number stands for a square. Where they differ,
        more of the photo is shown, and nothing is stretched.
    color : bool, default=False
        Give RGB rather than grey crops.

    Returns
    -------
    ndarray of shape (n_faces, height, width) or (n_faces, height, width, 3), dtype uint8
        Values 0..255. Beyond the edge of the photo, its outermost pixels are repeated.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError, ImageReadError
        If the photo cannot be read; see :func:`read_photo`.
    ValueError, TypeError
        If a face is not a Face, or its box lies outside the photo or is far larger.

    Examples
    --------
    >>> from fer_estimators import make_faces
    >>> from fer_estimators.faces import Face, crop_faces
    >>> photo = make_faces(1, image_size=120, random_state=0).images[0]
    >>> crop_faces(photo, [Face(box=(20.0, 30.0, 80.0, 80.0))]).shape
    (1, 48, 48)
    """
    pixels = read_photo(photo)
    height, width = height_and_width(image_size)
    for face in faces:
        check_face(face, *pixels.shape[:2])
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
    grey = np.empty(crops.shape[:3], dtype=np.uint8)
    for target, crop in zip(grey, crops, strict=True):
        target[...] = Image.fromarray(crop).convert("L")
    return grey
