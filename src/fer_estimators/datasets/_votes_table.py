"""Tables of FER+: how many of ten people saw which emotion in each image of FER2013.

Source: E. Barsoum, C. Zhang, C. Canton Ferrer and Z. Zhang, "Training deep networks for facial
expression recognition with crowd-sourced label distribution", ICMI 2016, arXiv:1608.01041.
"""

import csv
import io
import os
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_estimators._files.reading import read_regular
from fer_estimators._messages import name_some
from fer_estimators.datasets._emotions import parse_split
from fer_estimators.exceptions import DatasetError

#: The emotions that people could vote for, in the order of the table's columns.
VOTED_EMOTIONS = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
#: The emotions and the two other answers, by the names of the table's columns in lower case.
VOTE_COLUMNS = dict(
    zip(
        ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
        VOTED_EMOTIONS,
        strict=True,
    )
) | {"unknown": "unknown", "nf": "no face"}

_MAX_TABLE_BYTES = 64 * 2**20
_EXPECTED = (
    "Microsoft's fer2013new.csv (columns 'Usage', 'Image name', 'neutral', 'happiness', ..., 'NF', "
    "one row for each row of fer2013.csv), or a table with the columns 'file' and the same ten"
)


@dataclass(frozen=True)
class VotesTable:
    """Votes, and the image to which each row belongs."""

    name: str  # What messages call it.
    votes: NDArray[np.int64]  # (n, 10), in the order of VOTE_COLUMNS.
    rows: NDArray[np.int64] | None  # The row of fer2013.csv, counted from 0.
    files: list[str] | None
    splits: list[str] | None  # What "Usage" says.


def read_votes(path: str) -> VotesTable:
    """Read a csv table of votes, by row of ``fer2013.csv`` or by name of an image file.

    Raises DatasetError if it is not such a table, or some rows hold something other than votes;
    they are named.
    """
    name = os.path.basename(path)
    header, lines = _read_csv(path, name)
    columns = _find_columns(header, name)
    votes, faults = [], []
    for number, fields in lines:
        try:
            votes.append(_parse_votes(fields, columns, len(header)))
        except ValueError as error:
            faults.append(f"line {number}: {error}")
    if faults or not votes:
        raise DatasetError(
            f"{name!r} has {len(faults)} rows that are not votes: {name_some(faults)}. Expected "
            "whole numbers, not negative, one of them above 0. Repair or download the table again."
            if faults
            else f"{name!r} has a header and no rows; expected {_EXPECTED}."
        )
    return _arrange(name, columns, [fields for _, fields in lines], np.array(votes))


def _arrange(name, columns, lines, votes):
    def column(wanted):
        return [fields[columns[wanted]].strip() for fields in lines]

    if "file" not in columns:
        splits = [parse_split(usage) for usage in column("usage")]
        if None in splits:
            number = splits.index(None)
            raise DatasetError(
                f"{name!r} has Usage {column('usage')[number]!r} in row {number}; expected "
                "Training, PublicTest or PrivateTest."
            )
        return VotesTable(name, votes, np.arange(len(votes)), None, splits)
    files = [file.replace("\\", "/") for file in column("file")]
    twice = sorted(file for file, count in Counter(files).items() if count > 1)
    if twice:
        raise DatasetError(f"{name!r} names files more than once: {name_some(twice)}.")
    rows = None
    if "row" in columns:
        texts = column("row")
        if not all(map(_is_count, texts)) or len(set(texts)) < len(texts):
            raise DatasetError(
                f"{name!r} has a column 'row' that does not hold the rows of fer2013.csv, counted "
                "from 0, each once; repair it or remove the column."
            )
        rows = np.array(texts, dtype=np.int64)
    return VotesTable(name, votes, rows, files, None)


def _read_csv(path, name):
    """Return the header's fields, and the number and fields of each line that is not empty."""
    try:
        text = read_regular(path, limit=_MAX_TABLE_BYTES).decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""))
        header = next(reader, [])
        return header, [(reader.line_num, fields) for fields in reader if fields]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"{name!r} is not a table of votes ({error}); expected {_EXPECTED}."
        ) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DatasetError(
            f"{name!r} cannot be read as a table of votes ({error.strerror}); expected {_EXPECTED}."
        ) from error


def _find_columns(header, name):
    names = [field.strip().casefold() for field in header]
    found = {field: position for position, field in enumerate(names)}
    twice = [field for field in (*VOTE_COLUMNS, "file", "row") if names.count(field) > 1]
    if twice:
        raise DatasetError(
            f"{name!r} has the column {twice[0]!r} more than once, and nothing tells which one "
            "counts. Remove all but one."
        )
    missing = [column for column in VOTE_COLUMNS if column not in found]
    if missing or not ({"file", "usage"} & set(found)):
        hint = " Swap the arguments: this is the table of images." if "pixels" in found else ""
        raise DatasetError(
            f"{name!r} is not a table of votes: its first line is {','.join(header)[:80]!r}; "
            f"expected {_EXPECTED}.{hint}"
        )
    return found


def _parse_votes(fields, columns, n_columns):
    if len(fields) != n_columns:
        raise ValueError(f"{len(fields)} fields instead of {n_columns}")
    texts = [fields[columns[column]].strip() for column in VOTE_COLUMNS]
    wrong = [text for text in texts if not _is_count(text)]
    if wrong:
        raise ValueError(f"{wrong[0][:20]!r} is not a number of votes")
    votes = list(map(int, texts))
    if not any(votes):
        raise ValueError("no votes")
    return votes


def _is_count(text):
    return text.isascii() and text.isdigit() and len(text) <= 9
