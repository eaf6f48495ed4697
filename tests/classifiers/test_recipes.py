"""Arguments left to a recipe."""

import numpy as np
import pytest
from sklearn.base import clone

from fer_estimators import CNNClassifier
from fer_estimators.classifiers._recipes import RECIPES
from fer_estimators.exceptions import CheckpointError


def test_recipe_leaves_the_parameters_as_they_were_given():
    clf = CNNClassifier(recipe="best", patience=3)
    params = clone(clf).get_params()
    assert (params["epochs"], params["patience"]) == ("auto", 3)


def test_arguments_that_are_given_win(faces):
    clf = CNNClassifier("tiny", recipe="best", augmentation=None, epochs=2, random_state=0)
    clf.fit(faces.images, faces.target)
    assert clf.n_epochs_ == 2
    # "best" holds nothing out.
    assert "val_loss" not in clf.history_


def test_fast_holds_images_out(faces):
    clf = CNNClassifier("tiny", augmentation=None, epochs=1).fit(faces.images, faces.target)
    assert "val_loss" in clf.history_


def test_recipe_is_the_arguments_that_it_sets(faces):
    named = CNNClassifier("tiny", recipe="fast", epochs=1, random_state=0)
    spelt = CNNClassifier("tiny", **{**RECIPES["fast"], "epochs": 1}, random_state=0)
    for clf in (named, spelt):
        clf.fit(faces.images, faces.target)
    expected = spelt.predict_proba(faces.images)
    np.testing.assert_array_equal(named.predict_proba(faces.images), expected)


def test_recipes_set_arguments_that_may_be_left_to_them():
    defaults = CNNClassifier().get_params()
    assert all(defaults[name] == "auto" for recipe in RECIPES.values() for name in recipe)


def test_unknown_recipe_suggests_one(faces):
    with pytest.raises(ValueError, match=r"recipe='bset' is unknown.*Did you mean 'best'"):
        CNNClassifier("tiny", recipe="bset").fit(faces.images, faces.target)


def test_checkpoint_knows_what_a_recipe_sets(faces, tmp_path):
    params = {"epochs": 1, "augmentation": None, "random_state": 0}
    fit = {"X": faces.images, "y": faces.target, "checkpoint": tmp_path / "there"}
    CNNClassifier("tiny", **params).fit(**fit)
    # The same in other words.
    CNNClassifier("tiny", **{**RECIPES["fast"], **params}).fit(**fit)
    with pytest.raises(CheckpointError, match="patience, validation_fraction changed"):
        CNNClassifier("tiny", recipe="best", **params).fit(**fit)
