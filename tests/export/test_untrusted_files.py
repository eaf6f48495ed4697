"""Files of another kind and manipulated files are refused before they are run."""

import json
import os

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from google.protobuf.internal import encoder
from onnx import TensorProto, helper, numpy_helper
from sklearn.metrics import get_scorer, log_loss

from fer_estimators.exceptions import ModelFileError
from fer_estimators.export import ExportedClassifier
from fer_estimators.export._facts import KEY


def open_file(path):
    return ExportedClassifier(path).classes_


def replace_record(path, target, change):
    """Write an ONNX file whose record was changed."""
    model = onnx.load(path)
    entry = next(entry for entry in model.metadata_props if entry.key == KEY)
    entry.value = change(entry.value)
    onnx.save(model, target)
    return target


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes"),
        (b"short", "5 bytes"),
        (b"<!DOCTYPE html><title>Not found</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"PK\3\4" + bytes(40), "zip archive"),
        (b"\x80\4\x95" + bytes(40), "a pickle"),
        (b"GIF89a" + bytes(40), "neither a LiteRT nor an ONNX file"),
        (b"\x1c\0\0\0TFL3" + bytes(40), "it has 0 graphs"),
        (b"\x08\x08" + b"\xff" * 40, "damaged or incomplete"),
    ],
)
def test_files_of_another_kind_are_reported(tmp_path, content, message):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message):
        open_file(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_pipes_and_devices_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    for path in (tmp_path / "pipe.tflite", "/dev/zero"):
        with pytest.raises(ModelFileError, match="not a regular file"):
            open_file(path)


def test_a_folder_is_reported(tmp_path):
    with pytest.raises(ModelFileError, match=r"a folder \(a SavedModel\?\)"):
        open_file(tmp_path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
def test_cut_files_are_damaged(exported, tmp_path, share):
    content = exported.read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelFileError, match="damaged"):
        open_file(path)


def test_a_changed_bit_is_damage_wherever_it_is(exported, faces, tmp_path):
    """Also in the graph: a bit of a stride or a scale changes answers without an error."""
    content = exported.read_bytes()
    path = tmp_path / "changed"
    for position in range(0, len(content), len(content) // 150):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        with pytest.raises((ModelFileError, ValueError), match=r"damaged|refused|neither|classes"):
            ExportedClassifier(path).predict(faces.images[:1])


def test_a_file_of_a_newer_version_says_so(onnx_file, tmp_path):
    def change(record):
        return json.dumps(json.loads(record) | {"format_version": 2, "library_version": "9.0"})

    path = replace_record(onnx_file, tmp_path / "newer", change)
    with pytest.raises(ModelFileError, match=r"newer version of fer-estimators \(9\.0"):
        open_file(path)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("classes", ["happy", "happy"]),
        ("classes", [["happy"], ["sad"]]),
        ("classes", "happy"),
        ("image_shape", [16, 16, 10**9]),
        ("image_shape", 16),
        ("n_views", 0),
        ("threshold", 2),
        ("threshold", 0.5),
        ("abstain_label", {"not": "sure"}),
        ("handle_other_shapes", "guess"),
        ("card", ["text"]),
        ("card", "# Others"),
        ("classes", [*"gfedcba"]),
        ("handle_other_shapes", "convert"),
        ("unknown", 1),
        ("format_version", "one"),
    ],
)
def test_records_of_what_cannot_be_are_damaged(onnx_file, tmp_path, entry, value):
    def change(record):
        return json.dumps(json.loads(record) | {entry: value})

    path = replace_record(onnx_file, tmp_path / "odd", change)
    with pytest.raises(ModelFileError, match="damaged or incomplete"):
        open_file(path)


@pytest.mark.parametrize("record", ["{", "[]", "[" * 100_000, "x" * 2**21])
def test_records_that_are_not_json_are_refused(onnx_file, tmp_path, record):
    path = replace_record(onnx_file, tmp_path / "odd", lambda _: record)
    with pytest.raises(ModelFileError, match="record"):
        open_file(path)


def test_a_record_of_other_shapes_than_the_network_is_damaged(onnx_file, tmp_path):
    def change(record):
        return json.dumps(json.loads(record) | {"image_shape": [17, 16, 1], "digest": ""})

    path = replace_record(onnx_file, tmp_path / "odd", change)
    with pytest.raises(ModelFileError, match=r"maps \(16, 16, 1\)"):
        open_file(path)


