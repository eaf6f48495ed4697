"""The layers between a backbone's features and the classes.

A head is a function ``head(features, n_classes, *, dropout=...)`` of a map of features that
returns probabilities.
"""

import keras
from keras import layers

from fer_estimators.architectures import class_probabilities


def pooled_head(
    features: keras.KerasTensor, n_classes: int, *, dropout: float = 0.2
) -> keras.KerasTensor:
    """Average each feature over the image, and classify.

    Parameters
    ----------
    features : keras.KerasTensor of shape (n, rows, columns, n_features)
    n_classes : int
    dropout : float, default=0.2
        Fraction of pooled features dropped.

    Returns
    -------
    keras.KerasTensor of shape (n, n_classes)
    """
    x = layers.GlobalAveragePooling2D(name="head_pool")(features)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return class_probabilities(x, n_classes)


def study_head(
    features: keras.KerasTensor, n_classes: int, *, dropout: float = 0.5
) -> keras.KerasTensor:
    """Classify as the study of VGG16, VGG19 and InceptionV3 did: three convolutions, two layers.

    Parameters
    ----------
    features : keras.KerasTensor of shape (n, rows, columns, n_features)
    n_classes : int
    dropout : float, default=0.5
        Fraction of the hidden layer dropped.

    Returns
    -------
    keras.KerasTensor of shape (n, n_classes)
    """
    x = features
    for conv, (filters, strides) in enumerate(((32, 2), (32, 1), (64, 1)), start=1):
        name = f"head_conv{conv}"
        x = layers.Conv2D(filters, 3, strides=strides, padding="same", name=name)(x)
    x = layers.BatchNormalization(name="head_bn")(x)
    x = layers.Flatten(name="head_flatten")(x)
    x = layers.Activation("relu", name="head_relu")(x)
    x = layers.Dense(32, activation="relu", name="head_dense")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return class_probabilities(x, n_classes)


HEADS = {"pooled": pooled_head, "study": study_head}
