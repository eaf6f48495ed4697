"""What to put into a bug report: the system, the packages, the backend."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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

_CPU_INFO = Path("/proc/cpuinfo")
# Instructions for bfloat16, as Linux calls them: of AMD and Intel, of Intel, of ARM.
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


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
    packages = {name: _version(name) for name in _PACKAGES}
    parts = {"System": _system(), "Python packages": packages, "Keras": _keras()}
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
        "bfloat16": _bfloat16(),
    }


def _bfloat16():
    """Tell which instructions for bfloat16 the processor has."""
    try:
        words = set(_CPU_INFO.read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return f"not known on {sys.platform}"
    return ", ".join(name for name in _BFLOAT16 if name in words) or "no instructions for it"


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