def write_onnx(path, nodes, constants=(), shape=(None, 16, 16, 1), **opsets):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, (None, 2))],
        constants,
    )
    imports = [helper.make_opsetid("", 17), *(helper.make_opsetid(d, 1) for d in opsets)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)
    return path


def test_operators_outside_the_standard_set_are_refused(tmp_path):
    node = helper.make_node("Gelu", ["images"], ["out"], domain="com.microsoft")
    path = write_onnx(tmp_path / "odd", [node], **{"com.microsoft": 1})
    with pytest.raises(ModelFileError, match=r"refused.*com\.microsoft\.Gelu"):
        open_file(path)
    node = helper.make_node("NonZero", ["images"], ["out"])
    with pytest.raises(ModelFileError, match=r"refused.*NonZero"):
        open_file(write_onnx(tmp_path / "loop", [node]))


def test_memory_that_a_file_does_not_tell_of_is_limited(tmp_path):
    # 4,096 times 4,096 copies of 16 x 16 pixels: 17 GB from a file of 60 kB.
    nodes = [
        helper.make_node("Concat", ["images"] * 4096, ["wide"], axis=3),
        helper.make_node("Concat", ["wide"] * 4096, ["wider"], axis=3),
        helper.make_node("ReduceMax", ["wider"], ["most"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Reshape", ["most", "shape"], ["column"]),
        helper.make_node("Concat", ["column", "column"], ["out"], axis=1),
    ]
    shape = numpy_helper.from_array(np.array([-1, 1]), "shape")
    path = write_onnx(tmp_path / "growing.onnx", nodes, [shape])
    clf = ExportedClassifier(path, classes=["happiness", "sadness"])
    with pytest.raises(ModelFileError, match=r"stopped: for a batch of 1 .*than the 4 GiB"):
        clf.predict_proba(np.full((1, 16, 16), 100, np.uint8))


def test_weights_in_other_files_are_refused(tmp_path):
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    node = helper.make_node("Add", ["images", "weights"], ["out"])
    path = tmp_path / "odd"
    write_onnx(path, [node])
    model = onnx.load(path)
    model.graph.initializer.append(tensor)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="weights lie in other files"):
        open_file(path)


def in_attribute(**attribute):
    """Make a node that carries something in an attribute."""
    node = helper.make_node("Relu", ["images"], ["out"])
    node.attribute.append(onnx.AttributeProto(name="value", **attribute))
    return node


def nested_graph(depth):
    """Write a graph in an attribute of a node of a graph, and so on; onnx itself refuses to."""
    content = b"\x12\x01x"
    # A name; around it the numbers of GraphProto.node, NodeProto.attribute and AttributeProto.g.
    for field in (6, 5, 1) * depth:
        content = bytes([field << 3 | 2]) + encoder._VarintBytes(len(content)) + content
    return content


def test_weights_of_an_attribute_in_other_files_are_refused(tmp_path):
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for attribute in ({"t": tensor}, {"tensors": [tensor]}):
        path = write_onnx(tmp_path / "odd", [in_attribute(**attribute)])
        with pytest.raises(ModelFileError, match="weights lie in other files"):
            open_file(path)


@pytest.mark.parametrize("depth", [1, 30, 3000])
def test_graphs_in_graphs_are_refused(tmp_path, depth):
    path = write_onnx(tmp_path / "odd", [in_attribute()])
    content = path.read_bytes()
    # A second graph is merged into the first one, field by field.
    graph = nested_graph(depth)
    path.write_bytes(content + b"\x3a" + encoder._VarintBytes(len(graph)) + graph)
    with pytest.raises(ModelFileError, match="graphs inside of its graph"):
        open_file(path)


def test_functions_and_sparse_tensors_are_refused(tmp_path):
    path = write_onnx(tmp_path / "odd", [helper.make_node("Relu", ["images"], ["out"])])
    model = onnx.load(path)
    model.functions.add(name="Relu")
    onnx.save(model, path)
    with pytest.raises(ModelFileError, match="functions"):
        open_file(path)
    del model.functions[:]
    model.graph.sparse_initializer.add(dims=[2**30, 2**30])
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match="sparse tensors"):
        open_file(path)


