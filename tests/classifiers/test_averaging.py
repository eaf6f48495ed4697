"""Optimizers that average the weights."""

from functools import partial

import keras
import numpy as np
import pytest

from fer_estimators.architectures import build_compact

SGD = partial(keras.optimizers.SGD, use_ema=True)
SGD_MOMENTUM = partial(SGD, momentum=0.9, nesterov=True)


def weights_by_name(clf):
    return {weight.path: weight.numpy() for weight in clf.model_.weights}


@pytest.fixture
def train(cnn, faces):
    """Fit a network with batch normalisation to the last epoch."""

    def train(optimizer, **fit):
        params = {"epochs": 2, "patience": None, "validation_fraction": None, "batch_size": 70}
        clf = cnn(architecture=build_compact, optimizer=optimizer, **params)
        return clf.fit(faces.images, faces.target, **fit)

    return train


def test_average_without_memory_is_the_last_weights(train):
    last, averaged = train(keras.optimizers.SGD), train(partial(SGD, ema_momentum=0.0))
    expected, found = weights_by_name(last), weights_by_name(averaged)
    learned = [name for name in expected if "moving" not in name]
    for name in learned:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def test_average_lags_behind_the_last_weights(train):
    rate = {"learning_rate": 0.1}
    first, averaged = (train(lambda _, c=c: c(**rate)) for c in (keras.optimizers.SGD, SGD))
    expected, found = weights_by_name(first), weights_by_name(averaged)
    kernels = [name for name in expected if "kernel" in name]
    assert all(np.abs(found[name] - expected[name]).max() > 0 for name in kernels)


def test_batch_normalisation_is_measured_with_the_average(train, faces):
    clf = train(SGD)
    inputs = clf.model_.input
    convolution = clf.model_.get_layer("block1_conv1")
    outputs = keras.Model(inputs, convolution.output)(faces.images[..., np.newaxis])
    statistics = clf.model_.get_layer("block1_conv1_bn").moving_mean
    expected = keras.ops.mean(outputs, axis=(0, 1, 2))
    np.testing.assert_allclose(statistics, expected, rtol=1e-4, atol=1e-5)


def test_average_from_a_checkpoint_is_the_same(train, tmp_path):
    whole = weights_by_name(train(SGD))
    resumed = train(SGD, checkpoint=tmp_path / "there")
    again = train(SGD, checkpoint=tmp_path / "there")
    for clf in (resumed, again):
        found = weights_by_name(clf)
        for name, expected in whole.items():
            np.testing.assert_array_equal(found[name], expected)


def test_average_is_taken_in_half_precision_too(cnn, faces):
    params = {"epochs": 1, "validation_fraction": None, "learning_rate": 0.1}
    clfs = [
        cnn(architecture=build_compact, optimizer=o, dtype_policy="mixed_float16", **params)
        for o in (lambda rate: keras.optimizers.SGD(rate), lambda rate: SGD(rate))
    ]
    last, averaged = (clf.fit(faces.images, faces.target).model_.get_weights() for clf in clfs)
    assert np.abs(last[0] - averaged[0]).max() > 0


def test_partial_fit_does_not_average(cnn, faces):
    params = {"architecture": build_compact, "learning_rate": 0.1, "batch_size": 70}
    averages_not = partial(SGD_MOMENTUM, use_ema=False)
    plain, averaging = (cnn(optimizer=o, **params) for o in (averages_not, SGD_MOMENTUM))
    for clf in (plain, averaging):
        for _ in range(2):
            clf.partial_fit(faces.images, faces.target, classes=np.unique(faces.target))
    for first, second in zip(
        plain.model_.get_weights(), averaging.model_.get_weights(), strict=True
    ):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_average_and_best_epoch_exclude_each_other(cnn, faces):
    with pytest.raises(ValueError, match=r"use_ema=True.*patience=10"):
        cnn(optimizer=SGD).fit(faces.images, faces.target)
