"""Which packages running and writing files need, looked for before work begins."""

from importlib.util import find_spec

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


def require(format: str, *, write: bool = False) -> None:
    """Raise an error before work begins if a required package is missing.

    Parameters
    ----------
    format : {"litert", "onnx", "saved_model"}
    write : bool, default=False
        Whether to write such a file, rather than to run it.

    Raises
    ------
    ImportError
        With the command that installs what is missing.
    """
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
