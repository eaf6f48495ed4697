"""A modern small network: 3 x 3 convolutions, batch normalisation, global pooling."""

import keras
from keras import layers

from fer_estimators.architectures._output import class_probabilities

_FILTERS = (32, 64, 96, 128)


def build_compact(input_shape, n_classes, *, dropout=0.3):
    """Build the default network, small enough to train on a CPU in minutes.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``, pixels.
    n_classes : int
        Number of classes.
    dropout : float, default=0.3
        Fraction of pooled features dropped before the classes.

    Returns
    -------
    keras.Model
        Uncompiled; pixels in 0..255 in, probabilities of shape (n, n_classes) out.

    Examples
    --------
    >>> from fer_estimators.architectures import build_compact
    >>> build_compact((48, 48, 1), 7).output_shape
    (None, 7)
    """
    inputs = keras.Input(input_shape, name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    for block, filters in enumerate(_FILTERS, start=1):
        for conv in (1, 2):
            name = f"block{block}_conv{conv}"
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
            x = layers.BatchNormalization(name=f"{name}_bn")(x)
            x = layers.Activation("relu", name=f"{name}_relu")(x)
        if block < len(_FILTERS):
            x = layers.MaxPooling2D(2, padding="same", name=f"block{block}_pool")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return keras.Model(inputs, class_probabilities(x, n_classes), name="compact")
