"""How PyTorch trains: pooling gives what Keras' own gives, in the order of axes of the images."""

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="PyTorch's")


def pool(shape, *, prepared, **options):
    """Return the maxima of some images, and the gradient of their squares."""
    import torch

    from fer_estimators._backends.torch import compile_training

    inputs = keras.Input(shape)
    model = keras.Model(inputs, keras.layers.MaxPooling2D(2, **options)(inputs))
    if prepared:
        compile_training(model, keras.optimizers.SGD(), loss="mse")
    # Whole numbers, so that several are the largest of a window.
    pixels = np.random.default_rng(0).integers(0, 3, (4, *shape)).astype("float32")
    images = torch.from_numpy(pixels).requires_grad_()
    maxima = model(images, training=True)
    maxima.square().sum().backward()
    return maxima, images.grad


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("shape", [(6, 8, 3), (7, 8, 3)])
@pytest.mark.parametrize("strides", [None, 1])
def test_maxima_and_gradients_are_those_of_keras(padding, shape, strides):
    options = {"padding": padding, "strides": strides}
    ours, theirs = (pool(shape, prepared=prepared, **options) for prepared in (True, False))
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert a.equal(b)


def test_maxima_stay_in_the_order_of_the_images():
    contiguous = [pool((6, 8, 3), prepared=p)[0].is_contiguous() for p in (True, False)]
    assert contiguous == [True, False]
