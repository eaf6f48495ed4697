"""Tell pixels in 0..255 from pixels on another scale, and pictures from blank ones.

A network returns probabilities for any input, so a wrong scale would go unnoticed.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_estimators._messages import warn
from fer_estimators._parts import row_slices

MAX_PIXEL = 255

# Rows of fewer values (8 x 8 pixels) are tables rather than photographs: any numbers may be in
# them, so that scikit-learn's tools can be tried on small tables.
SMALLEST_IMAGE = 64

# What scalers leave above 255 or below 0 by rounding.
_TOLERANCE = 1e-3

# The darkest of FER2013's 32,298 images that is not blank reaches 47.
_DARKEST = 16
# Of FER2013's images that are not blank, the palest has a contrast of 47.
_LOWEST_CONTRAST = 16
_LARGEST_CROP = 512


def refuse_other_than_pixels(X: NDArray[Any], *, first_row: int = 0) -> None:
    """Refuse dtypes and values that no image has: not numbers, or not in 0..255.

    `first_row` is the number of the first row, for the message.
    """
    if X.dtype == np.uint8:
        return
    if X.dtype.kind == "f" and X.dtype.itemsize > 8:
        raise ValueError(
            f"X has dtype {X.dtype}, which no backend computes with, but float64 is the longest "
            'that is expected. Pass X.astype("float64").'
        )
    if X.dtype.kind not in "uif":
        raise ValueError(
            f"X has dtype {X.dtype}, but pixels are expected as uint8 or float numbers in 0..255. "
            "Convert them with `X.astype('uint8')`, times 255 if they are boolean."
        )
    low, high = X.min(initial=0), X.max(initial=0)
    if low < -_TOLERANCE or high > MAX_PIXEL + _TOLERANCE:
        faulty = (X < -_TOLERANCE) | (X > MAX_PIXEL + _TOLERANCE)
        first = tuple(int(i) for i in np.argwhere(faulty)[0])
        place = first[0] + first_row, *first[1:]
        raise ValueError(
            f"Negative values in data, or values above 255: X ranges from {low} to {high}, first "
            f"X[{', '.join(map(str, place))}] = {X[first]}, but pixels are expected in 0..255. "
            "Undo any standardisation: scaling is a layer of the network."
        )


def check_scale(images: NDArray[Any], *, smallest: int = SMALLEST_IMAGE) -> None:
    """Refuse images whose pixels stand on another scale than 0..255, each for itself.

    Three signs are looked for: fractions in an image that is darker than any photograph (0..1, or
    divided by a standard deviation), fractions that are all multiples of one step below 1 (256
    levels times a factor), and integers of which none is above 1 (a scale of 0..1 cut off). A step
    of a half, a third and so on counts only if all images have it. Images of less than
    `smallest` values, and those of one level, are let through.
    """
    if math.prod(images.shape[1:]) < smallest:
        return
    rows = _find_rescaled(images) if images.dtype.kind == "f" else _find_rows(images, _is_cut_off)
    if len(rows):
        first = images[rows[0]]
        raise ValueError(
            f"{len(rows)} of the {len(images)} images in X are not on a scale of 0..255, the first "
            f"is X[{rows[0]}]: its pixels range from {first.min():.6g} to {first.max():.6g} and "
            f"look {_describe_scale(first)}. Pass the pixels as they were (scaling is a layer of "
            "the network)."
        )


def refuse_unfit_for_rounding(images: NDArray[Any]) -> None:
    """Refuse images that would not survive as uint8: not pixels, or on another scale.

    Unlike :func:`check_scale`, this judges small images, too, unless they are rows of a table.
    """
    refuse_other_than_pixels(images)
    check_scale(images, smallest=SMALLEST_IMAGE if 1 in images.shape[1:3] else 0)


def _find_rows(images, judge):
    """Return the rows of the images that `judge` finds, part by part."""
    found = [judge(images[rows]) for rows in row_slices(images)]
    return np.flatnonzero(np.concatenate([np.empty(0, dtype=bool), *found]))


def _is_cut_off(images):
    """Tell which images of whole numbers contain only 0 and 1."""
    flat = images.reshape(len(images), -1)
    found = flat.max(axis=1) == 1
    # Few images are so dark; the others are not read twice.
    found[found] = flat[found].min(axis=1) == 0
    return found


def _find_rescaled(images):
    """Find the images of numbers with fractions that stand on another scale."""
    parts = [_judge_scale(images[rows]) for rows in row_slices(images)]
    if not parts:
        return []
    rescaled, doubtful, of_one_level = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    if (rescaled | doubtful | of_one_level).all():
        rescaled |= doubtful
    return np.flatnonzero(rescaled)


def _judge_scale(images):
    """Tell which images are rescaled, for which it is in doubt, and which are of one level."""
    flat = images.reshape(len(images), -1)
    low, high = flat.min(axis=1), flat.max(axis=1)
    fractions = (flat != np.rint(flat)).any(axis=1)
    rescaled = ((low == 0) & (high == 1)) | (fractions & (high < _DARKEST))
    doubtful = np.zeros(len(images), dtype=bool)
    for row in np.flatnonzero(fractions & ~rescaled):
        step = _find_step(flat[row])
        if step is not None:
            # A dark picture that was shrunk by averaging 2 or 4 pixels has such steps, too.
            averaged = abs(1 / step - round(1 / step)) < 0.01
            (doubtful if averaged else rescaled)[row] = True
    return rescaled, doubtful, low == high


def _find_step(pixels):
    """Return the step below 1 of which all values are multiples, at most 255 times; or None."""
    values = np.unique(pixels.astype(np.float64))
    if not 2 < len(values) <= MAX_PIXEL + 1:
        return None
    gap = np.diff(values).min()
    for step in (gap, gap / 2, gap / 3):
        levels = values / step
        if step < 0.999 and levels[-1] < MAX_PIXEL + 0.5:
            # The gap itself is a difference of two rounded numbers.
            step = values[-1] / np.rint(levels[-1])
            if np.abs(values / step - np.rint(values / step)).max() < 0.01:
                return step
    return None


def _describe_scale(image):
    if image.dtype.kind != "f":
        return "cut off: as if fractions in 0..1 had been made integers"
    if image.max() <= 1 + _TOLERANCE:
        return "like 0..1: X * 255 brings them back"
    if image.max() < _DARKEST:
        return "divided by a constant or standardised"
    return f"multiplied by {_find_step(image.ravel()):.4g}"


def find_blank(images: NDArray[Any]) -> NDArray[np.intp]:
    """Find the rows of images whose levels are less than 16 apart, in each channel.

    Images of less than 8 x 8 pixels are never blank.
    """
    if math.prod(images.shape[1:]) < SMALLEST_IMAGE:
        return np.empty(0, dtype=np.intp)
    return _find_rows(images, _has_low_contrast)


def _has_low_contrast(images):
    pixels = images.reshape(len(images), -1, images.shape[-1])
    # Of uint8 numbers, too: no difference is negative.
    return (pixels.max(axis=1) - pixels.min(axis=1)).max(axis=1) < _LOWEST_CONTRAST


def warn_of_blank(rows: NDArray[np.intp], n_images: int, advice: str) -> None:
    """Warn of images that show no face, by the rows that :func:`find_blank` returned."""
    if len(rows):
        warn(
            f"{len(rows)} of the {n_images} images in X are of one grey or colour, or nearly so; "
            f"the first is X[{rows[0]}]. They show no face. {advice}"
        )


def warn_of_large(images: NDArray[Any]) -> None:
    """Warn of images to train on that are too large for crops of faces."""
    height, width = images.shape[1:3]
    if min(height, width) > _LARGEST_CROP:
        warn(
            f"The images in X have {height} x {width} pixels, but crops of faces are expected, of "
            "48 x 48 in FER2013. Cut the faces out, and make them smaller with ImageResizer."
        )
