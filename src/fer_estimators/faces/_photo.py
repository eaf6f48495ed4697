"""A photo in any of its usual forms, as an RGB array."""

from __future__ import annotations

import os
import reprlib
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_estimators._files.decode import decode, to_upright_rgb
from fer_estimators.exceptions import ImageReadError

if TYPE_CHECKING:
    from PIL.Image import Image

#: What is taken as a photo.
Photo: TypeAlias = "ArrayLike | Image | str | os.PathLike[str] | bytes"

#: Largest file that is read, bytes.
MAX_PHOTO_BYTES = 512 * 2**20

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
        Turned as its EXIF data says, transparency laid over black, and 16 bits scaled to 8. A
        uint8 RGB array is returned as it is.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImageReadError
        If a file is damaged, too large, not an image or of another format.
    ValueError
        If an array has another shape, no pixels, or values that are not pixels.
    TypeError
        If `photo` is something else.

    Examples
    --------
    >>> import numpy as np
    >>> from fer_estimators.faces import read_photo
    >>> read_photo(np.zeros((4, 6), dtype=np.uint8)).shape
    (4, 6, 3)
    """
    if isinstance(photo, (str, os.PathLike)):
        return _read_file(photo)
    if isinstance(photo, (bytes, bytearray, memoryview)):
        return _decode(bytes(photo), "the photo's bytes")
    if hasattr(photo, "getexif"):
        return _read_pil_image(photo)
    return _read_array(photo)


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
        raise ImageReadError(
            f"{shown}: {error}. Other formats can be opened with Pillow and passed as a PIL image."
        ) from error
    return np.frombuffer(decoded.pixels, dtype=np.uint8).reshape(*decoded.size, 3)


def _read_pil_image(image):
    try:
        image.load()
        return np.asarray(to_upright_rgb(image))
    except ImageReadError:
        raise
    except (OSError, ValueError) as error:
        raise ImageReadError(f"The PIL image cannot be read: {error}") from error


def _read_array(photo):
    pixels = np.asarray(photo)
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
    pixels = _to_uint8(pixels).reshape(*pixels.shape[:2], -1)
    if pixels.shape[-1] == 4:
        return _without_alpha(pixels)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3)) if pixels.shape[-1] == 1 else pixels


def _hint(pixels):
    if pixels.ndim == 4:
        return " Several photos are to be passed one by one."
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4):
        return " The channels seem to come first: pass np.moveaxis(photo, 0, -1)."
    return ""


def _to_uint8(pixels):
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return _scale_16_bits(pixels)
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 255):
        raise ValueError(
            f"photo has values from {low} to {high}, but pixels in 0..255 are expected (or dtype "
            "uint16 for 16 bits)."
        )
    if pixels.dtype.kind == "f" and 0 < high <= 1:
        raise ValueError(
            f"photo has float values up to {high:.3g}, which looks like a scale of 0..1, but "
            "pixels in 0..255 are expected. Pass photo * 255."
        )
    return np.rint(pixels).astype(np.uint8)


def _scale_16_bits(pixels):
    if 0 < pixels.max() <= 255:
        raise ValueError(
            f"photo has dtype uint16, but no value above {pixels.max()}: pixels of 16 bits are "
            "expected to reach up to 65,535. If these are of 8 bits, pass photo.astype('uint8')."
        )
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _without_alpha(pixels):
    from PIL import Image

    return np.asarray(to_upright_rgb(Image.fromarray(pixels, "RGBA")))
