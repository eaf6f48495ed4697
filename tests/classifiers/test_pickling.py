"""Pickles of classifiers: what they hold, and what another version does with them."""

import copy
import functools
import pickle

import keras
import numpy as np
import pytest

from fer_estimators import CNNClassifier
from fer_estimators.architectures import build_tiny


@pytest.fixture(scope="module")
def fitted(faces):
    """Not to be changed."""
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, validation_fraction=None)
    return clf.fit(faces.images, faces.target)


@pytest.fixture
def older(fitted):
    """Return a function that unpickles `fitted` as another version would have pickled it."""

    def unpickle(edit):
        state = fitted.__getstate__()
        edit(state)
        clf = CNNClassifier.__new__(CNNClassifier)
        clf.__setstate__(state)
        return clf

    return unpickle


def test_network_is_kept_as_its_weights_alone(fitted):
    state = fitted.__getstate__()
    weights, _ = state["model_"]
    assert sum(array.size for array in weights.values()) == fitted.model_.count_params()
    assert b"class_name" not in pickle.dumps(fitted)


def test_what_was_set_after_fit_does_not_change_the_network(fitted, faces):
    clf = copy.deepcopy(fitted).set_params(architecture="compact", dtype_policy="float64")
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(clf))))
    assert again.architecture == "compact"
    assert np.array_equal(
        again.model_.predict(faces.images[..., None], verbose=0),
        fitted.model_.predict(faces.images[..., None], verbose=0),
    )


def test_replaced_network_is_refused_before_it_is_lost(fitted):
    clf = copy.deepcopy(fitted)
    clf.model_ = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match=r"not the network that fit built.*model_\.save"):
        pickle.dumps(clf)


def test_function_is_pickled_by_reference(faces):
    build = functools.partial(build_tiny, dropout=0.1)
    clf = CNNClassifier(build, augmentation=None, epochs=1, validation_fraction=None)
    clf.fit(faces.images, faces.target)
    again = pickle.loads(pickle.dumps(clf))
    assert again.architecture.func is build_tiny
    assert np.array_equal(again.predict_proba(faces.images), clf.predict_proba(faces.images))


def test_parameter_that_a_class_has_gained_gets_its_default_with_a_warning(older, faces):
    def edit(state):
        del state["tta"]
        state["_fer_estimators_version"] = "0.1.5"

    with pytest.warns(UserWarning, match=r"by fer-estimators 0\.1\.5.*'tta': None"):
        clf = older(edit)
    assert clf.tta is None
    assert clf.predict(faces.images[:2]).shape == (2,)


def test_pickles_of_the_first_version_say_that_they_cannot_be_read(older):
    def edit(state):
        del state["_fer_estimators_version"]
        state["model_"] = {"config": {}, "weights": []}

    with pytest.raises(ValueError, match=r"by fer-estimators 0\.1\.0, whose networks"):
        older(edit)


def test_unfitted_classifiers_hold_the_version_too(older):
    state = CNNClassifier().__getstate__()
    assert "_fer_estimators_version" in state
    assert not hasattr(pickle.loads(pickle.dumps(CNNClassifier())), "_fer_estimators_version")


class Shorter(CNNClassifier):
    """A subclass that shows one parameter."""

    def __init__(self, epochs=1):
        super().__init__("tiny", augmentation=None, epochs=epochs, validation_fraction=None)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda clf: pickle.loads(pickle.dumps(clf))])
def test_a_subclass_with_fewer_parameters_comes_back(faces, duplicate):
    clf = Shorter().fit(faces.images, faces.target)
    again = duplicate(clf)
    np.testing.assert_array_equal(
        again.predict_proba(faces.images), clf.predict_proba(faces.images)
    )


def test_network_with_ruined_weights_does_not_predict_after_a_copy(cnn, faces):
    clf = cnn().fit(faces.images, faces.target)
    first, *others = clf.model_.get_weights()
    first[..., 0] = np.nan
    clf.model_.set_weights([first, *others])
    copied = pickle.loads(pickle.dumps(clf))
    with pytest.raises(ValueError, match="1 of the network's weights hold NaN or infinity"):
        copied.predict(faces.images)
