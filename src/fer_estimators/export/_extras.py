"""The kinds of files, and which packages running and writing them need."""

import os
from importlib.util import find_spec
from pathlib import Path

from fer_estimators._messages import suggest

_RUN = {
    "litert": {"ai-edge-litert": "ai_edge_litert"},
    "onnx": {"onnxruntime": "onnxruntime"},
    "saved_model": {"tensorflow": "tensorflow"},
}
_WRITE = {
    "litert": {"tensorflow": "tensorflow"},
    "onnx": {"onnx": "onnx", "tf2onnx": "tf2onnx", "tensorflow": "tensorflow"},
    "saved_model": {},
}

FORMATS = tuple(_RUN)
_ENDINGS = {".tflite": "litert", ".onnx": "onnx"}


def choose_format(
    format: str | None,
    path: str | os.PathLike[str],
    *,
    formats: tuple[str, ...] = FORMATS,
    default: str,
) -> str:
    """Return the format that is asked for, by itself or by the ending of the path.

    `default` is taken where neither says anything. Raises ValueError if the format is none of
    `formats`, or the path ends as files of another one.
    """
    ending = Path(path).suffix.lower()
    if format is None:
        return _ENDINGS.get(ending, default)
    if format not in formats:
        raise ValueError(
            f"format={format!r} is unknown; expected one of {list(formats)}, or None for that of "
            f"the path's ending.{suggest(format, formats)}"
        )
    if _ENDINGS.get(ending, format) != format:
        raise ValueError(
            f"path={str(path)!r} ends as files of format {_ENDINGS[ending]!r} do, but "
            f"format={format!r}. Change one of them, or leave out format."
        )
    return format


def require(format: str, *, write: bool = False) -> None:
    """Raise an ImportError before work begins if a package to run or `write` a file is missing."""
    packages = _RUN[format] | (_WRITE[format] if write else {})
    missing = [package for package, module in packages.items() if find_spec(module) is None]
    if not missing:
        return
    if write:
        raise ImportError(
            f"Exporting to {format!r} needs {', '.join(missing)}. Run "
            "`pip install 'fer-estimators[export]'`."
        )
    raise ImportError(
        f"Running a file of kind {format!r} needs {', '.join(missing)}. Run "
        f"`pip install {' '.join(missing)}`."
    )
