"""Model files: what comes back, what is refused, and what is left alone."""

import errno
import hashlib
import json
import os
import pickle
import random
import resource
import stat
import threading
import zipfile
from pathlib import Path

import fuzz_model_files as fuzz
import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from fer_estimators import CNNClassifier, TransferClassifier
from fer_estimators.architectures import ARCHITECTURES, build_tiny
from fer_estimators.backbones import BACKBONES, Backbone
from fer_estimators.classifiers._heads import HEADS
from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence import _container, _network, load, save
from fer_estimators.persistence._network import build_network, describe_network, find_unknown


def tiny_network(include_top, weights, input_shape):
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, strides=4, name="conv1")(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    return keras.Model(inputs, keras.layers.Conv2D(6, 3, padding="same", name="conv2")(x))


TINY_BACKBONE = Backbone("tiny", tiny_network, keras.layers.Rescaling(1 / 255), 8, "none")
SMALL = {"augmentation": None, "epochs": 1, "validation_fraction": None, "random_state": 0}


def make_cnn(**params):
    return CNNClassifier(**{"architecture": "tiny", **SMALL, **params})


@pytest.fixture(scope="module")
def fitted(faces):
    """Not to be changed."""
    return make_cnn(validation_fraction=0.2).fit(faces.images, faces.target)


@pytest.fixture(scope="module")
def good(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "faces.fer"
    save(fitted, path)
    return path


@pytest.fixture
def changed(good, tmp_path):
    """Write a file like the good one, but for one member, with checksums to match."""

    def change(name, edit):
        members = fuzz.read_members(good.read_bytes())
        if name.endswith(".json"):
            content = json.loads(members[name])
            edit(content)
            members[name] = json.dumps(content).encode()
        else:
            members[name] = edit(members[name])
        path = tmp_path / "changed.fer"
        members = members if name == "manifest.json" else fuzz.sign(members)
        path.write_bytes(fuzz.write_members(members))
        return path

    return change


def like(fitted, cls=CNNClassifier, **params):
    """Make a classifier with other parameters that shares what `fitted` learned."""
    learned = {k: v for k, v in vars(fitted).items() if k not in fitted.get_params()}
    clf = cls(**{**SMALL, **({"architecture": "tiny"} if cls is CNNClassifier else {}), **params})
    vars(clf).update(learned)
    return clf


def same(a, b, X):
    return np.array_equal(a.predict_proba(X), b.predict_proba(X))


def layers_of(content):
    return {layer["name"]: layer["config"] for layer in content["config"]["layers"]}


# What comes back.


def test_loaded_classifier_is_the_saved_one(fitted, good, faces):
    loaded = load(good)
    assert type(loaded) is CNNClassifier
    assert loaded.get_params() == fitted.get_params()
    assert same(loaded, fitted, faces.images)
    assert loaded.score(faces.images, faces.target) == fitted.score(faces.images, faces.target)
    assert loaded.history_ == fitted.history_
    assert clone(loaded).get_params() == clone(fitted).get_params()


def test_everything_that_fit_sets_comes_back(fitted, good):
    loaded = load(good)
    assert set(vars(loaded)) == set(vars(fitted)) - {"_optimizer_rule"}
    for name, value in vars(fitted).items():
        if name not in ("model_", "_infer", "_optimizer_rule"):
            assert np.array_equal(getattr(loaded, name), value), name
            assert type(getattr(loaded, name)) is type(value), name
    assert loaded.classes_.dtype == fitted.classes_.dtype


def test_loaded_classifier_can_be_pickled_saved_and_trained_again(good, faces, tmp_path):
    loaded = load(good)
    assert same(pickle.loads(pickle.dumps(loaded)), loaded, faces.images)
    save(loaded, tmp_path / "again.fer")
    assert same(load(tmp_path / "again.fer"), loaded, faces.images)
    loaded.partial_fit(faces.images, faces.target)
    assert loaded.n_epochs_ == 2


def test_same_model_gives_the_same_bytes(fitted, good, tmp_path):
    save(fitted, tmp_path / "again.fer")
    assert (tmp_path / "again.fer").read_bytes() == good.read_bytes()


def test_transfer_classifier_comes_back_with_what_is_frozen(faces, tmp_path):
    clf = TransferClassifier(TINY_BACKBONE, weights=None, fine_tune_layers=1, **SMALL)
    clf.set_params(fine_tune_epochs=1).fit(faces.images, faces.target)
    save(clf.set_params(backbone="mobilenet_025"), tmp_path / "transfer.fer")
    loaded = load(tmp_path / "transfer.fer")
    assert type(loaded) is TransferClassifier
    assert same(loaded, clf, faces.images)
    assert trainable_of(loaded.model_) == trainable_of(clf.model_)


def trainable_of(model):
    nested = [trainable_of(layer) for layer in model.layers if isinstance(layer, keras.Model)]
    return [layer.trainable for layer in model.layers if layer.weights], nested


@pytest.mark.parametrize("augmentation", ["standard", "study"])
def test_augmentation_is_made_anew(augmentation, fitted, faces, tmp_path):
    # Trained without, because tracing an augmentation takes longer than the rest of this module.
    clf = like(fitted, augmentation=augmentation)
    save(clf, tmp_path / "augmented.fer")
    loaded = load(tmp_path / "augmented.fer")
    assert loaded.model_.layers[1].name == f"{augmentation}_augmentation"
    assert same(loaded, fitted, faces.images)
    save(loaded, tmp_path / "again.fer")
    assert (tmp_path / "again.fer").read_bytes() == (tmp_path / "augmented.fer").read_bytes()


@pytest.mark.parametrize(
    "classes",
    [
        np.arange(7) + 10,
        np.arange(7, dtype=np.int8),
        np.arange(7) == 3,
        np.array([*"abcdef", "très long"]),
        np.array([*"abcdefg"], dtype="U30"),
        np.array([*"abcdefg"], dtype=object),
        np.arange(7.0),
    ],
    ids=["int", "int8", "bool", "str", "wide str", "object", "float"],
)
def test_labels_keep_their_dtype(classes, fitted, faces, tmp_path):
    clf = like(fitted)
    clf.classes_ = classes
    save(clf, tmp_path / "labels.fer")
    loaded = load(tmp_path / "labels.fer")
    assert loaded.classes_.dtype == classes.dtype
    assert loaded.predict(faces.images[:9]).tolist() == clf.predict(faces.images[:9]).tolist()


def test_parameters_keep_their_types(fitted, tmp_path):
    clf = like(
        fitted,
        image_shape=(16, -1),
        class_weight={"angry": 2.0, 3: 1},
        learning_rate=np.float64(0.1),
        epochs=np.int64(3),
        callbacks=[],
    )
    save(clf, tmp_path / "typed.fer")
    params = load(tmp_path / "typed.fer").get_params()
    assert params == clf.get_params()
    assert type(params["image_shape"]) is tuple


def test_weights_given_as_a_path_stay_a_path(fitted, tmp_path):
    save(like(fitted, TransferClassifier, weights=Path("some.h5")), tmp_path / "path.fer")
    assert load(tmp_path / "path.fer").weights == Path("some.h5")


def test_flat_rows_of_a_data_frame_keep_their_names(faces, tmp_path):
    frame = pd.DataFrame(faces.data, columns=[f"pixel {i}" for i in range(256)])
    clf = make_cnn(image_shape=(16, 16)).fit(frame, faces.target)
    save(clf, tmp_path / "frame.fer")
    loaded = load(tmp_path / "frame.fer")
    assert loaded.feature_names_in_.tolist() == clf.feature_names_in_.tolist()
    assert same(loaded, clf, frame)


@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16"])
def test_precision_is_kept(policy, faces, tmp_path):
    if policy == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float64 only if told so before it starts")
    clf = make_cnn(dtype_policy=policy).fit(faces.images, faces.target)
    save(clf, tmp_path / "precise.fer")
    assert same(load(tmp_path / "precise.fer"), clf, faces.images)


def test_diverged_history_comes_back(fitted, tmp_path):
    clf = like(fitted)
    clf.history_ = {"loss": [1.5, float("inf"), float("nan")]}
    save(clf, tmp_path / "diverged.fer")
    assert str(load(tmp_path / "diverged.fer").history_) == str(clf.history_)


def test_metadata_requests_come_back(fitted, tmp_path):
    clf = like(fitted)
    with sklearn.config_context(enable_metadata_routing=True):
        clf.set_fit_request(sample_weight=True).set_score_request(sample_weight="importance")
    save(clf, tmp_path / "routed.fer")
    assert str(load(tmp_path / "routed.fer").get_metadata_routing()) == str(
        clf.get_metadata_routing()
    )


def test_file_of_a_gpu_loads_where_there_is_none(changed, fitted, faces):
    path = changed("estimator.json", lambda content: content["learned"].update(device_="gpu"))
    loaded = load(path)
    assert loaded.device_ in ("cpu", "gpu")
    np.testing.assert_allclose(
        loaded.predict_proba(faces.images[:4]), fitted.predict_proba(faces.images[:4]), rtol=1e-3
    )


def test_parameter_that_a_later_version_adds_gets_its_default(changed):
    path = changed("estimator.json", lambda content: content["params"].pop("verbose"))
    assert load(path).verbose == 0


def test_loading_leaves_global_state_alone(good):
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    policy = keras.config.dtype_policy().name
    load(good)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
    assert keras.config.dtype_policy().name == policy


def test_network_may_start_from_a_loaded_one(good, faces):
    def build(input_shape, n_classes):
        return load(good).model_

    assert make_cnn(architecture=build).fit(faces.images, faces.target).n_epochs_ == 1


def test_threads_load_at_once(good, fitted, faces):
    loaded, threads = [], []
    for _ in range(4):
        threads.append(threading.Thread(target=lambda: loaded.append(load(good))))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 4
    assert all(same(clf, fitted, faces.images) for clf in loaded)


def test_file_says_what_made_it_and_holds_no_pickle(good):
    members = fuzz.read_members(good.read_bytes())
    manifest = json.loads(members["manifest.json"])
    assert manifest["format_version"] == 1
    assert set(manifest["made_by"]) == {
        "fer-estimators",
        "keras",
        "backend",
        "scikit-learn",
        "numpy",
    }
    assert manifest["sha256"] == {
        name: hashlib.sha256(data).hexdigest()
        for name, data in members.items()
        if name != "manifest.json"
    }
    assert {Path(name).suffix for name in members} == {".json", ".npy"}


# Every network of the library.


def assert_comes_back(model):
    described = json.loads(json.dumps(describe_network(model)))
    assert find_unknown(described) == []
    weights = model.get_weights()
    again = build_network(described, weights, "cpu")
    pairs = zip(again.get_weights(), weights, strict=True)
    assert all(np.array_equal(new, old) for new, old in pairs)
    assert describe_network(again) == describe_network(model)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_architecture_comes_back(architecture):
    assert_comes_back(ARCHITECTURES[architecture]((16, 16, 1), 7))


@pytest.mark.parametrize("backbone", ["vgg16", "inception_v3", "mobilenet_025"])
def test_backbone_comes_back(backbone):
    size = max(BACKBONES[backbone].minimum_size, 32)
    shape = (size, size, 3) if "vgg" in backbone else (size + 1, size, 1)
    inputs, features, _ = BACKBONES[backbone].build(shape, weights=None, image_size=(size, size))
    head = HEADS["pooled" if "mobilenet" in backbone else "study"]
    assert_comes_back(keras.Model(inputs, head(features, 7)))


# Saving.


def test_unfitted_classifier_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        save(CNNClassifier(), tmp_path / "model.fer")
    assert list(tmp_path.iterdir()) == []


class Subclass(CNNClassifier):
    pass


@pytest.mark.parametrize(
    "thing", [None, "clf", make_pipeline(CNNClassifier()), Subclass(), CNNClassifier]
)
def test_other_objects_are_not_saved(thing, tmp_path):
    with pytest.raises(TypeError, match="fitted CNNClassifier or TransferClassifier is expected"):
        save(thing, tmp_path / "model.fer")


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"architecture": build_tiny}, "architecture=<function build_tiny"),
        ({"optimizer": keras.optimizers.SGD()}, "optimizer=<keras"),
        ({"callbacks": [keras.callbacks.TerminateOnNaN()]}, "callbacks=\\[<keras"),
        ({"random_state": np.random.RandomState(0)}, "random_state=RandomState"),
        ({"augmentation": lambda: None}, "augmentation=<function"),
        (
            {"learning_rate_schedule": max, "optimizer": min},
            "schedule=<built-in.*optimizer=<built-in",
        ),
    ],
)
def test_objects_among_the_parameters_are_all_named(params, named, fitted, tmp_path):
    clf = like(fitted, **params)
    with pytest.raises(TypeError, match=f"(?s){named}.*Use names in place of objects"):
        save(clf, tmp_path / "model.fer")
    assert list(tmp_path.iterdir()) == []


