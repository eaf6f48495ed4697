"""Measure the library's structure: files that a reader opens, their lengths, and imports.

    python tests/structure.py [--before REVISION] [--record]

``--before`` measures an older commit in the same way, with the packages installed here.
``--record`` writes the tables into ``docs/development/structure.md``.
"""

import argparse
import ast
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "development" / "structure.md"
PACKAGE = "fer_estimators"

#: The one import that leads upwards: a function of `export` converts the detector's network.
UPWARD = {"export": {"faces"}}
#: What the library gained since the commit that is compared with.
NEW = ("faces", "export", "resumable", "image_files.py")

_LONGEST_SUBJECT = 72

# Runs in a process of its own, which imports the measured checkout. The first fit imports the
# backend, the second one is traced.
_TRACE_OF_FIT = """
import inspect, json, sys
from pathlib import Path
import fer_estimators
from fer_estimators import CNNClassifier, TransferClassifier
from fer_estimators.datasets import make_faces

root = str(Path(fer_estimators.__file__).parent) + "/"
faces = make_faces(70, image_size=16, random_state=0)
classifier = CNNClassifier("tiny", epochs=1, random_state=0)
classifier.fit(faces.images, faces.target)
entered = set()

def note(frame, event, argument):
    path = frame.f_code.co_filename
    if event == "call" and path.startswith(root):
        entered.add(path.removeprefix(root))

sys.setprofile(note)
classifier.fit(faces.images, faces.target)
sys.setprofile(None)
constructors = CNNClassifier, TransferClassifier
n_arguments = [len(inspect.signature(constructor).parameters) for constructor in constructors]
print(json.dumps({"entered": sorted(entered), "n_arguments": n_arguments}))
"""


def modules_of(checkout: Path) -> dict[str, ast.Module]:
    """Parse the package's modules, by path inside the package."""
    package = checkout / "src" / PACKAGE
    return {
        path.relative_to(package).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(package.rglob("*.py"))
    }


def count_lines(checkout: Path) -> dict[str, int]:
    """Count the lines of each module, by path inside the package."""
    package = checkout / "src" / PACKAGE
    return {
        path.relative_to(package).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sorted(package.rglob("*.py"))
    }


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Yield what a module imports from the package, as dotted names without the package's own.

    Imports for type checkers alone are left out.
    """
    for node in _walk_at_run_time(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE:
            place = node.module.removeprefix(PACKAGE).lstrip(".")
            yield from (f"{place}.{alias.name}".lstrip(".") for alias in node.names)
        elif isinstance(node, ast.Import):
            prefix = f"{PACKAGE}."
            names = [alias.name for alias in node.names if alias.name.startswith(prefix)]
            yield from (name.removeprefix(prefix) for name in names)


def _walk_at_run_time(tree):
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node
            yield from _walk_at_run_time(node)


def home_of(path: str) -> str:
    """Return the package, or the single module, that a file belongs to."""
    return path.partition("/")[0].removesuffix(".py")


def private_imports(modules: dict[str, ast.Module]) -> list[str]:
    """List imports of another package's private modules or names.

    `_backends`, `_files` and the private modules beside them are for all.
    """
    return [
        f"{path}: {name}"
        for path, tree in modules.items()
        for name in imports_of(tree)
        for place, *rest in [name.split(".")]
        if place != home_of(path) and place[0] != "_" and any(part[0] == "_" for part in rest)
    ]


def import_graph(modules: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Return which packages and single modules each one imports, also inside of functions."""
    homes = {home_of(path) for path in modules} - {"__init__"}
    graph: dict[str, set[str]] = {home: set() for home in homes}
    for path, tree in modules.items():
        home = home_of(path)
        if home in homes:
            found = {name.partition(".")[0] for name in imports_of(tree)} & homes
            graph[home] |= found - {home} - UPWARD.get(home, set())
    return graph


def floors_of(graph: dict[str, set[str]]) -> list[list[str]]:
    """Put each package above all that it imports, as low as that goes.

    Raises
    ------
    graphlib.CycleError
        If packages import each other in a circle.
    """
    floor: dict[str, int] = {}
    for home in TopologicalSorter(graph).static_order():
        floor[home] = 1 + max((floor[other] for other in graph[home]), default=-1)
    numbers = range(max(floor.values()) + 1)
    return [sorted(home for home in floor if floor[home] == number) for number in numbers]


def longest_function(modules: dict[str, ast.Module]) -> tuple[int, str]:
    """Return the lines of the longest function body, without its docstring, and its name."""
    return max(
        (node.end_lineno - (body[0].lineno if body else node.lineno) + 1, f"{path}:{node.name}")
        for path, tree in modules.items()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for body in [node.body[ast.get_docstring(node) is not None :]]
    )


