"""Every backbone keeps the contract of its registry, and says what is wrong with weights."""

import keras
import numpy as np
import pytest

from fer_estimators import TransferClassifier
from fer_estimators.backbones import BACKBONES
from fer_estimators.exceptions import WeightsNotFoundError

# What Keras' own preprocessing functions take: RGB pixels in 0..255.
PREPROCESSING = {
    "vgg16": keras.applications.vgg16.preprocess_input,
    "vgg19": keras.applications.vgg19.preprocess_input,
    "inception_v3": keras.applications.inception_v3.preprocess_input,
    "mobilenet": keras.applications.mobilenet.preprocess_input,
}


@pytest.fixture(params=sorted(BACKBONES))
def backbone(request):
    return BACKBONES[request.param]


def test_preprocessing_is_the_one_of_the_training(backbone):
    inputs = keras.Input((8, 8, 3))
    graph = keras.Model(inputs, backbone.preprocess(inputs))
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    expected = PREPROCESSING[backbone.name.split("_0")[0]](images.copy())
    np.testing.assert_allclose(graph(images), expected, atol=1e-4)


def test_needs_a_minimum_size_and_says_so(backbone):
    side = backbone.minimum_size
    with pytest.raises(ValueError, match=rf"at least {side} x {side} pixels.*image_size="):
        backbone.build((side - 1, 80, 1), weights=None)


@pytest.mark.parametrize("channels", [1, 3])
def test_resizes_and_takes_grey_or_colour(channels):
    inputs, features, network = BACKBONES["mobilenet_025"].build(
        (20, 24, channels), weights=None, image_size=(64, 32)
    )
    assert inputs.shape == (None, 20, 24, channels)
    assert network.input_shape == (None, 64, 32, 3)
    assert features.shape == (None, 2, 1, 256)
    assert not network.trainable_weights


def test_batch_normalisation_stays_in_inference_mode():
    inputs, features, _ = BACKBONES["mobilenet_025"].build((32, 32, 1), weights=None)
    model = keras.Model(inputs, features)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 1)).astype("float32")
    np.testing.assert_array_equal(model(images, training=True), model(images, training=False))


def test_weights_from_a_path_are_loaded(tmp_path):
    path = tmp_path / "mobilenet.weights.h5"
    _, _, saved = BACKBONES["mobilenet_025"].build((32, 32, 3), weights=None)
    saved.save_weights(path)
    _, _, loaded = BACKBONES["mobilenet_025"].build((32, 32, 3), weights=path)
    for a, b in zip(saved.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_missing_weights_are_told(tmp_path):
    with pytest.raises(WeightsNotFoundError, match=r"absent\.h5.*is no file.*'imagenet', None, or"):
        BACKBONES["vgg16"].build((48, 48, 1), weights=tmp_path / "absent.h5")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"version https://git-lfs"])
def test_files_that_are_no_weights_are_told(tmp_path, content):
    path = tmp_path / "bad.weights.h5"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be loaded into 'mobilenet_025'"):
        BACKBONES["mobilenet_025"].build((32, 32, 1), weights=path)


def test_weights_of_another_network_are_told(tmp_path):
    path = tmp_path / "other.weights.h5"
    BACKBONES["mobilenet_050"].build((32, 32, 3), weights=None)[2].save_weights(path)
    with pytest.raises(ValueError, match=r"cannot be loaded into 'mobilenet_025'"):
        BACKBONES["mobilenet_025"].build((32, 32, 3), weights=path)


def test_without_network_and_cache_the_cache_is_named(monkeypatch):
    def refuse(weights, **kwargs):
        if weights is not None:
            raise OSError("no route to host")

    monkeypatch.setenv("KERAS_HOME", "/somewhere/keras")
    offline = BACKBONES["vgg16"].__class__("vgg16", refuse, lambda x: x, 32, "none")
    with pytest.raises(WeightsNotFoundError, match=r"cache \(/somewhere/keras/models\).*no route"):
        offline.build((48, 48, 1), weights="imagenet")


def test_other_faults_are_not_blamed_on_the_weights():
    def broken(**kwargs):
        raise TypeError("my own mistake")

    with pytest.raises(TypeError, match="my own mistake"):
        BACKBONES["vgg16"].__class__("own", broken, lambda x: x, 32, "none").build(
            (48, 48, 1), weights="imagenet"
        )


def test_unknown_backbone_is_told(faces):
    with pytest.raises(ValueError, match=r"backbone='vgg_16' is unknown.*Did you mean 'vgg16'"):
        TransferClassifier("vgg_16").fit(faces.images, faces.target)
