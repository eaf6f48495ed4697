"""The filter and the check of sizes for everything that resizes images."""

from numbers import Integral
from typing import Any

from PIL import Image

from fer_estimators._messages import shorten

#: Longest side, in pixels, to which images are resized.
MAX_SIDE = 4096

#: The one filter of every resize: Pillow's bilinear, which averages when it shrinks.
RESIZE_FILTER = Image.Resampling.BILINEAR


def height_and_width(image_size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Turn the ``image_size`` parameter into a pair.

    Parameters
    ----------
    image_size : int, pair of int or None
        Pixels; one number stands for a square.

    Returns
    -------
    tuple of int or None
        Height and width.

    Raises
    ------
    ValueError
        If it is neither a number of pixels in 1..4096 nor a pair of them, nor None.

    Examples
    --------
    >>> from fer_estimators.images import height_and_width
    >>> height_and_width(48)
    (48, 48)
    """
    if image_size is None:
        return None
    pair: Any = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(pair) != 2 or not all(map(_is_side, pair)):
        raise ValueError(
            f"image_size={shorten(image_size)} is not a size; expected a number of pixels or "
            f"(height, width) in pixels, 1 to {MAX_SIDE} each. Pass for example "
            "image_size=(48, 48)."
        )
    return int(pair[0]), int(pair[1])


def _is_side(value):
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    return is_integer and 1 <= value <= MAX_SIDE


def resize_grey(pixels: bytes, size: tuple[int, int], image_size: tuple[int, int]) -> bytes:
    """Resize raw grey `pixels` from `size` to `image_size`, both (height, width)."""
    image = Image.frombytes("L", size[::-1], pixels)
    return image.resize(image_size[::-1], RESIZE_FILTER).tobytes()
