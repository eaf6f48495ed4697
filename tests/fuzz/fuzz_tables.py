"""Load mutated csv tables: each must raise DatasetError or give a set.

    python tests/fuzz/fuzz_tables.py --inputs 10000 --seed 0

Besides damage to the bytes, plain or compressed with gzip, fields are replaced by what spreadsheets
and people write there.
"""

import gzip

from _fuzzing import Target, main
from _mutations import DAMAGE
from fuzz_archives import judge_set

from fer_estimators.datasets import load_fer2013, make_faces
from fer_estimators.datasets._emotions import EMOTIONS
from fer_estimators.exceptions import DatasetError

_FIELDS = (
    *(
        b"",
        b" ",
        b"-1",
        b"7",
        b"256",
        b"3.5",
        b"1e2",
        b"nan",
        b"inf",
        b"0x1f",
        b"1_0",
        b"+5",
        b"007",
    ),
    *("٣".encode(), "³".encode(), "\u200b3".encode(), b"\0", b"\xff\xfe", b'"', b'""', b"'3'"),
    *(b"happy", b"HAPPY ", b"0_angry", b"4_neutral", b"Training", b"trian", b"PublicTest"),
    *(b"=cmd|' /C calc'!A0", b"9" * 5000, b"1 " * 20_000, b"7 " * 2304, b"a;b;c", b"a\tb"),
)
_HEADERS = (
    *(b"emotion,pixels", b"emotion;pixels;Usage", b"pixels,emotion,Usage"),
    *(b"Emotion, Pixels , USAGE", b"emotion,pixels,Usage,emotion", b""),
)
_SEPARATORS = (b";", b"\t", b"\r", b"\n", b"\r\n", b"\n\n", b",,", b"\0", b" ", b"")


def tables():
    """Write one face of each emotion as a table, with and without `Usage`, and packed."""
    faces = make_faces(7, random_state=0)
    usages = ("Training", "PublicTest", "PrivateTest")
    rows = [
        f"{EMOTIONS.index(emotion)},{' '.join(map(str, pixels))},{usages[number % 3]}"
        for number, (emotion, pixels) in enumerate(zip(faces.target, faces.data, strict=True))
    ]
    plain = "\n".join(["emotion,pixels,Usage", *rows]).encode()
    windows = b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")
    return [plain, windows, gzip.compress(plain, mtime=0)]


def _as_text(edit):
    """Let `edit` change the text of a table that may be packed."""

    def edit_text(data, rng):
        is_packed = data.startswith(b"\x1f\x8b")
        text = edit(gzip.decompress(data) if is_packed else data, rng)
        return gzip.compress(text, compresslevel=1, mtime=0) if is_packed else text

    edit_text.__name__ = edit.__name__
    return edit_text


@_as_text
def _replace_field(data, rng):
    lines = data.split(b"\n")
    for _ in range(rng.choice((1, 1, 4))):
        index = rng.randrange(len(lines))
        fields = lines[index].split(b",")
        fields[rng.randrange(len(fields))] = rng.choice(_FIELDS)
        lines[index] = b",".join(fields)
    return b"\n".join(lines)


@_as_text
def _replace_pixel(data, rng):
    numbers = data.split(b" ")
    for _ in range(rng.choice((1, 1, 4))):
        numbers[rng.randrange(len(numbers))] = rng.choice(_FIELDS)
    return b" ".join(numbers)


@_as_text
def _change_lines(data, rng):
    lines = data.split(b"\n")
    index = rng.randrange(len(lines))
    change = rng.choice(("drop", "twice", "shuffle", "short", "long", "header"))
    if change == "drop":
        del lines[index]
    elif change == "twice":
        lines.insert(index, lines[rng.randrange(len(lines))])
    elif change == "shuffle":
        rng.shuffle(lines)
    elif change == "short":
        lines[index] = lines[index].rpartition(b",")[0]
    elif change == "long":
        lines[index] += b"," + rng.choice(_FIELDS)
    else:
        lines[0] = rng.choice(_HEADERS)
    return b"\n".join(lines)


@_as_text
def _change_separator(data, rng):
    old = rng.choice((b",", b" ", b"\n"))
    count = rng.choice((1, 3, -1))
    return data.replace(old, rng.choice(_SEPARATORS), count)


@_as_text
def _change_encoding(data, rng):
    text = data.removeprefix(b"\xef\xbb\xbf").decode()
    return text.encode(rng.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp037", "utf-7")))


def _pack_twice(data, rng):
    return gzip.compress(data, compresslevel=1, mtime=0) + rng.choice((b"", data[:99], bytes(9)))


_EDITS = (
    *(_replace_field, _replace_field, _replace_pixel, _change_lines, _change_lines),
    *(_change_separator, _change_encoding, _pack_twice),
)


def _load(path, rng):
    return load_fer2013(
        path,
        split=rng.choice(("train", "all")),
        on_error=rng.choice(("raise", "skip")),
        image_size=rng.choice((None, None, 16)),
    )


def _judge(kind, bunch):
    assert set(bunch.target) <= set(EMOTIONS), set(bunch.target)
    return judge_set(kind, bunch)


def make_target(folder):
    """Return the Target for csv tables."""
    kinds = (*DAMAGE, *_EDITS, *_EDITS)
    return Target(folder / "mutated.csv", tables(), kinds, _load, (DatasetError,), _judge)


TARGETS = {"csv": make_target}

if __name__ == "__main__":
    main(TARGETS, __doc__)
