"""Refuse networks, and outputs of networks, that are no classification."""

import keras
import numpy as np


def check_network(network, n_classes):
    """Check what an architecture returned.

    Parameters
    ----------
    network : object
        Expected to be a keras.Model.
    n_classes : int

    Raises
    ------
    TypeError, ValueError
        If it is none, or does not give one number for each class.
    """
    if not isinstance(network, keras.Model):
        raise TypeError(
            f"The architecture returned {network!r} of type {type(network).__name__}, but a Keras "
            "model is expected. End the function with `return keras.Model(inputs, outputs)`."
        )
    shape = getattr(network, "output_shape", None)
    if shape != (None, n_classes):
        raise ValueError(
            f"The network's output has shape {shape}, but (None, {n_classes}) is expected: one "
            "probability for each class. Make the last layer "
            f"`Dense({n_classes}, activation='softmax')`."
        )


def check_probabilities(probabilities):
    """Check what a network returned.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)

    Raises
    ------
    ValueError
        If a row is not finite, or does not sum to one.
    """
    # Rows with NaN fail, too.
    good = np.abs(probabilities.sum(axis=1) - 1) < 1e-2
    if good.all():
        return
    first = int(np.flatnonzero(~good)[0])
    row = np.array2string(probabilities[first], precision=3)
    if not np.isfinite(probabilities[first]).all():
        raise ValueError(
            f"The network's output for X[{first}] is not finite: {row}, so there is no prediction. "
            "Its weights diverged in training: fit again with a lower learning_rate."
        )
    raise ValueError(
        f"The network's output for X[{first}] is {row}, but probabilities that sum to one are "
        "expected. End the network with a softmax."
    )
