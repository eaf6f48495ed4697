"""Carry a Keras model through pickle and copy as its configuration and its weights.

Keras' own pickling writes an HDF5 file into the pickle and compiles the model anew; this is
smaller, faster and equal to the bit, and does not depend on what other packages patch.
"""

import keras

from fer_estimators.classifiers._one_backend import tensorflow_left_out


def pack_model(model):
    """Describe a model by plain objects.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    dict
        Its configuration and its weights.
    """
    with tensorflow_left_out():
        config = keras.saving.serialize_keras_object(model)
    return {"config": config, "weights": model.get_weights()}


def unpack_model(packed):
    """Build the model that :func:`pack_model` described.

    Parameters
    ----------
    packed : dict

    Returns
    -------
    keras.Model
        Ready to predict, not compiled.
    """
    # Whoever unpickles runs the pickle's code anyway: safe mode would promise what is not so.
    with tensorflow_left_out():
        model = keras.saving.deserialize_keras_object(packed["config"], safe_mode=False)
    model.set_weights(packed["weights"])
    return model
