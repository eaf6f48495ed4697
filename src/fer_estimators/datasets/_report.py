"""The result of a loader: images with their labels, and a report on skipped or converted files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from fer_estimators._frame import make_frame
from fer_estimators._messages import printable, warn
from fer_estimators.exceptions import BadImageWarning

if TYPE_CHECKING:
    import pandas


class ReportEntry(NamedTuple):
    """One line of a report: `path`, `reason` and `action`."""

    path: str
    reason: str
    action: str


class LoadReport:
    """List what a loader skipped, ignored or converted.

    Attributes
    ----------
    entries : list of ReportEntry
        One ``(path, reason, action)`` for each finding; the action is ``"skipped"`` (an image
        that could not be used), ``"ignored"`` (a file that is not an image of the set),
        ``"converted"`` (an image whose mode, size or orientation was changed) or ``"noted"``.

    Examples
    --------
    >>> report = LoadReport()
    >>> report.add("train/happy/7.jpg", "empty file", "skipped")
    >>> print(report)
    1 skipped: empty file (train/happy/7.jpg)
    >>> report.skipped
    ['train/happy/7.jpg']
    """

    def __init__(self) -> None:
        self.entries: list[ReportEntry] = []
        self._warnings: list[tuple[str, str]] = []

    def add(self, path: str, reason: str, action: str) -> None:
        """Add one line."""
        self.entries.append(ReportEntry(path, reason, action))

    def replace(self, path: str, reason: str, action: str) -> None:
        """Say something else about a file than before."""
        self.entries = [entry for entry in self.entries if entry.path != path]
        self.add(path, reason, action)

    def skip(self, faults: Iterable[tuple[str, str]], what: str) -> None:
        """Add a line for each path and reason, and keep one warning about all of them."""
        for path, reason in faults:
            self.add(path, reason, "skipped")
        self.warn(f"skipped {what}", category=BadImageWarning)

    def warn(self, message: str, *, category: type[Warning] = UserWarning) -> None:
        """Keep a warning until `emit`, so that a set read from the cache warns alike."""
        self._warnings.append((message, category.__name__))

    def emit(self) -> None:
        """Issue the warnings that were kept, in order."""
        for message, name in self._warnings:
            category = BadImageWarning if name == BadImageWarning.__name__ else UserWarning
            warn(message, category)

    @property
    def skipped(self) -> list[str]:
        """Paths of the images that were left out because they could not be used."""
        return [entry.path for entry in self.entries if entry.action == "skipped"]

    def counts(self) -> dict[tuple[str, str], int]:
        """Return a dict from ``(action, reason)`` to the number of entries."""
        return dict(Counter((entry.action, entry.reason) for entry in self.entries))

    def frame(self) -> pandas.DataFrame:
        """Return the entries as a pandas DataFrame with columns path, reason and action."""
        return make_frame(self.entries, columns=list(ReportEntry._fields))

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists that `from_dict` understands."""
        return {"entries": [list(entry) for entry in self.entries], "warnings": self._warnings}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Return the report that `to_dict` described."""
        report = cls()
        report.entries = [ReportEntry(*entry) for entry in state["entries"]]
        report._warnings = [(message, name) for message, name in state["warnings"]]
        return report

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[ReportEntry]:
        return iter(self.entries)

    def __str__(self) -> str:
        if not self.entries:
            return "nothing was skipped, ignored or converted"
        return "\n".join(
            f"{count} {action}: {reason} ({path}{', ...' if count > 1 else ''})"
            for count, action, reason, path in self._kinds()
        )

    def __repr__(self) -> str:
        actions = Counter(entry.action for entry in self.entries)
        counted = ", ".join(f"{action}={n}" for action, n in actions.items())
        return f"<LoadReport: {counted or self}>"

    def _repr_html_(self):
        """Return a table for notebooks: how many files of each kind, and one of them."""
        if not self.entries:
            return f"<p>{escape(str(self))}</p>"
        rows = "".join(
            f"<tr><td>{count:,}</td><td>{escape(action)}</td><td>{escape(reason)}</td>"
            f"<td>{escape(path)}</td></tr>"
            for count, action, reason, path in self._kinds()
        )
        heads = "".join(f"<th>{name}</th>" for name in ("files", "action", "reason", "such as"))
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def _kinds(self):
        """Yield the number of entries, action, reason and first path of each kind of entry."""
        first = {}
        for entry in self.entries:
            first.setdefault((entry.action, entry.reason), entry.path)
        for (action, reason), count in self.counts().items():
            yield count, action, printable(reason), printable(first[action, reason])


@dataclass
class Loaded:
    """Images with their labels, file names and splits, before they become a Bunch."""

    images: np.ndarray  # (n, height, width) or (n, height, width, 3), uint8
    target: list
    filenames: list
    split: list
    report: LoadReport
    n_rows: int | None = None  # of the csv table, all splits; None for image files