def test_absurd_sizes_are_refused(tmp_path):
    sizes = helper.make_tensor("sizes", TensorProto.INT64, [4], [1, 10**6, 10**6, 1])
    sizes.ClearField("int64_data")
    sizes.raw_data = np.array([1, 10**6, 10**6, 1]).tobytes()
    node = helper.make_node("Resize", ["images", "", "", "sizes"], ["out"])
    with pytest.raises(ModelFileError, match="1,000,000 pixels on a side"):
        open_file(write_onnx(tmp_path / "odd", [node], [sizes]))
    sizes = helper.make_tensor("sizes", TensorProto.INT64, [4], [1, 10**6, 10**6, 1])
    scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1e6, 1e6, 1])
    by_scale = helper.make_node("Resize", ["images", "", "scales"], ["out"])
    for resize, constant in ((node, sizes), (by_scale, scales)):
        with pytest.raises(ModelFileError, match="1,000,000 pixels on a side"):
            open_file(write_onnx(tmp_path / "elsewhere", [resize], [constant]))
    for odd in (np.nan, np.inf):
        scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, odd, odd, 1])
        with pytest.raises(ModelFileError, match="a size is NaN or infinite"):
            open_file(write_onnx(tmp_path / "odd", [by_scale], [scales]))
    computed = helper.make_node("Shape", ["images"], ["sizes"])
    with pytest.raises(ModelFileError, match="computes the sizes"):
        open_file(write_onnx(tmp_path / "computed", [computed, node]))


def change_litert(source, target, change):
    """Write a LiteRT file of which something was changed."""
    model = schema.ModelT.InitFromPackedBuf(source.read_bytes())
    change(model)
    target.write_bytes(pack(model))
    return target


def pack(model):
    """Write a LiteRT model into bytes."""
    import flatbuffers

    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_litert_operators_outside_the_standard_set_are_refused(litert_file, tmp_path):
    def become_custom(model):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
        model.operatorCodes[0].customCode = "FlexMatMul"

    def become_a_loop(model):
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.WHILE

    path = change_litert(litert_file, tmp_path / "odd", become_custom)
    with pytest.raises(ModelFileError, match="custom operator 'FlexMatMul'"):
        open_file(path)
    path = change_litert(litert_file, tmp_path / "odd", become_a_loop)
    with pytest.raises(ModelFileError, match=r"refused.*WHILE"):
        open_file(path)


def test_absurd_litert_tensors_are_refused(litert_file, tmp_path):
    def grow(model):
        model.subgraphs[0].tensors[-1].shape = [1, 2**30]

    path = change_litert(litert_file, tmp_path / "odd", grow)
    with pytest.raises(ModelFileError, match="values in its tensors"):
        open_file(path)


def test_litert_weights_in_other_files_are_refused(litert_file, tmp_path):
    def point_elsewhere(model):
        group, buffer = schema.ExternalBufferGroupT(), schema.ExternalBufferT()
        group.name, buffer.length = "/etc/passwd", 4
        model.externalBufferGroups, model.externalBuffers = [group], [buffer]

    path = change_litert(litert_file, tmp_path / "odd", point_elsewhere)
    with pytest.raises(ModelFileError, match="weights lie in other files"):
        open_file(path)


@pytest.mark.parametrize("doublings", [21, 40])
def test_litert_tensors_that_double_and_double_are_refused(tmp_path, doublings):
    def tensor(number):
        made = schema.TensorT()
        made.name, made.shape, made.type = f"t{number}", [1, 16, 16, 1], schema.TensorType.FLOAT32
        return made

    def double(number):
        made, options = schema.OperatorT(), schema.ConcatenationOptionsT()
        made.inputs, made.outputs, options.axis = [number, number], [number + 1], 1
        made.builtinOptionsType = schema.BuiltinOptions.ConcatenationOptions
        made.builtinOptions = options
        return made

    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONCATENATION
    graph.tensors = [tensor(number) for number in range(doublings + 1)]
    graph.operators = [double(number) for number in range(doublings)]
    graph.inputs, graph.outputs = [0], [doublings]
    model.version, model.buffers = 3, [schema.BufferT()]
    model.operatorCodes, model.subgraphs = [code], [graph]
    path = tmp_path / "bomb"
    path.write_bytes(pack(model))
    with pytest.raises(ModelFileError):
        ExportedClassifier(path, classes=["happy", "sad"]).predict(np.zeros((1, 16, 16), np.uint8))


