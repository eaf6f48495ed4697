"""Behaviour that all classifiers share."""

import copy
import gc
import pickle
import random
import sys
from enum import Enum
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import check_cv
from sklearn.pipeline import make_pipeline

from fer_estimators import ImageResizer
from fer_estimators._backends import get_backend
from fer_estimators.architectures import build_tiny
from fer_estimators.classifiers._data import split_rows
from fer_estimators.evaluation import classification_report


def weights_of(clf):
    return clf.model_.get_weights()


def equal_weights(a, b):
    pairs = zip(weights_of(a), weights_of(b), strict=True)
    return all(np.array_equal(first, second) for first, second in pairs)


def test_predicts_labels_of_the_user(make, faces):
    clf = make().fit(faces.images, faces.target)
    assert clf.classes_.tolist() == sorted(faces.target_names)
    assert set(clf.predict(faces.images)) <= set(faces.target_names)
    assert 0 <= clf.score(faces.images, faces.target) <= 1


def test_integer_labels_come_back_as_integers(make, faces):
    codes = np.searchsorted(np.unique(faces.target), faces.target) + 10
    predicted = make().fit(faces.images, codes).predict(faces.images)
    assert predicted.dtype == codes.dtype
    assert predicted.min() >= 10


@pytest.mark.parametrize("n", [1, 5])
def test_probabilities_have_a_row_for_each_image(make, faces, n):
    clf = make().fit(faces.images, faces.target)
    probabilities = clf.predict_proba(faces.images[:n])
    assert probabilities.shape == (n, 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert np.array_equal(clf.predict(faces.images[:n]), clf.classes_[probabilities.argmax(1)])


def test_is_a_classifier_so_that_cross_validation_stratifies(make, faces):
    assert is_classifier(make())
    cv = check_cv(3, faces.target, classifier=is_classifier(make()))
    assert type(cv).__name__ == "StratifiedKFold"


def test_same_seed_gives_the_same_model(make, with_dropout, faces):
    params = {**with_dropout, "augmentation": "standard", "epochs": 2, "random_state": 3}
    first = make(**params).fit(faces.images, faces.target)
    second = make(**params).fit(faces.images, faces.target)
    assert equal_weights(first, second)
    assert equal_weights(first.fit(faces.images, faces.target), second)
    other = make(**{**params, "random_state": 4}).fit(faces.images, faces.target)
    assert not equal_weights(first, other)


def test_fit_leaves_global_random_state_and_the_working_folder_alone(
    make, faces, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = random.getstate(), np.random.get_state()[1]  # noqa: NPY002
    make().fit(faces.images, faces.target).predict(faces.images)
    assert random.getstate() == expected[0]
    assert np.array_equal(np.random.get_state()[1], expected[1])  # noqa: NPY002
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("verbose", [1, 2])
def test_verbose_prints_the_epochs_without_control_characters(cnn, faces, capfd, verbose):
    cnn(verbose=verbose, epochs=2).fit(faces.images, faces.target)
    printed = capfd.readouterr().out
    assert "Epoch 2/2" in printed
    assert "val_accuracy" in printed
    assert printed.replace("\n", "").isprintable()


def test_verbose_shows_a_bar_in_a_terminal(cnn, faces, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    cnn(verbose=1, epochs=1).fit(faces.images, faces.target)
    assert "━" in capsys.readouterr().out


def test_clone_keeps_parameters_and_forgets_the_fit(make, faces):
    clf = make(class_weight="balanced").fit(faces.images, faces.target)
    copied = clone(clf)
    assert copied.get_params() == clf.get_params()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        copied.predict(faces.images)


@pytest.mark.parametrize(
    "duplicate",
    [lambda clf: pickle.loads(pickle.dumps(clf)), copy.deepcopy],
    ids=["pickle", "copy"],
)
@pytest.mark.parametrize("augmentation", [None, "study"])
def test_copies_predict_equal_to_the_bit(make, faces, duplicate, augmentation):
    clf = make(augmentation=augmentation).fit(faces.images, faces.target)
    copied = duplicate(clf)
    assert np.array_equal(copied.predict_proba(faces.images), clf.predict_proba(faces.images))
    assert copied.history_ == clf.history_


def test_pixels_of_any_dtype_and_layout_predict_alike(fitted, faces):
    expected = fitted.predict_proba(faces.images)
    for same in (
        faces.images[..., np.newaxis],
        faces.images.astype(np.float64),
        faces.images.astype(np.int64),
        faces.data,
        list(faces.images),
        np.asfortranarray(faces.images),
    ):
        np.testing.assert_allclose(fitted.predict_proba(same), expected, atol=1e-6)


def test_flat_rows_train_like_images(cnn, faces):
    flat = cnn(image_shape=(16, -1)).fit(faces.data, faces.target)
    assert flat.image_shape_ == (16, 16, 1)
    assert equal_weights(flat, cnn().fit(faces.images, faces.target))


def test_colour_images_train(make, faces):
    colour = np.repeat(faces.images[..., np.newaxis], 3, axis=-1)
    clf = make().fit(colour, faces.target)
    assert clf.image_shape_ == (16, 16, 3)
    assert clf.n_features_in_ == 16 * 16 * 3


def test_memory_map_trains_and_predicts(cnn, faces, tmp_path):
    np.save(tmp_path / "faces.npy", faces.images)
    mapped = np.load(tmp_path / "faces.npy", mmap_mode="r")
    clf = cnn().fit(mapped, faces.target)
    assert equal_weights(clf, cnn().fit(faces.images, faces.target))
    assert clf.predict(mapped).shape == (140,)


def test_history_has_one_value_for_each_epoch(make, faces):
    clf = make(epochs=3).fit(faces.images, faces.target)
    assert set(clf.history_) == {
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
    }
    assert {len(values) for values in clf.history_.values()} == {3}
    assert clf.n_epochs_ == 3


def test_validation_part_is_stratified_and_kept_from_training():
    codes = np.repeat(np.arange(7), 20)
    training, validation = split_rows(codes, np.arange(7), 0.2, weights=None, seed=0)
    assert sorted([*training, *validation]) == list(range(140))
    assert np.bincount(codes[validation]).tolist() == [4] * 7


def test_given_validation_data_are_used(cnn, faces):
    half = slice(None, 70), slice(70, None)
    clf = cnn().fit(
        faces.images[half[0]],
        faces.target[half[0]],
        validation_data=(faces.images[half[1]], faces.target[half[1]]),
    )
    assert clf.history_["val_accuracy"][0] == pytest.approx(
        clf.score(faces.images[half[1]], faces.target[half[1]])
    )


def test_without_validation_the_last_epoch_is_kept(cnn, faces):
    clf = cnn(validation_fraction=None, epochs=2).fit(faces.images, faces.target)
    assert "val_loss" not in clf.history_
    assert clf.best_epoch_ == clf.n_epochs_ == 2


def test_stops_early_and_keeps_the_best_weights(cnn, faces):
    # Labels without any relation to the images: no epoch is better for long.
    labels = np.random.default_rng(0).permutation(faces.target)
    clf = cnn(epochs=60, patience=2, learning_rate=0.01, learning_rate_schedule="constant")
    clf.fit(faces.images[:70], labels[:70], validation_data=(faces.images[70:], labels[70:]))
    assert clf.n_epochs_ == clf.best_epoch_ + 2 < 60
    best = max(clf.history_["val_accuracy"])
    assert clf.score(faces.images[70:], labels[70:]) == pytest.approx(best)


def test_without_patience_all_epochs_run_and_the_last_is_kept(cnn, faces):
    labels = np.random.default_rng(0).permutation(faces.target)
    params = {"learning_rate": 0.01, "learning_rate_schedule": "constant", "epochs": 8}
    data = faces.images[:70], labels[:70]
    held_out = faces.images[70:], labels[70:]
    clf = cnn(patience=None, **params).fit(*data, validation_data=held_out)
    assert clf.n_epochs_ == clf.best_epoch_ == 8
    assert clf.score(*held_out) == pytest.approx(clf.history_["val_accuracy"][-1])
    assert cnn(patience=1, **params).fit(*data, validation_data=held_out).n_epochs_ < 8


def test_sample_weight_is_not_changed_and_zero_means_absent(cnn, faces):
    params = {"batch_size": 1000, "validation_fraction": None}
    weights = np.ones(140)
    weights[70:] = 0
    before = weights.copy()
    weighted = cnn(class_weight="balanced", **params)
    weighted.fit(faces.images, faces.target, sample_weight=weights)
    assert np.array_equal(weights, before)
    half = cnn(**params).fit(faces.images, faces.target, sample_weight=weights)
    alone = cnn(**params).fit(faces.images[:70], faces.target[:70])
    for a, b in zip(weights_of(half), weights_of(alone), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


# With members that are text: NumPy would cut "Emotion.SAD" to "Emotion.", as "Emotion.SURPRISE".
Emotion = Enum("Emotion", {name.upper(): name for name in ("happy", "sad", "surprise")}, type=str)


@pytest.mark.parametrize("container", [list, pd.Series, partial(np.array, dtype=object)])
def test_members_of_an_enumeration_are_the_text_that_they_equal(cnn, faces, container):
    chosen = np.isin(faces.target, [member.value for member in Emotion])
    images, names = faces.images[chosen], faces.target[chosen]
    members = container([Emotion(name) for name in names])
    clf = cnn().fit(images, members)
    assert clf.classes_.tolist() == ["happy", "sad", "surprise"]
    assert clf.score(images, members) == clf.score(images, names)
    assert classification_report(members, names, output="dict")["accuracy"] == 1
    further = cnn().partial_fit(images, members, classes=Emotion)
    assert further.classes_.tolist() == ["happy", "sad", "surprise"]


def test_members_of_other_enumerations_are_refused(cnn, faces):
    members = Enum("Emotion", faces.target_names.tolist())
    labels = [members[name] for name in faces.target]
    message = r"\[0\] = <Emotion.*has type Emotion, but names.*\[label.name for label in"
    with pytest.raises(ValueError, match=message):
        cnn().fit(faces.images, labels)
    with pytest.raises(ValueError, match=message):
        cnn().partial_fit(faces.images, labels, classes=members)
    with pytest.raises(ValueError, match=message):
        classification_report(labels, labels)


@pytest.mark.parametrize("dtype", ["Int64", "boolean"])
def test_labels_in_nullable_columns_of_pandas_keep_their_kind(cnn, faces, dtype):
    labels = pd.Series(faces.target == "happy").astype(dtype)
    assert cnn().fit(faces.images, labels).classes_.dtype.kind == {"Int64": "i"}.get(dtype, "b")


def test_balanced_classes_count_alike(cnn, faces):
    rows = np.flatnonzero((faces.target == "happy") | (faces.target == "sad"))
    keep = np.r_[rows[faces.target[rows] == "happy"], rows[faces.target[rows] == "sad"][:5]]
    images, labels = faces.images[keep], faces.target[keep]
    params = {"epochs": 2, "batch_size": 1000, "validation_fraction": None}
    balanced = cnn(class_weight="balanced", **params).fit(images, labels)
    # The same weights, said in another way; an overall factor does not count.
    by_hand = cnn(**params).fit(images, labels, sample_weight=np.where(labels == "sad", 4.0, 1.0))
    plain = cnn(**params).fit(images, labels)
    expected = by_hand.predict_proba(images)
    np.testing.assert_allclose(balanced.predict_proba(images), expected, atol=1e-5)
    assert np.abs(plain.predict_proba(images) - expected).max() > 1e-3


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e38, 1e300])
def test_only_the_ratios_of_weights_count(cnn, faces, scale):
    weights = np.arange(1.0, 141)
    expected = cnn().fit(faces.images, faces.target, sample_weight=weights)
    found = cnn().fit(faces.images, faces.target, sample_weight=weights * scale)
    for a, b in zip(weights_of(found), weights_of(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_learns_what_it_is_shown(fitted, faces):
    assert fitted.score(faces.images, faces.target) > 0.6


def test_augmentation_is_off_at_inference(cnn, faces):
    clf = cnn(augmentation="study").fit(faces.images, faces.target)
    assert np.array_equal(clf.predict_proba(faces.images), clf.predict_proba(faces.images))


def test_callbacks_of_the_user_are_called(cnn, faces):
    seen = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, "val_accuracy" in logs))
    )
    clf = cnn(epochs=2, callbacks=[callback]).fit(faces.images, faces.target)
    assert seen == [(0, True), (1, True)]
    # The parameter does not hold on to the network.
    assert clf.callbacks[0].model is None


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_optimizers_and_schedules_by_name(cnn, faces, optimizer, schedule):
    clf = cnn(optimizer=optimizer, learning_rate_schedule=schedule, learning_rate=0.002, epochs=20)
    rates = clf.fit(faces.images, faces.target).history_["learning_rate"]
    if schedule == "constant":
        assert rates == pytest.approx([0.002] * len(rates))
    else:
        # Up for 15 % of the steps, then down to nothing.
        assert rates[0] < rates[1] < rates[2] == pytest.approx(0.002, rel=0.02)
        assert all(np.diff(rates[3:]) < 0)


def test_optimizer_instance_is_copied_with_its_own_learning_rate(cnn, faces):
    optimizer = keras.optimizers.SGD(0.125)
    clf = cnn(optimizer=optimizer).fit(faces.images, faces.target)
    assert clf.history_["learning_rate"] == [0.125]
    assert not optimizer.built


@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16"])
def test_dtype_policy_holds_for_this_network_alone(make, faces, policy):
    clf = make(dtype_policy=policy).fit(faces.images, faces.target)
    assert keras.config.dtype_policy().name == "float32"
    probabilities = clf.predict_proba(faces.images)
    assert probabilities.dtype == ("float64" if policy == "float64" else "float32")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_device_is_said_and_an_absent_gpu_is_an_error(cnn, faces, monkeypatch):
    monkeypatch.setattr(get_backend(), "list_gpus", list)
    assert cnn().fit(faces.images, faces.target).device_ == "cpu"
    with pytest.raises(ValueError, match=r"sees no GPU.*or pass device='auto'"):
        cnn(device="gpu").fit(faces.images, faces.target)


def test_a_failed_refit_leaves_the_classifier_as_it_was(make, faces):
    clf = make(class_weight=None).fit(faces.images, faces.target)
    before = clf.predict(faces.images)
    labels = np.array(["mad"] * 139 + ["glad"])
    with pytest.raises(ValueError, match="fewer than 2"):
        clf.fit(faces.images[:, :12], labels)
    assert np.array_equal(clf.predict(faces.images), before)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_first_fit_does_not_count_as_fitted(cnn, faces, error):
    def fail(epoch, logs):
        raise error

    clf = cnn(callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=fail)])
    with pytest.raises(error):
        clf.fit(faces.images, faces.target)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        clf.predict(faces.images)


