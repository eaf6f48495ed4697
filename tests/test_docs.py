"""The documentation: docstrings, examples and the code on the pages."""

import ast
import importlib
import inspect
import pkgutil
import re
import types
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from dark_figures import save_dark
from page_data import write_page_data
from PIL import Image

import fer_estimators

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "_build" not in path.parts and "```python\n" in path.read_text(encoding="utf-8")
]
# Each module whose name has no underscore, and the package for what it alone offers.
MODULES = [
    *(
        f"fer_estimators.{module.name}"
        for module in pkgutil.iter_modules(fer_estimators.__path__)
        if not module.name.startswith("_")
    ),
    "fer_estimators",
]

# numpydoc's checks that do not apply, each with its reason.
NOT_CHECKED = {
    "ES01": "a summary that says everything needs no extension",
    "EX01": "methods share the example of their class; test_package asks for those of classes",
    "GL01": "numpydoc asks for a line break after the quotes, ruff for none",
    "PR07": "a type that says everything needs no description",
    "RT02": "scikit-learn names what is returned, as in 'self : object'",
    "RT03": "as PR07",
    "SA01": "not everything has something to see also",
    "SA04": "as SA01",
}


def is_public(thing, package):
    """Tell classes and functions that the library offers in `package` from what it uses there."""
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return False
    if hasattr(package, "__all__"):
        return thing.__name__ in package.__all__
    return thing.__module__ == package.__name__ and not thing.__name__.startswith("_")


def public_names():
    seen = set()
    for module in MODULES:
        package = importlib.import_module(module)
        names = getattr(package, "__all__", sorted(vars(package)))
        for name in names:
            thing = getattr(package, name)
            if is_public(thing, package) and thing not in seen:
                seen.add(thing)
                yield f"{module}.{name}"
                if inspect.isclass(thing):
                    yield from (f"{module}.{name}.{m}" for m in public_methods(thing))


def public_methods(cls):
    own = [base for base in cls.__mro__ if base.__module__.startswith("fer_estimators")]
    names = {name for base in own for name in vars(base) if not name.startswith("_")}
    # Those that set the routing of metadata are made by scikit-learn.
    return sorted(n for n in names if callable(getattr(cls, n)) and not n.endswith("_request"))


def resolve(path):
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return getattr(resolve(module), name)


DOCUMENTED = list(public_names())


@pytest.mark.parametrize("path", DOCUMENTED)
def test_docstring_follows_numpydoc(path):
    validate = pytest.importorskip("numpydoc.validate").validate
    errors = [
        f"{code}: {text}" for code, text in validate(path)["errors"] if code not in NOT_CHECKED
    ]
    assert errors == []


def documented_defaults(thing):
    pytest.importorskip("numpydoc")
    from numpydoc.docscrape import ClassDoc, FunctionDoc

    doc = ClassDoc(thing) if inspect.isclass(thing) else FunctionDoc(thing)
    for parameter in doc["Parameters"]:
        if parameter.type == "None":  # scikit-learn's way to say that `y` is not used
            continue
        found = re.search(r"default=(.+)$", parameter.type)
        yield from ((name.strip(), found) for name in parameter.name.split(","))


@pytest.mark.parametrize("path", DOCUMENTED)
def test_documented_defaults_are_those_of_the_signature(path):
    thing = resolve(path)
    for name, found in documented_defaults(thing):
        default = inspect.signature(thing).parameters[name.lstrip("*")].default
        if default is inspect.Parameter.empty:
            assert found is None, f"{name} has no default"
            continue
        assert found, f"{name} does not say its default {default!r}"
        if "<factory>" in repr(default):
            continue
        try:
            documented = ast.literal_eval(found[1])
        except (ValueError, SyntaxError):
            documented = found[1]
        assert documented == default, f"{name}: {documented!r} is documented, {default!r} holds"


def test_every_class_has_an_example():
    classes = [thing for thing in map(resolve, DOCUMENTED) if inspect.isclass(thing)]
    assert classes
    without = [
        cls.__name__
        for cls in classes
        if not issubclass(cls, Exception) and ">>>" not in cls.__doc__
    ]
    assert without == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short_and_asks_a_question(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 150
    docstring = ast.get_docstring(ast.parse(source))
    title, underline = docstring.splitlines()[:2]
    assert set(underline) == {"="}
    assert len(underline) >= len(title)
    assert "?" in docstring
    assert "**What was learned.**" in source


def test_examples_have_numbers_of_their_own():
    numbers = [path.stem.split("_")[0] for path in EXAMPLES]
    assert all(re.fullmatch(r"\d\d", number) for number in numbers)
    assert len(set(numbers)) == len(numbers)


@pytest.fixture
def folder_with_data(tmp_path, monkeypatch):
    """Work in a folder with the small sets that the pages load; in the photo there is no face."""
    write_page_data(tmp_path, Image.new("RGB", (320, 240), "grey"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Networks that were trained for a moment never say some of the emotions.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_code_on_the_page_runs(page, folder_with_data):
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    module = types.ModuleType("page")
    exec(compile("\n".join(blocks), str(page), "exec"), module.__dict__)
    plt.close("all")


def test_pages_name_no_example_that_does_not_exist():
    named = {
        name
        for path in (ROOT / "docs").rglob("*.md")
        if "_build" not in path.parts
        for name in re.findall(r"auto_examples/(\d\d_\w+)", path.read_text(encoding="utf-8"))
    }
    named = {re.sub(r"_0\d\d$", "", name) for name in named}
    assert named <= {path.stem for path in EXAMPLES}


def test_every_example_is_in_a_section_of_the_gallery():
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    listed = re.findall(r"\.\./examples/(\w+\.py)", page)
    assert sorted(listed) == [path.name for path in EXAMPLES]


def test_dark_copy_of_a_figure_has_light_ink_except_on_pictures(tmp_path):
    figure, ax = plt.subplots(figsize=(2, 2), dpi=100)
    ax.imshow(np.full((2, 2, 3), 255, dtype=np.uint8))
    ax.text(0.5, 0.5, "on", fontsize=20)
    ax.set_xlabel("below")
    save_dark(figure, tmp_path / "dark.png")
    pixels = np.asarray(Image.open(tmp_path / "dark.png"))
    drawn = pixels[..., 3] > 200
    black = drawn & (pixels[..., :3].max(axis=2) < 60)
    height = len(pixels) - np.nonzero(black)[0]
    box = ax.get_window_extent()
    assert (box.y0 < height.min(), height.max() < box.y1) == (True, True)
    assert (pixels[drawn][:, :3].min(axis=1) > 150).any()
    assert ax.xaxis.label.get_color() == "black"
    plt.close(figure)
