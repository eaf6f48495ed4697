"""FER2013 as one csv table: ``emotion``, ``pixels`` and ``Usage``, read row by row."""

import gzip
import itertools
import zipfile
import zlib

import numpy as np

from fer_estimators._files.kinds import is_tar
from fer_estimators._files.resizing import resize_grey
from fer_estimators._messages import name_some
from fer_estimators.datasets._emotions import (
    EMOTIONS,
    SPLITS,
    describe_codes,
    describe_emotions,
    parse_emotion,
    parse_split,
)
from fer_estimators.datasets._layout import NO_SPLIT
from fer_estimators.datasets._report import Loaded
from fer_estimators.exceptions import DatasetError, LabelError, UnsafeArchiveError

#: Height and width of the images in the table, in pixels.
SIZE = (48, 48)
N_PIXELS = SIZE[0] * SIZE[1]

#: Longest row, in bytes: 2,304 numbers take 9,216.
MAX_ROW_BYTES = 2**15

#: Most bytes that a packed table may unpack to; FER2013 has 301 million.
MAX_TABLE_BYTES = 4 * 2**30

_LEVELS = {str(level).encode(): level for level in range(256)}


class _RowError(Exception):
    """One row cannot be used; `of_label` says that its emotion is the reason."""

    def __init__(self, message, *, of_label=False):
        super().__init__(message)
        self.of_label = of_label


def read_table(stream, name, options, report, *, codes):
    """Read the images of the asked splits from the binary stream of a csv table, plain or gzip.

    `name` is what messages, the report and the file names (``"fer2013.csv:17"``) call it; `codes`
    gives the emotion of each code, where they are not FER2013's names, aliases and codes. The order
    is by split, then emotion code, then row.
    """
    lines = _read_lines(stream, name)
    columns = _find_columns(next(lines, b""), name)
    if "usage" not in columns and options.splits is not None:
        raise DatasetError(
            f"{name!r} has no column 'Usage' that would tell the split {options.splits!r}; pass "
            "split='all' to load every row"
        )
    rows = _Rows(name, columns, options, codes)
    for number, line in enumerate(lines, start=2):
        if line.strip():
            rows.take(number, line)
    return rows.finish(report)


class _Rows:
    """The content of the rows read so far."""

    def __init__(self, name, columns, options, codes):
        self._name, self._columns, self._options = name, columns, options
        self._parse = parse_emotion if codes is None else lambda text: codes.get(text.casefold())
        self._emotions = EMOTIONS if codes is None else tuple(codes.values())
        # FER2013 is loaded as its training split; other sets have none.
        self._untold = "train" if codes is None else NO_SPLIT
        self._known = describe_emotions() if codes is None else describe_codes(codes)
        self._size = options.image_size or SIZE
        self._pixels = bytearray()
        self._codes, self._splits, self._numbers = bytearray(), bytearray(), []
        self._faults, self._usages, self._passed = [], {}, {}
        self._n_rows = 0

    def take(self, number, line):
        """Add one row, or remember what is wrong with it."""
        self._n_rows = number - 1
        try:
            fields = self._fields(line)
            split = self._split_of(fields, number)
            if split is None or not self._options.wants(split):
                return
            emotion = _parse_emotion_field(fields[self._columns["emotion"]], self._parse)
            if self._options.classes is None or emotion in self._options.classes:
                self._add(number, split, emotion, _parse_pixels(fields[self._columns["pixels"]]))
        except _RowError as error:
            # Not the error itself: its traceback would keep the whole row.
            self._faults.append((number, str(error), error.of_label))

    def _fields(self, line):
        fields = line.split(b",")
        if len(fields) != len(self._columns):
            raise _RowError(f"{len(fields)} fields instead of {len(self._columns)}")
        return [field.strip(b' \t\r\n"') for field in fields]

    def _split_of(self, fields, number):
        if "usage" not in self._columns:
            return "train"
        usage = fields[self._columns["usage"]].decode("utf-8", "replace")
        split = parse_split(usage)
        if split is None:
            self._usages.setdefault(usage[:40], number)
        else:
            self._passed[split] = self._passed.get(split, 0) + 1
        return split

    def _add(self, number, split, emotion, pixels):
        if self._size != SIZE:
            pixels = resize_grey(pixels, SIZE, self._size)
        self._pixels += pixels
        self._codes.append(self._emotions.index(emotion))
        self._splits.append(SPLITS.index(split))
        self._numbers.append(number)

    def finish(self, report):
        """Check what was gathered and return it in order."""
        if self._usages:
            named = name_some(f"{usage!r} (row {row})" for usage, row in self._usages.items())
            raise DatasetError(
                f"{self._name!r} has unknown values in column 'Usage': {named}; expected "
                "Training, PublicTest, PrivateTest, or train, val, test"
            )
        self._settle_faults(report)
        self._check_found(report)
        return self._loaded(report)

    def _settle_faults(self, report):
        faults = self._faults
        if not faults:
            return
        named = name_some(f"row {number}: {error}" for number, error, _ in faults)
        if self._options.on_error == "raise":
            only_labels = all(of_label for *_, of_label in faults)
            raise (LabelError if only_labels else DatasetError)(
                f"{len(faults)} rows of {self._name!r} cannot be used: {named}. "
                + (f"Known emotions: {self._known}. " if only_labels else "")
                + "Repair or remove them, or pass on_error='skip'."
            )
        report.skip(
            ((f"{self._name}:{number}", error) for number, error, _ in faults),
            f"{len(faults)} rows of {self._name!r}, listed in `report`: {named}",
        )

    def _check_found(self, report):
        found = {SPLITS[position] for position in set(self._splits)}
        empty = [split for split in self._options.splits or () if split not in found]
        if empty or not found:
            there = ", ".join(f"{split} ({count:,})" for split, count in self._passed.items())
            raise DatasetError(
                f"{self._name!r} has no usable rows for split {', '.join(empty) or 'all'!r}; its "
                f"column 'Usage' has {there or 'no rows'}"
            )
        present = {self._emotions[code] for code in set(self._codes)}
        missing = [name for name in self._options.classes or self._emotions if name not in present]
        if missing:
            report.warn(f"no rows of {', '.join(missing)} in {self._name!r}")
        if "usage" not in self._columns:
            reason = f"no column 'Usage': all rows given as {self._untold!r}"
            report.add(self._name, reason, "noted")

    def _loaded(self, report):
        images = np.frombuffer(self._pixels, dtype=np.uint8).reshape(-1, *self._size)
        keys = zip(self._splits, self._codes, itertools.count(), strict=False)
        order = [row for *_, row in sorted(keys)]
        reorder_rows(images, order)
        if self._options.color:
            images = np.repeat(images[..., np.newaxis], 3, axis=-1)
        splits = [SPLITS[self._splits[row]] for row in order]
        return Loaded(
            images,
            [self._emotions[self._codes[row]] for row in order],
            [f"{self._name}:{self._numbers[row]}" for row in order],
            splits if "usage" in self._columns else [self._untold] * len(order),
            report,
            n_rows=self._n_rows,
        )


