"""Model files: what is not saved, and what a failure leaves alone."""

import errno
import os
import resource
import stat
import zipfile

import keras
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from fer_estimators import CNNClassifier, TransferClassifier
from fer_estimators.architectures import build_tiny
from fer_estimators.persistence import _container, load, save


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
def test_objects_among_the_parameters_are_all_named(params, named, tmp_path, like):
    clf = like(**params)
    with pytest.raises(TypeError, match=f"(?s){named}.*Use names in place of objects"):
        save(clf, tmp_path / "model.fer")
    assert list(tmp_path.iterdir()) == []


def test_backbone_instance_is_named(tmp_path, like, tiny_backbone):
    with pytest.raises(TypeError, match="backbone=Backbone"):
        save(like(TransferClassifier, backbone=tiny_backbone), tmp_path / "model.fer")


def test_network_of_other_layers_is_not_saved(faces, tmp_path, make_cnn):
    def build(input_shape, n_classes):
        inputs = keras.Input(input_shape)
        x = keras.layers.GlobalMaxPooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
        return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))

    clf = make_cnn(architecture=build).fit(faces.images, faces.target)
    with pytest.raises(ValueError, match=r"keras\.layers\.GlobalMaxPooling2D.*pickle or joblib"):
        save(clf.set_params(architecture="tiny"), tmp_path / "model.fer")


def test_private_attribute_is_named(tmp_path, like):
    clf = like()
    clf._secret = 1
    with pytest.raises(TypeError, match="_secret"):
        save(clf, tmp_path / "model.fer")


def test_labels_of_strange_dtype_are_named(tmp_path, like):
    clf = like()
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
    target, name, failure, expected, good, tmp_path, monkeypatch, like
):
    path = tmp_path / "model.fer"
    path.write_bytes(good.read_bytes())
    other = like(verbose=1)
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
