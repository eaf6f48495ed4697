"""Save fitted classifiers to one file without pickle, and load them without running code.

A model file (suggested suffix: ``.fer``) holds names, numbers and weights, in the format of
safetensors: the parameters, what was learned, and the weights of the network. The network itself
is built again from the parameters.
"""

import fer_estimators._backends  # noqa: F401  Keras, without the messages of its backend
from fer_estimators.persistence._model_file import load, save

__all__ = ["load", "save"]
