"""A modern small network: 3 x 3 convolutions, batch normalisation, global pooling."""

import keras
from keras import layers

from fer_estimators.architectures._convolution import convolution
from fer_estimators.architectures._output import class_probabilities

# Filters of the two convolutions of each block.
_FILTERS = (32, 64, 128)


def build_compact(
    input_shape: tuple[int, int, int], n_classes: int, *, dropout: float = 0.0
) -> keras.Model:
    """Build the default network, small enough to train on a CPU in minutes.

    Three blocks of two 3 x 3 convolutions each halve the image and double the filters; it has
    0.29 million parameters and 20 million multiplications for a face of 48 x 48 pixels.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``, pixels.
    n_classes : int
        Number of classes.
    dropout : float, default=0.0
        Fraction of pooled features dropped before the classes.

    Returns
    -------
    keras.Model
        Uncompiled; pixels in 0..255 in, probabilities of shape (n, n_classes) out.

    Examples
    --------
    >>> from fer_estimators.architectures import build_compact
    >>> build_compact((48, 48, 1), 7).count_params()
    288679
    """
    inputs = keras.Input(input_shape, name="images")
    # FER2013's pixels have a mean of about 129 and a deviation of about 65.
    x = layers.Rescaling(1 / 64, offset=-2, name="rescaling")(inputs)
    for block, filters in enumerate(_FILTERS, start=1):
        if block > 1:
            x = layers.MaxPooling2D(2, padding="same", name=f"block{block}_pool")(x)
        # The first layer has the most pixels, so halving the image there saves the most time.
        x = convolution(x, filters, strides=2 if block == 1 else 1, name=f"block{block}_conv1")
        x = convolution(x, filters, strides=1, name=f"block{block}_conv2")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return keras.Model(inputs, class_probabilities(x, n_classes), name="compact")
