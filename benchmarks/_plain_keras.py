"""Train the same network with the same augmentation in plain Keras, as a comparison."""

import keras
import numpy as np

from fer_estimators.architectures import build_compact
from fer_estimators.augmentation import standard_augmentation


def make_model(n_steps):
    """Build and compile the network of ``CNNClassifier()`` with its settings."""
    model = keras.Sequential(
        [keras.Input((48, 48, 1)), standard_augmentation(), build_compact((48, 48, 1), 7)]
    )
    warm_up = max(1, round(0.15 * n_steps))
    rate = keras.optimizers.schedules.CosineDecay(
        3e-3 / warm_up, n_steps - warm_up, warmup_target=3e-3, warmup_steps=warm_up
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.05),
        keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy"],
    )
    return model


def one_hot(target):
    """Turn labels into rows with a one in the label's column."""
    codes = np.unique(target, return_inverse=True)[1]
    return np.eye(7, dtype="float32")[codes]


def fit(images, target, validation, epochs):
    """Train on arrays with ``fit``, as in Keras' guides."""
    model = make_model(epochs * -(-len(images) // 64))
    model.fit(
        images[..., None],
        one_hot(target),
        batch_size=64,
        epochs=epochs,
        validation_data=(validation[0][..., None], one_hot(validation[1])),
        verbose=0,
    )
    return model


def fit_by_hand(images, target, validation, epochs):
    """Train with ``train_on_batch`` in a loop, which does nothing but compute."""
    model = make_model(epochs * -(-len(images) // 64))
    labels = one_hot(target)
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(images))
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            model.train_on_batch(images[rows][..., None], labels[rows])
        for start in range(0, len(validation[0]), 64):
            model.predict_on_batch(validation[0][start : start + 64][..., None])
    return model