class Never(keras.callbacks.Callback):
    """Fails if training begins."""

    def on_train_begin(self, logs=None):
        raise AssertionError("trained")


def test_a_network_must_give_probabilities(cnn, faces):
    def logits(input_shape, n_classes):
        inputs = keras.Input(input_shape)
        return keras.Model(
            inputs, keras.layers.Dense(n_classes)(keras.layers.Flatten()(inputs) / 255)
        )

    with pytest.raises(ValueError, match=r"X\[0\] is .*End the network with a softmax"):
        cnn(architecture=logits, callbacks=[Never()]).fit(faces.images, faces.target)

    def below_zero(input_shape, n_classes):
        network = build_tiny(input_shape, n_classes)
        shares = keras.layers.Rescaling(50, offset=-49 / n_classes, name="shares")
        return keras.Model(network.input, shares(network.output))

    with pytest.raises(ValueError, match=r"X\[0\] is .*End the network with a softmax"):
        cnn(architecture=below_zero, callbacks=[Never()]).fit(faces.images, faces.target)
    with pytest.raises(ValueError, match=r"output has shape \(None, 5\), but \(None, 7\)"):
        cnn(architecture=lambda shape, n: logits(shape, 5)).fit(faces.images, faces.target)
    with pytest.raises(TypeError, match="returned None of type NoneType"):
        cnn(architecture=lambda shape, n: None).fit(faces.images, faces.target)


