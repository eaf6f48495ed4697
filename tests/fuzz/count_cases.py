"""Count the inputs that the fuzz programs tried, and write them into ``docs/robustness.md``.

The programs in this folder add their numbers when they are run with ``--record``.
"""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "robustness.md"
COUNTS = ROOT / "docs" / "fuzz_counts.json"

_EVIDENCE = re.compile(r"`(tests/[^`]+)`")
_HEADING = "## Mutated files"


def named_tests(text):
    """Return the tests that a page names as ``tests/<file>::<test>``, without repetition."""
    return list(dict.fromkeys(name for name in _EVIDENCE.findall(text) if "::" in name))


def read_counts():
    """Return what was counted last: a dict from command line to ``tried`` and ``survived``."""
    return json.loads(COUNTS.read_text(encoding="utf-8")) if COUNTS.exists() else {}


def write_counts(counts):
    """Replace the counts of some programs, and fill in the page again.

    Parameters
    ----------
    counts : dict
        ``tried`` and ``survived`` for each command line.
    """
    page, everything = PAGE.read_text(encoding="utf-8"), {**read_counts(), **counts}
    text = json.dumps(everything, indent=1, sort_keys=True)
    COUNTS.write_text(f"{text}\n", encoding="utf-8")
    PAGE.write_text(fill(page, everything), encoding="utf-8")


def fill(page, counts):
    """Return the page with the last cell of each row about mutated files as counted."""
    before, heading, section = page.partition(_HEADING)
    lines = section.splitlines()
    for number, line in enumerate(lines):
        found = [counts[name] for name in _EVIDENCE.findall(line) if name in counts]
        if line.startswith("| ") and found:
            cells = line.strip().strip("|").split(" | ")[:-1]
            lines[number] = " | ".join(["|" + cells[0], *cells[1:], _describe(found)]) + " |"
    return "\n".join([before + heading + lines[0], *lines[1:], ""])


def _describe(found):
    tried, survived = (sum(count[key] for count in found) for key in ("tried", "survived"))
    return f"{tried:,}" if survived == tried else f"{survived:,} of {tried:,}"
