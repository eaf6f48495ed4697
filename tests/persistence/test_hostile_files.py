"""Model files that were made to do harm."""

import json
import os
import pickle
import resource

import fuzz_model_files as fuzz
import keras
import pytest

from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence import _network, load, save


def layers_of(content):
    return {layer["name"]: layer["config"] for layer in content["config"]["layers"]}


def put_lambda(content):
    content["config"]["layers"][1].update(module="keras.layers", class_name="Lambda")


def put_function(content):
    layers_of(content)["logits"]["activation"] = {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    }


def put_python_lambda(content):
    layers_of(content)["logits"]["activation"] = {
        "class_name": "__lambda__",
        "config": {"value": ["4wAA", None, None]},
    }


def put_keras_function(content):
    layers_of(content)["logits"]["kernel_initializer"] = {
        "module": "keras.utils",
        "class_name": "get_file",
        "config": {},
        "registered_name": None,
    }


def put_registered_name(content):
    content["config"]["layers"][1]["registered_name"] = "mine>Evil"


def put_compilation(content):
    content["compile_config"] = {"optimizer": "adam"}


def put_shared_object(content):
    content["config"]["layers"][1]["shared_object_id"] = 1


def put_vocabulary(content):
    content["config"]["layers"][1]["class_name"] = "StringLookup"


def put_initializer_name(content):
    layers_of(content)["logits"]["kernel_initializer"] = "orthogonal"


def put_axis(content):
    layers_of(content)["probabilities"]["axis"] = 2**30


def put_two_calls(content):
    content["config"]["layers"][1]["inbound_nodes"] *= 2


def put_quantization(content):
    layers_of(content)["logits"]["dtype"]["config"]["name"] = "int8_from_float32"


def put_sequential(content):
    content.update(module="keras", class_name="Sequential")


def put_unknown_layer_without_module(content):
    layer = content["config"]["layers"][1]
    del layer["module"]


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (put_lambda, "keras.layers.Lambda"),
        (put_function, "os.function"),
        (put_python_lambda, "__lambda__"),
        (put_keras_function, "keras.utils.get_file"),
        (put_registered_name, "mine>Evil"),
        (put_compilation, "compile_config"),
        (put_shared_object, "shared_object_id"),
        (put_vocabulary, "keras.layers.StringLookup"),
        (put_initializer_name, "kernel_initializer='orthogonal'"),
        (put_axis, "axis=1073741824"),
        (put_two_calls, "Rescaling called more than once"),
        (put_quantization, "precision 'int8_from_float32'"),
        (put_sequential, "no functional model"),
        (put_unknown_layer_without_module, "None.Rescaling"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_unknown_content_is_refused_by_name(edit, named, changed, monkeypatch):
    def must_not_run(*args, **kwargs):
        raise AssertionError("Keras was asked")

    path = changed("network.json", edit)
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", must_not_run)
    with pytest.raises(ModelFileError, match=f"was refused, and nothing in it was run.*{named}"):
        load(path)


def test_deeply_nested_and_many_layers_are_refused(changed):
    def nest(content):
        for _ in range(6):
            inner = json.loads(json.dumps(content))
            content["config"]["layers"] = [{**inner, "name": "inner", "inbound_nodes": []}]

    with pytest.raises(ModelFileError, match=r"refused.*nested more than"):
        load(changed("network.json", nest))
    with pytest.raises(ModelFileError, match=r"refused.*layers .the limit"):
        load(
            changed(
                "network.json", lambda c: c["config"].update(layers=c["config"]["layers"] * 200)
            )
        )


@pytest.mark.parametrize(
    ("layer", "setting"),
    [
        ("logits", {"units": 10**9}),
        ("block1_conv1", {"kernel_size": [60_000, 60_000]}),
        ("block1_conv1", {"filters": 2 * 10**9}),
    ],
)
def test_huge_network_takes_no_memory(layer, setting, changed):
    path = changed("network.json", lambda content: layers_of(content)[layer].update(setting))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFileError, match=r"damaged .*(weights|incompatible)"):
        load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    # And nothing of it is found, and allocated, later.
    with keras.StatelessScope():
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_huge_output_is_neither_loaded_nor_saved(good, fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(_network, "_MAX_OUTPUT", 500)
    with pytest.raises(ModelFileError, match=r"damaged .*a layer that gives \(8, 8, 8\) numbers"):
        load(good)
    with pytest.raises(ValueError, match=r"holds a layer that gives \(8, 8, 8\) numbers"):
        save(fitted, tmp_path / "model.fer")


def _replace_header(old, new):
    def edit(data):
        assert old in data
        return data.replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        _replace_header(b"(3, 3, 1, 8)", b"(9000000000000, 3, 1, 8)"),
        _replace_header(b"(3, 3, 1, 8)", b"(3, 3, 8, 1)"),
        _replace_header(b"(3, 3, 1, 8)", b"(-3, -3, 1, 8)"),
        _replace_header(b"'<f4'", b"'|O'  "),
        _replace_header(b"'<f4'", b"'<i4'"),
        _replace_header(b"False", b"True"),
        lambda data: data[:-4],
        lambda data: data + b"\0\0\0\0",
        lambda data: pickle.dumps(os.getcwd),
        lambda data: b"",
    ],
    ids=["huge", "shape", "negative", "object", "int", "order", "short", "long", "pickle", "empty"],
)
def test_weights_of_another_shape_are_damage(edit, changed):
    with pytest.raises(ModelFileError, match=r"damaged .*weights"):
        load(changed("weights/0000.npy", edit))


