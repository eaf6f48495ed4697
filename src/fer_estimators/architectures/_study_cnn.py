"""The custom CNN of a study that compared it with VGG16, VGG19 and InceptionV3."""

import keras
from keras import layers

from fer_estimators.architectures._output import class_probabilities


def build_study_cnn(
    input_shape: tuple[int, int, int], n_classes: int, *, dropout: float = 0.25
) -> keras.Model:
    """Build the custom CNN of the study, an example of a network that memorises images.

    Its 1 x 1 max-pooling keeps every pixel, so that flattening leads to some 19 million
    weights for faces of 48 x 48 pixels: it reaches high training accuracy and over-fits.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``, pixels.
    n_classes : int
        Number of classes.
    dropout : float, default=0.25
        Fraction of activations dropped after each block and after the hidden layer.

    Returns
    -------
    keras.Model
        Uncompiled; pixels in 0..255 in, probabilities of shape (n, n_classes) out.

    Examples
    --------
    >>> from fer_estimators.architectures import build_study_cnn
    >>> build_study_cnn((48, 48, 1), 7).output_shape
    (None, 7)
    """
    inputs = keras.Input(input_shape, name="images")
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    strides = (2, 2)
    for block, filters in enumerate((32, 64, 128), start=1):
        for conv in (1, 2):
            x = layers.Conv2D(
                filters,
                (3, 1),
                strides=strides,
                padding="same",
                activation="relu",
                name=f"block{block}_conv{conv}",
            )(x)
            strides = (1, 1)
        x = layers.MaxPooling2D((1, 1), name=f"block{block}_pool")(x)
        x = layers.BatchNormalization(name=f"block{block}_bn")(x)
        x = layers.Dropout(dropout, name=f"block{block}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(256, activation="relu", name="head_dense")(x)
    x = layers.BatchNormalization(name="head_bn")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return keras.Model(inputs, class_probabilities(x, n_classes), name="study_cnn")
