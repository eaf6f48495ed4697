"""ONNX files: what they say of themselves, whether they may be run, and running them."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

_MAX_NODES = 10_000
# As for LiteRT: no control flow, no functions, nothing from other domains.
_OPERATORS = """
    Add AveragePool BatchNormalization Cast Clip Concat Constant Conv DequantizeLinear Div Elu
    Exp Flatten Gather Gelu Gemm GlobalAveragePool GlobalMaxPool HardSigmoid HardSwish Identity
    LeakyRelu Log MatMul Max MaxPool Min Mul Neg Pad Pow PRelu QuantizeLinear ReduceMax ReduceMean
    ReduceSum Relu Reshape Resize Selu Shape Sigmoid Slice Softmax Softplus Softsign Split Sqrt
    Squeeze Sub Sum Tanh Transpose Unsqueeze
"""
_GROWING = ("Pad", "Resize")
# Memory of all networks together, bytes: operators may make more of their inputs than a file says,
# by joining a value with itself again and again.
_MAX_BYTES = 2**32
_EXTERNAL = 1
_INT64, _FLOAT = 7, 1


def add_facts(model, facts: Facts) -> bytes:
    """Write facts, with their digest filled in, into an ONNX model, and the model into bytes."""

    def write(text):
        model.metadata_props.add(key=KEY, value=text)
        return model.SerializeToString()

    return with_digest(write, facts)


def check(content: bytes, name: str) -> Facts | None:
    """Read what an ONNX file says of itself, and refuse other networks than those of images.

    Return None where the file was not exported by this library; raise a ModelFileError to refuse.
    """
    from google.protobuf.message import DecodeError

    model = _message_class()()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise damaged(name, f"it is not a complete ONNX file ({error})") from error
    if not model.graph.node:
        raise damaged(name, "it is not a complete ONNX file (it has no graph)")
    _check_graph(model, name)
    texts = [entry.value for entry in model.metadata_props if entry.key == KEY]
    if not texts:
        return None
    facts = parse_facts(texts[0], name)
    check_digest(facts, content, name)
    return facts


def _check_graph(model, name):
    graph = model.graph
    check_sizes({"operators": (len(graph.node), _MAX_NODES)}, name)
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    if model.functions or any(one.g or one.graphs for one in attributes):
        raise refused(name, "it holds functions or graphs inside of its graph")
    if graph.sparse_initializer or any(one.sparse_tensor for one in attributes):
        raise refused(name, "it holds sparse tensors, whose size its bytes do not limit")
    unknown = {node.op_type for node in graph.node} - set(_OPERATORS.split())
    foreign = {f"{n.domain}.{n.op_type}" for n in graph.node if n.domain not in ("", "ai.onnx")}
    if unknown or foreign:
        raise refused(name, f"it holds {', '.join(sorted(unknown | foreign)[:5])[:200]}")
    tensors = [*graph.initializer, *(one.t for one in attributes if one.HasField("t"))]
    tensors += [tensor for one in attributes for tensor in one.tensors]
    if any(tensor.data_location == _EXTERNAL for tensor in tensors):
        raise refused(name, "its weights lie in other files")
    values = sum(count(tensor.dims) for tensor in tensors)
    check_sizes({"values in its tensors": (values, MAX_VALUES)}, name)
    _check_growth(graph, name)


def _check_growth(graph, name):
    """Refuse constants that would make absurdly large images."""
    growing = {i for node in graph.node if node.op_type in _GROWING for i in node.input[1:]}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for input_name in growing - {""}:
        tensor = constants.get(input_name)
        if tensor is None:
            raise refused(name, "it computes the sizes of images as it runs")
        dtype = {_INT64: np.int64, _FLOAT: np.float32}.get(tensor.data_type)
        if dtype is None or len(tensor.raw_data) % np.dtype(dtype).itemsize:
            raise refused(name, f"a size has ONNX's data type {tensor.data_type}")
        parts = [np.frombuffer(tensor.raw_data, dtype), tensor.int64_data, tensor.float_data]
        sides = np.abs(np.concatenate(parts, dtype=np.float64))
        if not np.isfinite(sides).all():
            raise refused(name, "a size is NaN or infinite")
        check_sizes({"pixels on a side": (int(sides.max(initial=0)), LARGEST_SIDE)}, name)


@cache
def _message_class():
    """Make the part of ONNX's message types that is read here.

    The package onnx, which has all of them, is not needed to run a file.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="fer_estimators_onnx.proto", package="fer_estimators_onnx", syntax="proto3"
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, fields in _FIELDS.items():
        described = file.message_type.add(name=message)
        for field, (number, kind, repeated) in fields.items():
            added = described.field.add(name=field, number=number)
            added.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if kind in _FIELDS:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".fer_estimators_onnx.{kind}"
            else:
                added.type = getattr(kinds, f"TYPE_{kind}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fer_estimators_onnx.Model"))


