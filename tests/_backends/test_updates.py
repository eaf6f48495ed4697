"""The optimizer's update by one kernel: the same numbers as Keras' own."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the kernels are TensorFlow's", allow_module_level=True)

import tensorflow as tf

from fer_estimators._backends import tensorflow_updates
from fer_estimators._backends.tensorflow_updates import fuse_updates
from fer_estimators.classifiers._optimizers import make_optimizer

MAKERS = {
    "adamw": lambda: make_optimizer("adamw", 0.01, "cosine", 20),
    "sgd": lambda: make_optimizer("sgd", 0.01, "cosine", 20),
    "adam, clipped": lambda: keras.optimizers.Adam(0.01, clipnorm=1.0),
    "plain momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.5),
    "averaged": lambda: keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True),
    "accumulated": lambda: keras.optimizers.AdamW(0.01, gradient_accumulation_steps=3),
    "without a kernel": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "without momentum": lambda: keras.optimizers.SGD(0.1, weight_decay=0.1),
}


def train(optimizer, dtype, take=tf.identity):
    draw = np.random.default_rng(0).normal
    variables = [
        keras.Variable(draw(size=(5, 7)), dtype=dtype, name=name) for name in ("kernel", "bias")
    ]
    optimizer.build(variables)
    for _ in range(20):
        optimizer.apply([take(tf.constant(draw(size=(5, 7)), dtype)) for _ in variables], variables)
    return [keras.ops.convert_to_numpy(variable) for variable in [*variables, *optimizer.variables]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MAKERS)
def test_kernels_give_the_numbers_of_keras(name, dtype):
    optimizer = MAKERS[name]()
    fuse_updates(optimizer)
    for ours, keras_own in zip(train(optimizer, dtype), train(MAKERS[name](), dtype), strict=True):
        # Keras rounds its constants to single precision.
        np.testing.assert_allclose(ours, keras_own, rtol=1e-4, atol=3e-6)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_rows_that_a_batch_did_not_use_are_left_to_keras(name):
    def take_rows(gradient):
        return tf.IndexedSlices(gradient[:2], tf.constant([0, 3]), gradient.shape)

    optimizer = MAKERS[name]()
    fuse_updates(optimizer)
    ours, keras_own = (train(each, "float32", take_rows) for each in (optimizer, MAKERS[name]()))
    for one, other in zip(ours, keras_own, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_optimizers_of_the_library_have_kernels(name, monkeypatch):
    used = []
    for kernel in ("_adam", "_momentum"):
        monkeypatch.setattr(
            tensorflow_updates, kernel, lambda *shared: lambda *args: used.append(args)
        )
    optimizer = MAKERS[name]()
    fuse_updates(optimizer)
    train(optimizer, "float32")
    assert len(used) == 40
