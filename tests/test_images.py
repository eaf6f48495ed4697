"""Shapes and ranges of images that the estimators' own tests do not cover."""

import numpy as np
import pandas as pd
import pytest

from fer_estimators.images import (
    check_image_array,
    describe_shape,
    height_and_width,
    resize_images,
)
from fer_estimators.preprocessing import ImageResizer


def test_shapes_are_written_as_people_write_them():
    assert describe_shape((48, 48, 1)) == "(48, 48)"
    assert describe_shape((48, 40, 3)) == "(48, 40, 3)"


def test_arrays_are_viewed_and_not_copied():
    grey = np.zeros((3, 9, 8), np.uint8)
    assert np.shares_memory(check_image_array(grey), grey)
    assert np.shares_memory(check_image_array(grey.reshape(3, 72), image_shape=(9, -1)), grey)
    assert check_image_array(grey).dtype == np.uint8


def test_first_value_out_of_range_is_named():
    images = np.zeros((2, 8, 8))
    images[1, 2, 3] = -4
    with pytest.raises(ValueError, match=r"first X\[1, 2, 3\] = -4"):
        check_image_array(images)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 64)])
def test_first_value_that_is_not_finite_is_named(value, word, shape):
    images = np.zeros(shape)
    images[1].flat[10] = value
    position = "1, 1, 2" if len(shape) == 3 else "1, 10"
    for reader in (ImageResizer(4, image_shape=(8, 8)).fit_transform, check_image_array):
        with pytest.raises(ValueError, match=rf"contains {word}.*X\[{position}\] = {value}"):
            reader(images)


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg"],
        np.array(["a.jpg"]),
        np.array([["a.jpg"]], dtype=object),
        pd.DataFrame({"file": ["a.jpg"]}),
        pd.Series(["a.jpg"]),
    ],
)
def test_file_names_are_told_from_images(names):
    with pytest.raises(ValueError, match=r"file names.*ImageReader\(\)"):
        check_image_array(names)


def test_a_single_colour_image_is_told_from_three_grey_ones():
    with pytest.raises(ValueError, match=r"one colour image: pass X\[None, \.\.\.\]"):
        check_image_array(np.zeros((48, 48, 3), np.uint8))


def test_a_list_of_pictures_is_taken():
    from PIL import Image

    pictures = [Image.new("L", (8, 9), 7), Image.new("L", (8, 9), 8)]
    assert check_image_array(pictures).shape == (2, 9, 8, 1)


@pytest.mark.parametrize("shape", [(2, 8, 8), (2, 8, 8, 1), (2, 8, 8, 3)])
def test_resizing_keeps_layout_and_grey_level(shape):
    resized = resize_images(np.full(shape, 77, np.uint8), (12, 16))
    assert resized.shape == (2, 12, 16, *shape[3:])
    assert resized.dtype == np.uint8
    assert (resized == 77).all()


def test_shrinking_averages():
    stripes = np.zeros((1, 32, 32), np.uint8)
    stripes[:, :, ::2] = 200
    assert abs(int(resize_images(stripes, 8)[0, 4, 4]) - 100) <= 5


def test_resizing_does_not_wrap_values():
    with pytest.raises(ValueError, match="above 255"):
        resize_images(np.full((1, 4, 4), 300.0), 8)


@pytest.mark.parametrize("size", [48.0, 0, (48,), (4, 4, 4), "48", True])
def test_anything_but_a_size_is_refused(size):
    with pytest.raises(ValueError, match=r"image_size=.* is not a size"):
        height_and_width(size)


@pytest.mark.skipif(np.longdouble == np.float64, reason="needs a longer float")
def test_floats_that_no_backend_knows_are_refused():
    with pytest.raises(ValueError, match=r"X has dtype float\d+, .*float64 .*astype"):
        check_image_array(np.zeros((2, 8, 8), np.longdouble))


@pytest.mark.parametrize("as_list", [False, True])
def test_masked_images_are_refused_also_in_a_list(as_list):
    X = np.ma.masked_greater(np.full((2, 16, 16), 100, dtype=np.uint8), 255)
    given = list(X) if as_list else X
    assert resize_images(given, 8).max() == 100
    X[1, 0, 0] = np.ma.masked
    with pytest.raises(ValueError, match=r"X has 1 masked pixels.*X\.filled\(0\)"):
        resize_images(list(X) if as_list else X, 8)


@pytest.mark.parametrize("size", [100_000, 4097, (48, 5000)])
def test_sizes_beyond_the_limit_are_refused(size):
    with pytest.raises(ValueError, match=r"is not a size; expected .* 1 to 4096 each"):
        resize_images(np.zeros((1, 16, 16), dtype=np.uint8), size)


@pytest.mark.parametrize("shape", [(5, 0, 0), (5, 8, 0), (5, 0, 8, 3)])
def test_images_without_pixels_are_refused(shape):
    with pytest.raises(ValueError, match=r"its images are empty"):
        check_image_array(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "wrap",
    [iter, lambda images: (image for image in images), lambda images: {"image": images}],
    ids=["iterator", "generator", "dict"],
)
def test_what_holds_images_in_another_way_is_reported(wrap):
    with pytest.raises(TypeError, match=r"an array of images is expected.*`list\(X\)`"):
        check_image_array(wrap(np.zeros((2, 8, 8), np.uint8)))


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((2, 1, 8, 8), "np.moveaxis"),
        ((2, 3, 8, 8), "np.moveaxis"),
        ((2, 8, 8, 4), r"Drop the alpha channel"),
        ((8, 8, 3), r"X\[None, \.\.\.\]"),
        ((8,), r"X\.reshape\(1, -1\)"),
        ((2, 2, 8, 8), "in the last axis"),
        ((2, 64), r"image_shape=\(8, 8\)"),
    ],
)
def test_another_layout_is_told_with_what_to_do(shape, advice):
    with pytest.raises(ValueError, match=advice):
        check_image_array(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("image_shape", [(-1, -1), (8,), (8, 8, 1, 1), (0, 8), (8.0, 8), (5, 8)])
def test_shape_that_does_not_fit_the_rows_is_refused(image_shape):
    with pytest.raises(ValueError, match=r"is not a shape|cannot hold"):
        check_image_array(np.zeros((2, 64), np.uint8), image_shape=image_shape)


@pytest.mark.parametrize(
    ("shape", "channels"), [((4, 16), 1), ((-1, 8), 1), ((8, -1, 1), 1), ((4, 4, 4), 4)]
)
def test_rows_are_viewed_in_the_shape_that_was_given(shape, channels):
    images = check_image_array(np.zeros((2, 64), np.uint8), image_shape=shape)
    assert images.shape[3] == channels
    assert np.prod(images.shape[1:]) == 64
