"""Measure how much of the processor's arithmetic training uses, and what takes the rest."""

import numpy as np

from benchmarks import _data
from benchmarks._measure import Comparison, in_turns

_SIDE = 2048
_PRODUCTS = 20


def training_limit(folder, rounds):
    """Compare the arithmetic of training with that of large matrix products."""
    import tensorflow as tf

    from fer_estimators import CNNClassifier
    from fer_estimators.architectures import ARCHITECTURES

    images, target = (array[:2048] for array in _data.load(folder))
    matrix = tf.random.normal((_SIDE, _SIDE))
    product = tf.function(tf.matmul)

    def fit(architecture, epochs):
        clf = CNNClassifier(
            architecture, epochs=epochs, validation_fraction=None, patience=None, random_state=0
        )
        return lambda: clf.fit(images, target)

    for name in ("compact", "residual"):
        one, three, products = in_turns(
            fit(name, 1),
            fit(name, 3),
            lambda: [product(matrix, matrix).numpy() for _ in range(_PRODUCTS)],
            rounds=rounds,
        )
        # Both fits include building and tracing, which cancel in the difference.
        seconds_per_image = [
            (long - short) / (2 * len(images)) for short, long in zip(one, three, strict=True)
        ]
        network = ARCHITECTURES[name]((48, 48, 1), 7)
        yield Comparison(
            f"arithmetic of training {name} / matrix products",
            [_training_flops(network) / seconds / 1e9 for seconds in seconds_per_image],
            [_PRODUCTS * 2 * _SIDE**3 / seconds / 1e9 for seconds in products],
            unit="GFLOP/s",
            reach=0.5,
            higher_is_better=True,
            note=_parts_of_a_step(network, images[:64], rounds),
        )


def _training_flops(network):
    """Return the operations of the convolutions for one image, forwards and backwards."""
    import keras

    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    # Forwards, and backwards for the pixels and for the weights.
    return 3 * sum(
        2 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3]) for layer in layers
    )


def _parts_of_a_step(network, images, rounds):
    """Estimate the share of each part in a step by leaving the part out."""
    import keras

    from fer_estimators.augmentation import add_augmentation

    class Nothing(keras.layers.Layer):
        def call(self, inputs, **arguments):
            return inputs

    def without_normalisation(layer):
        if isinstance(layer, keras.layers.BatchNormalization):
            return Nothing(name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    bare = keras.models.clone_model(network, clone_function=without_normalisation)
    batch = images[..., None].astype("float32"), np.eye(7, dtype="float32")[np.arange(64) % 7]

    def step(model):
        model.compile("adamw", "categorical_crossentropy", jit_compile=False)
        return lambda: model.train_on_batch(*batch)

    augmented = add_augmentation(keras.models.clone_model(network), "standard")
    steps = [step(augmented), step(network), step(bare)]
    whole, plain, rest = (np.median(row) for row in in_turns(*steps, rounds=10 * rounds))
    return (
        f"of a step {(whole - plain) / whole:.0%} augmentation, "
        f"{(plain - rest) / whole:.0%} normalisation, {rest / whole:.0%} the rest"
    )
