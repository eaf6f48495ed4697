"""Model files: what loading restores."""

import copy
import json
import pickle
import random
import re
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from fer_estimators import AbstainingClassifier, CNNClassifier, TransferClassifier
from fer_estimators._backends.process_state import dtype_policy
from fer_estimators._files.weights import read_weights
from fer_estimators.architectures import ARCHITECTURES, build_tiny
from fer_estimators.backbones import BACKBONES
from fer_estimators.classifiers import FineTuning
from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence import load, save

# Made again, as they go with the network.
NOT_COMPARED = {"model_", "_compiled", "_trainer", "_weights_came_from_a_file"}


def same(a, b, X):
    return np.array_equal(a.predict_proba(X), b.predict_proba(X))


def test_loaded_classifier_is_the_saved_one(fitted, good, faces):
    loaded = load(good)
    assert type(loaded) is CNNClassifier
    assert loaded.get_params() == fitted.get_params()
    assert same(loaded, fitted, faces.images)
    assert loaded.score(faces.images, faces.target) == fitted.score(faces.images, faces.target)


def test_everything_that_fit_sets_comes_back(fitted, good):
    loaded = load(good)
    assert set(vars(loaded)) - NOT_COMPARED == set(vars(fitted)) - NOT_COMPARED
    for name, value in vars(fitted).items():
        if name not in NOT_COMPARED:
            assert str(getattr(loaded, name)) == str(value), name
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


def test_home_folder_is_expanded(fitted, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(fitted, "~/faces.fer")
    assert load("~/faces.fer").n_epochs_ == load(tmp_path / "faces.fer").n_epochs_ == 1


def test_transfer_classifier_comes_back_with_what_is_frozen(
    make_transfer, tiny_backbone, faces, tmp_path
):
    clf = make_transfer(tiny_backbone, weights=None, fine_tuning=FineTuning(1, 1))
    clf.fit(faces.images, faces.target)
    save(clf, tmp_path / "transfer.fer")
    loaded = load(tmp_path / "transfer.fer", backbone=tiny_backbone)
    assert type(loaded) is TransferClassifier
    assert loaded.fine_tuning == clf.fine_tuning
    for other in (loaded, copy.deepcopy(loaded)):
        assert same(other, clf, faces.images)
        assert trainable_of(other.model_) == trainable_of(clf.model_)


def trainable_of(model):
    nested = [trainable_of(layer) for layer in model.layers if isinstance(layer, keras.Model)]
    return [layer.trainable for layer in model.layers if layer.weights], nested


def test_weights_with_which_training_began_are_not_needed_again(make_transfer, faces, tmp_path):
    clf = make_transfer("mobilenet_025", weights=None, head="study", image_size=32)
    clf.fit(faces.images[:32], faces.target[:32]).set_params(weights="gone.h5")
    save(clf, tmp_path / "transfer.fer")
    loaded = load(tmp_path / "transfer.fer")
    assert loaded.weights == "gone.h5"
    assert same(loaded, clf, faces.images[:9])


def assert_built_again(clf, shape):
    """Build a network, without training it, and build it again from its weights."""
    clf.image_shape_, clf.classes_, clf._seed, clf.device_ = shape, np.arange(3), 0, "cpu"
    with dtype_policy(clf.dtype_policy):
        clf.model_ = clf._build_network(shape, 3)
    clf._record_network(clf.model_, clf._network_parameters())
    again = pickle.loads(pickle.dumps(clf))
    assert again._trainable_layers() == clf._trainable_layers()
    pairs = zip(again.model_.get_weights(), clf.model_.get_weights(), strict=True)
    assert all(np.array_equal(new, old) for new, old in pairs)
    described = [
        re.sub(r"_\d+(?=[\"'])", "", str(network.get_config()))
        for network in (clf.model_, again.model_)
    ]
    assert described[0] == described[1]


@pytest.mark.parametrize("backbone", ["vgg16", "inception_v3", "mobilenet_025"])
def test_backbone_is_built_again_as_it_was(backbone, make_transfer):
    size = max(BACKBONES[backbone].minimum_size, 32)
    clf = make_transfer(backbone, weights=None, image_size=size)
    assert_built_again(clf, (size + 1, size, 1))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_architecture_is_built_again_as_it_was(architecture, policy, make_cnn):
    assert_built_again(make_cnn(architecture=architecture, dtype_policy=policy), (16, 16, 1))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_kept(policy, faces, tmp_path, make_cnn):
    clf = make_cnn(dtype_policy=policy).fit(faces.images, faces.target)
    save(clf, tmp_path / "mixed.fer")
    assert same(load(tmp_path / "mixed.fer"), clf, faces.images)


class Squared(keras.layers.Layer):
    """A layer that Keras could not load: it is not registered, and tells no configuration."""

    def __init__(self, power):
        super().__init__()
        self.power = power

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return self.scale * x**self.power


def build_own(input_shape, n_classes, power=2):
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, strides=4)(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Flatten()(Squared(power)(x))
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))