def test_backbone_instance_is_named(fitted, tmp_path):
    with pytest.raises(TypeError, match="backbone=Backbone"):
        save(like(fitted, TransferClassifier, backbone=TINY_BACKBONE), tmp_path / "model.fer")


def test_network_of_other_layers_is_not_saved(faces, tmp_path):
    def build(input_shape, n_classes):
        inputs = keras.Input(input_shape)
        x = keras.layers.GlobalMaxPooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
        return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))

    clf = make_cnn(architecture=build).fit(faces.images, faces.target)
    with pytest.raises(ValueError, match=r"keras\.layers\.GlobalMaxPooling2D.*pickle or joblib"):
        save(clf.set_params(architecture="tiny"), tmp_path / "model.fer")


def test_private_attribute_is_named(fitted, tmp_path):
    clf = like(fitted)
    clf._secret = 1
    with pytest.raises(TypeError, match="_secret"):
        save(clf, tmp_path / "model.fer")


def test_labels_of_strange_dtype_are_named(fitted, tmp_path):
    clf = like(fitted)
    clf.classes_ = np.array([f"2020-01-0{i}" for i in range(1, 8)], dtype="M8[D]")
    with pytest.raises(TypeError, match="classes_="):
        save(clf, tmp_path / "model.fer")


def test_missing_folder_is_named(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere.* does not exist"):
        save(fitted, tmp_path / "nowhere" / "model.fer")
    with pytest.raises(IsADirectoryError, match="is a folder, but the name of a file"):
        save(fitted, tmp_path)


def _fail(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def _interrupt(*args, **kwargs):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("target", "name", "failure", "expected"),
    [
        (os, "fsync", _fail, OSError),
        (os, "replace", _fail, OSError),
        (zipfile.ZipFile, "writestr", _fail, OSError),
        (_container, "dump_array", _interrupt, KeyboardInterrupt),
    ],
    ids=["fsync", "replace", "write", "interrupt"],
)
def test_failure_leaves_the_old_file_and_no_other(
    target, name, failure, expected, fitted, good, tmp_path, monkeypatch
):
    path = tmp_path / "model.fer"
    path.write_bytes(good.read_bytes())
    other = like(fitted, verbose=1)
    with monkeypatch.context() as patch:
        patch.setattr(target, name, failure)
        with pytest.raises(expected) as caught:
            save(other, path)
    assert any("still there" in note for note in caught.value.__notes__)
    assert path.read_bytes() == good.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["model.fer"]


def test_full_disk_leaves_the_old_file_and_no_other(fitted, good, tmp_path):
    path = tmp_path / "model.fer"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (good.stat().st_size // 2, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            save(fitted, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.fer"]


def test_file_is_on_the_disk_before_it_takes_the_place_of_the_old_one(
    fitted, tmp_path, monkeypatch
):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append(kind(fd)), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *a: (calls.append("replace"), replace(*a)))

    def kind(descriptor):
        return "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"

    save(fitted, tmp_path / "model.fer")
    assert calls == ["file", "replace", "folder"]


def test_link_stays_a_link_and_rights_stay_rights(fitted, tmp_path):
    (tmp_path / "real.fer").touch(mode=0o600)
    (tmp_path / "link.fer").symlink_to("real.fer")
    save(fitted, tmp_path / "link.fer")
    assert (tmp_path / "link.fer").is_symlink()
    assert stat.S_IMODE((tmp_path / "real.fer").stat().st_mode) == 0o600
    assert load(tmp_path / "link.fer").n_epochs_ == 1


# Files that are not what they should be.


def test_missing_file_is_said_to_be_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"no model file 'x.fer' .*{tmp_path.name}"):
        load("x.fer")


