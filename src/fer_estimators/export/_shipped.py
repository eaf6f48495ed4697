"""The exported classifiers that ship with the library."""

from pathlib import Path

from fer_estimators._files.kinds import check_published
from fer_estimators._messages import suggest
from fer_estimators.pretrained import PRETRAINED

_FOLDER = Path(__file__).parent

# The SHA-256 digest of each file; `python training/exported.py` writes them.
SHIPPED = {
    "fer2013-compact": "4764bcc86c0415e80d3a6831db25fcbb546d654bee85036ebe3dbd1d7fb66dd8",
    "ferplus-compact": "eecf861f3d6a85f3e0861b7e55ded25fd738673e726f038f4cf441277be3148f",
}


def find_shipped(name: str) -> Path:
    """Return the path of a shipped file, and check that it is the one that was published.

    Raises ValueError, which suggests the nearest one, if there is none of this name, and
    ModelFileError if the installed file is missing or damaged.
    """
    if name not in SHIPPED:
        advice = suggest(name, SHIPPED)
        if name in PRETRAINED:
            advice = f" Export this one: `export_classifier(load_pretrained({name!r}), path)`."
        raise ValueError(
            f"name={name!r} is not a shipped classifier; expected one of {sorted(SHIPPED)}."
            + advice
        )
    path = _FOLDER / f"{name}.tflite"
    check_published(path, SHIPPED[name])
    return path