@pytest.fixture(scope="module")
def own(faces, make_cnn):
    return make_cnn(architecture=build_own).fit(faces.images, faces.target)


def test_network_of_a_function_is_loaded_by_passing_it(own, faces, tmp_path):
    save(own, tmp_path / "own.fer")
    assert same(load(tmp_path / "own.fer", architecture=build_own), own, faces.images)
    with pytest.raises(ModelFileError, match=r"was 'build_own'.*load\(.*own.fer', architecture="):
        load(tmp_path / "own.fer")


def test_custom_layers_come_back_from_pickles(own, faces):
    # Layers made in between get other automatic names.
    build_own((16, 16, 1), 7)
    assert same(pickle.loads(pickle.dumps(own)), own, faces.images)


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (build_tiny, "weights.*but the network has"),
        (partial(build_own, power=3), "answers .*where the saved one answered"),
    ],
)
def test_another_function_is_refused(build, named, own, tmp_path):
    # Weights of any size, as an own function might well compute almost the same otherwise.
    save(own, tmp_path / "own.fer")
    with pytest.raises(ModelFileError, match=f"refused.*{named}"):
        load(tmp_path / "own.fer", architecture=build)


def test_every_object_among_the_parameters_is_asked_for(like, tmp_path):
    objects = {
        "optimizer": keras.optimizers.SGD(),
        "learning_rate_schedule": lambda rate, steps: rate,
        "callbacks": [keras.callbacks.TerminateOnNaN()],
        "random_state": np.random.RandomState(0),
    }
    save(like(**objects), tmp_path / "objects.fer")
    with pytest.raises(ModelFileError, match=r"optimizer was 'SGD'.*callbacks=\.\.\., optimizer="):
        load(tmp_path / "objects.fer", learning_rate_schedule="constant")
    loaded = load(tmp_path / "objects.fer", **objects)
    assert all(getattr(loaded, name) is value for name, value in objects.items())


def test_parameters_may_be_given_in_place_of_those_in_the_file(good, fitted, faces):
    loaded = load(good, verbose=2, tta="flip")
    assert (loaded.verbose, loaded.tta) == (2, "flip")
    with pytest.raises(TypeError, match=r"no parameter 'verbos'.*Did you mean 'verbose'"):
        load(good, verbos=2)
    with pytest.raises(ModelFileError, match="'epochs' parameter"):
        load(good, epochs=0)


