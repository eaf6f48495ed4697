"""The last layer of every network."""

import keras
from keras import layers


def class_probabilities(features: keras.KerasTensor, n_classes: int) -> keras.KerasTensor:
    """Turn features into probabilities of classes, in full precision.

    In a network of mixed precision, only the softmax is computed in float32: in half precision
    its rows do not sum to one.

    Parameters
    ----------
    features : keras.KerasTensor of shape (n, n_features)
    n_classes : int

    Returns
    -------
    keras.KerasTensor of shape (n, n_classes)
    """
    logits = layers.Dense(n_classes, name="logits")(features)
    dtype = keras.config.dtype_policy().variable_dtype
    return layers.Softmax(dtype=dtype, name="probabilities")(logits)