def test_folder_and_pipe_are_no_model_files(tmp_path):
    with pytest.raises(ModelFileError, match="is a folder"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="no regular file"):
        load(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "has no bytes at all"),
        (b"\0" * 100, "is no model file: it starts with b'.x00"),
        (b"random bytes", "is no model file: it starts with b'random b'"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "an HDF5 file"),
        (pickle.dumps({}), "a pickle.*run its code"),
        (b"\x1f\x8b\x08\x00", "gzip data"),
        (b"\n<!DOCTYPE HTML><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"PK\3\4" + b"\0" * 50, "damaged or incomplete"),
    ],
    ids=["empty", "zeros", "random", "hdf5", "pickle", "gzip", "html", "lfs", "start of a zip"],
)
def test_other_files_are_named_for_what_they_are(content, named, tmp_path):
    path = tmp_path / "other.fer"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=named):
        load(path)


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["config.json", "metadata.json", "model.weights.h5"], "keras.saving.load_model"),
        (["arr_0.npy"], "a NumPy .npz file"),
        (["face.png"], "an archive of something else"),
    ],
)
def test_other_archives_are_named_for_what_they_are(names, named, tmp_path):
    path = tmp_path / "other.fer"
    path.write_bytes(fuzz.write_members(dict.fromkeys(names, b"x")))
    with pytest.raises(ModelFileError, match=f"holds no manifest.json .*{named}"):
        load(path)


