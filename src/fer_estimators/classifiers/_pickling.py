"""Carry a Keras model through pickle and copy as its configuration and its weights.

Keras' own pickling writes an HDF5 file into the pickle and compiles the model anew; this is
smaller, faster and equal to the bit, and does not depend on what other packages patch.
"""

import keras

from fer_estimators._backends.device import device_scope, same_device_here
from fer_estimators._backends.inference import compile_inference
from fer_estimators._backends.process_state import isolated_random_state, tensorflow_left_out

# Neither pickled nor saved: what goes with the network in this process alone.
REBUILT = ("_infer", "_trainer")


class NetworkPickling:
    """How a classifier with a fitted ``model_`` goes into pickles and copies."""

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = pack_model(self.model_)
            for name in REBUILT:
                state.pop(name, None)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "model_" in state:
            self.device_ = same_device_here(self.device_)
            with device_scope(self.device_), isolated_random_state(self._seed):
                self.model_ = unpack_model(self.model_)
            self._infer = compile_inference(self.model_)


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
