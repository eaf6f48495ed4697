"""Read a photo in any common form as an RGB array."""

from __future__ import annotations

import os
import reprlib
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from fer_estimators._files.decode import decode, to_upright_rgb
from fer_estimators._scale import MAX_PIXEL, check_scale
from fer_estimators.exceptions import ImageReadError

#: What is taken as a photo.
Photo: TypeAlias = "ArrayLike | Image.Image | str | os.PathLike[str] | bytes"

#: Largest file that is read, bytes.
MAX_PHOTO_BYTES = 512 * 2**20

# Cameras of 12 bits reach 4,095; as 8 bits, this is 16, darker than any photograph.
_DARKEST_OF_16_BITS = 16 * 257

# Values of a photo that are enough to tell its scale, and the step between rows that are looked at.
_ENOUGH_VALUES = 2**18
_ROW_STEP = 16

_FORMS = (
    "an array of shape (height, width), (height, width, 3) or (height, width, 4), a PIL image, the "
    "name of a JPEG, PNG or BMP file, or its bytes"
)


def read_photo(photo: Photo) -> NDArray[np.uint8]:
    """Return a photo as an upright RGB array.

    Parameters
    ----------
    photo : array-like, PIL image, str, path-like or bytes
        Grey, RGB or RGBA pixels of shape (height, width[, channels]), as uint8 or other numbers
        in 0..255, or as uint16 in 0..65,535; a PIL image; a file name; or the content of a file.
        Files are JPEG, PNG or BMP, of at most 134 million pixels.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8, values 0..255
        Turned according to its EXIF data, with transparency laid over black and 16 bits scaled to
        8. A uint8 RGB array is returned unchanged.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImageReadError
        If a file is damaged, too large, not an image or of another format.
    ValueError
        If an array has another shape, no pixels, masked ones, or values that are not pixels in
        0..255, such as those of a photo that was divided by 255.
    TypeError
        If `photo` is something else.

    Examples
    --------
    >>> import numpy as np
    >>> from fer_estimators.faces import read_photo
    >>> read_photo(np.zeros((4, 6), dtype=np.uint8)).shape
    (4, 6, 3)
    """
    return _read(photo)


class ReadPixels(np.ndarray):
    """Pixels that :func:`read_photo` returned, and that it returns again without a check.

    A frame that fades to black would otherwise look like one on another scale.
    """


def read_own_photo(photo: Photo, *, may_be_black: bool = False) -> NDArray[np.uint8]:
    """Return what :func:`read_photo` does, without sharing memory that the caller may change.

    Cameras are often read into one array again and again. `may_be_black` takes a uint8 array that
    holds 0 and 1 alone.
    """
    pixels = _read(photo, may_be_black)
    # Tensors of other libraries share their memory with the arrays that are made of them.
    is_shared = hasattr(photo, "__array__") and np.may_share_memory(pixels, np.asarray(photo))
    return pixels.copy() if is_shared else pixels


def _read(photo, may_be_black=False):
    if isinstance(photo, ReadPixels):
        return photo.view(np.ndarray)
    if isinstance(photo, (str, os.PathLike)):
        return _read_file(photo)
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return _decode(bytes(photo), "the photo's bytes")
    if hasattr(photo, "getexif"):
        return _read_pil_image(photo)
    return _read_array(photo, may_be_black)


def _read_file(path):
    shown = repr(os.fspath(path))
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"Photo {shown} does not exist; the current folder is {os.getcwd()!r}."
        )
    if not os.path.isfile(path):
        raise ImageReadError(f"{shown} is not a regular file, but {_FORMS} is expected.")
    if os.path.getsize(path) > MAX_PHOTO_BYTES:
        raise ImageReadError(f"{shown} has more than {MAX_PHOTO_BYTES:,} bytes, the limit.")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ImageReadError(f"{shown} cannot be read ({error.strerror}).") from error
    return _decode(data, shown)


def _decode(data, shown):
    try:
        decoded = decode(data, color=True)
    except ImageReadError as error:
        # The hint helps with whole images of other formats, not with damaged files.
        hint = " Other formats can be opened with Pillow and passed as a PIL image."
        hint = hint if "accepted: " in str(error) else ""
        raise ImageReadError(f"{shown}: {error}.{hint}") from error
    return np.frombuffer(decoded.pixels, dtype=np.uint8).reshape(*decoded.size, 3)


