"""The one place that knows TensorFlow, JAX and PyTorch; everything else asks Keras.

`tensorflow`, `jax` and `torch` offer the same functions under the same names. The modules beside
them (device, inference, memory, process state) build on those and serve the whole package.

Importing this package imports Keras, and with it the backend, without TensorFlow's messages. Each
module or package that imports Keras therefore imports this one first.
"""

from functools import cache
from importlib import import_module
from types import ModuleType

from fer_estimators._quiet import import_keras

import_keras()

import keras  # noqa: E402

#: The backends on which the library runs.
BACKENDS = ("tensorflow", "jax", "torch")


def get_backend() -> ModuleType:
    """Return the module for Keras' backend; raise an ImportError if there is none."""
    return _import(keras.backend.backend())


@cache
def _import(name: str) -> ModuleType:
    if name not in BACKENDS:
        raise ImportError(
            f"Keras runs on {name!r}, but fer-estimators needs one of {', '.join(BACKENDS)}. Set "
            "the environment variable KERAS_BACKEND before Keras is imported."
        )
    return import_module(f"{__name__}.{name}")
