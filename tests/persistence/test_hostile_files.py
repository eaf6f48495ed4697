"""Malicious model files whose digests match."""

import os
import pickle
import resource
import subprocess
from contextlib import suppress

import keras
import numpy as np
import pytest
from _fuzzing import Watch

from fer_estimators import TransferClassifier
from fer_estimators._files.weights import read_weights, write_weights
from fer_estimators.classifiers import _network
from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence import load, save


@pytest.fixture
def edited(changed):
    """Write a file in which a part of the estimator has other entries."""

    def edit(part, entries):
        return changed(lambda arrays, estimator: estimator[part].update(entries))

    return edit


LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "x"}}
FUNCTION = {"module": "os", "class_name": "function", "config": "system", "registered_name": None}


@pytest.mark.parametrize("code", [LAMBDA, FUNCTION, "os.system", "builtins:eval", "__import__"])
@pytest.mark.parametrize(
    "name", ["architecture", "optimizer", "augmentation", "learning_rate_schedule", "callbacks"]
)
def test_nothing_in_a_file_is_run_or_built_by_keras(name, code, edited, monkeypatch):
    def must_not_run(*args, **kwargs):
        raise AssertionError("code of the file was asked for")

    path = edited("parameters", {name: code})
    for module, function in [
        (keras.saving, "deserialize_keras_object"),
        (keras.saving, "load_model"),
        (keras.optimizers, "get"),
        (pickle, "loads"),
        (os, "system"),
        (subprocess, "Popen"),
    ]:
        monkeypatch.setattr(module, function, must_not_run)
    loaded = None
    # A text may be a name for `fit` to look up, which it will not find.
    with Watch() as watch, suppress(ModelFileError):
        loaded = load(path)
    assert watch.seen == []
    assert loaded is None or getattr(loaded, name) == code


