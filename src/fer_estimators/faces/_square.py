"""A square in a photo, at any angle, and the pixels in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image


@dataclass(frozen=True)
class Square:
    """A square in a photo, in pixels; the angle, in degrees, is clockwise as one sees it."""

    centre: tuple[float, float]
    side: float
    angle: float = 0.0

    @classmethod
    def upright(cls, centre, side, right_eye: ArrayLike, left_eye: ArrayLike) -> Square:
        """Return the square in which two eyes are level; a person's right eye is at the left."""
        dx, dy = np.subtract(left_eye, right_eye)
        return cls(tuple(centre), side, math.degrees(math.atan2(dy, dx)))

    def to_photo(self, points: ArrayLike) -> NDArray[Any]:
        """Bring points (n, 2), pixels from the centre along the sides, into the photo."""
        sine, cosine = math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))
        return np.asarray(points) @ [[cosine, sine], [-sine, cosine]] + self.centre

    def cut(
        self, pixels: NDArray[np.uint8], size: tuple[int, int], *, smooth: bool = True
    ) -> NDArray[np.uint8]:
        """Return the content of the square; the outermost pixels are repeated beyond the edge.

        `size` is the height and width of the result, pixels. The square fills the shorter one, and
        what lies beside it in the photo the rest of the longer one. `smooth` averages all pixels of
        a photo of more detail; otherwise, some in between may be left out, which takes a fraction
        of the time.
        """
        height, width = size
        step = self.side / min(size)
        reach = step * math.hypot(height, width) / 2 + 2
        left, top = (math.floor(c - reach) for c in self.centre)
        right, bottom = (math.ceil(c + reach) for c in self.centre)
        image = Image.fromarray(_region(pixels, left, top, right, bottom))
        # Pillow turns without averaging, so that large faces are made smaller before, down to two
        # or three pixels for each one of the result, and the rest of the way after it.
        before = max(1, int(step / 2) if smooth else int(step))
        image = image.reduce(before) if before > 1 else image
        after = max(1, round(step / before)) if smooth else 1
        step /= before * after
        turned = image.transform(
            (width * after, height * after),
            Image.Transform.AFFINE,
            self._matrix((left, top), before, step, (width * after, height * after)),
            Image.Resampling.BILINEAR,
        )
        return np.asarray(turned.reduce(after) if after > 1 else turned)

    def _matrix(self, corner, reduced, step, size):
        """Return Pillow's six numbers from pixels of the result to those of the reduced region."""
        sine, cosine = (step * f(math.radians(self.angle)) for f in (math.sin, math.cos))
        x, y = ((c - start) / reduced for c, start in zip(self.centre, corner, strict=True))
        half_width, half_height = size[0] / 2, size[1] / 2
        return (
            *(cosine, -sine, x - cosine * half_width + sine * half_height),
            *(sine, cosine, y - sine * half_width - cosine * half_height),
        )


def _region(pixels, left, top, right, bottom):
    """Return a part of a photo, repeating its outermost pixels beyond the edge."""
    rows, above_and_below = _within(top, bottom, pixels.shape[0])
    columns, beside = _within(left, right, pixels.shape[1])
    inside = pixels[rows, columns]
    if inside.shape[:2] == (bottom - top, right - left):
        return inside
    return np.pad(inside, (above_and_below, beside, (0, 0)), mode="edge")


def _within(start, stop, length):
    """Return the part of a range that lies in an array, at least one row, and how many do not."""
    first, last = min(max(start, 0), length - 1), max(min(stop, length), 1)
    before = min(max(first - start, 0), stop - start - (last - first))
    return slice(first, last), (before, stop - start - (last - first) - before)