def test_missing_and_additional_weights_are_told(good, tmp_path):
    members = fuzz.read_members(good.read_bytes())
    path = tmp_path / "weights.fer"
    del members["weights/0005.npy"]
    path.write_bytes(fuzz.write_members(fuzz.sign(members)))
    with pytest.raises(ModelFileError, match=r"damaged .*5 weights, but the network has 6"):
        load(path)
    path.write_bytes(fuzz.write_members(fuzz.sign({**members, "evil.py": b"x"})))
    with pytest.raises(ModelFileError, match=r"refused.*unknown members evil\.py"):
        load(path)
    del members["network.json"]
    path.write_bytes(fuzz.write_members(fuzz.sign(members)))
    with pytest.raises(ModelFileError, match=r"damaged .*network\.json"):
        load(path)


@pytest.mark.parametrize(
    ("part", "setting", "named"),
    [
        ("learned", {"predict": 1}, "refused.*'predict'"),
        ("learned", {"__class__": 1}, "refused.*'__class__'"),
        ("learned", {"_infer": 1}, "refused.*'_infer'"),
        ("learned", {"__dict__": {}}, "refused.*'__dict__'"),
        ("learned", {"classes_": {"array": ["a", "b"], "dtype": "<U1"}}, "damaged .*2 classes"),
        ("learned", {"classes_": {"array": [1], "dtype": "V9"}}, "damaged .*dtype 'V9'"),
        ("learned", {"classes_": {"array": ["a"], "dtype": "<U9999999"}}, "damaged .*dtype"),
        ("learned", {"classes_": {"array": ["a"] * 99, "dtype": "<U999999"}}, "damaged .*bytes"),
        ("learned", {"classes_": {"array": [1.5], "dtype": "<i8"}}, "damaged .*not of dtype"),
        ("learned", {"image_shape_": {"tuple": [8, 8, 1]}}, "damaged .*for images"),
        ("learned", {"n_features_in_": 3}, "damaged .*n_features_in_"),
        ("learned", {"history_": 3}, "damaged .*history_"),
        ("learned", {"device_": "tpu"}, "damaged|None"),
        ("learned", {"n_epochs_": {"object": 1}}, "damaged .*unknown kinds"),
        ("params", {"os": "system"}, "refused.*'os'"),
        ("params", {"epochs": -1}, "damaged .*'epochs' parameter"),
        ("params", {"augmentation": "evil"}, "damaged .*augmentation='evil'"),
        ("params", {"learning_rate": {"dict": [[[], 1]]}}, "damaged .*unhashable"),
        ("requests", {"__reduce__": {}}, "refused.*__reduce__"),
        ("requests", {"fit": {"evil": True}}, "damaged .*evil"),
    ],
)
def test_strange_estimator_is_refused(part, setting, named, changed):
    path = changed("estimator.json", lambda content: content[part].update(setting))
    if named.endswith("None"):
        assert load(path).device_ == "cpu"
    else:
        with pytest.raises(ModelFileError, match=named):
            load(path)


@pytest.mark.parametrize("name", ["Pipeline", "BaseImageClassifier", "os.system"])
def test_other_classes_are_refused(name, changed):
    path = changed("estimator.json", lambda content: content.update({"class": name}))
    with pytest.raises(ModelFileError, match=f"refused.*holds the class '{name}'"):
        load(path)


def test_failure_of_keras_names_both_versions(good, tmp_path):
    members = fuzz.read_members(good.read_bytes())
    manifest = json.loads(members["manifest.json"])
    manifest["made_by"]["keras"] = "99.0"
    network = json.loads(members["network.json"])
    layers_of(network)["logits"]["new_option"] = 1
    members["network.json"] = json.dumps(network).encode()
    members["manifest.json"] = json.dumps(manifest).encode()
    path = tmp_path / "newer_keras.fer"
    path.write_bytes(fuzz.write_members(fuzz.sign(members)))
    with pytest.raises(ModelFileError, match=r"made with Keras 99\.0, this is Keras"):
        load(path)
