"""Training a fitted classifier further, with ``warm_start`` and ``partial_fit``."""

import copy
import pickle
from functools import partial

import keras
import numpy as np
import pytest

from fer_estimators.architectures import build_tiny
from fer_estimators.evaluation import TrainingCurvesDisplay


def test_warm_start_continues_where_the_last_fit_ended(make, faces):
    clf = make(warm_start=True, epochs=2).fit(faces.images, faces.target)
    first = dict(clf.history_)
    clf.fit(faces.images, faces.target)
    assert clf.n_epochs_ == 4
    assert clf.history_["loss"][:2] == first["loss"]
    assert clf.history_["loss"][2] < first["loss"][0]
    with pytest.raises(ValueError, match=r"labels \['glad'\]"):
        clf.fit(faces.images, np.where(faces.target == "sad", "glad", faces.target))


def n_steps(clf):
    """Count the steps of the optimizer that `partial_fit` keeps."""
    return clf._trainer.model.optimizer.iterations


def blacken():
    return keras.layers.Rescaling(0.0)


@pytest.mark.parametrize("again", ["partial_fit", "fit"])
@pytest.mark.parametrize(("before", "after"), [(None, blacken), (blacken, None)])
def test_a_further_training_takes_the_augmentation_set_since(make, faces, again, before, after):
    kept = make(warm_start=True, augmentation=before).fit(faces.images, faces.target)
    changed = copy.deepcopy(kept).set_params(augmentation=after)
    for clf in (kept, changed):
        getattr(clf, again)(faces.images, faces.target)
    assert changed.history_["loss"][0] == kept.history_["loss"][0]
    assert changed.history_["loss"][1] != kept.history_["loss"][1]
    assert changed.predict(faces.images[:2]).shape == (2,)


def test_partial_fit_takes_no_optimizer_of_long_ago(make, faces):
    clf = make(augmentation=None, batch_size=32, learning_rate=0.003, epochs=2)
    clf.fit(faces.images, faces.target)
    for augmentation in (blacken, None):
        clf.set_params(augmentation=augmentation).partial_fit(faces.images, faces.target)
    assert clf.history_["learning_rate"][-2:] == pytest.approx([0.003, 0.003])
    assert n_steps(clf) == 5


def test_partial_fit_learns_batch_by_batch(make, faces):
    clf = make(batch_size=32, learning_rate=0.003)
    for start in range(0, 140, 70):
        part = slice(start, start + 70)
        clf.partial_fit(faces.images[part], faces.target[part], classes=faces.target_names)
    assert clf.n_epochs_ == 2
    assert clf.history_["learning_rate"] == pytest.approx([0.003, 0.003])
    assert n_steps(clf) == 6
    assert clf.predict(faces.images[:1]).shape == (1,)


def test_history_has_a_value_for_each_epoch_with_and_without_validation(cnn, faces):
    X, y = faces.images, faces.target
    clf = cnn(warm_start=True, validation_fraction=None).fit(X, y)
    clf.fit(X, y, validation_data=(X, y)).partial_fit(X, y)
    assert {len(column) for column in clf.history_.values()} == {clf.n_epochs_} == {3}
    assert np.isnan(clf.history_["val_accuracy"]).tolist() == [True, False, True]
    TrainingCurvesDisplay.from_estimator(clf)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["happy", None], r"classes has 1 missing labels .*at index 1"),
        (["happy", 1], r"classes mixes labels of several kinds.*classes\[1\] = 1"),
        ([b"happy", b"sad"], r"Pass np.char.decode\(classes, 'utf-8'\)"),
    ],
)
def test_classes_of_partial_fit_are_checked_like_labels(classes, message, cnn, faces):
    with pytest.raises(ValueError, match=message):
        cnn().partial_fit(faces.images, faces.target, classes=classes)


def test_partial_fit_needs_the_classes_once(make, faces):
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        make().partial_fit(faces.images, faces.target)
    with pytest.raises(ValueError, match=r"classes holds only one class, \['happy'\]"):
        make().partial_fit(faces.images, ["happy"] * 140, classes=["happy"])
    clf = make().partial_fit(faces.images, faces.target, classes=faces.target_names)
    with pytest.raises(ValueError, match="differ from those of the first call"):
        clf.partial_fit(faces.images, faces.target, classes=["happy", "sad"])


def test_a_parameter_of_the_network_that_has_no_effect_is_reported(cnn, faces):
    clf = cnn(warm_start=True, architecture=partial(build_tiny)).fit(faces.images, faces.target)
    clf.set_params(architecture=partial(build_tiny)).fit(faces.images, faces.target)
    clf.set_params(architecture="compact", dtype_policy="float64")
    for train in (clf.fit, clf.partial_fit):
        with pytest.warns(
            UserWarning, match=r"architecture='compact' .*, dtype_policy=.*no effect"
        ):
            train(faces.images, faces.target)


def test_other_first_weights_have_no_effect_on_a_warm_start_which_is_reported(transfer, faces):
    clf = transfer(warm_start=True).fit(faces.images, faces.target)
    with pytest.warns(UserWarning, match=r"weights='imagenet' .*built with None.*no effect"):
        clf.set_params(weights="imagenet").fit(faces.images, faces.target)


def test_a_parameter_that_nobody_can_compare_counts_as_changed(cnn, faces):
    clf = cnn(warm_start=True).fit(faces.images, faces.target)
    clf.set_params(architecture=partial(build_tiny, dropout=(0.5 for _ in "1")))
    with pytest.warns(UserWarning, match=r"architecture=functools.partial.*has no effect"):
        clf.fit(faces.images, faces.target)


def test_a_copy_can_go_on_training(make, faces):
    clf = make(warm_start=True).fit(faces.images, faces.target)
    copied = pickle.loads(pickle.dumps(clf)).fit(faces.images, faces.target)
    assert copied.n_epochs_ == 2


def test_partial_fit_after_fit_continues_learning(cnn, faces):
    clf = cnn(epochs=2, learning_rate=0.002).fit(faces.images, faces.target)
    before = clf.model_.get_weights()
    clf.partial_fit(faces.images, faces.target)
    assert clf.history_["learning_rate"][-1] == pytest.approx(0.002)
    after = clf.model_.get_weights()
    assert max(np.abs(a - b).max() for a, b in zip(before, after, strict=True)) > 1e-3
    clf.set_params(learning_rate=0.004).partial_fit(faces.images, faces.target)
    assert clf.history_["learning_rate"][-1] == pytest.approx(0.004)


def test_partial_fit_cannot_balance(cnn, faces):
    with pytest.raises(ValueError, match="cannot be computed from a part"):
        cnn(class_weight="balanced").partial_fit(faces.images, faces.target, faces.target_names)