def count_messages(modules: dict[str, ast.Module]) -> tuple[int, int]:
    """Count the messages that are written beside a ``raise``, and those that show a value."""
    messages = [
        node.exc.args[0]
        for tree in modules.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args
    ]
    written = [message for message in messages if not isinstance(message, (ast.Call, ast.Name))]
    showing = [message for message in written if not isinstance(message, ast.Constant)]
    return len(written), len(showing)


def trace_fit(checkout: Path) -> dict:
    """Return the files that a fit enters, and how many arguments the constructors take."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [sys.executable, "-c", _TRACE_OF_FIT],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return json.loads(done.stdout)


def long_subjects(revision: str) -> tuple[int, int]:
    """Count the commits up to a revision, and those whose subject is too long."""
    log = ["git", "log", "--format=%s", "--no-merges", revision]
    subjects = subprocess.run(log, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lengths = [len(subject) for subject in subjects.splitlines()]
    return len(lengths), sum(length > _LONGEST_SUBJECT for length in lengths)


def measure(checkout: Path, revision: str) -> dict[str, str]:
    """Measure a checkout, as rows of a table."""
    modules, lines = modules_of(checkout), count_lines(checkout)
    # A package's list of names is not a module to read.
    sizes = [n for path, n in lines.items() if not path.endswith("__init__.py")]
    traced = trace_fit(checkout)
    # What serves everyone is taken by its name: `look_up`, `device_scope`, `find_blank`.
    opened = [path for path in traced["entered"] if path[0] != "_"]
    n_lines, longest = longest_function(modules)
    old = [n for path, n in lines.items() if not path.startswith(NEW)]
    n_messages, n_showing = count_messages(modules)
    n_commits, n_long = long_subjects(revision)
    return {
        "files to open to follow `fit`": f"{len(opened)}",
        "with those that serve everyone": f"{len(traced['entered'])}",
        "median module, lines": f"{median(sizes):.0f}",
        "modules under 60 lines": f"{sum(n < 60 for n in sizes) / len(sizes):.0%}",
        "arguments of the two constructors": ", ".join(map(str, traced["n_arguments"])),
        "longest function, lines": f"{n_lines} (`{longest}`)",
        "`raise` messages that show a value": f"{n_showing / n_messages:.0%} of {n_messages}",
        f"commit subjects over {_LONGEST_SUBJECT} characters": f"{n_long} of {n_commits}",
        "imports of another package's private names": f"{len(private_imports(modules))}",
        "lines of `src`": f"{sum(lines.values()):,}",
        "of these, without what is new since": f"{sum(old):,}",
        "opened": ", ".join(f"`{path}`" for path in opened),
    }


def lines_by_package(checkout: Path) -> dict[str, int]:
    """Add up the lines of each package and single module."""
    total: dict[str, int] = defaultdict(int)
    for path, n_lines in count_lines(checkout).items():
        total[home_of(path)] += n_lines
    return total


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Write the sources of a revision into a folder for a while."""
    archive = ["git", "archive", "--format=tar", revision, "src"]
    content = subprocess.run(archive, cwd=ROOT, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            tar.extractall(folder, filter="data")
        yield Path(folder)


def report(before: str) -> str:
    """Measure this checkout and an older one, and return the tables as Markdown."""
    now = measure(ROOT, "HEAD")
    with checked_out(before) as folder:
        then, lines_then = measure(folder, before), lines_by_package(folder)
    lines_now, graph = lines_by_package(ROOT), import_graph(modules_of(ROOT))
    opened = now.pop("opened")
    del then["opened"]
    packages = [
        (f"`{home}`", f"{lines_then.get(home, 0):,}", f"{lines_now.get(home, 0):,}")
        for home in sorted(lines_then.keys() | lines_now.keys())
    ]
    floors = [
        (str(number), ", ".join(f"`{home}`" for home in homes))
        for number, homes in reversed(list(enumerate(floors_of(graph))))
    ]
    return "\n\n".join(
        [
            _table(("", f"`{before}`", "now"), [(row, then[row], now[row]) for row in now]),
            f"To follow `fit`, open {opened}.",
            _table(("floor", "packages and single modules"), floors),
            _table(("lines", f"`{before}`", "now"), packages),
        ]
    )


def _table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", default="b5b917c", help="an older commit to compare with")
    parser.add_argument("--record", action="store_true", help=f"write into {PAGE.name}")
    options = parser.parse_args()
    text = report(options.before)
    print(text)
    if options.record:
        page = PAGE.read_text(encoding="utf-8")
        start, end = "<!-- measured -->\n\n", "\n\n<!-- end -->"
        head, _, rest = page.partition(start)
        PAGE.write_text(head + start + text + end + rest.partition(end)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
