"""The one place that knows image shapes, dtypes and ranges.

Every classifier and transformer takes images as an array of pixels in 0..255, of shape
``(n_samples, height, width)`` or ``(n_samples, height, width, channels)`` with one (grey) or
three (RGB) channels, or as flat rows together with an ``image_shape``. Inside the library they
are always ``(n_samples, height, width, channels)``, of the dtype in which they came.
"""

import math
from contextlib import contextmanager
from numbers import Integral

import numpy as np
from sklearn.utils import check_array

from fer_estimators._files.resizing import RESIZE_FILTER, height_and_width

MAX_PIXEL = 255

# Rows of fewer values (8 x 8 pixels) are tables rather than photographs: any numbers may stand in
# them, so that scikit-learn's tools can be tried on small tables.
SMALLEST_IMAGE = 64


def describe_shape(shape):
    """Write an image shape as people write it: without the channel axis of a grey image.

    Parameters
    ----------
    shape : tuple of int
        ``(height, width, channels)``, pixels.

    Returns
    -------
    str

    Examples
    --------
    >>> from fer_estimators.images import describe_shape
    >>> describe_shape((48, 48, 1)), describe_shape((48, 48, 3))
    ('(48, 48)', '(48, 48, 3)')
    """
    return str(tuple(shape[:2]) if shape[2] == 1 else tuple(shape))


def as_numeric_array(X):
    """Turn what people have in their hands into one numeric array, without copying arrays.

    Parameters
    ----------
    X : array-like
        An array or data frame (returned as it is), or a list of images of one shape.

    Returns
    -------
    ndarray or data frame
        The same pixels.

    Raises
    ------
    ValueError
        For file names, or images of several shapes.
    """
    if isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 1:
        X = list(X)
    if not isinstance(X, (list, tuple)):
        is_array = hasattr(X, "ndim") or hasattr(X, "toarray")
        X = X if is_array or not hasattr(X, "__array__") else np.asarray(X)
    if _is_text(_first(X)):
        raise ValueError(
            "X holds text (file names?), but images are expected as numbers: an array of shape "
            "(n_samples, height, width). Put ImageReader() before this estimator in a pipeline, or "
            "load a folder with `load_image_folder`."
        )
    if isinstance(X, (list, tuple)) and len(X):
        _refuse_ragged(X)
    return X


def _first(X):
    """Return the first of a list, or the first value where an array or table holds objects."""
    if isinstance(X, (list, tuple)):
        return X[0] if X else X
    values = X.iloc[:1].to_numpy() if hasattr(X, "iloc") else X
    is_of_objects = getattr(getattr(values, "dtype", None), "kind", "") == "O"
    return values.flat[0] if is_of_objects and values.size else values


def _is_text(value):
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return isinstance(value, (str, bytes)) or hasattr(value, "__fspath__") or kind in ("U", "S")


def _refuse_ragged(images):
    shapes = {np.shape(image) for image in images}
    if len(shapes) > 1:
        listed = ", ".join(map(str, sorted(shapes, key=str)[:5]))
        raise ValueError(
            f"X holds images of {len(shapes)} different shapes ({listed}), but one array needs one "
            "shape. Load them with `image_size=...`, or resize each with "
            "`fer_estimators.images.resize_images`."
        )


def check_image_array(X, *, image_shape=None, estimator=None):
    """Check images once and view them as ``(n_samples, height, width, channels)``.

    No pixel is copied or changed: uint8 stays uint8, and a memory map stays on disk.

    Parameters
    ----------
    X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
        Pixels in 0..255.
    image_shape : tuple of int, default=None
        ``(height, width)`` or ``(height, width, channels)`` of flat rows; one entry may be -1,
        as in :meth:`numpy.ndarray.reshape`.
    estimator : estimator or None, default=None
        Named in the errors.

    Returns
    -------
    ndarray of shape (n_samples, height, width, channels)
        A view of `X` wherever `X` is a numeric array.

    Raises
    ------
    ValueError
        If the shape is not one of the above, or a value is NaN, infinite, negative or above 255
        (images of less than 8 x 8 pixels may hold any finite numbers).

    Examples
    --------
    >>> import numpy as np
    >>> from fer_estimators.images import check_image_array
    >>> flat_rows = np.zeros((5, 2304), dtype=np.uint8)
    >>> check_image_array(flat_rows, image_shape=(48, -1)).shape
    (5, 48, 48, 1)
    """
    X = as_numeric_array(X)
    with explained(X):
        X = check_array(
            X,
            dtype="numeric",
            allow_nd=True,
            ensure_2d=False,
            estimator=estimator,
            input_name="X",
        )
    return view_as_images(X, image_shape)