def _unpacked(stream):
    is_packed = stream.peek(2)[:2] == b"\x1f\x8b"
    return gzip.open(stream) if is_packed else stream


def _read_lines(stream, name):
    """Yield lines within the limits; a damaged archive ends in DatasetError."""
    total = 0
    try:
        # Even looking at the first bytes unpacks a member of an archive, and may fail.
        stream = _unpacked(stream)
        while line := stream.readline(MAX_ROW_BYTES + 1):
            total += len(line)
            if len(line) > MAX_ROW_BYTES:
                raise DatasetError(
                    f"{name!r} is not a FER2013 table: a row has more than {MAX_ROW_BYTES:,} bytes "
                    f"and begins with {line[:40]!r}"
                )
            if total > MAX_TABLE_BYTES:
                raise UnsafeArchiveError(
                    f"{name!r} unpacks to more than {MAX_TABLE_BYTES:,} bytes, the limit"
                )
            yield line
    except DatasetError:
        raise
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DatasetError(f"{name!r} is damaged or incomplete: {error}") from error


def _find_columns(header, name):
    """Return a dict from lower-case column name to position."""
    text = header.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    found = [field.strip(' \t\r\n"').lower() for field in text.split(",")]
    if is_tar(header):
        raise DatasetError(
            f"{name!r} is a packed tar archive, and only zip archives are read; unpack it (`tar xf "
            f"{name}`) and pass the fer2013.csv or the folder in it"
        )
    if "image name" in found and "pixels" not in found:
        raise DatasetError(
            f"{name!r} is the table of FER+, which has votes on the emotion of each image and no "
            f"pixels: its first line is {text[:80]!r}. Load the fer2013.csv that it belongs to, "
            f"with the columns emotion, pixels and Usage, and pass fer_plus={name!r}."
        )
    if not {"emotion", "pixels"} <= set(found) or len(set(found)) < len(found):
        raise DatasetError(
            f"{name!r} is not a FER2013 table: its first line is {text[:80]!r}; expected the "
            "columns emotion, pixels and Usage, separated by commas, in any order"
        )
    return {column: position for position, column in enumerate(found)}


def _parse_emotion_field(field, parse):
    text = field.decode("utf-8", "replace")
    emotion = parse(text)
    if emotion is None:
        raise _RowError(f"emotion {text[:20]!r}", of_label=True)
    return emotion


def _parse_pixels(field):
    """Return the pixels as bytes; anything but 2,304 integers of 0..255 is an error."""
    numbers = field.split()
    if len(numbers) != N_PIXELS:
        raise _RowError(f"{len(numbers):,} pixels instead of {N_PIXELS:,}")
    try:
        # A table look-up is the fastest strict parser: no sign, no fraction, no overflow.
        return bytes(map(_LEVELS.__getitem__, numbers))
    except KeyError as error:
        value = error.args[0].decode("utf-8", "replace")
        raise _RowError(f"pixel {value[:20]!r} is not an integer in 0..255") from None


def reorder_rows(rows, order):
    """Do ``rows[:] = rows[order]`` with memory for one row more, not for a second array."""
    order = list(order)
    for start in range(len(order)):
        spare, position = None, start
        while order[position] != position:
            source, order[position] = order[position], position
            if spare is None:
                spare = rows[start].copy()
            rows[position] = spare if source == start else rows[source]
            position = source
