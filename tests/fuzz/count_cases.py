"""Count what the library survives, and write the numbers into ``docs/robustness.md``.

    python tests/fuzz/count_cases.py [tests/datasets ...]

runs the tests that the page names (those in the given places) and writes their counts. The other
programs in this folder take longer; they add theirs themselves when they are run with
``--record``. A test that stands for more than one case says so by ``record_property("cases", n)``.
"""

import json
import re
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "robustness.md"
COUNTS = ROOT / "docs" / "robustness_counts.json"

_EVIDENCE = re.compile(r"`(tests/[^`]+)`")


def named_tests(text):
    """Return the tests that a page names as ``tests/<file>::<test>``, without repetition."""
    return list(dict.fromkeys(name for name in _EVIDENCE.findall(text) if "::" in name))


def read_counts():
    """Return what was counted last: a dict of ``tests`` and ``programs``."""
    if not COUNTS.exists():
        return {"tests": {}, "programs": {}}
    return json.loads(COUNTS.read_text(encoding="utf-8"))


def write_counts(part, counts):
    """Replace entries of one part of the counts, and fill in the page anew.

    Parameters
    ----------
    part : {"tests", "programs"}
    counts : dict
        ``tried`` and ``survived`` for each test or command line.
    """
    page, everything = PAGE.read_text(encoding="utf-8"), read_counts()
    everything[part].update(counts)
    named = set(_EVIDENCE.findall(page))
    everything[part] = {k: count for k, count in everything[part].items() if k in named}
    text = json.dumps(everything, indent=1, sort_keys=True)
    COUNTS.write_text(f"{text}\n", encoding="utf-8")
    PAGE.write_text(fill(page, everything), encoding="utf-8")


def fill(page, counts):
    """Return the page with the last cell of each row of evidence, and the totals, as counted."""
    evidence = {**counts["tests"], **counts["programs"]}
    lines, sums, heading = page.splitlines(), {}, None
    for number, line in enumerate(lines):
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        found = [evidence[name] for name in _EVIDENCE.findall(line) if name in evidence]
        if line.startswith("| ") and _EVIDENCE.search(line):
            counted = _add(found)
            sums[heading] = _add([sums.get(heading, Counter()), counted])
            lines[number] = _with_cells(line, [_describe(counted)])
    for number, line in enumerate(lines):
        kind = re.match(r"\| \[(.+?)\]\(", line)
        if kind:
            total = sums[kind[1]]
            lines[number] = _with_cells(line, [f"{total['tried']:,}", f"{total['survived']:,}"])
    return "\n".join([*lines, ""])


def _add(counts):
    return Counter({k: sum(count[k] for count in counts) for k in ("tried", "survived")})


def _describe(counted):
    if not counted["tried"]:
        return "not run"
    if counted["survived"] == counted["tried"]:
        return f"{counted['tried']:,}"
    return f"{counted['survived']:,} of {counted['tried']:,}"


def _with_cells(line, cells):
    """Replace the last cells of a row of a table."""
    kept = line.strip().strip("|").split(" | ")[: -len(cells)]
    return " | ".join(["|" + kept[0], *(cell.strip() for cell in kept[1:]), *cells]) + " |"


class _Recorder:
    """A plugin of pytest that counts the cases of each test function."""

    def __init__(self):
        self.counts = {}

    def pytest_runtest_logreport(self, report):
        count = self.counts.setdefault(
            report.nodeid.partition("[")[0], {"tests": 0, "tried": 0, "survived": 0}
        )
        count["tests"] += report.when == "setup"
        if report.failed or (report.when == "call" and report.passed):
            cases = dict(report.user_properties).get("cases", 1)
            count["tried"] += cases
            count["survived"] += cases * report.passed


def main():
    """Run the tests that the page names, and write the counts."""
    # A shell that starts this in the background lets it ignore Ctrl-C, which some tests send.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    places, recorder = tuple(sys.argv[1:]) or ("tests",), _Recorder()
    names = [n for n in named_tests(PAGE.read_text(encoding="utf-8")) if n.startswith(places)]
    status = pytest.main(["-n", "0", "-q", *(str(ROOT / n) for n in names)], plugins=[recorder])
    if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        write_counts("tests", recorder.counts)
    return status


if __name__ == "__main__":
    sys.exit(main())
