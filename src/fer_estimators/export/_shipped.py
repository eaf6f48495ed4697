"""The exported classifiers that ship with the library."""

from pathlib import Path

from fer_estimators._files.kinds import describe_bytes, file_digest
from fer_estimators._messages import suggest
from fer_estimators.exceptions import ModelFileError

_FOLDER = Path(__file__).parent

# The SHA-256 digest of each file; `python training/exported.py` writes them.
SHIPPED = {
    "fer2013-base": "97bd26a9e828afc5eee07f2bf3204cd2751c5746c7daa5c17fe2d132c82780e8",
    "fer2013-compact": "8871fe2e00c41c92419d652b028d762bfd99719b4ba02bbab23107d7479ba547",
    "ferplus-compact": "4f769405ffd20637cd7599f6a5a8d9a772661666fd5c2d21c9c66ba7db83f757",
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
