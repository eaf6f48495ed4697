"""Recipes: settings of a training that belong together, by name."""

from fer_estimators._messages import suggest

AUTO = "auto"

# What the constructor arguments that are "auto" stand for.
RECIPES = {
    "fast": {
        "augmentation": "standard",
        "epochs": 20,
        "validation_fraction": 0.1,
        "patience": 10,
    },
    "best": {
        "augmentation": "strong",
        "epochs": 60,
        "validation_fraction": None,
        "patience": None,
    },
}


def settle(params):
    """Put what a recipe says in place of the arguments that were left to it.

    Parameters
    ----------
    params : dict
        Of a classifier, ``recipe`` among them.

    Returns
    -------
    dict
        The same, without ``"auto"`` where the recipe has a value.

    Raises
    ------
    ValueError
        If the recipe is unknown.

    Examples
    --------
    >>> from fer_estimators.classifiers._recipes import settle
    >>> settle({"recipe": "best", "epochs": 30, "patience": "auto"})
    {'recipe': 'best', 'epochs': 30, 'patience': None}
    """
    name = params["recipe"]
    if name not in RECIPES:
        raise ValueError(
            f"recipe={name!r} is unknown; expected one of {sorted(RECIPES)}."
            + suggest(name, RECIPES)
        )
    recipe = RECIPES[name]
    return {
        name: recipe[name] if name in recipe and _is_auto(value) else value
        for name, value in params.items()
    }


def _is_auto(value):
    return isinstance(value, str) and value == AUTO
