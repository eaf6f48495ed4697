"""The package as a whole: light to import, complete, and its examples run."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import fer_estimators
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


def imports_of(path):
    """Yield the dotted names of what a module imports from this package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fer_estimators"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if "fer_estimators" in alias.name)


def test_no_package_imports_private_names_of_another():
    root = Path(fer_estimators.__file__).parent
    found = []
    for path in root.rglob("*.py"):
        home = path.relative_to(root).parts[0].removesuffix(".py")
        for name in imports_of(path):
            # `_backends`, `_files` and the private modules beside them are for all.
            place, *rest = name.removeprefix("fer_estimators.").split(".")
            if place[0] != "_" and place != home and any(part[0] == "_" for part in rest):
                found.append(f"{path.relative_to(root)}: {name}")
    assert found == []


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
