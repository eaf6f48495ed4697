"""The exported classifiers that ship with the library."""

from pathlib import Path

from fer_estimators._files.kinds import describe_bytes, file_digest
from fer_estimators._messages import suggest
from fer_estimators.exceptions import ModelFileError

_FOLDER = Path(__file__).parent

# The SHA-256 digest of each file; `python training/exported.py` writes them.
SHIPPED = {
    "fer2013-base": "9b38301d09a57f51332c71dbfc60dd4069ecda26a9576e21fc12f24dde3cda62",
    "fer2013-compact": "d647842c5256575a0269a5723866c427d1160313b040daccd4b2fb90d8623325",
    "ferplus-compact": "733ba8a831ec6aa470bb46faf98b72230b65687eae20d7a1885dc4b83cd3196e",
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
