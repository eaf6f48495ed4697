"""Model files: what is not saved, and what a failure leaves alone."""

import errno
import os
import resource
import stat
from functools import partial

import keras
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from fer_estimators import AbstainingClassifier, CNNClassifier
from fer_estimators._files import weights
from fer_estimators.architectures import build_tiny
from fer_estimators.exceptions import ModelFileError, ModelFileNotFoundError
from fer_estimators.persistence import load, save


def test_unfitted_classifier_is_not_saved(tmp_path):
    for clf in (CNNClassifier(), AbstainingClassifier(CNNClassifier())):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            save(clf, tmp_path / "model.fer")
    assert list(tmp_path.iterdir()) == []


class Subclass(CNNClassifier):
    pass


@pytest.mark.parametrize(
    ("thing", "advice"),
    [
        (None, "joblib"),
        ("clf", "joblib"),
        (Subclass(), "Subclass"),
        (CNNClassifier, "joblib"),
        (make_pipeline(CNNClassifier()), r"save\(pipeline\[-1\], path\).*make_pipeline"),
    ],
)
def test_other_objects_are_not_saved(thing, advice, tmp_path):
    with pytest.raises(
        TypeError, match=f"CNNClassifier or TransferClassifier is.*{advice}|{advice}"
    ):
        save(thing, tmp_path / "model.fer")


def test_search_is_told_to_save_its_best_classifier(fitted, tmp_path):
    search = GridSearchCV(CNNClassifier(), {})
    search.best_estimator_ = fitted
    with pytest.raises(TypeError, match=r"save\(search\.best_estimator_, path\)"):
        save(search, tmp_path / "model.fer")


def test_abstaining_classifier_of_others_is_not_saved(faces, fitted, tmp_path):
    careful = AbstainingClassifier(GaussianNB(), target_accuracy=0.1, cautious=False, cv=2)
    careful.fit(faces.data / 255, faces.target)
    with pytest.raises(TypeError, match="AbstainingClassifier of GaussianNB"):
        save(careful, tmp_path / "model.fer")
    careful.estimator_ = fitted
    with pytest.raises(TypeError, match=r"has cv=StratifiedKFold.*Set a number"):
        save(careful.set_params(cv=StratifiedKFold(2)), tmp_path / "model.fer")


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"architecture": "compact"}, "architecture='compact' .*was built with 'tiny'"),
        ({"architecture": build_tiny}, "architecture=<function build_tiny"),
        ({"dtype_policy": "mixed_bfloat16"}, "dtype_policy='mixed_bfloat16'"),
        (
            {"architecture": partial(build_tiny, dropout=(0.5 for _ in "1"))},
            "architecture=functools",
        ),
    ],
)
def test_parameters_of_another_network_are_refused(params, named, tmp_path, like):
    clf = like().set_params(**params)
    with pytest.raises(ValueError, match=f"(?s){named}.*set after fit"):
        save(clf, tmp_path / "model.fer")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("learned", "message"),
    [
        ({"classes_": np.array(list("gfedcba"))}, r"(?s)classes_=.*changed after fit.*refuse"),
        ({"classes_": np.array(list("abcde"))}, r"(?s)classes_=.*model_ has 7 outputs"),
        ({"image_shape_": [16, 16, 1]}, r"image_shape_=\[16, 16, 1\] was changed after fit"),
        ({"best_epoch_": 9}, r"best_epoch_=9 was changed after fit"),
    ],
)
def test_what_load_would_refuse_is_refused(learned, message, tmp_path, like):
    clf = like()
    vars(clf).update(learned)
    with pytest.raises(ValueError, match=message):
        save(clf, tmp_path / "model.fer")


def test_parameters_of_training_may_change_after_fit(tmp_path, like):
    save(like().set_params(epochs=7, tta="flip"), tmp_path / "model.fer")
    assert load(tmp_path / "model.fer").epochs == 7


def test_replaced_network_is_refused(tmp_path, like):
    clf = like()
    clf.model_ = build_tiny((16, 16, 1), 3)
    with pytest.raises(ValueError, match=r"not the network that fit built.*model_\.save"):
        save(clf, tmp_path / "model.fer")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_saved(value, faces, tmp_path, make_cnn):
    clf = make_cnn().fit(faces.images, faces.target)
    values = clf.model_.get_weights()
    values[1][0] = -value
    clf.model_.set_weights(values)
    with pytest.raises(ValueError, match=r"NaN or infinity.*'block1_conv1/bias'"):
        save(clf, tmp_path / "model.fer")


def test_other_attributes_are_named(tmp_path, like):
    for name in ("_secret", "note"):
        clf = like()
        setattr(clf, name, 1)
        with pytest.raises(TypeError, match=f"has {name}=1"):
            save(clf, tmp_path / "model.fer")


def test_labels_of_strange_dtype_are_named(tmp_path, like):
    clf = like()
    clf.classes_ = np.array([f"2020-01-0{i}" for i in range(1, 8)], dtype="M8[D]")
    with pytest.raises(TypeError, match="has classes_="):
        save(clf, tmp_path / "model.fer")


def test_weights_too_large_for_half_precision_are_not_cut(faces, tmp_path, make_cnn):
    clf = make_cnn().fit(faces.images, faces.target)
    clf.model_.set_weights([np.full_like(w, 1e5) for w in clf.model_.get_weights()])
    with pytest.raises(ValueError, match=r"1e\+05 in '.*' does not fit into float16"):
        save(clf, tmp_path / "half.fer", half_precision=True)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_and_file_are_named(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere.* does not exist"):
        save(fitted, tmp_path / "nowhere" / "model.fer")
    with pytest.raises(IsADirectoryError, match="folder"):
        save(fitted, tmp_path)
    with pytest.raises(ModelFileNotFoundError, match=r"no model file '.*model\.fer'"):
        load(tmp_path / "model.fer")


def test_checkpoint_is_not_a_model(tmp_path):
    weights.write_weights(tmp_path / "c", {}, {}, kind="checkpoint")
    with pytest.raises(ModelFileError, match="is not a model file, but a checkpoint"):
        load(tmp_path / "c")


def _fail(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def _interrupt(*args, **kwargs):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("target", "name", "failure", "expected"),
    [
        (os, "fsync", _fail, OSError),
        (os, "replace", _fail, OSError),
        (os, "fsync", _interrupt, KeyboardInterrupt),
        (weights, "_digest", _interrupt, KeyboardInterrupt),
    ],
    ids=["write", "replace", "interrupted write", "interrupt"],
)
def test_failure_leaves_the_old_file_and_no_other(
    target, name, failure, expected, good, tmp_path, monkeypatch, like
):
    path = tmp_path / "model.fer"
    path.write_bytes(good.read_bytes())
    other = like(verbose=1)
    with monkeypatch.context() as patch:
        patch.setattr(target, name, failure)
        with pytest.raises(expected):
            save(other, path)
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


def test_special_and_read_only_files_stay(fitted, good, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        save(fitted, tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    (tmp_path / "kept.fer").write_bytes(b"kept")
    (tmp_path / "kept.fer").chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        save(fitted, tmp_path / "kept.fer")
    assert (tmp_path / "kept.fer").read_bytes() == b"kept"


def test_network_with_keras_own_layers_is_saved_by_name_of_the_function(faces, tmp_path, make_cnn):
    def build(input_shape, n_classes):
        inputs = keras.Input(input_shape)
        x = keras.layers.GlobalMaxPooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
        return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))

    clf = make_cnn(architecture=build).fit(faces.images, faces.target)
    save(clf, tmp_path / "model.fer")
    assert load(tmp_path / "model.fer", architecture=build).architecture is build