def test_an_optimizer_class_and_an_augmentation_function_are_taken(cnn, faces):
    clf = cnn(optimizer=keras.optimizers.Adam, augmentation=lambda: keras.layers.RandomFlip())
    assert clf.fit(faces.images, faces.target).n_epochs_ == 1
    with pytest.raises(TypeError, match="is a layer, but a function that makes one"):
        cnn(augmentation=keras.layers.RandomFlip()).fit(faces.images, faces.target)


def test_unpickling_leaves_global_random_state_alone(cnn, faces):
    packed = pickle.dumps(cnn().fit(faces.images, faces.target))
    before = random.getstate()
    pickle.loads(packed)
    assert random.getstate() == before


def test_a_network_put_in_place_of_the_fitted_one_predicts_and_is_trained(make, faces):
    clf = make().partial_fit(faces.images, faces.target, classes=np.unique(faces.target))
    clf.predict(faces.images[:1])
    other = keras.models.clone_model(clf.model_)
    other.set_weights([0 * weights for weights in other.get_weights()])
    clf.model_ = other
    n_classes = len(clf.classes_)
    np.testing.assert_allclose(clf.predict_proba(faces.images[:2]), 1 / n_classes, rtol=1e-6)
    clf.partial_fit(faces.images, faces.target)
    assert any(weights.any() for weights in other.get_weights())
    assert np.ptp(clf.predict_proba(faces.images[:2])) > 0


