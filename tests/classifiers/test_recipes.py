"""Recipes: settings that belong together."""

import pytest

from fer_estimators import CNNClassifier
from fer_estimators.classifiers import RECIPES


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_parameters_show_what_a_recipe_sets(name):
    params = CNNClassifier(**RECIPES[name]).get_params()
    assert {key: params[key] for key in RECIPES[name]} == RECIPES[name]


def test_fast_is_the_default():
    assert CNNClassifier(**RECIPES["fast"]).get_params() == CNNClassifier().get_params()


def test_recipes_set_the_same_parameters():
    assert len({frozenset(recipe) for recipe in RECIPES.values()}) == 1
