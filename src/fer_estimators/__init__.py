"""scikit-learn estimators that learn facial emotions from images.

Public names resolve on first use, so that ``import fer_estimators`` and
``fer_estimators.datasets`` stay light: neither Keras nor its backend is imported before an
estimator is needed.
"""

import os
from importlib.metadata import version

import lazy_loader

# TensorFlow uses its faster convolutions by default on Intel processors only; on AMD processors,
# training takes a third less time with them. Read when TensorFlow is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = version("fer-estimators")

# The stub __init__.pyi lists the public names, for this and for type checkers.
__getattr__, _, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = sorted([*_names, "__version__"])


def __dir__() -> list[str]:
    return __all__
