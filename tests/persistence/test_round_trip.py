"""Model files: what comes back."""

import hashlib
import json
import pickle
import random
import subprocess
import sys
import threading
from pathlib import Path

import fuzz_model_files as fuzz
import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone

from fer_estimators import CNNClassifier, TransferClassifier
from fer_estimators.architectures import ARCHITECTURES
from fer_estimators.backbones import BACKBONES
from fer_estimators.classifiers._heads import HEADS
from fer_estimators.persistence import load, save
from fer_estimators.persistence._network import build_network, describe_network, find_unknown


def same(a, b, X):
    return np.array_equal(a.predict_proba(X), b.predict_proba(X))


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


def test_transfer_classifier_comes_back_with_what_is_frozen(
    make_transfer, tiny_backbone, faces, tmp_path
):
    clf = make_transfer(tiny_backbone, weights=None, fine_tuning=(1,))
    clf.set_params(fine_tuning=(1, 1)).fit(faces.images, faces.target)
    save(clf.set_params(backbone="mobilenet_025"), tmp_path / "transfer.fer")
    loaded = load(tmp_path / "transfer.fer")
    assert type(loaded) is TransferClassifier
    assert same(loaded, clf, faces.images)
    assert trainable_of(loaded.model_) == trainable_of(clf.model_)


def trainable_of(model):
    nested = [trainable_of(layer) for layer in model.layers if isinstance(layer, keras.Model)]
    return [layer.trainable for layer in model.layers if layer.weights], nested


@pytest.mark.parametrize("augmentation", ["standard", "study"])
def test_augmentation_is_made_anew(augmentation, fitted, faces, tmp_path, like):
    # Trained without, because tracing an augmentation takes longer than the rest of this module.
    clf = like(augmentation=augmentation)
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
def test_labels_keep_their_dtype(classes, faces, tmp_path, like):
    clf = like()
    clf.classes_ = classes
    save(clf, tmp_path / "labels.fer")
    loaded = load(tmp_path / "labels.fer")
    assert loaded.classes_.dtype == classes.dtype
    assert loaded.predict(faces.images[:9]).tolist() == clf.predict(faces.images[:9]).tolist()


def test_parameters_keep_their_types(tmp_path, like):
    clf = like(
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


def test_weights_given_as_a_path_stay_a_path(tmp_path, like):
    save(like(TransferClassifier, weights=Path("some.h5")), tmp_path / "path.fer")
    assert load(tmp_path / "path.fer").weights == Path("some.h5")


def test_flat_rows_of_a_data_frame_keep_their_names(faces, tmp_path, make_cnn):
    frame = pd.DataFrame(faces.data, columns=[f"pixel {i}" for i in range(256)])
    clf = make_cnn(image_shape=(16, 16)).fit(frame, faces.target)
    save(clf, tmp_path / "frame.fer")
    loaded = load(tmp_path / "frame.fer")
    assert loaded.feature_names_in_.tolist() == clf.feature_names_in_.tolist()
    assert same(loaded, clf, frame)


@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16"])
def test_precision_is_kept(policy, faces, tmp_path, make_cnn):
    if policy == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float64 only if told so before it starts")
    clf = make_cnn(dtype_policy=policy).fit(faces.images, faces.target)
    save(clf, tmp_path / "precise.fer")
    assert same(load(tmp_path / "precise.fer"), clf, faces.images)


def test_diverged_history_comes_back(tmp_path, like):
    clf = like()
    clf.history_ = {"loss": [1.5, float("inf"), float("nan")]}
    save(clf, tmp_path / "diverged.fer")
    assert str(load(tmp_path / "diverged.fer").history_) == str(clf.history_)


def test_metadata_requests_come_back(tmp_path, like):
    clf = like()
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


def test_network_may_start_from_a_loaded_one(good, faces, make_cnn):
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


def test_network_alone_is_read_by_keras_without_this_library(fitted, faces, tmp_path):
    fitted.model_.save(tmp_path / "faces.keras")
    np.save(tmp_path / "faces.npy", faces.images[:5, ..., None])
    code = (
        "import keras, numpy as np, sys; model = keras.saving.load_model('faces.keras'); "
        "np.save('y_proba.npy', model.predict(np.load('faces.npy'), verbose=0)); "
        "assert 'fer_estimators' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    y_proba = np.load(tmp_path / "y_proba.npy")
    np.testing.assert_allclose(y_proba, fitted.predict_proba(faces.images[:5]), atol=1e-5)
