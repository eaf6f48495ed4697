"""Check the images and sizes that a transformer is given, as scikit-learn expects of it."""

import math

import numpy as np
from sklearn.utils.validation import validate_data

from fer_estimators import images as image_rules
from fer_estimators._messages import warn


def check_input_images(estimator, X, *, image_shape, reset):
    """Check images or flat rows, and remember or compare what scikit-learn keeps of them.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` (and ``feature_names_in_``) of flat rows.
    X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
        Pixels in 0..255.
    image_shape : tuple of int or None
        Height and width (and channels), pixels, of flat rows. Compared with that of images only
        if `reset`.
    reset : bool
        Whether to remember, as in ``fit``, or to compare, as in ``transform``.

    Returns
    -------
    ndarray of shape (n, height, width, channels)
        A view of `X` wherever `X` is a numeric array.

    Raises
    ------
    ValueError
        If `X` is not images with pixels in 0..255.
    """
    X = image_rules.as_numeric_array(X)
    X = X if hasattr(X, "ndim") else np.asarray(X)
    if X.ndim < 3:
        with image_rules.explained(X):
            rows = validate_data(estimator, X, reset=reset, dtype="numeric")
        images = image_rules.view_as_images(rows, image_shape)
    else:
        shape = image_shape if reset else None
        images = image_rules.check_image_array(X, image_shape=shape, estimator=estimator)
        if reset:
            # Forgets the column names of an earlier fit on a data frame.
            validate_data(estimator, images, reset=True, skip_check_array=True, ensure_2d=False)
    image_rules.check_scale(images)
    return images


def check_image_shape(images, fitted_shape, *, estimator):
    """Refuse images of another shape than those on which an estimator was fitted.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
    fitted_shape : tuple of int
        ``(height, width, channels)``, pixels.
    estimator : estimator
        Named in the error.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if images.shape[1:] != fitted_shape:
        received, fitted = map(image_rules.describe_shape, (images.shape[1:], fitted_shape))
        raise ValueError(
            f"X has image shape {received}, but this {type(estimator).__name__} was fitted on "
            f"{fitted}. Resize with `resize_images(X, {tuple(fitted_shape[:2])})` and bring it to "
            "the same number of channels, or set handle_other_shapes='convert'."
        )


def convert_to_shape(images, shape):
    """Convert the colour of images, then their size.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        Pixels in 0..255; float pixels are rounded.
    shape : tuple of int
        ``(height, width, channels)``, pixels, of the result.

    Returns
    -------
    ndarray of shape (n, *shape), dtype uint8, values 0..255
        Grey is Pillow's ``L`` (ITU-R 601-2 luma), and RGB of a grey image its repetition, as when
        files are read; for the size see :func:`fer_estimators.images.resize_images`.
    """
    converted = np.empty((len(images), *shape), dtype=np.uint8)
    # In parts, so that no second array of the images' own size is made.
    for start in range(0, len(images), _IMAGES_AT_ONCE):
        part = images[start : start + _IMAGES_AT_ONCE]
        if part.shape[-1] > shape[-1]:
            part = _as_grey(part)
        if part.shape[1:3] != shape[:2]:
            part = image_rules.resize_images(part, shape[:2])
        converted[start : start + len(part)] = np.rint(part)
    return converted


def _as_grey(images):
    from PIL import Image

    pixels = np.rint(images).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in pixels])[
        ..., np.newaxis
    ]


# Larger than what any network here was made for; a face fills a crop, not a photograph.
_LARGEST_CROP = 512
_ROWS_AT_ONCE = 4096
_IMAGES_AT_ONCE = 64


def warn_of_images_without_faces(images):
    """Warn, once for each kind, of images to train on that can hardly be crops of faces.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
    """
    height, width = images.shape[1:3]
    if math.prod(images.shape[1:]) < image_rules.SMALLEST_IMAGE:
        return
    if min(height, width) > _LARGEST_CROP:
        warn(
            f"The images in X have {height} x {width} pixels, but crops of faces are expected, of "
            "48 x 48 in FER2013. Cut the faces out, and make them smaller with ImageResizer."
        )
    parts = (images[i : i + _ROWS_AT_ONCE] for i in range(0, len(images), _ROWS_AT_ONCE))
    empty = [part.min(axis=(1, 2, 3)) == part.max(axis=(1, 2, 3)) for part in parts]
    rows = np.flatnonzero(np.concatenate(empty))
    if len(rows):
        warn(
            f"{len(rows)} of the {len(images)} images in X are of one grey or colour, the first is "
            f"X[{rows[0]}]: they show no face. Look at how they were made, or leave them out."
        )