@contextmanager
def explained(X):
    """Let scikit-learn's errors about `X` say where its fault stands, and what to do.

    Parameters
    ----------
    X : array-like
        What is checked inside the context.

    Yields
    ------
    None
    """
    try:
        yield
    except ValueError as error:
        message, values = str(error), np.asarray(X)
        if message.startswith("Input X contains") and values.dtype.kind == "f":
            first = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise ValueError(
                f"{message.splitlines()[0]} The first is X[{', '.join(map(str, first))}] = "
                f"{values[first]}, but pixels are expected in 0..255. Drop that image."
            ) from None
        if "is expecting" in message:
            raise ValueError(
                f"{message} Pass rows of one value for each pixel; a single image as X[None, ...]."
            ) from None
        raise


def view_as_images(X, image_shape=None):
    """View a numeric array as images, and check that its values are pixels.

    Parameters
    ----------
    X : ndarray of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
        Finite numbers.
    image_shape : tuple of int, default=None
        As in :func:`check_image_array`.

    Returns
    -------
    ndarray of shape (n_samples, height, width, channels)

    Raises
    ------
    ValueError
        If the shape or the range of values is not that of images.
    """
    _check_range(X)
    if X.ndim == 2:
        return X.reshape((len(X), *_resolve_image_shape(image_shape, X.shape)))
    images = X[..., np.newaxis] if X.ndim == 3 else X
    if X.ndim not in (3, 4) or images.shape[-1] not in (1, 3) or _looks_like_one_colour_image(X):
        raise ValueError(_wrong_layout(X))
    if image_shape is not None:
        expected = _resolve_image_shape(image_shape, (len(X), math.prod(images.shape[1:])))
        if images.shape[1:] != expected:
            raise ValueError(
                f"X has image shape {describe_shape(images.shape[1:])}, but "
                f"image_shape={image_shape!r} was given. `image_shape` describes flat rows; "
                "leave it out for images."
            )
    return images


def _check_range(X):
    if X.size >= SMALLEST_IMAGE * len(X):
        _refuse_other_than_pixels(X)


def _refuse_other_than_pixels(X):
    if X.dtype == np.uint8:
        return
    if X.dtype.kind not in "uif":
        raise ValueError(
            f"X has dtype {X.dtype}, but pixels are expected as uint8 or float numbers in 0..255. "
            "Convert them with `X.astype('uint8')`, times 255 if they are boolean."
        )
    low, high = X.min(), X.max()
    if low < 0 or high > MAX_PIXEL:
        faulty = (X < 0) | (X > MAX_PIXEL)
        first = tuple(int(i) for i in np.argwhere(faulty)[0])
        raise ValueError(
            f"Negative values in data, or values above 255: X ranges from {low} to {high}, first "
            f"X[{', '.join(map(str, first))}] = {X[first]}, but pixels are expected in 0..255. "
            "Undo any standardisation: scaling is a layer of the network."
        )