@pytest.mark.parametrize(
    "classes",
    [
        np.arange(7) + 10,
        np.arange(7, dtype=np.int8),
        np.array([*"abcdef", "très long"]),
        np.array([*"abcdefg"], dtype="U30"),
        np.array([*"abcdefg"], dtype=object),
        np.arange(7.0),
    ],
    ids=["int", "int8", "str", "wide str", "object", "float"],
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


def test_flat_rows_of_a_data_frame_keep_their_names(faces, tmp_path, make_cnn):
    frame = pd.DataFrame(faces.data, columns=[f"pixel {i}" for i in range(256)])
    clf = make_cnn(image_shape=(16, 16)).fit(frame, faces.target)
    save(clf, tmp_path / "frame.fer")
    loaded = load(tmp_path / "frame.fer")
    assert loaded.feature_names_in_.tolist() == clf.feature_names_in_.tolist()
    assert same(loaded, clf, frame)


def test_double_precision_is_kept(faces, tmp_path, make_cnn):
    if keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float64 only if told so before it starts")
    clf = make_cnn(dtype_policy="float64").fit(faces.images, faces.target)
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
    path = changed(lambda arrays, estimator: estimator["learned"].update(device_="gpu"))
    loaded = load(path)
    assert loaded.device_ in ("cpu", "gpu")
    np.testing.assert_allclose(
        loaded.predict_proba(faces.images[:4]), fitted.predict_proba(faces.images[:4]), rtol=1e-3
    )


def test_parameter_that_a_later_version_adds_gets_its_default(changed):
    path = changed(lambda arrays, estimator: estimator["parameters"].pop("verbose"))
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


def test_file_holds_names_numbers_and_weights_alone(good):
    arrays, metadata = read_weights(good)
    assert all(array.dtype == np.float32 for array in arrays.values())
    assert set(metadata["versions"]) == {"keras", "backend", "scikit-learn", "numpy"}
    assert "class_name" not in json.dumps(metadata)
    assert metadata["estimator"]["parameters"]["architecture"] == "tiny"


def test_half_precision_takes_half_of_the_space_for_the_weights(fitted, good, faces, tmp_path):
    path = tmp_path / "half.fer"
    save(fitted, path, half_precision=True)
    saved = Path(good).stat().st_size - path.stat().st_size
    # The header is filled up to a multiple of eight bytes.
    assert abs(saved - 2 * fitted.model_.count_params()) <= 8
    loaded = load(path)
    assert {weight.dtype.name for weight in loaded.model_.get_weights()} == {"float32"}
    expected = fitted.predict_proba(faces.images)
    np.testing.assert_allclose(loaded.predict_proba(faces.images), expected, atol=5e-3)


@pytest.fixture(params=[True, False], ids=["frozen", "refitted"])
def careful(request, fitted, faces, make_cnn):
    inner = FrozenEstimator(fitted) if request.param else make_cnn()
    careful = AbstainingClassifier(inner, target_accuracy=0.1, cautious=False, cv=0.25, refit=False)
    careful.fit(faces.images, faces.target)
    # So that some faces are answered, and some are not.
    careful.threshold_ = float(np.median(careful.predict_proba(faces.images).max(axis=1)))
    return careful


def test_abstaining_classifier_comes_back(careful, faces, tmp_path):
    save(careful, tmp_path / "careful.fer")
    loaded = load(tmp_path / "careful.fer")
    assert type(loaded) is AbstainingClassifier
    assert isinstance(loaded.estimator, FrozenEstimator) == isinstance(
        careful.estimator, FrozenEstimator
    )
    answers = loaded.predict(faces.images)
    assert "not sure" in answers
    assert np.array_equal(answers, careful.predict(faces.images))
    for name in vars(careful):
        if name not in ("estimator", "estimator_"):
            assert np.array_equal(getattr(loaded, name), getattr(careful, name)), name
    assert loaded.set_params(cv=0.5).fit(faces.images, faces.target).threshold_ is not None


def test_abstaining_classifier_of_a_fixed_threshold_comes_back(fitted, faces, tmp_path):
    careful = AbstainingClassifier(FrozenEstimator(fitted), threshold=0.3)
    save(careful.fit(faces.images, faces.target), tmp_path / "careful.fer")
    loaded = load(tmp_path / "careful.fer")
    assert loaded.threshold_ == 0.3
    assert not hasattr(loaded, "accuracy_")
    assert np.array_equal(loaded.predict(faces.images), careful.predict(faces.images))


def test_an_abstain_label_set_after_fit_is_refused(fitted, faces, tmp_path):
    careful = AbstainingClassifier(FrozenEstimator(fitted), threshold=0.3)
    careful.fit(faces.images, faces.target).set_params(abstain_label="unclear")
    with pytest.raises(ValueError, match="'unclear' was set after fit, which took 'not sure'"):
        save(careful, tmp_path / "careful.fer")


def test_abstaining_classifier_of_a_function_is_loaded_by_passing_it(own, faces, tmp_path):
    careful = AbstainingClassifier(FrozenEstimator(own), target_accuracy=0.1, cautious=False)
    careful.fit(faces.images, faces.target)
    save(careful, tmp_path / "careful.fer")
    loaded = load(tmp_path / "careful.fer", architecture=build_own)
    assert np.array_equal(loaded.predict(faces.images), careful.predict(faces.images))


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


def test_weights_from_a_file_are_not_replaced_without_a_word(fitted, faces, tmp_path):
    save(fitted, tmp_path / "faces.fer")
    loaded = load(tmp_path / "faces.fer").set_params(epochs=1)
    with pytest.warns(UserWarning, match="has its parameters, but not the weights"):
        clone(loaded).fit(faces.images, faces.target)
    with pytest.warns(UserWarning, match=r"replaces the weights .* set warm_start=True"):
        loaded.fit(faces.images, faces.target)
    # It has weights of its own now.
    clone(loaded.fit(faces.images, faces.target))


def test_training_that_continues_from_a_file_warns_of_nothing(fitted, faces, tmp_path):
    save(fitted, tmp_path / "faces.fer")
    load(tmp_path / "faces.fer").partial_fit(faces.images, faces.target)
    warm = load(tmp_path / "faces.fer").set_params(warm_start=True, epochs=1)
    assert warm.fit(faces.images, faces.target).n_epochs_ == fitted.n_epochs_ + 1
