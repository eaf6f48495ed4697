"""Find the emotion of each image in a set that has its own distribution format."""

import csv
import io
import os
import re
import zipfile
import zlib
from collections import Counter
from posixpath import commonpath

from fer_estimators._messages import name_some
from fer_estimators.datasets._emotions import describe_codes, parse_emotion, parse_split
from fer_estimators.datasets._label_sets import EIGHT_EMOTIONS, refuse_other_emotions
from fer_estimators.datasets._layout import (
    NO_SPLIT,
    Item,
    check_splits,
    rank_split,
    warn_about_missing,
    warn_about_test_images,
)
from fer_estimators.exceptions import DatasetError, LabelError

# RAF-DB's lists name the photos, of which the aligned faces are other files.
_ALIGNED = "_aligned"
# Characters; AffectNet's, with 68 landmarks, have less than 2,000.
_MAX_LINE = 2**16


def arrange_labelled(source, labels, options, report):
    """Return the items of the asked splits, ordered by split, then emotion, then path.

    `report` gets a line for each image that is left out. Raises LabelError if the emotion of some
    images is missing or ambiguous; DatasetError if a list cannot be read, or no image is left.
    """
    if not source.paths:
        raise DatasetError(f"{source.name!r} has 0 images; expected {labels.title}.")
    refuse_other_emotions(options.classes, labels.emotions, labels.title)
    listed = _read_lists(source, labels, report)
    folders_tell = all(_code_of_folder(path, labels) for path in source.paths)
    paths = _without_photos(source.paths, report)
    n_files = Counter(map(_stem, paths))
    # Folders around the whole set, such as a version number, say nothing of single images.
    around = commonpath([path.rpartition("/")[0] for path in paths])
    depth = len(around.split("/")) if around else 0
    items, faults, misplaced = [], [], []
    for path in paths:
        told, splits = _codes_of(path, labels, listed, folders_tell)
        emotions = {labels.codes.get(code, code) for code in told}
        if not told:
            faults.append((path, _why_untold(labels, listed)))
        elif not folders_tell and _stem(path) in listed and n_files[_stem(path)] > 1:
            faults.append((path, "lists name files alone, and another file has the same name"))
        elif len(emotions) > 1:
            faults.append((path, f"folder and list contradict each other: {', '.join(told)}"))
        elif other := _emotions_of_folders(path, labels, depth, folders_tell) - emotions:
            faults.append((path, f"read as {told[0]!r}, but a folder says {min(other)!r}"))
        else:
            items.append(Item(path, splits[0], emotions.pop()))
            if splits[0] == "train" and "test" in splits:
                misplaced.append(path)
    warn_about_test_images(misplaced, options, report)
    _settle_faults(faults, labels, options, report)
    wanted = [item for item in items if _is_wanted(item, options, report)]
    if items and not wanted:
        shown = ", ".join(options.classes or labels.emotions)
        raise DatasetError(f"none of the {len(items):,} images of {source.name!r} shows {shown}.")
    check_splits((item.split for item in wanted), options, source)
    wanted = [item for item in wanted if options.wants(item.split)]
    warn_about_missing(options.classes or (), {item.label for item in wanted}, source, report)
    wanted.sort(key=lambda i: (rank_split(i.split), EIGHT_EMOTIONS.index(i.label), i.path))
    return wanted


def _without_photos(paths, report):
    """Leave out photos beside which there is the aligned face."""
    aligned = {_stem(path) for path in paths if _is_aligned(path)}
    kept = []
    for path in paths:
        if _stem(path) in aligned and not _is_aligned(path):
            report.add(path, "photo of which the aligned face is taken", "ignored")
        else:
            kept.append(path)
    return kept


def _codes_of(path, labels, listed, folders_tell):
    """Return all codes that give the emotion of an image, and all splits, the decisive first."""
    stem = _stem(path)
    in_list, split_of_list = listed.get(stem, (None, None))
    told = [_code_of_file(stem, labels), in_list, _code_of_folder(path, labels)]
    if not folders_tell:
        # Numbers of subfolders, as AffectNet has them beside its lists, are not codes.
        told[2] = None
    splits = [*map(parse_split, path.split("/")[:-1]), parse_split(stem.partition("_")[0])]
    splits = [split for split in (*splits, split_of_list) if split]
    return sorted({code for code in told if code is not None}), splits or [NO_SPLIT]


def _code_of_folder(path, labels):
    """Return the code or emotion that an image's folder is named by, or None."""
    name = path.rpartition("/")[0].rpartition("/")[2].strip().casefold()
    if labels.file_name:
        return None
    if name in labels.codes and (labels.numbered_folders or not name.isdigit()):
        return name
    has_digits = any(character.isdigit() for character in name)
    emotion = name if name == "contempt" or has_digits else parse_emotion(name)
    return emotion if emotion in labels.emotions else None