def without_record(source, target):
    if source.suffix == ".tflite":
        return change_litert(source, target, lambda model: setattr(model, "metadata", None))
    model = onnx.load(source)
    del model.metadata_props[:]
    onnx.save(model, target)
    return target


def test_a_file_without_a_record_is_run_with_given_classes(exported, fitted, faces, tmp_path):
    path = without_record(exported, tmp_path / "bare")
    with pytest.raises(ValueError, match="Pass classes="):
        open_file(path)
    clf = ExportedClassifier(path, classes=fitted.classes_)
    assert clf.predict(faces.images).tolist() == fitted.predict(faces.images).tolist()
    for classes in (
        ["happy", "sad"],
        [1, "1", "a", "b", "c", "d", "e"],
        [None, "1", "a", "b", "c", "d", "e"],
        [np.nan, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ["a"] * 7,
        "abcdefg",
        7,
    ):
        with pytest.raises(ValueError, match="is not a list of 7 different labels"):
            open_file_with(path, classes)


def with_batch_of(n, source, target):
    model = onnx.load(source)
    for end in (model.graph.input[0], model.graph.output[0]):
        end.type.tensor_type.shape.dim[0].dim_value = n
    onnx.save(model, target)
    return target


def test_a_network_that_takes_one_image_is_run_on_many(onnx_file, fitted, faces, tmp_path):
    path = with_batch_of(1, without_record(onnx_file, tmp_path / "bare"), tmp_path / "one")
    clf = ExportedClassifier(path, classes=fitted.classes_)
    expected = fitted.predict_proba(faces.images)
    np.testing.assert_allclose(clf.predict_proba(faces.images), expected, atol=1e-5)


def test_a_network_that_takes_a_fixed_number_of_images_is_refused(onnx_file, fitted, tmp_path):
    path = with_batch_of(8, without_record(onnx_file, tmp_path / "bare"), tmp_path / "eight")
    with pytest.raises(ModelFileError, match="it takes 8 images at a time"):
        open_file_with(path, fitted.classes_)


def test_outputs_in_another_order_give_sorted_classes(exported, fitted, faces, tmp_path):
    """The order that scikit-learn's scorers take for granted."""
    clf = ExportedClassifier(
        without_record(exported, tmp_path / "bare"), classes=fitted.classes_[[3, 0, 6, 1, 2, 5, 4]]
    )
    assert clf.classes_.tolist() == fitted.classes_.tolist()
    expected = fitted.predict_proba(faces.images)[:, np.argsort([3, 0, 6, 1, 2, 5, 4])]
    np.testing.assert_allclose(clf.predict_proba(faces.images), expected, atol=1e-5)
    assert get_scorer("neg_log_loss")(clf, faces.images, faces.target) == pytest.approx(
        -log_loss(faces.target, expected, labels=fitted.classes_), rel=1e-4
    )


def open_file_with(path, classes):
    return ExportedClassifier(path, classes=classes).classes_


def test_classes_that_contradict_the_file_are_refused(exported, fitted):
    assert open_file_with(exported, fitted.classes_).tolist() == fitted.classes_.tolist()
    with pytest.raises(ValueError, match="Leave classes out"):
        open_file_with(exported, fitted.classes_[::-1])


def test_the_package_that_runs_a_file_is_named(exported, monkeypatch):
    monkeypatch.setattr("fer_estimators.export._extras.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install (ai-edge-litert|onnxruntime)"):
        open_file(exported)


def test_mutated_files_are_refused_or_run(exported, faces, tmp_path):
    """Neither hang nor end the process: each mutation is opened, and run where it may be."""
    content = bytearray(exported.read_bytes())
    random = np.random.default_rng(0)
    for number in range(40):
        mutated = content.copy()
        for position in random.integers(0, len(content), 1 + number % 5):
            mutated[position] = random.integers(256)
        path = tmp_path / f"{number}"
        path.write_bytes(mutated)
        clf = ExportedClassifier(path)
        try:
            clf.predict(faces.images[:2])
        except (ModelFileError, ValueError):
            continue
