"""The fused batch normalisation equals Keras' own except for rounding."""

import keras
import numpy as np
import pytest

from fer_estimators._backends import get_backend

pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="XLA itself fuses what Keras computes"
)


def make_model(n_channels, policy):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 5, n_channels))
    x = keras.layers.BatchNormalization(momentum=0.9, dtype=policy)(inputs)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D(dtype="float32")(x))


def make_models(n_channels=3, policy="float32"):
    """A plain model, and one prepared for training."""
    plain, fused = make_model(n_channels, policy), make_model(n_channels, policy)
    weights = [np.linspace(0.5, 2, n_channels) + shift for shift in range(4)]
    plain.set_weights(weights)
    fused.set_weights(weights)
    get_backend().compile_training(fused, keras.optimizers.SGD(), loss="mse")
    return plain, fused


def draw_images(n_channels=3):
    return np.random.default_rng(0).normal(3, 2, (7, 6, 5, n_channels)).astype("float32")


def is_fused(model):
    """Tell whether training runs the fused kernel."""
    if keras.backend.backend() == "torch":
        output = model(np.ones((1, *model.input_shape[1:]), "float32"), training=True)
        return "NativeBatchNormBackward0" in names_of_gradients(output.grad_fn)

    import tensorflow as tf

    step = tf.function(lambda images: model(images, training=True))
    graph = step.get_concrete_function(tf.TensorSpec(model.input_shape, "float32")).graph
    return "FusedBatchNormV3" in {operation.type for operation in graph.get_operations()}


def names_of_gradients(function):
    before = [names_of_gradients(earlier) for earlier, _ in function.next_functions if earlier]
    return {function.name()}.union(*before)


# With sixteen channels, bfloat16 goes through the kernel as it is.
@pytest.mark.parametrize("n_channels", [3, 16])
@pytest.mark.parametrize(
    ("policy", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 2**-8)], ids=str
)
def test_outputs_averages_and_gradients_are_those_of_keras(n_channels, policy, tolerance):
    images, learned = draw_images(n_channels), []
    models = make_models(n_channels, policy)
    assert [is_fused(model) for model in models] == [False, True]
    for model in models:
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(images, images[:, 0, 0], batch_size=4, epochs=2, shuffle=False, verbose=0)
        learned.append(model.get_weights())
    plain, fused = learned
    assert not np.allclose(plain[2], 2.5 + np.linspace(0, 1.5, n_channels))
    for ours, theirs in zip(fused, plain, strict=True):
        assert ours.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_float64_is_left_to_keras():
    assert [is_fused(model) for model in make_models(policy="float64")] == [False, False]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_inference_and_configuration_are_not_touched(policy):
    plain, fused = make_models(policy=policy)
    answers = [model.predict(draw_images(), verbose=0) for model in (plain, fused)]
    assert np.array_equal(*answers)
    types = [type(layer) for layer in fused.layers]
    assert types == [type(layer) for layer in plain.layers]
    assert "call" not in str(fused.layers[1].get_config())
