"""Make the weights file of the face detector from MediaPipe's published model.

``python training/blazeface.py face_detection_short_range.tflite`` writes
``blazeface.safetensors`` into the package. The original ships in the npm package
``@mediapipe/face_detection`` (version 0.4.1657300184, Apache-2.0); ``npm pack`` downloads it.
Reading it requires TensorFlow or ai-edge-litert. ``tests/faces/test_blazeface.py`` compares the
rebuilt network with the original, if the environment variable ``BLAZEFACE`` names its file.
"""

import argparse
import hashlib
import warnings
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from fer_estimators.faces import _blazeface

#: Digest of the published file.
SHA256 = "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"

WEIGHTS_FILE = Path(_blazeface.__file__).with_name("blazeface.safetensors")

# Names that the published file uses for the heads and their outputs.
_HEADS = {"head1": "8", "head2": "16"}
_KINDS = {"logits": "classificator", "places": "regressor"}


def open_interpreter(path):
    """Open a model file with whichever interpreter is installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        from tensorflow.lite import Interpreter
    with warnings.catch_warnings():
        # TensorFlow's interpreter is deprecated in favour of ai-edge-litert's.
        warnings.simplefilter("ignore")
        interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    return interpreter


def read_weights(interpreter):
    """Return the original's weights under the names and in the layout of the rebuilt network."""
    tensors = {
        detail["name"]: interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_tensor_details()
        if detail["name"].endswith(("/Kernel", "/Bias"))
    }
    weights = {}
    for layer in _blazeface.build_blazeface().layers:
        if layer.weights:
            original = original_name(layer.name)
            weights[f"{layer.name}.kernel"] = to_keras(tensors[f"{original}/Kernel"], layer)
            weights[f"{layer.name}.bias"] = tensors[f"{original}/Bias"]
    return weights


def original_name(name):
    """Return what the layer `name` is called in the published file."""
    if name == "stem":
        return "conv2d"
    block, _, kind = name.partition("_")
    if block in _HEADS:
        return f"{_KINDS[kind]}_{_HEADS[block]}"
    number = int(block.removeprefix("block"))
    if kind == "pointwise":
        return f"conv2d_{number}"
    return "depthwise_conv2d" if number == 1 else f"depthwise_conv2d_{number - 1}"


def to_keras(kernel, layer):
    """Bring a kernel from (output, height, width, input) into the layer's order of axes."""
    return np.ascontiguousarray(np.moveaxis(kernel, 0, -1)).reshape(layer.kernel.shape)


def run_original(interpreter, pixels):
    """Return the original's output for RGB pixels in 0..255, in the rebuilt network's layout."""
    (given,) = interpreter.get_input_details()
    interpreter.set_tensor(given["index"], (pixels / 127.5 - 1).astype(np.float32))
    interpreter.invoke()
    by_name = {detail["name"]: detail["index"] for detail in interpreter.get_output_details()}
    return np.concatenate(
        [interpreter.get_tensor(by_name[name]) for name in ("classificators", "regressors")],
        axis=-1,
    )


def main(arguments=None):
    """Convert the published file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tflite", type=Path, help="face_detection_short_range.tflite")
    parser.add_argument("--output", type=Path, default=WEIGHTS_FILE)
    arguments = parser.parse_args(arguments)
    digest = hashlib.sha256(arguments.tflite.read_bytes()).hexdigest()
    if digest != SHA256:
        raise SystemExit(f"{arguments.tflite} has SHA-256 {digest}, but {SHA256} is expected.")
    interpreter = open_interpreter(arguments.tflite)
    save_file(read_weights(interpreter), arguments.output)
    print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