# Names, numbers and types of onnx.proto: (number, type, repeated).
_FIELDS = {
    "Model": {
        "graph": (7, "Graph", False),
        "metadata_props": (14, "Entry", True),
        "functions": (25, "BYTES", True),
    },
    "Entry": {"key": (1, "STRING", False), "value": (2, "STRING", False)},
    "Graph": {
        "node": (1, "Node", True),
        "initializer": (5, "Tensor", True),
        "sparse_initializer": (15, "BYTES", True),
    },
    "Node": {
        "input": (1, "STRING", True),
        "op_type": (4, "STRING", False),
        "attribute": (5, "Attribute", True),
        "domain": (7, "STRING", False),
    },
    "Attribute": {
        "t": (5, "Tensor", False),
        "g": (6, "BYTES", False),
        "tensors": (10, "Tensor", True),
        "graphs": (11, "BYTES", True),
        "sparse_tensor": (22, "BYTES", False),
    },
    "Tensor": {
        "dims": (1, "INT64", True),
        "data_type": (2, "INT32", False),
        "float_data": (4, "FLOAT", True),
        "int64_data": (7, "INT64", True),
        "name": (8, "STRING", False),
        "raw_data": (9, "BYTES", False),
        "data_location": (14, "INT32", False),
    },
}


@cache
def _limit_memory():
    """Give onnxruntime memory of a limited size, for those sessions that ask for it."""
    import onnxruntime

    onnxruntime.create_and_register_allocator(
        onnxruntime.OrtMemoryInfo(
            "Cpu",
            onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
            0,
            onnxruntime.OrtMemType.DEFAULT,
        ),
        # Taking as much as is asked for, where the default doubles what it takes.
        onnxruntime.OrtArenaCfg({"max_mem": _MAX_BYTES, "arena_extend_strategy": 1}),
    )


class ONNXNetwork:
    """Run an ONNX file that :func:`check` let pass; errors show its `name`."""

    def __init__(self, content: bytes, name: str, n_threads: int):
        import onnxruntime

        self._name = name
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        _limit_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        # Its errors have no common class but this.
        except Exception as error:
            raise damaged(name, f"onnxruntime cannot run it ({str(error)[:200]})") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise refused(
                name, f"it has {len(inputs)} inputs and {len(outputs)} outputs, not one each"
            )
        self._input, shape = inputs[0].name, inputs[0].shape
        if len(shape) != 4 or not is_image_shape(shape[1:]) or inputs[0].type != "tensor(float)":
            raise refused(name, f"its input has shape {shape} and type {inputs[0].type}")
        # Not a number if it is free.
        self._takes_one = shape[0] == 1
        if isinstance(shape[0], int) and not self._takes_one:
            raise refused(name, f"it takes {shape[0]} images at a time, neither one nor any number")
        if len(outputs[0].shape) != 2 or outputs[0].type != "tensor(float)":
            raise refused(name, f"its output has shape {outputs[0].shape}")
        self.image_shape = tuple(shape[1:])
        self.n_classes = outputs[0].shape[1]

    def __call__(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the outputs (n, n_classes) of pixels in 0..255 (n, height, width, channels)."""
        pixels = np.asarray(batch, np.float32)
        parts = np.split(pixels, len(pixels)) if self._takes_one else [pixels]
        try:
            return np.concatenate(
                [self._session.run(None, {self._input: part})[0] for part in parts]
            )
        except Exception as error:
            if "Available memory of" in str(error):
                raise ModelFileError(
                    f"{self._name} was stopped: for a batch of {len(batch)} x {self.image_shape}, "
                    f"it takes more memory than the {_MAX_BYTES // 2**30} GiB that all ONNX "
                    "networks of a process may take together."
                ) from error
            raise damaged(self._name, f"onnxruntime cannot run it ({str(error)[:200]})") from error
