"""The command ``fer-estimators report``: from a file of predictions to a classification report."""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Sequence
from typing import Any

from fer_estimators._messages import name_some, suggest
from fer_estimators.datasets import EMOTIONS

_TRUE, _PREDICTED, _PROBABILITY = "y_true", "y_pred", "p_"
_NOT_SURE = "not sure"
_DELIMITERS = ",;\t"
# What programs write for a missing value.
_MISSING = {"", "nan", "none", "null", "na", "n/a"}


def report(arguments: Sequence[str]) -> str:
    """Read a file of predictions and tell how well each emotion is recognised.

    `arguments` are those of the command line after ``report``. Raises OSError if the file cannot
    be read, and ValueError if it is not a table of predictions.
    """
    from fer_estimators import classification_report

    options = _parse(arguments)
    columns = _read(options.predictions)
    names = [name for name in columns if name.startswith(_PROBABILITY)]
    classes = [name.removeprefix(_PROBABILITY) for name in names]
    _check_names(columns, classes)
    proba = [_to_numbers(columns[name], name) for name in names]
    scored: dict[str, Any] = {}
    if names:
        scored = {"y_proba": [*zip(*proba, strict=True)], "classes": classes}
    output = "dict" if options.json else "text"
    result = classification_report(
        columns[_TRUE], columns[_PREDICTED], output=output, zero_division=0.0, **scored
    )
    return json.dumps(_without_nan(result), ensure_ascii=False) if options.json else result


def _parse(arguments):
    parser = argparse.ArgumentParser(
        prog="fer-estimators report",
        description="Report how well each emotion is recognised. The file has a header and a line "
        f"for each face: {_TRUE}, {_PREDICTED} (an emotion, or {_NOT_SURE!r}) and, for log-loss "
        f"and calibration, the probability of each emotion, such as {_PROBABILITY}happy. Other "
        "columns are ignored. Where an emotion is never predicted, its precision counts as 0.",
    )
    parser.add_argument("predictions", metavar="FILE", help="comma-separated values, UTF-8")
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    return parser.parse_args(arguments)


def _read(path: str) -> dict[str, list[str]]:
    """Return the columns of a file, by name; the first value of each is on line 2."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            delimiter = max(_DELIMITERS, key=header.count)
            rows = [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=delimiter)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path!r} is not a table in UTF-8: {error}.") from error
    while rows and rows[-1] in ([], [""]):
        rows.pop()
    names, rows = (rows[0], rows[1:]) if rows else ([], [])
    _check_header(names, path)
    if not rows:
        raise ValueError(f"{path!r} has a header and no line below it.")
    uneven = [line for line, row in enumerate(rows, start=2) if len(row) != len(names)]
    if uneven:
        raise ValueError(
            f"{path!r} has {len(names)} columns, but another number of values in line "
            f"{name_some(uneven, separator=', ')}."
        )
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    _check_complete(columns)
    return columns


def _check_header(names, path):
    missing = [name for name in (_TRUE, _PREDICTED) if name not in names]
    if missing:
        raise ValueError(
            f"{path!r} has no column {' and no column '.join(map(repr, missing))}; it has "
            f"{name_some(map(repr, names), separator=', ') or 'none'}. Expected a header with "
            f"{_TRUE} and {_PREDICTED}, separated by commas."
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{path!r} has several columns {name_some(map(repr, repeated))}.")


def _check_complete(columns):
    for name in (_TRUE, _PREDICTED):
        lines = [n for n, label in enumerate(columns[name], 2) if label.casefold() in _MISSING]
        if lines:
            raise ValueError(
                f"{name} is missing in line {name_some(lines, separator=', ')}. Leave these faces "
                f"out, or write {_NOT_SURE!r} as the prediction where none was made."
            )


def _check_names(columns, classes):
    """Refuse names that are not those of classes: misspelt ones would count as wrong answers."""
    known = set(classes) | {*EMOTIONS, "contempt"}
    if not known & set(columns[_TRUE]):
        # Labels of somebody's own; there is nothing to compare the true ones with.
        known |= set(columns[_TRUE])
    for name, allowed in ((_TRUE, known), (_PREDICTED, known | {_NOT_SURE})):
        for line, label in enumerate(columns[name], start=2):
            if label not in allowed:
                expected = name_some(map(repr, sorted(allowed)), separator=", ")
                raise ValueError(
                    f"{name} is {label!r} in line {line}, which is not a class; expected one of "
                    f"{expected}.{suggest(label, allowed)} Other classes need a column "
                    f"{_PROBABILITY}<class>."
                )


def _to_numbers(cells, name):
    numbers = []
    for line, cell in enumerate(cells, start=2):
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 1:
            raise ValueError(f"{name} is {cell!r} in line {line}; expected a number in 0..1.")
        numbers.append(number)
    return numbers


def _without_nan(value):
    """Return a report with None for what is not defined, as JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
