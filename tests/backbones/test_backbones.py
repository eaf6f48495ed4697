"""Every backbone keeps the contract of its registry, and explains which weights it refuses."""

import hashlib

import keras
import numpy as np
import pytest

from fer_estimators import BackboneFeatures, TransferClassifier
from fer_estimators.backbones import BACKBONES, Backbone
from fer_estimators.exceptions import WeightsFileError, WeightsNotFoundError

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
    family = backbone.name.split("_0")[0]
    assert family in PREPROCESSING, "a new backbone: add Keras' own function to PREPROCESSING"
    expected = PREPROCESSING[family](images.copy())
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


def test_missing_weights_are_reported(tmp_path):
    with pytest.raises(
        WeightsNotFoundError, match=r"absent\.h5.*is not a file.*'imagenet', None, or"
    ):
        BACKBONES["vgg16"].build((48, 48, 1), weights=tmp_path / "absent.h5")


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobilenet_050.weights.h5"
    BACKBONES["mobilenet_050"].build((32, 32, 3), weights=None)[2].save_weights(path)
    return path


def told_of(path):
    """What a weights file is said to be, by which its publisher's can be told from it."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return rf"{path.stat().st_size:,} bytes, SHA-256 {digest}"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: b"", "empty"),
        (lambda data: b"\n<!DOCTYPE html><title>404</title>", "a web page"),
        (lambda data: b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (lambda data: b"PK\3\4" + data, "a zip archive, perhaps a whole model"),
        (lambda data: b"random", r"not an HDF5 file, as it begins with b'random'"),
        (lambda data: data[:-1], "an HDF5 file that is cut short or damaged"),
        (lambda data: data[:100], "an HDF5 file that is cut short or damaged"),
        (lambda data: data, "a whole HDF5 file, perhaps of another network"),
    ],
    ids=["empty", "html", "lfs", "zip", "random", "cut by a byte", "cut to a stub", "another"],
)
def test_files_that_are_not_weights_are_named(tmp_path, whole_file, spoil, message):
    path = tmp_path / "bad.weights.h5"
    path.write_bytes(spoil(whole_file.read_bytes()))
    with pytest.raises(WeightsFileError, match=rf"into 'mobilenet_025'.* it is {message}") as error:
        BACKBONES["mobilenet_025"].build((32, 32, 1), weights=path)
    assert told_of(path) in str(error.value)
    assert isinstance(error.value, (WeightsNotFoundError, ValueError))


@pytest.mark.parametrize("estimator", [TransferClassifier, BackboneFeatures])
def test_estimators_name_their_weights_files(tmp_path, faces, estimator):
    path = tmp_path / "bad.weights.h5"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(WeightsFileError, match="git lfs pull"):
        estimator("mobilenet_025", weights=path, image_size=32).fit(faces.images, faces.target)


def test_weights_that_are_not_finite_are_reported(tmp_path):
    path = tmp_path / "nan.weights.h5"
    network = BACKBONES["mobilenet_025"].build((32, 32, 3), weights=None)[2]
    first, *others = network.get_weights()
    network.set_weights([first * np.nan, *others])
    network.save_weights(path)
    with pytest.raises(WeightsFileError, match="some weights are NaN or infinite"):
        BACKBONES["mobilenet_025"].build((32, 32, 3), weights=path)


def test_weights_that_are_damaged_in_the_cache_are_named(tmp_path, monkeypatch, whole_file):
    def load(weights, **kwargs):
        if weights is not None:
            raise OSError("truncated file")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    cache = tmp_path / "models"
    cache.mkdir()
    (cache / "good.h5").write_bytes(whole_file.read_bytes())
    (cache / "bad.h5").write_bytes(whole_file.read_bytes()[:5000])
    cached = Backbone("mobilenet", load, lambda x: x, 32, "none")
    with pytest.raises(WeightsNotFoundError, match=r"'bad.h5' is .*: delete it") as error:
        cached.build((48, 48, 1), weights="imagenet")
    assert told_of(cache / "bad.h5") in str(error.value)
    assert "good.h5" not in str(error.value)


def test_without_network_and_cache_the_cache_is_named(monkeypatch):
    def refuse(weights, **kwargs):
        if weights is not None:
            raise OSError("no route to host")

    monkeypatch.setenv("KERAS_HOME", "/somewhere/keras")
    offline = Backbone("vgg16", refuse, lambda x: x, 32, "none")
    with pytest.raises(WeightsNotFoundError, match=r"cache \(/somewhere/keras/models\).*no route"):
        offline.build((48, 48, 1), weights="imagenet")


def test_other_faults_are_not_blamed_on_the_weights():
    def broken(**kwargs):
        raise TypeError("my own mistake")

    with pytest.raises(TypeError, match="my own mistake"):
        Backbone("own", broken, lambda x: x, 32, "none").build((48, 48, 1), weights="imagenet")


def test_unknown_backbone_is_reported(faces):
    with pytest.raises(ValueError, match=r"backbone='vgg_16' is unknown.*Did you mean 'vgg16'"):
        TransferClassifier("vgg_16").fit(faces.images, faces.target)