def _resolve_image_shape(image_shape, flat_shape):
    """Fill in -1 and the channel axis; `flat_shape` is (n_samples, n_pixels)."""
    n_rows, n_pixels = flat_shape
    if image_shape is None:
        raise ValueError(_ambiguous_rows(n_rows, n_pixels))
    shape = tuple(image_shape)
    integers = all(isinstance(side, Integral) for side in shape)
    if not integers or len(shape) not in (2, 3) or shape.count(-1) > 1 or 0 in shape:
        raise ValueError(
            f"image_shape={image_shape!r} is not a shape: pass (height, width) or (height, width, "
            "channels) in pixels, at most one of them -1."
        )
    shape = (*shape, 1) if len(shape) == 2 else shape
    known = math.prod(side for side in shape if side != -1)
    filled = tuple(int(n_pixels // known if side == -1 else side) for side in shape)
    if math.prod(filled) != n_pixels:
        raise ValueError(
            f"X has {n_pixels} features in a row, which image_shape={image_shape!r} cannot hold: "
            f"{' x '.join(map(str, filled))} = {math.prod(filled)}. Pass the height and width of "
            "the images, or -1 for one of them."
        )
    return filled


def _ambiguous_rows(n_rows, n_pixels):
    side = math.isqrt(n_pixels)
    guess = f"(for example image_shape=({side}, {side}))" if side * side == n_pixels else ""
    return (
        f"X has shape ({n_rows}, {n_pixels}), which is either flat rows or a single image, but "
        "images are expected as (n_samples, height, width[, channels]). For flat rows pass "
        f"image_shape=(height, width) {guess} to the estimator; for a single image pass "
        "X[None, ...]."
    )


def _looks_like_one_colour_image(X):
    return X.ndim == 3 and X.shape[-1] in (3, 4) and X.shape[1] > X.shape[-1]


def _wrong_layout(X):
    advice = "Images have one (grey) or three (RGB) channels, in the last axis."
    if X.ndim == 4 and X.shape[1] in (1, 3):
        advice = "The channels seem to come first: pass np.moveaxis(X, 1, -1)."
    elif X.ndim == 4 and X.shape[-1] == 4:
        advice = "Drop the alpha channel: X[..., :3]."
    elif X.ndim == 3:
        advice = "This looks like one colour image: pass X[None, ...]."
    elif X.ndim == 1:
        # scikit-learn's own words come first: its tools look for them.
        advice = "Reshape your data: a single flat image is X.reshape(1, -1)."
    return (
        f"Expected images of shape (n_samples, height, width) or (n_samples, height, width, "
        f"channels), got an array of shape {X.shape}. {advice}"
    )


def check_scale(images):
    """Refuse float pixels in 0..1.

    Images of less than 8 x 8 pixels, and images that are all black, are let through.

    Parameters
    ----------
    images : ndarray of shape (n_samples, height, width, channels)

    Raises
    ------
    ValueError
        If all pixels are in 0..1 and some are not 0.
    """
    if images.dtype.kind != "f" or math.prod(images.shape[1:]) < SMALLEST_IMAGE:
        return
    high = images.max(initial=0)
    if 0 < high <= 1:
        raise ValueError(
            f"X holds float pixels up to {high:.3g}, which looks like a scale of 0..1, but pixels "
            "are expected in 0..255. Pass X * 255 (scaling is a layer of the network)."
        )


def resize_images(X, image_size):
    """Resize images with Pillow's antialiased bilinear filter.

    Parameters
    ----------
    X : array-like of shape (n, height, width) or (n, height, width, channels)
        Pixels in 0..255; float pixels are rounded.
    image_size : int or tuple of int
        ``(height, width)`` of the result, pixels; one number stands for a square.

    Returns
    -------
    ndarray of shape (n, new_height, new_width[, channels]), dtype uint8, values 0..255
        With a channel axis where `X` has one.

    Raises
    ------
    ValueError
        If `X` is not an array of images, or `image_size` is no size.

    Examples
    --------
    >>> from fer_estimators.datasets import make_faces
    >>> from fer_estimators.images import resize_images
    >>> resize_images(make_faces(4, random_state=0).images, 64).shape
    (4, 64, 64)
    """
    from PIL import Image

    images = check_image_array(X)
    _refuse_other_than_pixels(images)
    height, width = height_and_width(image_size)
    resized = np.empty((len(images), height, width, images.shape[-1]), dtype=np.uint8)
    for target, image in zip(resized, images, strict=True):
        pixels = np.ascontiguousarray(np.rint(image), dtype=np.uint8)
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        small = picture.resize((width, height), RESIZE_FILTER)
        target[...] = np.asarray(small).reshape(target.shape)
    return resized if np.ndim(X) == 4 else resized[..., 0]
