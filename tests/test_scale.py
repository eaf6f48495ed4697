"""Pixels on a scale other than 0..255, and images that show nothing."""

import warnings

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler

from fer_estimators import ImageResizer, make_faces
from fer_estimators._scale import check_scale, find_blank
from fer_estimators.images import resize_images


def refused(match):
    return pytest.raises(ValueError, match=match)


@pytest.fixture
def pixels():
    return make_faces(40, image_size=16, random_state=1).images.astype("float64")


@pytest.mark.parametrize("factor", [1 / 255, 1 / 256, 1 / 127.5, 1 / 100, 0.05, 0.3, 0.7, 0.9])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_one_rescaled_image_among_others_is_found(pixels, factor, dtype):
    pixels = pixels.astype(dtype)
    pixels[7] = pixels[7] * factor
    with refused(r"1 of the 40 images in X are not on a scale of 0\.\.255, the first is X\[7\]"):
        check_scale(pixels[..., np.newaxis])


@pytest.mark.parametrize("factor", [1 / 16, 0.1, 0.25, 0.5])
def test_images_that_are_all_divided_by_a_whole_number_are_refused(pixels, factor):
    pixels[3] = 0
    with refused(r"look multiplied by|divided by a constant"):
        check_scale(pixels[..., np.newaxis] * factor)


@pytest.mark.parametrize(
    "scaler", [MinMaxScaler(), StandardScaler(with_mean=False), Normalizer()], ids=type
)
def test_scalers_before_a_classifier_are_refused_at_fit(fit_tiny, pixels, scaler):
    rows = scaler.fit_transform(pixels.reshape(40, -1))
    with refused("not on a scale"):
        fit_tiny(rows.reshape(pixels.shape))


def test_what_a_scaler_leaves_above_255_by_rounding_is_taken(fit_tiny, pixels):
    rows = MinMaxScaler((0, 255)).fit_transform(pixels.reshape(40, -1))
    rows[0, 0] = 255.00000000000006
    rows[0, 1] = -1e-14
    images = rows.reshape(pixels.shape)
    fit_tiny(images)
    np.testing.assert_array_equal(
        ImageResizer(8).fit_transform(images), ImageResizer(8).fit_transform(np.rint(images))
    )


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_fractions_that_were_cut_off_are_refused(pixels, dtype):
    cut_off = (pixels / pixels.max(axis=(1, 2), keepdims=True)).astype("uint8").astype(dtype)
    with refused("look cut off|not on a scale"):
        check_scale(cut_off[..., np.newaxis])


def test_predictions_refuse_what_fit_would(fit_tiny, pixels):
    clf = fit_tiny(pixels)
    for wrong in (pixels / 127.5, np.concatenate([pixels[:1], pixels[1:] / 255])):
        with refused("not on a scale"):
            clf.predict(wrong)
        with refused("not on a scale"):
            clf.score(wrong, ["happy"] * len(wrong))


@pytest.mark.parametrize(
    "change",
    [
        lambda pixels: np.rint(pixels * 0.2),  # dark
        lambda pixels: np.rint(200 + pixels * 0.2),  # pale
        lambda pixels: 100 + pixels / 4,
        lambda pixels: resize_images(pixels, 24).astype("float32"),
        lambda pixels: pixels.reshape(40, 8, 2, 8, 2).mean(axis=(2, 4)),
        lambda pixels: np.rint(
            pixels.reshape(40, 8, 2, 8, 2) * np.linspace(0.2, 1, 40).reshape(40, 1, 1, 1, 1)
        ).mean(axis=(2, 4)),
        lambda pixels: pixels + np.random.default_rng(0).uniform(0, 1, pixels.shape) * 0.4,
    ],
)
def test_dark_pale_and_interpolated_pictures_are_taken(pixels, change):
    check_scale(np.clip(change(pixels), 0, 255)[..., np.newaxis])


def test_tables_and_black_images_are_taken():
    check_scale(np.random.default_rng(0).normal(size=(9, 1, 20, 1)))
    check_scale(np.zeros((3, 16, 16, 1)))


@pytest.mark.parametrize("color", [9, 128, (255, 9, 9)])
def test_blank_images_warn_wherever_they_are_given(fit_tiny, pixels, color):
    images = np.repeat(pixels.astype("uint8")[..., np.newaxis], 3, axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = fit_tiny(images)
    images[[3, 5]] = color
    images[5, 0, 0] -= 3
    assert find_blank(images).tolist() == [3, 5]
    with pytest.warns(UserWarning, match=r"2 of the 40 images .* nearly so; the first is X\[3\]"):
        clf.predict_proba(images)
    with pytest.warns(UserWarning, match=r"first is X\[3\].*leave them out"):
        fit_tiny(images)


@pytest.fixture(scope="module")
def fit_tiny():
    """Fit a small network on images."""
    from fer_estimators import CNNClassifier

    def fit(images):
        clf = CNNClassifier("tiny", augmentation=None, epochs=1, batch_size=20, random_state=0)
        return clf.set_params(validation_fraction=None).fit(images, ["happy", "sad"] * 20)

    return fit
