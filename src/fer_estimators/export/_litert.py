"""LiteRT files: what they say of themselves, whether they may be run, and running them."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_estimators._litert import LiteRTModel
from fer_estimators.exceptions import ModelFileError
from fer_estimators.export._facts import (
    KEY,
    LARGEST_SIDE,
    MAX_VALUES,
    Facts,
    check_digest,
    check_sizes,
    count,
    damaged,
    is_image_shape,
    parse_facts,
    refused,
    with_digest,
)

MAGIC = b"TFL3"

# InceptionV3, the largest by number of layers, has 130 operators; LiteRT keeps all tensors of
# one image in memory, at most.
_MAX_OPERATORS = 5_000
_MAX_TENSORS = 20_000
# The operators to which convolutional networks are converted. No control flow, no variables, no
# custom code, nothing that makes more values than its constants tell.
_OPERATORS = """
    ADD AVERAGE_POOL_2D CAST CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEQUANTIZE DIV ELU EXP
    EXPAND_DIMS FULLY_CONNECTED GATHER GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC MAXIMUM MAX_POOL_2D
    MEAN MINIMUM MUL NEG PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX RELU RELU6 RESHAPE
    RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 RSQRT SHAPE SLICE SOFTMAX SPLIT SQRT SQUARE
    SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TRANSPOSE
"""
# Their constants tell how large what they make is.
_GROWING = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "PAD", "PADV2")
_INPUT_TYPES = (np.float32, np.uint8)


def add_facts(content: bytes, facts: Facts) -> bytes:
    """Write facts, with their digest filled in, into a LiteRT file, beside its other metadata."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def write(text):
        model = schema.ModelT.InitFromPackedBuf(content)
        record, entry = schema.BufferT(), schema.MetadataT()
        record.data = np.frombuffer(text.encode(), np.uint8)
        entry.name, entry.buffer = KEY, len(model.buffers)
        model.buffers.append(record)
        model.metadata = [*(model.metadata or []), entry]
        builder = flatbuffers.Builder(len(content) + len(text))
        builder.Finish(model.Pack(builder), MAGIC)
        return bytes(builder.Output())

    return with_digest(write, facts)


def check(content: bytes, name: str) -> Facts | None:
    """Read what a LiteRT file says of itself, and refuse other networks than those of images.

    Return None where the file was not exported by this library; raise a ModelFileError to refuse.
    """
    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.Model.GetRootAs(content)
        facts = _read_facts(model, name)
        _check_graph(model, schema, name)
        if facts is not None:
            check_digest(facts, content, name)
    except ModelFileError:
        raise
    # The offsets by which a flatbuffer is read are part of it: damaged ones lead anywhere.
    except (struct.error, IndexError, ValueError, TypeError, AttributeError) as error:
        raise damaged(name, f"it is not a complete LiteRT file ({error!r:.100})") from error
    return facts


def _read_facts(model, name):
    check_sizes({"metadata entries": (model.MetadataLength(), 100)}, name)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == KEY.encode():
            return parse_facts(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes(), name)
    return None


def _check_graph(model, schema, name):
    if model.SubgraphsLength() != 1:
        raise refused(name, f"it has {model.SubgraphsLength():,} graphs, expected one")
    buffers = (model.Buffers(i) for i in range(model.BuffersLength()))
    if model.ExternalBuffersLength() or any(buffer.Offset() for buffer in buffers):
        raise refused(name, "its weights lie in other files, or behind the graph")
    graph = model.Subgraphs(0)
    sizes = {
        "operators": (graph.OperatorsLength(), _MAX_OPERATORS),
        "kinds of operator": (model.OperatorCodesLength(), _MAX_OPERATORS),
        "tensors": (graph.TensorsLength(), _MAX_TENSORS),
    }
    check_sizes(sizes, name)
    names = {value: key for key, value in vars(schema.BuiltinOperator).items() if key[0] != "_"}
    kinds = [
        _operator_name(model.OperatorCodes(i), names) for i in range(sizes["kinds of operator"][0])
    ]
    unknown = sorted(set(kinds) - set(_OPERATORS.split()))
    if unknown:
        raise refused(name, f"it holds {', '.join(unknown[:5])[:200]}")
    tensors = [graph.Tensors(i) for i in range(graph.TensorsLength())]
    values = [count(tensor.ShapeAsNumpy()) for tensor in tensors if tensor.ShapeLength()]
    check_sizes({"values in its tensors": (sum(values), MAX_VALUES)}, name)
    for i in range(graph.OperatorsLength()):
        operator = graph.Operators(i)
        if kinds[operator.OpcodeIndex()] in _GROWING:
            _check_growth(model, tensors[operator.Inputs(1)], name)


def _operator_name(code, names):
    kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    custom = (code.CustomCode() or b"").decode(errors="replace")
    return f"the custom operator {custom!r}" if custom else names.get(kind, f"operator {kind}")


def _check_growth(model, size, name):
    data = model.Buffers(size.Buffer())
    if not data.DataLength():
        raise refused(name, "it computes the sizes of images as it runs")
    sides = data.DataAsNumpy().view(np.int32)
    check_sizes(
        {"pixels on a side": (int(np.abs(sides.astype(np.int64)).max()), LARGEST_SIDE)}, name
    )


class LiteRTNetwork:
    """Run a LiteRT file that :func:`check` let pass; errors show its `name`.

    `image_shape` is the height, width (pixels) and channels of the input, `n_classes` the number of
    outputs.
    """

    def __init__(self, content: bytes, name: str, n_threads: int):
        try:
            self._model = LiteRTModel(content, n_threads)
        # The interpreter knows no errors of its own.
        except (ValueError, RuntimeError, MemoryError) as error:
            raise damaged(name, f"LiteRT cannot run it ({str(error)[:200]})") from error
        self._name = name
        _check_ends(self._model.inputs, self._model.outputs, name)
        # The shapes in the file may be others than those that it computes.
        check_sizes({"values in its tensors": (self._model.count_values(), MAX_VALUES)}, name)
        self.image_shape: tuple[int, ...] = tuple(map(int, self._model.inputs[0]["shape"][1:]))
        self.n_classes = int(self._model.outputs[0]["shape"][1])

    def __call__(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the outputs (n, n_classes) of pixels in 0..255 (n, height, width, channels)."""
        try:
            return self._model(batch)
        except (ValueError, RuntimeError, MemoryError) as error:
            raise damaged(self._name, f"LiteRT cannot run it ({str(error)[:200]})") from error


def _check_ends(inputs, outputs, name):
    if len(inputs) != 1 or len(outputs) != 1:
        raise refused(name, f"it has {len(inputs)} inputs and {len(outputs)} outputs, not one each")
    shape, dtype = inputs[0]["shape"], inputs[0]["dtype"]
    if len(shape) != 4 or not is_image_shape(map(int, shape[1:])) or dtype not in _INPUT_TYPES:
        raise refused(name, f"its input has shape {tuple(shape)} and dtype {np.dtype(dtype)}")
    if len(outputs[0]["shape"]) != 2 or outputs[0]["dtype"] != np.float32:
        raise refused(name, f"its output has shape {tuple(outputs[0]['shape'])}")
