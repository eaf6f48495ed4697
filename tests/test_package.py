"""The package as a whole: light to import, complete, and its examples run."""

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from graphlib import CycleError

import keras
import pytest

import fer_estimators
import structure
from fer_estimators._backends import BACKENDS


@pytest.mark.parametrize(
    "module", ["fer_estimators", "fer_estimators.datasets", "fer_estimators.evaluation"]
)
def test_import_is_light(module):
    code = (
        f"import sys, {module}\n"
        "heavy = {'keras', 'tensorflow', 'scikeras', 'jax', 'torch', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_resolves_and_is_documented():
    for name in fer_estimators.__all__:
        assert getattr(fer_estimators, name) is not None
        assert name in dir(fer_estimators)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No fer_estimators attribute CNNClasifier"):
        _ = fer_estimators.CNNClasifier


def modules():
    names = [
        info.name for info in pkgutil.walk_packages(fer_estimators.__path__, "fer_estimators.")
    ]
    others = set(BACKENDS) - {keras.backend.backend()}
    needs_another_backend = {f"fer_estimators._backends.{name}" for name in others}
    return ["fer_estimators", *(name for name in names if name not in needs_another_backend)]


@pytest.mark.parametrize("module", modules())
def test_examples_in_docstrings_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(
        importlib.import_module(module),
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert result.failed == 0


def test_public_functions_and_classes_have_examples():
    public = [getattr(fer_estimators, name) for name in fer_estimators.__all__]
    without = [
        thing.__name__
        for thing in public
        if (inspect.isfunction(thing) or inspect.isclass(thing)) and ">>>" not in thing.__doc__
    ]
    assert without == []


def test_no_package_imports_private_names_of_another():
    assert structure.private_imports(structure.modules_of(structure.ROOT)) == []


def test_no_packages_import_each_other_in_a_circle():
    floors = structure.floors_of(structure.import_graph(structure.modules_of(structure.ROOT)))
    assert floors[-1]
    with pytest.raises(CycleError):
        structure.floors_of({"a": {"b"}, "b": {"a"}})


def test_fit_can_be_followed_in_a_dozen_files():
    entered = structure.trace_fit(structure.ROOT)["entered"]
    assert len([path for path in entered if path[0] != "_"]) <= 12


def test_scikeras_leaves_keras_as_it_was():
    code = (
        "import keras\n"
        "before = {c: (c.__reduce__, getattr(c, '__deepcopy__', None)) for c in "
        "(keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)}\n"
        "import fer_estimators.classifiers\n"
        "after = {c: (c.__reduce__, getattr(c, '__deepcopy__', None)) for c in before}\n"
        "print(before == after)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
