"""Write the face detector's network into a file that runs without Keras."""

import os
from typing import Literal

import numpy as np

from fer_estimators._arguments import check_choice
from fer_estimators._files.writing import written_whole
from fer_estimators._litert import LiteRTModel
from fer_estimators.export._export_classifier import check_target, require_tensorflow
from fer_estimators.export._extras import choose_format, require

_SHAPE = (2, 128, 160, 3)
_TOLERANCE = 1e-2


def export_detector(
    path: str | os.PathLike[str],
    *,
    format: Literal["litert", "onnx"] | None = None,
    quantize: Literal["float16"] | None = None,
    overwrite: bool = False,
) -> None:
    """Write the network of :class:`~fer_estimators.faces.FaceDetector` into a file.

    The file holds the network alone. A program in another language must turn its output into
    boxes, as the page *Try it* does in JavaScript.

    Parameters
    ----------
    path : str or path-like
        File to write.
    format : {"litert", "onnx"} or None, default=None
        Kind of file. None takes "litert" for a path that ends in ``.tflite``, and "onnx"
        otherwise.
    quantize : {"float16"} or None, default=None
        Precision of the weights. The shipped weights have half precision, so that "float16" makes
        the file half as large and changes nothing.
    overwrite : bool, default=False
        Replace an existing file.

    Raises
    ------
    ImportError
        If a package is missing, or Keras runs on another backend than TensorFlow.
    ValueError
        If the format or precision is unknown, or the file's numbers differ from the network's.
    FileExistsError, OSError
        If the file exists or cannot be written.

    Notes
    -----
    From ``pixels``, RGB float32 in 0..255 of shape (n, height, width, 3) where height and width are
    multiples of 16, to ``anchors``, float32 of shape (n, n_anchors, 17): the logit of the score,
    centre, width and height of the box, and x and y of six points, in pixels. Positions are
    relative to the anchor.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fer_estimators.export import export_detector
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_detector(Path(folder) / "detector.onnx")
    """
    format = choose_format(format, path, formats=("litert", "onnx"), default="onnx")
    check_choice("quantize", quantize, (None, "float16"))
    path = check_target(path, overwrite)
    require(format, write=True)
    require_tensorflow()
    from fer_estimators.faces import load_blazeface

    model = load_blazeface()
    pixels = np.random.default_rng(0).integers(0, 256, _SHAPE).astype(np.float32)
    convert = _to_litert if format == "litert" else _to_onnx
    content, got = convert(model, quantize, pixels)
    difference = float(np.abs(got - np.asarray(model(pixels, training=False))).max())
    if not difference <= _TOLERANCE:
        raise ValueError(
            f"The exported detector's numbers differ by up to {difference:.2g} (tolerance "
            f"{_TOLERANCE:g}). No file was written."
        )
    with written_whole(path) as file:
        file.write(content)


def _trace(model):
    from fer_estimators._backends.tensorflow_export import trace_network

    return trace_network(model, (None, None, 3), "pixels", "anchors")


def _to_litert(model, quantize, pixels):
    """Return a LiteRT file, and what it makes of pixels."""
    from fer_estimators._backends.tensorflow_export import to_litert

    content = to_litert(_trace(model), quantize=quantize, representative=None)
    return content, LiteRTModel(content)(pixels)


def _to_onnx(model, quantize, pixels):
    """Return an ONNX file, and what it makes of pixels."""
    import onnxruntime

    from fer_estimators._backends.tensorflow_export import to_onnx
    from fer_estimators.export._onnx_weights import store_weights

    converted = to_onnx(_trace(model))
    if quantize is not None:
        store_weights(converted, quantize)
    content = converted.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return content, session.run(None, {"pixels": pixels})[0]