def test_archive_with_a_manifest_of_another_kind_is_no_model_file(changed):
    path = changed("manifest.json", lambda content: content.update(format="other"))
    with pytest.raises(ModelFileError, match="its format is 'other', but 'fer-estimators model'"):
        load(path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99, 0.9999])
def test_truncated_file_is_damaged(share, good, tmp_path):
    data = good.read_bytes()
    path = tmp_path / "cut.fer"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelFileError, match="damaged or incomplete"):
        load(path)


def test_flipped_bit_is_damage(good, tmp_path):
    data = bytearray(good.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "flipped.fer").write_bytes(data)
    with pytest.raises(ModelFileError, match=r"damaged .*checksum"):
        load(tmp_path / "flipped.fer")


def test_changed_member_does_not_match_its_checksum(good, tmp_path):
    members = fuzz.read_members(good.read_bytes())
    members["estimator.json"] = members["estimator.json"].replace(b"angry", b"happy")
    (tmp_path / "changed.fer").write_bytes(fuzz.write_members(members))
    with pytest.raises(ModelFileError, match=r"checksum of estimator\.json"):
        load(tmp_path / "changed.fer")


def test_newer_format_asks_for_an_upgrade(changed):
    def edit(content):
        content.update(format_version=2, made_by={"fer-estimators": "9.1"}, more=1)

    with pytest.raises(ModelFileError, match=r"newer .*fer-estimators 9\.1.*Upgrade"):
        load(changed("manifest.json", edit))