@pytest.mark.parametrize("augmentation", [None, "standard"])
def test_the_network_answers_the_same_however_it_is_called(make, faces, augmentation):
    clf = make(augmentation=augmentation).fit(faces.images, faces.target)
    before = [weight.copy() for weight in clf.model_.get_weights()]
    expected = clf.predict_proba(faces.images)
    pixels = faces.images[..., np.newaxis].astype("float32")
    for answer in (clf.model_(pixels), clf.model_.predict(pixels, verbose=0)):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(answer), expected, atol=1e-5)
    for weight, value in zip(clf.model_.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_a_network_that_changes_images_by_itself_is_refused(cnn, faces):
    def flipping(input_shape, n_classes):
        inputs = keras.Input(input_shape)
        x = keras.layers.Flatten()(keras.layers.RandomFlip(name="flip")(inputs) / 255)
        return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))

    with pytest.raises(ValueError, match=r"\['flip'\] change images.*as `augmentation`"):
        cnn(architecture=flipping).fit(faces.images, faces.target)


def test_a_network_with_ruined_weights_is_refused(cnn, faces):
    def ruined(input_shape, n_classes):
        inputs = keras.Input(input_shape)
        first = keras.layers.Dense(
            4, "relu", kernel_initializer=keras.initializers.Constant(np.nan)
        )
        x = first(keras.layers.Flatten()(inputs))
        return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))

    with pytest.raises(ValueError, match="1 of the network's weights hold NaN or infinity"):
        cnn(architecture=ruined).fit(faces.images, faces.target)


