"""Random changes of the images: what they do to pixels, and where they do nothing."""

from functools import partial

import keras
import numpy as np
import pytest

from fer_estimators.augmentation import (
    AUGMENTATIONS,
    RandomAffine,
    RandomRelighting,
    add_augmentation,
)

NONE = {"shift": 0, "rotation": 0, "zoom": 0}


@pytest.fixture
def squares():
    images = np.zeros((64, 32, 32, 1), dtype=np.float32)
    images[:, 12:20, 12:20] = 200
    return images


def change(images, **options):
    layer = RandomAffine(**{**NONE, **options}, seed=0)
    return keras.ops.convert_to_numpy(layer(images, training=True))


def centres(images):
    """Return the mean row and column of each image's brightness."""
    rows, columns = np.mgrid[:32, :32]
    weights = images[..., 0] / images.sum(axis=(1, 2, 3))[:, None, None]
    return (weights * rows).sum((1, 2)), (weights * columns).sum((1, 2))


def test_nothing_drawn_leaves_each_pixel(squares):
    np.testing.assert_array_equal(change(squares), squares)


def test_shifts_go_all_ways_up_to_their_limit(squares):
    for moved in centres(change(squares, shift=0.1)):
        assert -3.21 < moved.min() - 15.5 < -2
        assert 2 < moved.max() - 15.5 < 3.21
        assert np.unique(moved.round(2)).size > 30, "each image moves by its own"


def test_turns_and_zooms_keep_the_middle(squares):
    for options in ({"rotation": 0.1}, {"zoom": 0.2}):
        changed = change(squares, **options)
        assert np.unique(changed, axis=0).shape[0] > 60, "each image changes by its own"
        for moved in centres(changed):
            np.testing.assert_allclose(moved, 15.5, atol=0.05)


def test_zooms_go_both_ways_up_to_their_limit():
    images = np.zeros((64, 32, 32, 1), dtype=np.float32)
    images[:, 8:24, 8:24] = 200
    side = np.sqrt(change(images, zoom=0.2).sum(axis=(1, 2, 3)) / images[0].sum())
    # Resampled, a square's side is known to a fifth of a pixel.
    assert 1 / 1.2 - 0.02 < side.min() < 0.9
    assert 1.15 < side.max() < 1 / 0.8 + 0.02


def test_a_turn_is_one_in_pixels_also_where_height_and_width_differ():
    bar = np.zeros((64, 24, 48, 1), dtype=np.float32)
    bar[:, 10:14, 4:44] = 200
    turned = change(bar, rotation=1 / 16)[:, :, 12:36, 0]
    middle = (turned * np.arange(24)[:, None]).sum(axis=1) / turned.sum(axis=1)
    slopes = np.polyfit(np.arange(24), middle.T, 1)[0]
    degrees = np.degrees(np.arctan(slopes))
    assert -22.6 < degrees.min() < -18
    assert 18 < degrees.max() < 22.6
    np.testing.assert_allclose(middle.mean(axis=1), 11.5, atol=0.1)


def test_shifts_are_fractions_of_height_and_of_width():
    spot = np.zeros((64, 24, 48, 1), dtype=np.float32)
    spot[:, 10:14, 22:26] = 200
    shifted = change(spot, shift=0.1)[..., 0]
    row = (shifted.sum(axis=2) @ np.arange(24)) / shifted.sum(axis=(1, 2)) - 11.5
    column = (shifted.sum(axis=1) @ np.arange(48)) / shifted.sum(axis=(1, 2)) - 23.5
    assert 1.8 < np.abs(row).max() < 2.41
    assert 3.6 < np.abs(column).max() < 4.81


def test_the_border_is_continued():
    grey = np.full((32, 16, 16, 1), 77, dtype=np.float32)
    np.testing.assert_allclose(change(grey, shift=0.3, rotation=0.2, zoom=0.3), 77, rtol=1e-5)


def test_one_resampling_keeps_a_face_sharper_than_three(faces):
    images = faces.images[..., None].astype("float32")
    limits = {"fill_mode": "nearest", "seed": 0}
    three = keras.Sequential(
        [
            keras.layers.RandomTranslation(0.1, 0.1, **limits),
            keras.layers.RandomRotation(15 / 360, **limits),
            keras.layers.RandomZoom(0.15, **limits),
        ]
    )

    def sharpness(images):
        images = keras.ops.convert_to_numpy(images)
        return np.abs(np.diff(images[:, 3:-3, 3:-3], axis=2)).mean()

    once = sharpness(change(images, shift=0.1, rotation=15 / 360, zoom=0.15))
    assert once > 1.1 * sharpness(three(images, training=True))


@pytest.mark.parametrize(
    ("policy", "tolerance"), [("float64", 1e-3), ("mixed_float16", 0.2), ("mixed_bfloat16", 2)]
)
def test_other_precisions_change_the_images_alike(squares, policy, tolerance):
    if policy == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless the process asks for it")
    options = {"shift": 0.1, "rotation": 0.05, "zoom": 0.1}
    layer = RandomAffine(**options, seed=0, dtype=policy)
    changed = layer(squares, training=True)
    assert keras.backend.standardize_dtype(changed.dtype) == layer.compute_dtype
    changed = keras.ops.convert_to_numpy(keras.ops.cast(changed, "float32"))
    np.testing.assert_allclose(changed, change(squares, **options), atol=tolerance)