@pytest.mark.parametrize("value", [None, "1", 0, True, 1.0])
def test_strange_version_is_damage(value, changed):
    path = changed("manifest.json", lambda content: content.update(format_version=value))
    with pytest.raises(ModelFileError, match=r"damaged .*no version"):
        load(path)


@pytest.mark.parametrize("name", ["../evil", "/evil", "C:\\evil", "a/../../evil", "a\\b"])
def test_path_that_leaves_the_file_is_refused(name, good, tmp_path):
    members = {**fuzz.read_members(good.read_bytes()), name: b"x"}
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "path.fer").write_bytes(fuzz.write_members(fuzz.sign(members)))
    with pytest.raises(ModelFileError, match=r"refused.*leaves the archive"):
        load(folder / "path.fer")
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "path.fer"]


def test_member_that_occurs_twice_is_refused(good, tmp_path):
    pairs = list(fuzz.read_members(good.read_bytes()).items())
    (tmp_path / "twice.fer").write_bytes(fuzz.write_members([*pairs, pairs[0]]))
    with pytest.raises(ModelFileError, match=r"refused.*more than one member named"):
        load(tmp_path / "twice.fer")


def test_link_is_refused(good, tmp_path):
    pairs = list(fuzz.read_members(good.read_bytes()).items())
    link = zipfile.ZipInfo("weights/0000.npy")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pairs = [(link if name == link.filename else name, data) for name, data in pairs]
    (tmp_path / "link.fer").write_bytes(fuzz.write_members(pairs))
    with pytest.raises(ModelFileError, match=r"refused.*link: 'weights/0000\.npy'"):
        load(tmp_path / "link.fer")


