"""The pages on robustness and security name existing tests and current numbers."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

from count_cases import PAGE, fill, named_tests, read_counts

SECURITY = Path(__file__).parents[1] / "SECURITY.md"


def test_page_has_the_numbers_that_the_fuzz_programs_counted():
    page = PAGE.read_text(encoding="utf-8")
    assert page == fill(page, read_counts())


# One test for both pages: collecting imports all of the library.
def test_named_tests_exist():
    names = {name for page in (PAGE, SECURITY) for name in named_tests(page.read_text("utf-8"))}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0"]
    done = subprocess.run(
        [*command, *sorted(names)], capture_output=True, text=True, check=False, cwd=SECURITY.parent
    )
    assert done.returncode == 0, done.stdout


def test_every_promise_of_the_security_page_names_a_test():
    text = SECURITY.read_text(encoding="utf-8")
    promises = re.findall(r"^\*\*.+?(?=^\*\*|^## )", text, re.M | re.S)
    assert len(promises) >= 6
    for promise in promises:
        assert named_tests(promise), promise


def _in_words(name, value):
    if "BYTES" not in name:
        return f"{value:,}"
    power = max(p for p in (0, 10, 20, 30) if value >= 2**p)
    return f"{value // 2**power:,} {dict(zip((0, 10, 20, 30), ('B', 'KiB', 'MiB', 'GiB')))[power]}"  # noqa: B905


def test_limits_on_the_security_page_are_those_of_the_code():
    rows = re.findall(r"^\| .+ \| (.+?) \| `(\S+?)` \|$", SECURITY.read_text("utf-8"), re.M)
    assert len(rows) >= 10
    for written, path in rows:
        module, _, name = path.rpartition(".")
        value = getattr(importlib.import_module(f"fer_estimators.{module}"), name)
        assert written == _in_words(name, value), path
