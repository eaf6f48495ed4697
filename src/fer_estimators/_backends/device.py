"""Choose the device on which a network is trained and used."""

import os
from contextlib import AbstractContextManager
from typing import Literal

import keras

from fer_estimators._backends import get_backend
from fer_estimators._backends.process_state import (
    note_computation,
    refuse_broken_fork,
    refuse_channels_first,
)

Device = Literal["cpu", "gpu"]


def resolve_device(device: Literal["auto", "cpu", "gpu"]) -> Device:
    """Turn the ``device`` parameter into the kind of device that is used.

    "auto" takes a GPU where the backend sees one. Raises ValueError for an unknown device, if a
    GPU is requested and the backend sees none, or if Keras is set to images with their channels
    first, and RuntimeError in a fork of a process whose backend had started to compute.
    """
    if device not in ("auto", "cpu", "gpu"):
        raise ValueError(f"device={device!r} is unknown; expected 'auto', 'cpu' or 'gpu'.")
    refuse_broken_fork()
    refuse_channels_first()
    note_computation()
    # As early as this: the threads are fixed by the first computation.
    _follow_thread_limit()
    # For the CPU, too: TensorFlow looks for GPUs when it starts, and here it does so silently.
    gpus = get_backend().list_gpus()
    if device == "cpu":
        return "cpu"
    if gpus:
        get_backend().share_gpus()
        return "gpu"
    if device == "auto":
        return "cpu"
    backend = keras.backend.backend()
    raise ValueError(
        f"device='gpu' was asked for, but Keras' backend {backend!r} sees no GPU. Install its GPU "
        'build (for TensorFlow: pip install "fer-estimators[gpu]") and check the driver, or pass '
        "device='auto' to use the CPU."
    )


def same_device_here(device: Device) -> Device:
    """Return the device for a network that was saved elsewhere: the CPU if there is no GPU here."""
    return resolve_device("auto" if device == "gpu" else "cpu")


def device_scope(device: Device) -> AbstractContextManager:
    """Return a context in which the backend places work on the first CPU or GPU."""
    return get_backend().device_scope(device)


def _follow_thread_limit():
    """Keep to the threads that joblib gives its worker processes, in OMP_NUM_THREADS."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if limit.isdecimal() and int(limit) > 0:
        get_backend().limit_threads(int(limit))