def test_packed_members_are_refused(good, tmp_path):
    path = tmp_path / "bomb.fer"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in fuzz.read_members(good.read_bytes()).items():
            archive.writestr(name, data)
        archive.writestr("zeros", bytes(10**6))
    with pytest.raises(ModelFileError, match=r"refused.*packed or overlap"):
        load(path)


@pytest.mark.parametrize(
    ("limit", "value", "named"),
    [("MAX_FILE_BYTES", 1000, "bytes; the limit"), ("MAX_MEMBERS", 3, "members; the limit")],
)
def test_large_files_are_refused_and_not_written(
    limit, value, named, good, fitted, tmp_path, monkeypatch
):
    monkeypatch.setattr(_container, limit, value)
    with pytest.raises(ModelFileError, match=f"refused.*{named}"):
        load(good)
    with pytest.raises(ValueError, match="`load` reads no more"):
        save(fitted, tmp_path / "model.fer")
    assert list(tmp_path.iterdir()) == []


def test_large_json_is_refused_and_not_written(good, fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(_container, "MAX_JSON_BYTES", 2000)
    with pytest.raises(ModelFileError, match=r"refused.*the limit is 2,000"):
        load(good)
    with pytest.raises(ValueError, match="2,000 at most"):
        save(fitted, tmp_path / "model.fer")


@pytest.mark.parametrize("name", ["estimator.json", "network.json", "manifest.json"])
@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"[" * 10**5, b"\xff", b"1" * 5000])
def test_broken_json_is_damage(name, data, good, tmp_path):
    members = {**fuzz.read_members(good.read_bytes()), name: data}
    members = members if name == "manifest.json" else fuzz.sign(members)
    (tmp_path / "json.fer").write_bytes(fuzz.write_members(members))
    with pytest.raises(ModelFileError, match=f"damaged .*{name}"):
        load(tmp_path / "json.fer")


# Files that were made to do harm.


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


def test_failure_of_keras_names_both_versions(changed, good):
    members = fuzz.read_members(good.read_bytes())
    manifest = json.loads(members["manifest.json"])
    manifest["made_by"]["keras"] = "99.0"
    network = json.loads(members["network.json"])
    layers_of(network)["logits"]["new_option"] = 1
    members["network.json"] = json.dumps(network).encode()
    members["manifest.json"] = json.dumps(manifest).encode()
    path = good.with_name("newer_keras.fer")
    path.write_bytes(fuzz.write_members(fuzz.sign(members)))
    with pytest.raises(ModelFileError, match=r"made with Keras 99\.0, this is Keras"):
        load(path)


def test_half_precision_takes_half_of_the_space_for_the_weights(fitted, good, faces, tmp_path):
    path = tmp_path / "half.fer"
    save(fitted, path, half_precision=True)
    n_weights = fitted.model_.count_params()
    assert Path(good).stat().st_size - path.stat().st_size == 2 * n_weights
    loaded = load(path)
    assert {weight.dtype.name for weight in loaded.model_.get_weights()} == {"float32"}
    expected = fitted.predict_proba(faces.images)
    np.testing.assert_allclose(loaded.predict_proba(faces.images), expected, atol=5e-3)


def test_weights_too_large_for_half_precision_are_not_cut(faces, tmp_path):
    clf = CNNClassifier("tiny", augmentation=None, epochs=1).fit(faces.images, faces.target)
    clf.model_.set_weights([np.full_like(w, 1e5) for w in clf.model_.get_weights()])
    with pytest.raises(ValueError, match="1e\\+05 does not fit into float16"):
        save(clf, tmp_path / "half.fer", half_precision=True)
    assert list(tmp_path.iterdir()) == []
