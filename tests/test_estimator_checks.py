"""scikit-learn's own checks, on every classifier."""

import keras
from sklearn.utils.estimator_checks import parametrize_with_checks

from fer_estimators import CNNClassifier, TransferClassifier
from fer_estimators.backbones import Backbone


class Named:
    """A function whose repr, of which pytest makes the test's name, is the same in each process."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def __repr__(self):
        return self.function.__name__


@Named
def softmax_regression(input_shape, n_classes):
    """A network whose loss is convex, for checks that need convergence."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))


@Named
def flattening_head(features, n_classes):
    """The same, on features."""
    x = keras.layers.Flatten()(features)
    return keras.layers.Dense(n_classes, activation="softmax")(x)


@Named
def first_channel(include_top, weights, input_shape):
    """A backbone without weights that gives grey pixels back."""
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, inputs[..., :1], name="first_channel")


@Named
def unchanged(images):
    """Preprocess nothing."""
    return images


# What the checks need: deterministic steps in double precision, on tables as images of one row.
STRICT = {
    "image_shape": (1, -1),
    "augmentation": None,
    "optimizer": "adam",
    "learning_rate": 0.3,
    "learning_rate_schedule": "constant",
    "label_smoothing": 0.0,
    "epochs": 25,
    "batch_size": "all",
    "shuffle": False,
    "validation_fraction": None,
    "dtype_policy": "float64",
    "random_state": 0,
}
STRICT_CNN = CNNClassifier(softmax_regression, **STRICT)
STRICT_TRANSFER = TransferClassifier(
    Backbone("first_channel", first_channel, unchanged, 1, "none"),
    weights=None,
    head=flattening_head,
    **STRICT,
)


@parametrize_with_checks([STRICT_CNN, STRICT_TRANSFER])
def test_strict_classifiers_pass_every_check(estimator, check):
    check(estimator)