def _emotions_of_folders(path, labels, depth, folders_tell):
    """Return the emotions that all folders of an image are named by, their numbers below `depth`.

    Where folders tell nothing, their numbers are not codes.
    """
    names = [name.strip().casefold() for name in path.split("/")[:-1]]
    numbers = names[depth:] if labels.numbered_folders and folders_tell else []
    # Two letters stand for many things, such as people.
    words = [name for name in names if len(name) > 2 and name.isalpha()]
    known = {
        **{name: parse_emotion(name) for name in words},
        "contempt": "contempt",
        **labels.codes,
    }
    return {known.get(name) for name in (*words, *numbers)} - {None}


def _code_of_file(stem, labels):
    """Return the code in a file name, or None."""
    if not labels.file_name:
        return None
    found = re.fullmatch(labels.file_name, stem, re.IGNORECASE)
    code = found["emotion"].casefold() if found else None
    return code if code in labels.codes else None


def _stem(path):
    return _base(path).removesuffix(_ALIGNED)


def _is_aligned(path):
    return _base(path).endswith(_ALIGNED)


def _base(path):
    """Return a file's name without folders and extension, in lower case."""
    return os.path.splitext(path.rpartition("/")[2])[0].casefold()


def _why_untold(labels, listed):
    if labels.file_name:
        return f"the file name does not follow the scheme of {labels.title}"
    if listed:
        return "in no list of labels"
    return "neither its folder nor a list gives its emotion"


def _read_lists(source, labels, report):
    """Return the code and the split of each image that a list names, by its stem."""
    found = {}
    for name in (*source.tables, *source.lists):
        base = name.rpartition("/")[2]
        for form in labels.lists:
            if re.fullmatch(form.name, base, re.IGNORECASE):
                split = parse_split(re.split(r"[_.]", base)[0])
                with (
                    source.open(name) as stream,
                    io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as lines,
                ):
                    _add_list(found, _rows(lines, form, base), split, labels, base)
                report.replace(name, "read as a list of labels", "noted")
    return found


def _add_list(found, rows, split, labels, name):
    for number, file, code in rows:
        code = code.strip().casefold()
        if code not in labels.codes:
            raise LabelError(
                f"{name!r}, line {number}: label {code[:20]!r}; {labels.title} has "
                f"{describe_codes(labels.codes)}."
            )
        stem = _stem(file.replace("\\", "/"))
        before = found.get(stem, (code, split))
        for what, one, other in zip(("label", "split"), before, (code, split), strict=True):
            if one != other and None not in (one, other):
                raise LabelError(
                    f"{name!r}, line {number}: {stem!r} has the {what}s {one!r} and {other!r}. "
                    "Files in several folders may not have the same name."
                )
        found[stem] = code, before[1] or split


def _rows(lines, form, name):
    """Yield the number of each line, the file it names, and its code."""
    by_name = isinstance(form.file, str)
    lines = _within_limit(lines)
    reader = csv.reader(lines) if by_name else map(str.split, lines)
    columns = (form.file, form.label) if form.face is None else (form.file, form.label, form.face)
    try:
        if by_name:
            header = next(reader, [])
            if len(set(header).intersection(columns)) < sum(map(header.count, columns)):
                raise ValueError(f"repeated columns in {header}")
            columns = [header.index(column) for column in columns]
        for number, fields in enumerate(reader, start=2 if by_name else 1):
            if fields:
                file, code, *face = (fields[column] for column in columns)
                stem, extension = os.path.splitext(file)
                yield number, f"{'_'.join([stem, *face])}{extension}", code
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DatasetError(f"{name!r} is damaged or incomplete: {error}") from error
    except (ValueError, IndexError, csv.Error) as error:
        raise DatasetError(
            f"{name!r} cannot be read as a list of labels ({error}); expected "
            f"{'columns' if by_name else 'fields separated by spaces, at positions'} "
            f"{form.file!r} (file) and {form.label!r} (label)."
        ) from error


def _within_limit(lines):
    """Yield lines; one without an end, which would fill the memory, raises ValueError."""
    while line := lines.readline(_MAX_LINE + 1):
        if len(line) > _MAX_LINE:
            raise ValueError(f"a line has more than {_MAX_LINE:,} characters")
        yield line


def _settle_faults(faults, labels, options, report):
    if not faults:
        return
    named = name_some(f"{path} ({reason})" for path, reason in faults)
    if options.on_error == "raise":
        raise LabelError(
            f"{len(faults):,} images have no label of {labels.title}: {named}. Known: "
            f"{describe_codes(labels.codes)}. Remove or rename them, or pass on_error='skip'."
        )
    what = f"{len(faults):,} images without a label of {labels.title}"
    report.skip(faults, f"{what}, listed in `report`: {named}")


def _is_wanted(item, options, report):
    if item.label is None:
        report.add(item.path, "shows none of the eight emotions", "ignored")
        return False
    if options.classes is not None and item.label not in options.classes:
        report.add(item.path, "class not asked for", "ignored")
        return False
    return True
