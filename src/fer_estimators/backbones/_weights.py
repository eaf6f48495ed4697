"""Say what is wrong with a file of weights, or with Keras' cache of them."""

import os
from pathlib import Path

from fer_estimators._files.kinds import describe_bytes, recognise
from fer_estimators.exceptions import WeightsFileError, WeightsNotFoundError

_HDF5 = b"\x89HDF\r\n\x1a\n"


def explain_file(path, owner, error):
    """Make the error for a weights file that could not be loaded.

    `owner` names the backbone and its options, `error` is what loading raised.
    """
    fault = _find_fault(path) or "a whole HDF5 file, perhaps of another network or with its top"
    return WeightsFileError(
        f"weights={str(path)!r} cannot be loaded into {owner}: it is {fault} "
        f"({describe_bytes(path)}; compare them with the publisher's). Expected the weights "
        f"without top that keras.applications gives for {owner}. On loading: {error}"
    )


def explain_cache(owner, error):
    """Make the error for ImageNet weights that Keras could not get.

    `owner` names the backbone and its options, `error` is what Keras raised.
    """
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    folder = Path(home) / "models"
    # Keras checks only some of its files, and tells no names.
    faults = {path: _find_fault(path) for path in sorted(folder.glob("*.h5"))}
    named = "".join(
        f" There, {path.name!r} is {fault} ({describe_bytes(path)}): delete it."
        for path, fault in faults.items()
        if fault
    )
    return WeightsNotFoundError(
        f"The ImageNet weights of {owner} are incomplete in Keras' cache ({folder}) and could not "
        f"be downloaded: {error}.{named} Go online once, or copy the file there, or pass "
        "weights=<path>."
    )


def _find_fault(path):
    """Say what a file is, if it is not a whole one of HDF5."""
    import h5py

    with open(path, "rb") as file:
        start = file.read(64)
    if not start:
        return "empty"
    if not start.startswith(_HDF5):
        return recognise(start) or f"not an HDF5 file, as it begins with {start[:8]!r}"
    try:
        h5py.File(path, "r").close()
    except OSError:
        return "an HDF5 file that is cut short or damaged"
    return None
