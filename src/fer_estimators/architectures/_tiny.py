"""A network that trains in a moment, for tests and first tries."""

import keras
from keras import layers

from fer_estimators.architectures._output import class_probabilities


def build_tiny(
    input_shape: tuple[int, int, int], n_classes: int, *, dropout: float = 0.0
) -> keras.Model:
    """Build a network of two small convolutions without batch normalisation.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``, pixels.
    n_classes : int
        Number of classes.
    dropout : float, default=0.0
        Fraction of activations dropped before the classes.

    Returns
    -------
    keras.Model
        Uncompiled; pixels in 0..255 in, probabilities of shape (n, n_classes) out.

    Examples
    --------
    >>> from fer_estimators.architectures import build_tiny
    >>> build_tiny((16, 16, 1), 7).count_params()
    3047
    """
    inputs = keras.Input(input_shape, name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    for block, filters in enumerate((8, 16), start=1):
        x = layers.Conv2D(
            filters,
            3,
            strides=2,
            padding="same",
            activation="relu",
            name=f"block{block}_conv1",
        )(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return keras.Model(inputs, class_probabilities(x, n_classes), name="tiny")