def _read_pil_image(image):
    try:
        image.load()
        return np.asarray(to_upright_rgb(image))
    except ImageReadError:
        raise
    except (OSError, ValueError) as error:
        raise ImageReadError(f"The PIL image cannot be read: {error}") from error


def _read_array(photo, may_be_black):
    pixels = np.asanyarray(photo)
    if np.ma.is_masked(pixels):
        raise ValueError(
            f"photo has {np.ma.count_masked(pixels)} masked values, but photos have no gaps. Fill "
            "them, for example with photo.filled(0)."
        )
    pixels = np.asarray(pixels)
    if pixels.dtype.kind not in "uif":
        raise TypeError(
            f"photo={reprlib.repr(photo)} is of type {type(photo).__name__} and dtype "
            f"{pixels.dtype}, but {_FORMS} is expected."
        )
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[-1] not in (1, 3, 4)):
        raise ValueError(
            f"photo has shape {pixels.shape}, but {_FORMS} is expected.{_hint(pixels)}"
        )
    if not pixels.size:
        raise ValueError(f"photo has shape {pixels.shape}: it has no pixels.")
    if pixels.dtype != np.uint8 or not may_be_black:
        pixels = _to_uint8(pixels)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[-1] == 4:
        if pixels[..., 3].max() == 1:
            raise ValueError(
                "photo has an alpha channel of at most 1, which would make it black, but 0..255 is "
                "expected, where 255 is opaque. Multiply it by 255, or pass photo[..., :3]."
            )
        return np.asarray(to_upright_rgb(Image.fromarray(pixels, "RGBA")))
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if pixels.shape[-1] == 1 else pixels


def _hint(pixels):
    if pixels.ndim == 4:
        return " Several photos are to be passed one by one."
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4):
        return " The channels seem to come first: pass np.moveaxis(photo, 0, -1)."
    return ""


def _to_uint8(pixels):
    if pixels.dtype == np.uint8:
        _refuse_other_scale(pixels)
        return pixels
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        return _scale_16_bits(pixels)
    low, high = pixels.min(), pixels.max()
    if not np.isfinite([low, high]).all():
        n_bad = pixels.size - np.isfinite(pixels).sum()
        raise ValueError(
            f"photo has {n_bad} values that are NaN or infinite, but pixels in 0..255 are expected."
        )
    # What scalers leave above 255 or below 0 is rounded away.
    if not (np.rint(low) >= 0 and np.rint(high) <= MAX_PIXEL):
        raise ValueError(
            f"photo has values from {low} to {high}, but pixels in 0..255 are expected (or dtype "
            "uint16 for 16 bits)."
        )
    if pixels.dtype.kind == "f" and 0 < high < 1.5:
        raise ValueError(
            f"photo has float values up to {high:.3g}, which looks like a scale of 0..1, but "
            "pixels in 0..255 are expected. Pass photo * 255."
        )
    _refuse_other_scale(pixels)
    return np.rint(pixels).astype(np.uint8)


def _refuse_other_scale(pixels):
    """Refuse values that a network would see as darkness, judging by some rows."""
    if pixels.dtype.kind != "f" and pixels[::_ROW_STEP].max() > 1:
        return
    width = pixels[0].size
    brightest = int(pixels.argmax()) // width
    rows = np.arange(0, len(pixels), max(1, pixels.size // _ENOUGH_VALUES))
    sample = pixels[np.union1d(rows, brightest)]
    try:
        check_scale(sample.reshape(1, *sample.shape[:2], -1))
    except ValueError:
        raise ValueError(
            f"photo has values from {pixels.min()} to {pixels.max()}, which look multiplied or cut "
            "off, but pixels in 0..255 are expected. Pass them as they were read."
        ) from None


def _scale_16_bits(pixels):
    if 0 < pixels.max() < _DARKEST_OF_16_BITS:
        raise ValueError(
            f"photo has dtype uint16, but no value above {pixels.max()}: pixels of 16 bits are "
            "expected to reach up to 65,535. If these are of 8 bits, pass photo.astype('uint8'); "
            "if of 10 or 12, (photo >> 2).astype('uint8') or (photo >> 4).astype('uint8')."
        )
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
