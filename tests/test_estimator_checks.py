"""scikit-learn's own checks, on every estimator."""

import keras

from fer_estimators import CNNClassifier


def softmax_regression(input_shape, n_classes):
    """A network whose fit is convex, for checks that need convergence."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs)
    outputs = keras.layers.Dense(n_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs)


STRICT = CNNClassifier(
    softmax_regression,
    image_shape=(1, -1),
    augmentation=None,
    optimizer="adam",
    learning_rate=0.1,
    label_smoothing=0.0,
    learning_rate_schedule="constant",
    epochs=60,
    batch_size="all",
    shuffle=False,
    validation_fraction=None,
    dtype_policy="float64",
    random_state=0,
)
