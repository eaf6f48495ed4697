"""Mutate the modules that check files and input, one place at a time, and count what tests notice.

    python tests/mutation.py [module ...] [--sample 40] [--seed 0] [--record]

Each mutant changes one operator, constant or statement. It counts as noticed if a test of its
module fails or hangs. Mutants that no test noticed are listed with their lines, so that the missing
tests can be written; some mutants compute the same and cannot be noticed. ``--record`` writes the
scores into ``docs/robustness.md``. This needs a system that can fork.
"""

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.util
import os
import random
import re
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "robustness.md"
SECONDS = 300

#: The tests of each module, those that tell most first.
MODULES = {
    "_files.archive": [
        "tests/_files/test_archive.py",
        "tests/datasets/test_folders_and_archives.py",
    ],
    "_files.decode": [
        "tests/_files/test_whole.py",
        "tests/datasets/test_bad_images.py",
        "tests/datasets/test_orientation.py",
    ],
    "_files.whole": ["tests/_files/test_whole.py", "tests/datasets/test_bad_images.py"],
    "_files.reading": [
        "tests/datasets/test_sets_that_contradict.py",
        "tests/datasets/test_folders_and_archives.py",
        "tests/test_preprocessing.py",
    ],
    "_files.writing": ["tests/_files/test_writing.py", "tests/datasets/test_cache.py"],
    "images": [
        "tests/test_images.py",
        "tests/test_scale.py",
        "tests/test_preprocessing.py",
        "tests/classifiers/test_bad_input.py",
        "tests/test_image_files.py",
    ],
    "classifiers._data": [
        "tests/classifiers/test_bad_input.py",
        "tests/classifiers/test_soft_labels.py",
        "tests/test_image_files.py",
    ],
    "classifiers._checkpoint": ["tests/classifiers/test_checkpoint.py"],
}

# These train in processes of their own, where the module is as it always was.
LEFT_OUT = "kills_at_random_moments or sigterm"

_COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.BitAnd: ast.BitOr}


def mutate(node):
    """Return the nodes that may stand in the place of `node`, with what was done."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        changed = copy.deepcopy(node)
        changed.ops[0] = _COMPARISONS[type(node.ops[0])]()
        return [changed]
    if isinstance(node, ast.BoolOp):
        changed = copy.deepcopy(node)
        changed.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return [changed]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [copy.deepcopy(node.operand)]
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        changed = copy.deepcopy(node)
        changed.op = _ARITHMETIC[type(node.op)]()
        return [changed]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return [ast.Constant(node.value + 1)]
    if isinstance(node, ast.Raise) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        return [ast.Pass()]
    if isinstance(node, ast.Return) and node.value is not None:
        return [ast.Return(ast.Constant(None))]
    return []


def find_mutants(source):
    """Return (line, before, after, code) of every mutant of a module's source."""
    mutants, tree = [], ast.parse(source)
    for parent in ast.walk(tree):
        # Words of messages are no matter of life and death.
        if isinstance(parent, (ast.JoinedStr, ast.FormattedValue)):
            continue
        for name, value in ast.iter_fields(parent):
            places = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, node in places:
                for changed in mutate(node) if isinstance(node, ast.AST) else ():
                    if ast.unparse(changed) == ast.unparse(node):
                        continue
                    _put(parent, name, index, ast.copy_location(changed, node))
                    code = ast.unparse(ast.fix_missing_locations(tree))
                    _put(parent, name, index, node)
                    mutants.append((node.lineno, ast.unparse(node), ast.unparse(changed), code))
    return mutants


def _put(parent, name, index, node):
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node


class _Mutant(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives the changed source in the place of one module."""

    def __init__(self, module, path, code):
        self._module, self._path, self._code = module, path, code

    def find_spec(self, name, path=None, target=None):
        if name != self._module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(self._path))

    def get_source(self, name):
        return self._code


def survives(module, path, code, tests):
    """Tell whether all tests pass although `code` stands in the place of a module."""
    child = os.fork()
    if child == 0:
        _run_tests(module, path, code, tests)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _run_tests(module, path, code, tests):
    os.setsid()
    with contextlib.suppress(BaseException), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        sys.meta_path.insert(0, _Mutant(module, path, code))
        import pytest

        options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header"]
        options += ["-k", f"not ({LEFT_OUT})"]
        os._exit(int(pytest.main([*options, *tests])))
    os._exit(1)


def measure(name, n_mutants, seed):
    """Return how many mutants of a module were tried, and how many noticed; list the others."""
    path = ROOT / "src" / "fer_estimators" / f"{name.replace('.', '/')}.py"
    source = path.read_text(encoding="utf-8")
    module, tests = f"fer_estimators.{name}", [str(ROOT / test) for test in MODULES[name]]
    if not survives(module, path, source, tests):
        raise SystemExit(f"{name}: its tests fail without a change")
    mutants = find_mutants(source)
    random.Random(seed).shuffle(mutants)
    mutants, survivors = mutants[:n_mutants], []
    for line, before, after, code in mutants:
        if survives(module, path, code, tests):
            survivors.append((line, before, after))
            print(f"{name}:{line}: {before[:60]!r} -> {after[:60]!r} was not noticed", flush=True)
    return len(mutants), len(mutants) - len(survivors)


def record(name, n_tried, n_noticed):
    """Write a score into the page."""
    page = PAGE.read_text(encoding="utf-8")
    row = f"| `{name}` | {n_tried} | {n_noticed} |"
    pattern = rf"^\| `{re.escape(name)}` \|.*$"
    page, n_rows = re.subn(pattern, row, page, flags=re.M)
    # The table ends the page.
    PAGE.write_text(page if n_rows else f"{page.rstrip()}\n{row}\n", encoding="utf-8")


def main():
    """Measure the modules that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="module", default=list(MODULES))
    parser.add_argument("--sample", type=int, default=40, help="mutants of each module, at most")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--record", action="store_true", help="write into docs/robustness.md")
    arguments = parser.parse_args()
    # Once for all children.
    import joblib  # noqa: F401
    import numpy  # noqa: F401
    import PIL.Image  # noqa: F401
    import pytest  # noqa: F401
    import sklearn.utils  # noqa: F401

    if any(name.startswith("classifiers.") for name in arguments.modules):
        import keras  # noqa: F401
    for name in arguments.modules:
        n_tried, n_noticed = measure(name, arguments.sample, arguments.seed)
        print(f"{name}: {n_noticed} of {n_tried} mutants were noticed")
        if arguments.record:
            record(name, n_tried, n_noticed)


if __name__ == "__main__":
    main()