@pytest.mark.parametrize(
    "layer",
    [
        partial(RandomAffine, shift=0.1, rotation=0.05, zoom=0.1, flip=True),
        partial(RandomRelighting, contrast=0.1, brightness=0.2),
    ],
)
def test_it_is_rebuilt_from_its_configuration(squares, layer):
    layer = layer(seed=3)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    changed = (keras.ops.convert_to_numpy(each(squares, training=True)) for each in (layer, again))
    np.testing.assert_array_equal(*changed)


def test_height_and_width_may_be_unknown(squares):
    inputs = keras.Input((None, None, 1))
    outputs = RandomAffine(shift=0.1, rotation=0.05, zoom=0.1, seed=0)(inputs)
    changed = keras.Model(inputs, outputs)(squares, training=True)
    assert keras.ops.convert_to_numpy(changed).shape == squares.shape


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"shift": 5}, "shift=5 is not a fraction of the image; for 4 of 48 pixels pass 4 / 48"),
        ({"rotation": 10}, "rotation=10 .* pass 10 / 360"),
        ({"zoom": 1.5}, "zoom=1.5 .* pass 0.1"),
        ({"shift": -0.1, "zoom": 1}, "shift=-0.1 .*; zoom=1 "),
    ],
)
def test_limits_in_other_units_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        RandomAffine(**{**NONE, **options})


def test_half_of_the_images_are_flipped(squares):
    squares[:, :, :4] = 50
    flipped = (change(squares, flip=True) == squares[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (change(squares, flip=True) == squares).all(axis=(1, 2, 3))
    assert (flipped ^ kept).all()
    assert 20 < flipped.sum() < 44


def relight(images, **options):
    layer = RandomRelighting(**{"contrast": 0, "brightness": 0, **options}, seed=0)
    return keras.ops.convert_to_numpy(layer(images, training=True))


def test_contrast_keeps_the_mean_and_brightness_the_differences():
    images = np.random.default_rng(0).uniform(100, 150, (200, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(relight(images), images, atol=1e-4)

    contrasted = relight(images, contrast=0.3)
    np.testing.assert_allclose(contrasted.mean((1, 2)), images.mean((1, 2)), rtol=1e-5)
    factors = contrasted.std((1, 2)) / images.std((1, 2))
    np.testing.assert_allclose(factors[:, 0], factors[:, 2], rtol=1e-4)
    assert 0.7 < factors.min() < 0.72
    assert 1.28 < factors.max() < 1.3

    shifts = relight(images, brightness=0.1) - images
    assert np.ptp(shifts, axis=(1, 2, 3)).max() < 1e-4, "each image by its own"
    assert -25.6 < shifts.min() < -24
    assert 24 < shifts.max() < 25.6


def test_levels_stay_within_0_and_255(squares):
    changed = relight(squares, contrast=1, brightness=0.5)
    assert changed.min() == 0
    assert changed.max() == 255


@pytest.mark.parametrize("options", [{"contrast": 30}, {"brightness": -0.1}])
def test_other_limits_of_light_are_refused(options):
    with pytest.raises(ValueError, match="is not a fraction between 0 and 1"):
        relight(np.zeros((1, 4, 4, 1)), **options)


def test_validation_sees_images_as_predict_does(squares):
    inputs = keras.Input((32, 32, 1))
    network = keras.Model(inputs, inputs, name="same")
    model = add_augmentation(network, lambda: keras.layers.Rescaling(1 / 255))
    validated, trained = (
        keras.ops.convert_to_numpy(model(squares, training=training)) for training in (False, True)
    )
    np.testing.assert_array_equal(validated, squares)
    np.testing.assert_allclose(trained, squares / 255)


class Inverted(keras.Layer):
    """Holds a layer that has weights, and has no `build` of its own."""

    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Conv2D(1, 1, kernel_initializer=keras.initializers.Constant(-1))

    def call(self, images):
        return self.inner(images)


def test_layers_inside_of_an_augmentation_are_built(squares):
    inputs = keras.Input((32, 32, 1))
    model = add_augmentation(keras.Model(inputs, inputs, name="same"), Inverted)
    assert len(model.weights) == 2
    changed = keras.ops.convert_to_numpy(model(squares, training=True))
    np.testing.assert_array_equal(changed, -squares)


def test_a_training_model_can_be_saved_by_a_callback_of_keras(squares, tmp_path):
    inputs = keras.Input((32, 32, 1))
    network = keras.Model(inputs, keras.layers.Conv2D(1, 3)(inputs), name="network")
    model = add_augmentation(network, partial(RandomAffine, shift=0.5, rotation=0, zoom=0, seed=0))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for training in (False, True):
        results = (each(squares, training=training) for each in (model, again))
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, results))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's resampling")
@pytest.mark.parametrize("name", ["standard", "strong", "wide"])
def test_xla_is_not_asked_for_what_it_cannot_do(name):
    assert not AUGMENTATIONS[name]().get_layer("affine").supports_jit


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_presets_change_training_images_alone(name, squares):
    layer = AUGMENTATIONS[name]()
    kept, changed = (
        keras.ops.convert_to_numpy(layer(squares, training=training)) for training in (False, True)
    )
    np.testing.assert_array_equal(kept, squares)
    assert changed.shape == squares.shape
    assert not np.array_equal(changed, squares)
