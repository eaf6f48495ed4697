"""The one place that knows image shapes, dtypes and ranges.

Every classifier and transformer takes images as an array of pixels in 0..255, of shape
``(n_samples, height, width)`` or ``(n_samples, height, width, channels)`` with one (grey) or
three (RGB) channels, or as flat rows together with an ``image_shape``. Inside the library they
are always ``(n_samples, height, width, channels)``, of the dtype in which they came.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_estimators._files.resizing import RESIZE_FILTER, height_and_width
from fer_estimators._lazy import LazyImages, is_lazy
from fer_estimators._scale import (
    SMALLEST_IMAGE,
    check_scale,
    refuse_other_than_pixels,
    refuse_unfit_for_rounding,
)

# The other functions are for this library alone.
__all__ = ["resize_images"]


def describe_shape(shape: Sequence[int]) -> str:
    """Write (height, width, channels) as people do: without the channel axis of a grey image.

    >>> describe_shape((48, 48, 1)), describe_shape((48, 48, 3))
    ('(48, 48)', '(48, 48, 3)')
    """
    return str(tuple(shape[:2]) if shape[2] == 1 else tuple(shape))


def as_numeric_array(X: Any) -> Any:
    """Turn images in any common form into one numeric array, without copying arrays.

    Data frames are returned as they are. Raises ValueError for file names, or images of several
    shapes.
    """
    refuse_datasets(X)
    X = _unwrap(X)
    if _is_text(_first(X)):
        raise ValueError(
            "X holds text (file names?), but images are expected as numbers: an array of shape "
            "(n_samples, height, width). Put ImageReader() before this estimator in a pipeline, or "
            "load a folder with `load_image_folder`."
        )
    if hasattr(X, "columns") and _holds_images(X):
        raise ValueError(
            "X is a data frame whose columns hold whole images, but a row of numbers is expected "
            "for each. Pass the column of the images, as in X['image']."
        )
    if isinstance(X, (list, tuple)) and len(X):
        X = [_as_pixels(image) for image in X]
        _refuse_ragged(X)
    return X


def _unwrap(X):
    """Unpack containers of single images, and make arrays of objects that are like arrays."""
    if isinstance(X, np.ma.MaskedArray):
        return _unmask(X)
    is_table = hasattr(X, "columns")
    is_column = hasattr(X, "to_numpy") and not is_table and getattr(X, "ndim", 1) == 1
    if is_column or (isinstance(X, np.ndarray) and X.dtype.kind == "O" and X.ndim == 1):
        return list(X)
    is_array = hasattr(X, "ndim") or hasattr(X, "toarray")
    if is_table or is_array or isinstance(X, (list, tuple)):
        return X
    return np.asarray(_as_pixels(X)) if _is_picture(X) or hasattr(X, "__array__") else X


def _unmask(X):
    if np.ma.is_masked(X):
        raise ValueError(
            f"X has {np.ma.count_masked(X)} masked pixels, but images have no gaps. Fill them, "
            "for example with X.filled(0)."
        )
    return X.data


def _is_picture(image):
    return hasattr(image, "getbands")


def _as_pixels(image):
    """Refuse PIL images whose numbers are not grey levels or RGB, and images with gaps."""
    if isinstance(image, np.ma.MaskedArray):
        return _unmask(image)
    if not _is_picture(image):
        return image
    if image.mode not in ("L", "RGB"):
        raise ValueError(
            f"X holds a PIL image of mode {image.mode!r}, whose numbers are not grey levels or "
            "RGB. Pass image.convert('L') or image.convert('RGB')."
        )
    return np.asarray(image)


# What holds images and labels, by the package and the attribute that tell it.
_DATASETS = {
    "tensorflow": "element_spec",
    "torch": "__getitem__",
    "keras": "num_batches",
    "datasets": "column_names",
}


def refuse_datasets(X: Any) -> None:
    """Refuse what yields batches or single images, and tell how to take an array out of it.

    Raises TypeError for a data set of another library, an iterator or a dictionary.
    """
    # Some sparse matrices are mappings; they are refused as what they are.
    if isinstance(X, (Iterator, Mapping)) and not hasattr(X, "toarray"):
        raise TypeError(
            f"X is a {type(X).__name__}, but an array of images is expected. Pass a list of the "
            "images, such as `list(X)`, or `list(X.values())` of a dictionary."
        )
    packages = {cls.__module__.partition(".")[0] for cls in type(X).__mro__}
    for package, attribute in _DATASETS.items():
        is_one = package in packages and hasattr(X, attribute) and not hasattr(X, "ndim")
        if is_one or (package in packages and hasattr(X, "batch_sampler")):
            raise TypeError(
                f"X is a {type(X).__name__} of {package}, but an array of images is expected, and "
                "one of labels for y. Take them out: `from fer_estimators.datasets import "
                "from_dataset`, and then `X, y = from_dataset(dataset)`."
            )


def _first(X):
    """Return the first of a list, or the first value where an array or table holds objects."""
    if isinstance(X, (list, tuple)):
        return X[0] if X else X
    values = X.iloc[:1].to_numpy() if hasattr(X, "iloc") else X
    is_of_objects = getattr(getattr(values, "dtype", None), "kind", "") == "O"
    return values.flat[0] if is_of_objects and values.size else values


def _holds_images(table):
    row = np.asarray(table.iloc[:1] if hasattr(table, "iloc") else table[:1])
    is_of_objects = row.dtype.kind == "O"
    return row.ndim > 2 or (is_of_objects and any(np.ndim(v) or _is_picture(v) for v in row.flat))


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


def check_image_array(
    X: ArrayLike, *, image_shape: tuple[int, ...] | None = None, estimator: Any = None
) -> NDArray[Any]:
    """Check images or flat rows once and view them as ``(n_samples, height, width, channels)``.

    No pixel is copied or changed: uint8 stays uint8, and a memory map stays on disk. `image_shape`
    is ``(height, width)`` or ``(height, width, channels)`` of flat rows; one entry may be -1, as in
    :meth:`numpy.ndarray.reshape`. `estimator` is named in the errors. Raises ValueError if `X` is
    not images, or a value is NaN, infinite, negative or above 255 (images of less than 8 x 8 pixels
    may hold any finite numbers).

    >>> flat_rows = np.zeros((5, 2304), dtype=np.uint8)
    >>> check_image_array(flat_rows, image_shape=(48, -1)).shape
    (5, 48, 48, 1)
    """
    X = as_numeric_array(X)
    if not _is_plain(X):
        from sklearn.utils import check_array

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


def _is_plain(X):
    """Tell whether check_array could find no fault in an array, in a tenth of its time."""
    return type(X) is np.ndarray and X.dtype == np.uint8 and X.ndim > 2 and len(X) > 0


@contextmanager
def explained(X):
    """Let scikit-learn's errors about `X` say where its fault stands, and what to do."""
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


