"""Store the weights of an ONNX model in fewer bits."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from fer_estimators._backends.tensorflow_export import quiet

# Smaller constants, biases above all, stay as they are: there is nothing to be gained.
_SMALLEST = 1024
# The axis of the filters, on which each has a scale of its own: weights of convolutions are
# (filters, channels, rows, columns), those of matrix products (inputs, outputs).
_FILTER_AXIS = {"Conv": 0, "MatMul": 1, "Gemm": 1}


def store_weights(model: onnx.ModelProto, quantize: str) -> None:
    """Store large weights as "float16" or "int8", from which the graph makes float32 again.

    A runtime does so once, when it loads the file: the file is smaller, the arithmetic as before.
    The model is changed in place.
    """
    graph = model.graph
    axes = {
        node.input[1]: _FILTER_AXIS[node.op_type]
        for node in graph.node
        if node.op_type in _FILTER_AXIS
    }
    restored = []
    for tensor in list(graph.initializer):
        weights = numpy_helper.to_array(tensor)
        if tensor.name not in axes or weights.size < _SMALLEST or weights.dtype != np.float32:
            continue
        graph.initializer.remove(tensor)
        store = _as_int8 if quantize == "int8" else _as_float16
        constants, nodes = store(tensor.name, weights, axes[tensor.name])
        graph.initializer.extend(constants)
        restored += nodes
    nodes = [*restored, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _as_float16(name, weights, axis):
    half = numpy_helper.from_array(weights.astype(np.float16), f"{name}_half")
    return [half], [_to_float(half.name, name)]


def _as_int8(name, weights, axis):
    others = tuple(i for i in range(weights.ndim) if i != axis)
    scale = np.abs(weights).max(axis=others, keepdims=True) / 127
    # Filters of zeros alone.
    scale = np.where(scale == 0, 1, scale).astype(np.float32)
    whole = numpy_helper.from_array(np.rint(weights / scale).astype(np.int8), f"{name}_int8")
    factor = numpy_helper.from_array(scale, f"{name}_scale")
    # No DequantizeLinear: runtimes keep it for patterns of their own, and compute it each time.
    steps = f"{name}_steps"
    product = helper.make_node("Mul", [steps, factor.name], [name])
    return [whole, factor], [_to_float(whole.name, steps), product]


def _to_float(stored, name):
    return helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT)


def quantize_static(
    model: onnx.ModelProto, representative: Iterable[NDArray[Any]]
) -> onnx.ModelProto:
    """Compute with int8 throughout, of ranges that are measured on images.

    Each of them has shape (1, height, width, channels), as the network gets it.
    """
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self._images = iter(representative)

        def get_next(self):
            images = next(self._images, None)
            return None if images is None else {model.graph.input[0].name: images}

    # 256 steps are too few for probabilities.
    last = [node.name for node in model.graph.node if node.op_type == "Softmax"]
    with tempfile.TemporaryDirectory() as folder, quiet():
        target = Path(folder) / "quantized.onnx"
        quantization.quantize_static(
            model, target, Reader(), per_channel=True, nodes_to_exclude=last
        )
        return onnx.load(target)