@pytest.mark.parametrize(
    ("part", "entries", "named"),
    [
        ("learned", {"batch_size": -5}, "'batch_size' is unknown"),
        ("learned", {"predict": 1}, "'predict' is unknown"),
        ("learned", {"__class__": 1}, "'__class__' is unknown"),
        ("learned", {"_infer": 1}, "'_infer' is unknown"),
        ("learned", {"_built_with": {"dict": []}}, "'_built_with' is unknown"),
        ("learned", {"classes_": {"array": ["b", "a", *"cdefg"], "dtype": "<U1"}}, "classes_="),
        ("learned", {"classes_": {"array": [*"aacdefg"], "dtype": "<U1"}}, "classes_="),
        ("learned", {"classes_": [*"abcdefg"]}, "classes_="),
        ("learned", {"classes_": {"array": [1], "dtype": "V9"}}, "dtype 'V9'"),
        ("learned", {"classes_": {"array": ["a"], "dtype": "<U9999999"}}, "dtype"),
        ("learned", {"classes_": {"array": ["a"] * 99, "dtype": "<U999999"}}, "bytes"),
        ("learned", {"classes_": {"array": [1.5], "dtype": "<i8"}}, "not of dtype"),
        ("learned", {"classes_": {"array": [*"ab"], "dtype": "<U1"}}, "weights"),
        ("learned", {"image_shape_": {"tuple": [8, 8, 1]}}, "n_features_in_"),
        ("learned", {"image_shape_": {"tuple": [16, -16, -1]}}, "image_shape_"),
        ("learned", {"image_shape_": {"tuple": [2**40, 2**40, 1]}}, "n_features_in_"),
        ("learned", {"n_features_in_": 3}, "n_features_in_=3 is not what fit sets"),
        ("learned", {"feature_names_in_": ["a"]}, "feature_names_in_"),
        ("learned", {"history_": 3}, "history_=3"),
        ("learned", {"history_": {"dict": [["loss", ["x"]]]}}, "history_="),
        ("learned", {"n_epochs_": 0}, "n_epochs_=0"),
        ("learned", {"n_epochs_": {"object": 1}}, "unknown kinds"),
        ("learned", {"best_epoch_": 7}, "best_epoch_=7"),
        ("learned", {"interrupted_": 1}, "interrupted_=1"),
        ("learned", {"device_": "tpu"}, "device_='tpu'"),
        ("learned", {"_seed": -1}, "_seed=-1"),
        ("parameters", {"os": "system"}, "'os' is unknown"),
        ("parameters", {"epochs": -1}, "'epochs' parameter"),
        ("parameters", {"batch_size": -5}, "'batch_size' parameter"),
        ("parameters", {"architecture": "evil"}, "architecture='evil' is unknown"),
        ("parameters", {"architecture": "compact"}, "weights"),
        ("parameters", {"learning_rate": {"dict": [[[], 1]]}}, "unhashable"),
        ("objects", {"evil": "x"}, "'evil' is unknown"),
        ("requests", {"__reduce__": {}}, "'__reduce__' is unknown"),
        ("requests", {"fit": {"evil": True}}, "evil"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_strange_estimator_is_refused(part, entries, named, edited):
    with pytest.raises(ModelFileError, match=f"refused, and nothing in it was run: .*{named}"):
        load(edited(part, entries))


@pytest.mark.parametrize("name", ["classes_", "_seed", "n_epochs_"])
def test_missing_attribute_is_named(name, changed):
    with pytest.raises(ModelFileError, match=f"{name} is missing"):
        load(changed(lambda arrays, estimator: estimator["learned"].pop(name)))


@pytest.mark.parametrize("name", ["Pipeline", "BaseImageClassifier", "os.system", None, []])
def test_other_classes_are_refused(name, changed):
    path = changed(lambda arrays, estimator: estimator.update({"class": name}))
    with pytest.raises(ModelFileError, match="was refused"):
        load(path)


@pytest.mark.parametrize("part", ["class", "parameters", "objects", "learned", "trainable"])
@pytest.mark.parametrize("value", [None, 1, "x", [1], {"x": 1}])
def test_part_of_another_kind_is_refused(part, value, changed):
    with pytest.raises(ModelFileError, match="was refused"):
        load(changed(lambda arrays, estimator: estimator.update({part: value})))


@pytest.mark.parametrize(
    "edit",
    [
        lambda arrays: arrays.popitem(),
        lambda arrays: arrays.update({"99999 evil": np.ones(3, np.float32)}),
        lambda arrays: arrays.update({_first(arrays): arrays[_first(arrays)][:-1]}),
        lambda arrays: arrays.update({_first(arrays): arrays[_first(arrays)].astype(np.int32)}),
        lambda arrays: arrays.update({"00000 other/kernel": arrays.pop(_first(arrays))}),
        lambda arrays: arrays.clear(),
    ],
    ids=["missing", "additional", "shape", "dtype", "name", "none"],
)
def test_weights_of_another_network_are_refused(edit, changed):
    with pytest.raises(ModelFileError, match=r"refused.*weights.*but the network has"):
        load(changed(lambda arrays, estimator: edit(arrays) and None))


def _first(arrays):
    return min(arrays)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_though_the_answer_is(value, changed):
    # In front of a relu, which hides a negative infinity.
    def edit(arrays, estimator):
        bias = "00001 block1_conv1/bias"
        arrays[bias] = np.where(np.arange(8) == 0, np.float32(value), arrays[bias])

    with pytest.raises(ModelFileError, match=r"NaN or infinity.*'block1_conv1/bias'"):
        load(changed(edit))


@pytest.mark.parametrize("answer", [[1, 0, 0, 0, 0, 0, 0], [float("nan")] * 7, [], "x"])
def test_network_that_answers_otherwise_is_refused(answer, changed):
    with pytest.raises(ModelFileError, match="refused"):
        load(changed(lambda arrays, estimator: estimator.update(answer=answer)))


@pytest.mark.parametrize("architecture", ["study_cnn", "tiny"])
def test_huge_network_takes_no_memory(architecture, changed):
    def edit(arrays, estimator):
        estimator["parameters"]["architecture"] = architecture
        estimator["learned"]["image_shape_"] = {"tuple": [40_000, 40_000, 1]}
        estimator["learned"]["n_features_in_"] = 40_000**2

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFileError, match=r"refused.*weights"):
        load(changed(edit))
    # And nothing of it is found, and allocated, later.
    with keras.StatelessScope():
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_huge_output_is_neither_loaded_nor_saved(good, fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(_network, "MAX_OUTPUT", 511)
    with pytest.raises(ModelFileError, match=r"refused.*a layer gives \(8, 8, 8\) numbers"):
        load(good)
    with pytest.raises(ValueError, match=r"a layer gives \(8, 8, 8\) numbers"):
        save(fitted, tmp_path / "model.fer")
    monkeypatch.setattr(_network, "MAX_OUTPUT", 512)
    assert load(good).n_epochs_ == 1


def test_weights_of_a_backbone_are_neither_read_nor_downloaded(changed, monkeypatch):
    def edit(arrays, estimator):
        estimator["class"] = TransferClassifier.__name__
        estimator["parameters"] = {"backbone": "mobilenet_025", "weights": "imagenet"}
        estimator["learned"]["image_shape_"] = {"tuple": [32, 32, 1]}
        estimator["learned"]["n_features_in_"] = 1024

    path = changed(edit)
    monkeypatch.setattr(keras.utils, "get_file", lambda *a, **k: pytest.fail("a download"))
    with Watch() as watch, pytest.raises(ModelFileError, match=r"refused.*weights"):
        load(path)
    assert watch.seen == []


def test_failure_names_both_versions_of_keras(good, tmp_path):
    arrays, metadata = read_weights(good)
    metadata["versions"]["keras"] = "99.0"
    arrays.popitem()
    write_weights(tmp_path / "newer_keras.fer", arrays, metadata)
    with pytest.raises(ModelFileError, match=r"made with Keras 99\.0, this is Keras"):
        load(tmp_path / "newer_keras.fer")
