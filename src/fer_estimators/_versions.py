"""What to put into a bug report: the system, the packages, the backend."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = (
    "fer-estimators",
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "scikeras",
    "scikit-learn",
    "numpy",
    "scipy",
    "joblib",
    "pillow",
    "h5py",
    "matplotlib",
    "pandas",
)


def show_versions() -> None:
    """Print the system, the versions of packages, and the backend, for bug reports.

    Nothing is imported for it: the backend and its GPUs are known once Keras is in use.

    Examples
    --------
    >>> from fer_estimators import show_versions
    >>> show_versions()  # doctest: +ELLIPSIS
    System:
    ...
    Python packages:
    ...
    Keras:
    ...
    """
    parts = {"System": _system(), "Python packages": _packages(), "Keras": _keras()}
    for title, lines in parts.items():
        print(f"{title}:")
        for name, value in lines.items():
            print(f"{name:>16}: {value}")
        print()


def _system():
    return {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
        "processors": os.cpu_count(),
    }


def _packages():
    return {name: _version(name) for name in _PACKAGES}


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _keras():
    if "keras" not in sys.modules:
        asked = os.environ.get("KERAS_BACKEND", "not set")
        unknown = "not known before Keras is imported"
        return {"backend": f"{unknown} (KERAS_BACKEND: {asked})", "GPUs": unknown}
    # Only here, for it imports Keras.
    from fer_estimators._backends import BACKENDS, get_backend

    backend = sys.modules["keras"].backend.backend()
    gpus = get_backend().list_gpus() if backend in BACKENDS else []
    return {"backend": backend, "GPUs": ", ".join(gpus) or "none"}
