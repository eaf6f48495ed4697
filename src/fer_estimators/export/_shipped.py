"""The exported classifiers that ship with the library."""

from pathlib import Path

from fer_estimators._files.kinds import describe_bytes, file_digest
from fer_estimators._messages import suggest
from fer_estimators.exceptions import ModelFileError

_FOLDER = Path(__file__).parent

# The SHA-256 digest of each file; `python training/exported.py` writes them.
SHIPPED = {
    "fer2013-compact": "515d233c8d5787359642eeadc98f1ec8167b42be1b5de7ba78e09f9224a589c3",
    "ferplus-compact": "8a36658932f0bc331f1b2b2ba9bb4182c7556631442c94f22a39f70f978e17a9",
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
