"""The fused batch normalisation is Keras' own but for rounding."""

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's")


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 5, 3))
    x = keras.layers.BatchNormalization(momentum=0.9)(inputs)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


@pytest.fixture
def models():
    """A plain model, and one prepared for training."""
    from fer_estimators._backends.tensorflow import prepare_training

    plain, fused = make_model(), make_model()
    weights = [np.linspace(0.5, 2, 3) + shift for shift in range(4)]
    plain.set_weights(weights)
    fused.set_weights(weights)
    prepare_training(fused, keras.optimizers.SGD())
    return plain, fused


def test_outputs_averages_and_gradients_are_those_of_keras(models):
    images = np.random.default_rng(0).normal(3, 2, (7, 6, 5, 3)).astype("float32")
    learned = []
    for model in models:
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(images, images[:, 0, 0], batch_size=4, epochs=2, shuffle=False, verbose=0)
        learned.append(model.get_weights())
    plain, fused = learned
    assert not np.allclose(plain[2], [2.5, 3.25, 4.0])
    for ours, theirs in zip(fused, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_inference_and_configuration_are_not_touched(models):
    images = np.random.default_rng(0).normal(3, 2, (7, 6, 5, 3)).astype("float32")
    plain, fused = models
    assert np.array_equal(plain(images), fused(images))
    types = [type(layer) for layer in fused.layers]
    assert types == [type(layer) for layer in plain.layers]
    assert "call" not in str(fused.layers[1].get_config())
