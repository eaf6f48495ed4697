"""Every architecture keeps the contract of its registry."""

import keras
import numpy as np
import pytest

from fer_estimators.architectures import ARCHITECTURES


@pytest.fixture(params=sorted(ARCHITECTURES))
def build(request):
    return ARCHITECTURES[request.param]


@pytest.mark.parametrize("shape", [(16, 16, 1), (17, 24, 3)])
def test_gives_probabilities_for_any_image_size(build, shape):
    model = build(shape, 5)
    images = np.random.default_rng(0).integers(0, 256, (2, *shape))
    probabilities = keras.ops.convert_to_numpy(model(images.astype("float32")))
    assert probabilities.shape == (2, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_is_not_compiled_and_layers_have_names(build):
    model = build((16, 16, 1), 7)
    assert not model.compiled
    assert {"rescaling", "block1_conv1", "logits", "probabilities"} <= {
        layer.name for layer in model.layers
    }


def test_dropout_is_an_option(build):
    def rates(model):
        return {layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)}

    assert 0.45 in rates(build((16, 16, 1), 7, dropout=0.45))


def test_can_be_saved_without_code(build):
    model = build((16, 16, 1), 7)
    config = keras.saving.serialize_keras_object(model)
    copied = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert copied.count_params() == model.count_params()


def test_compact_stays_below_a_million_parameters():
    assert ARCHITECTURES["compact"]((48, 48, 1), 7).count_params() < 1_000_000


def test_study_cnn_is_the_network_of_the_study():
    model = ARCHITECTURES["study_cnn"]((48, 48, 1), 7)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [32, 32, 64, 64, 128, 128]
    assert {layer.kernel_size for layer in convolutions} == {(3, 1)}
    assert [layer.strides[0] for layer in convolutions] == [2, 1, 1, 1, 1, 1]
    assert model.get_layer("head_dense").units == 256
    assert model.get_layer("flatten").output.shape == (None, 24 * 24 * 128)