def sequential(input_shape, n_classes):
    """A network without a declared input."""
    return keras.Sequential(
        [
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )


class Subclassed(keras.Model):
    """A network in Keras' other style."""

    def __init__(self, n_classes):
        super().__init__()
        self.flatten = keras.layers.Flatten()
        self.dense = keras.layers.Dense(n_classes, activation="softmax")

    def call(self, images):
        return self.dense(self.flatten(images / 255))


@pytest.mark.parametrize("build", [sequential, lambda shape, n: Subclassed(n)])
@pytest.mark.parametrize("augmentation", [None, "standard"])
def test_networks_in_every_style_of_keras_are_taken(cnn, faces, build, augmentation):
    clf = cnn(architecture=build, augmentation=augmentation).fit(faces.images, faces.target)
    assert clf.predict(faces.images[:3]).shape == (3,)


def test_a_network_in_place_of_a_function_says_what_to_pass(cnn, faces):
    network = sequential((16, 16, 1), 7)
    with pytest.raises(TypeError, match="is a network, but each fit needs a new one"):
        cnn(architecture=network).fit(faces.images, faces.target)


def test_a_callback_that_holds_parts_of_tensorflow_does_it_no_harm(cnn, faces, tmp_path):
    tf = pytest.importorskip("tensorflow")

    class Writes(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.writer = tf.summary.create_file_writer(str(tmp_path))

    clf = cnn(callbacks=[Writes()]).fit(faces.images, faces.target)
    assert not hasattr(clf.callbacks[0], "writer")
    clone(clf)
    gc.collect()
    values = tf.ones((2, 3))
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(values, axis=[0, 1])
    assert (tape.gradient(total, values).numpy() == 1).all()


@pytest.mark.parametrize("name", ["CSVLogger", "ModelCheckpoint"])
def test_callbacks_that_open_files_leave_a_classifier_that_can_be_copied(
    cnn, faces, tmp_path, name
):
    callback = getattr(keras.callbacks, name)(str(tmp_path / "logs.weights.h5"))
    clf = cnn(callbacks=[callback]).fit(faces.images, faces.target)
    pickle.loads(pickle.dumps(clf))
    copy.deepcopy(clf)
    clone(clf).fit(faces.images, faces.target)


@pytest.mark.parametrize(
    "callback",
    [keras.callbacks.ReduceLROnPlateau(), keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)],
)
def test_a_second_schedule_is_refused_before_training(cnn, faces, callback):
    with pytest.raises(ValueError, match=r"sets the learning rate.*'constant'"):
        cnn(callbacks=[callback, Never()]).fit(faces.images, faces.target)
    clf = cnn(callbacks=[callback], learning_rate_schedule="constant")
    assert clf.fit(faces.images, faces.target).n_epochs_ == 1


def test_patience_waits_until_the_learning_rate_has_risen(cnn, faces):
    # At this rate nothing is learned until well into the rise over nine of sixty epochs.
    clf = cnn(epochs=60, patience=1, learning_rate=1e-9, batch_size=32)
    assert clf.fit(faces.images, faces.target).n_epochs_ > 9


def test_validation_images_pass_through_a_pipeline(cnn, faces):
    with config_context(enable_metadata_routing=True):
        clf = cnn().set_fit_request(X_val=True, y_val=True)
        steps = make_pipeline(ImageResizer(8), clf, transform_input=["X_val"])
        steps.fit(faces.images, faces.target, X_val=faces.images[:40], y_val=faces.target[:40])
    assert steps[-1].image_shape_ == (8, 8, 1)
    assert "val_accuracy" in steps[-1].history_


def test_validation_images_and_labels_come_together(cnn, faces):
    X, y = faces.images, faces.target
    with pytest.raises(ValueError, match="y_val is missing"):
        cnn().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="Pass only one"):
        cnn().fit(X, y, X_val=X, y_val=y, validation_data=(X, y))