def view_as_images(X: ArrayLike, image_shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """View an array of finite numbers as images, as :func:`check_image_array` does.

    Raises ValueError if its shape or the range of its values is not that of images.
    """
    _refuse_empty(X.shape)
    if X.size >= SMALLEST_IMAGE * len(X):
        refuse_other_than_pixels(X)
    if X.ndim == 2:
        return X.reshape((len(X), *_resolve_image_shape(image_shape, X.shape)))
    images = X[..., np.newaxis] if X.ndim == 3 else X
    if X.ndim not in (3, 4) or images.shape[-1] not in (1, 3) or _looks_like_one_colour_image(X):
        raise ValueError(_wrong_layout(X))
    _check_described_shape(images, image_shape)
    return images


def _refuse_empty(shape):
    if 0 in shape[1:]:
        raise ValueError(
            f"X has shape {tuple(shape)}: its images are empty. Pass images of at least one pixel."
        )


def _check_described_shape(images, image_shape):
    """Refuse images that are not of the shape that was given for flat rows."""
    if image_shape is None:
        return
    expected = _resolve_image_shape(image_shape, (len(images), math.prod(images.shape[1:])))
    if images.shape[1:] != expected:
        raise ValueError(
            f"X has image shape {describe_shape(images.shape[1:])}, but "
            f"image_shape={image_shape!r} was given. `image_shape` describes flat rows; "
            "leave it out for images."
        )


def _view_lazily(X, image_shape):
    """View a sequence on disk as images, whose pixels are checked part by part."""
    images = LazyImages(X)
    _refuse_empty(X.shape)
    if images.shape[-1] not in (1, 3) or _looks_like_one_colour_image(X):
        raise ValueError(_wrong_layout(X))
    if len(images) == 0:
        raise ValueError(
            f"Found array with 0 sample(s) (shape={tuple(X.shape)}) while a minimum of 1 is "
            "required. Pass some images."
        )
    _check_described_shape(images, image_shape)
    if math.prod(images.shape[1:]) >= SMALLEST_IMAGE:
        images.check_pixels()
    return images


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


def resize_images(X: ArrayLike, image_size: int | tuple[int, int]) -> NDArray[np.uint8]:
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
        If `X` is not an array of images, or `image_size` is not a size.

    Examples
    --------
    >>> from fer_estimators.datasets import make_faces
    >>> from fer_estimators.images import resize_images
    >>> resize_images(make_faces(4, random_state=0).images, 64).shape
    (4, 64, 64)
    """
    from PIL import Image

    images = check_image_array(X)
    refuse_unfit_for_rounding(images)
    height, width = height_and_width(image_size)
    resized = np.empty((len(images), height, width, images.shape[-1]), dtype=np.uint8)
    for target, image in zip(resized, images, strict=True):
        pixels = np.ascontiguousarray(np.rint(image), dtype=np.uint8)
        picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        small = picture.resize((width, height), RESIZE_FILTER)
        target[...] = np.asarray(small).reshape(target.shape)
    return resized if np.ndim(X) == 4 else resized[..., 0]


def check_images_of_any_shape(X: list[Any]) -> list[NDArray[Any]]:
    """Check images of several shapes, each for itself; return each as (height, width, channels).

    Raises ValueError if one is not an image with pixels in 0..255.
    """
    images = [check_image_array(np.asarray(_as_pixels(image))[np.newaxis]) for image in X]
    for image in images:
        check_scale(image)
    return [image[0] for image in images]


def has_several_shapes(X: ArrayLike) -> bool:
    """Tell whether `X` is a list, column or array of images of several shapes.

    >>> has_several_shapes([np.zeros((4, 4)), np.zeros((5, 5))])
    True
    """
    images = _unwrap(X)
    return isinstance(images, (list, tuple)) and len({_shape_of(image) for image in images}) > 1


def _shape_of(image):
    return np.shape(image) if not _is_picture(image) else (*image.size, image.mode)


def check_input_images(
    estimator: Any, X: ArrayLike, *, image_shape: tuple[int, ...] | None, reset: bool
) -> NDArray[Any]:
    """Check images or flat rows, and remember or compare what scikit-learn keeps of them.

    With `reset`, as in ``fit``, the estimator gets ``n_features_in_`` (and ``feature_names_in_``)
    of flat rows; otherwise, as in ``transform``, they are compared. `image_shape`, height and width
    (and channels) in pixels, is that of flat rows, and compared with that of images only if
    `reset`. Return a view (n, height, width, channels) of `X` wherever it is a numeric array, or
    LazyImages of a sequence. Raises ValueError if `X` is not images with pixels in 0..255.
    """
    X = as_numeric_array(X)
    X = X if hasattr(X, "ndim") or hasattr(X, "columns") else np.asarray(X)
    if getattr(X, "ndim", 2) < 3:
        from sklearn.utils.validation import validate_data

        with explained(X):
            rows = validate_data(estimator, X, reset=reset, dtype="numeric")
        images = view_as_images(rows, image_shape)
    else:
        shape = image_shape if reset else None
        if is_lazy(X):
            images = _view_lazily(X, shape)
        else:
            images = check_image_array(X, image_shape=shape, estimator=estimator)
        if reset:
            from sklearn.utils.validation import validate_data

            # Forgets the column names of an earlier fit on a data frame.
            validate_data(estimator, images, reset=True, skip_check_array=True, ensure_2d=False)
    check_scale(images)
    return images


def check_image_shape(
    images: NDArray[Any], fitted_shape: tuple[int, ...], *, estimator: Any
) -> None:
    """Refuse images of another (height, width, channels) than an estimator was fitted on."""
    if images.shape[1:] != fitted_shape:
        received, fitted = map(describe_shape, (images.shape[1:], fitted_shape))
        raise ValueError(
            f"X has image shape {received}, but this {type(estimator).__name__} was fitted on "
            f"{fitted}. Resize with `resize_images(X, {tuple(fitted_shape[:2])})` and bring it to "
            "the same number of channels, or set handle_other_shapes='convert'."
        )


def convert_to_shape(images: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Convert the colour of images, then their size, to (height, width, channels), dtype uint8.

    Grey is Pillow's ``L`` (ITU-R 601-2 luma), and RGB of a grey image its repetition, as when files
    are read; for the size see :func:`resize_images`. Float pixels are rounded.
    """
    if images.shape[-1] > shape[-1]:
        images = _as_grey(images)
    if images.shape[1:3] != shape[:2]:
        images = resize_images(images, shape[:2])
    converted = np.rint(images).astype(np.uint8)
    return np.broadcast_to(converted, (len(images), *shape))


def _as_grey(images):
    from PIL import Image

    pixels = np.rint(images).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in pixels])[
        ..., np.newaxis
    ]
