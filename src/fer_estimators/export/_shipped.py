"""The exported classifiers that ship with the library."""

from pathlib import Path

from fer_estimators._files.kinds import describe_bytes, file_digest
from fer_estimators._messages import suggest
from fer_estimators.exceptions import ModelFileError

_FOLDER = Path(__file__).parent

# The SHA-256 digest of each file; `python training/exported.py` writes them.
SHIPPED = {
    "fer2013-base": "064879611f71c6da4c29f7f9e71f5dd216f18b4feb1642154480044f1e7aa1ef",
    "fer2013-compact": "91608593da161bf021b757b6d302fbdd34a0da0c1687f7dc9ba70a37dd3049bf",
    "ferplus-compact": "960479e56c17429ac1a38172f96c8703c6e394c592c37c91fd13a4b30decf3db",
}


def find_shipped(name: str) -> Path:
    """Return the path of a shipped file, and check that it is the one that was published.

    Parameters
    ----------
    name : str

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If there is none of this name; the nearest one is suggested.
    ModelFileError
        If the installed file is missing or damaged.
    """
    if name not in SHIPPED:
        raise ValueError(
            f"name={name!r} is not a shipped classifier; expected one of {sorted(SHIPPED)}."
            + suggest(name, SHIPPED)
        )
    path = _FOLDER / f"{name}.tflite"
    if not path.exists() or file_digest(path) != SHIPPED[name]:
        found = describe_bytes(path) if path.exists() else "missing"
        raise ModelFileError(
            f"{str(path)!r} is not the file that was published: it is {found}, but SHA-256 "
            f"{SHIPPED[name]} is expected. Install it again: `pip install --force-reinstall "
            "--no-deps fer-estimators`."
        )
    return path
