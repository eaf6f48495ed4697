"""The three backends offer the same functions, and no other module imports a backend."""

import ast
import inspect
from pathlib import Path

import keras
import pytest

from fer_estimators import _backends

SOURCE = Path(_backends.__file__).parents[1]


def imported_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE))
)
def test_only_its_own_module_imports_a_backend(path):
    imported = set(imported_names(ast.parse(path.read_text(encoding="utf-8"))))
    # `tensorflow_export` belongs to `tensorflow`.
    allowed = {path.stem.partition("_")[0]} if path.parent.name == "_backends" else set()
    assert imported & set(_backends.BACKENDS) <= allowed


def public_functions(name):
    """Read the functions of a module without importing it, with their parameters."""
    tree = ast.parse((SOURCE / "_backends" / f"{name}.py").read_text(encoding="utf-8"))
    return {
        node.name: ast.unparse(node.args)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


@pytest.mark.parametrize("name", _backends.BACKENDS[1:])
def test_each_backend_offers_the_same_functions(name):
    assert public_functions(name) == public_functions("tensorflow")


def test_the_backend_is_the_one_that_keras_uses():
    backend = _backends.get_backend()
    assert backend.__name__ == f"fer_estimators._backends.{keras.backend.backend()}"
    assert inspect.isfunction(backend.compile_inference)


def test_an_unknown_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "openvino")
    with pytest.raises(ImportError, match=r"'openvino', but .* tensorflow, jax, torch"):
        _backends.get_backend()


@pytest.mark.parametrize("private", ["sklearn.utils._", "keras.src", "import _"])
def test_private_names_of_other_packages_stand_in_one_module(private):
    lines = (
        line
        for path in SOURCE.rglob("*.py")
        if path.name != "_compat.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith(("from sklearn", "import sklearn", "from keras", "import keras"))
    )
    assert [line for line in lines if private in line] == []
