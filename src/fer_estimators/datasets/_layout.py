"""Find the split and the class of each file of a set from its path."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from fer_estimators._files.decode import EXTENSIONS
from fer_estimators._messages import name_some, suggest
from fer_estimators.datasets._emotions import (
    EMOTIONS,
    SPLITS,
    describe_emotions,
    parse_emotion,
    parse_split,
    split_of_file_name,
)
from fer_estimators.datasets._label_sets import LabelSet, check_numbered_folders
from fer_estimators.exceptions import DatasetError, LabelError

#: Value of `split` for a set that has no splits and is not FER2013.
NO_SPLIT = "all"


class Item(NamedTuple):
    """One image file and what it shows."""

    path: str
    split: str
    label: str


@dataclass(frozen=True)
class Layout:
    """How folder names are read: as emotions, by a label set, or each as a class of its own."""

    emotions: bool
    classes: tuple | None = None
    labels: LabelSet | None = None

    @property
    def table_codes(self):
        """The emotion of each code in a table; None where they are FER2013's."""
        return self.labels.table_codes if self.labels else None

    @property
    def reads_tables(self):
        """Whether the set may be a csv table with pixels."""
        return self.emotions or bool(self.table_codes)

    def label_of(self, folder):
        """Return the label of a class folder; None if it is unknown or was not asked for."""
        label = parse_emotion(folder) if self.emotions else folder
        if self.classes is None:
            return label
        label = label or folder
        return label if label in self.classes else None

    def order(self, labels):
        """Return `labels` in the order in which their images are given."""
        named = self.labels.emotions if self.labels else EMOTIONS if self.emotions else ()
        known = self.classes or named
        return [*(n for n in known if n in labels), *sorted(set(labels) - set(known))]


class _Place(NamedTuple):
    """One class folder, and the files under it."""

    folder: str
    split: str | None
    label: str | None
    paths: list


def arrange(source, layout, options, report):
    """Return the items of the asked splits in order, and warn about classes without images.

    The order is by split, then class, then path within the class folder.
    """
    prefix = _wrapping(source, layout)
    if prefix:
        report.add(prefix.rstrip("/"), "wrapping folder passed over", "noted")
    places, splits = _find_places(source, prefix, layout, report)
    _check_labels(places, layout, options, source)
    _check_nested(places, layout, source)
    items = _split_items(places, splits, source, layout, options, report)
    check_splits((split for _, split, _ in items), options, source)
    wanted = [item for item in items if options.wants(item[1])]
    _warn_about_empty(source, prefix, places, splits, options, report)
    expected = layout.classes or (EMOTIONS if layout.emotions else ())
    warn_about_missing(expected, {place.label for place, _, _ in wanted}, source, report)
    _warn_about_aliases(wanted, report)
    return _in_order(wanted, layout)


def _wrapping(source, layout):
    """Return the prefix of folders that wrap the whole set, such as ``"fer2013/"``."""
    prefix = ""
    while True:
        below = [p[len(prefix) :].split("/", 2) for p in source.paths if p.startswith(prefix)]
        tops = {parts[0] for parts in below if len(parts) > 1}
        if len(tops) != 1 or not _wraps(*tops, below, layout):
            return prefix
        prefix += f"{tops.pop()}/"


def _wraps(top, below, layout):
    """Tell whether the only folder `top` wraps the set, and is neither a split nor a class."""
    deep = ["/".join(parts[1:]).split("/") for parts in below if len(parts) == 3]
    named = top in (layout.classes or ()) or (layout.emotions and parse_emotion(top))
    if not deep or parse_split(top) or named:
        return False
    # Where any name may be a class, images directly in a folder make it one, unless splits that
    # hold class folders stand below it.
    has_images = any(len(parts) == 2 for parts in below)
    has_splits = any(parse_split(folder) for *folders, _, _ in deep for folder in folders)
    return layout.emotions or not has_images or has_splits


def _find_places(source, prefix, layout, report):
    """Return the class folders by path, and the split folders (empty if there are none)."""
    splits = _find_splits(source, prefix, layout)
    depth = 2 if splits else 1
    places, loose = {}, []
    for path in source.paths:
        parts = path[len(prefix) :].split("/", depth)
        if len(parts) <= depth or not path.startswith(prefix):
            loose.append(path)
            continue
        folder = f"{prefix}{'/'.join(parts[:depth])}"
        if folder not in places:
            split = splits[parts[0]] if splits else None
            places[folder] = _Place(folder, split, layout.label_of(parts[depth - 1]), [])
        places[folder].paths.append(path)
    _check_loose(source, places, loose, report)
    return places, splits


def _find_splits(source, prefix, layout):
    """Return the split of each folder at the top; empty if these are not split folders."""
    inside = [path[len(prefix) :] for path in source.paths if path.startswith(prefix)]
    tops = {path.partition("/")[0] for path in inside if "/" in path}
    splits = {top: parse_split(top) for top in sorted(tops)}
    named = [top for top in splits if splits[top]]
    # In a set of any classes, folders named like splits may be classes themselves.
    if not named or not (layout.emotions or _holds_folders(source, prefix, named)):
        return {}
    other = [top for top in splits if not splits[top]]
    if other:
        raise DatasetError(
            f"{source.name!r} has split folders {named} and beside them {name_some(other)}, "
            "which name no split (train, val, test or an alias); move them out, or rename them"
        )
    return splits


def _holds_folders(source, prefix, splits):
    return any(
        path.startswith(f"{prefix}{top}/") and "/" in path[len(prefix) + len(top) + 1 :]
        for top in splits
        for path in source.paths
    )


def _check_loose(source, places, loose, report):
    if not source.paths:
        raise DatasetError(
            f"{source.name!r} has 0 images; looked for {', '.join(sorted(EXTENSIONS))} in class "
            f"folders (train/<class>/*.jpg) and found {_describe(source)}"
        )
    if not places:
        raise DatasetError(
            f"{source.name!r} has images directly in it ({name_some(loose, limit=3)}) and no "
            "class folders with images; pass the folder that holds one folder for each class"
        )
    for path in loose:
        report.add(path, "image outside any class folder", "ignored")


def _describe(source):
    folders = sorted(folder for folder in source.folders if "/" not in folder)
    return f"folders {name_some(folders, separator=', ')}" if folders else "no folders"


def _check_labels(places, layout, options, source):
    asked = [p for p in places.values() if not p.split or options.wants(p.split)]
    if layout.emotions:
        check_numbered_folders((p.folder.rpartition("/")[2] for p in asked), source.name)
    unknown = sorted(p.folder for p in asked if p.label is None)
    if unknown and layout.classes is None:
        hint = suggest(unknown[0].rpartition("/")[2], EMOTIONS)
        raise LabelError(
            f"unknown class folder in {source.name!r}: {name_some(unknown)}.{hint} Known: "
            f"{describe_emotions()}, in any case, also as '0_angry'. To load a choice of "
            "folders, name them in classes=[...]."
        )
    allowed = {place.label for place in places.values()}.union(EMOTIONS if layout.emotions else ())
    absent = [name for name in layout.classes or () if name not in allowed]
    if absent:
        names = sorted({folder.rpartition("/")[2] for folder in places})
        raise LabelError(
            f"classes={list(layout.classes)!r}: {source.name!r} has no folder for {absent}; "
            f"it has {name_some(names, separator=', ')}.{suggest(absent[0], names)}"
        )


def _check_nested(places, layout, source):
    """Refuse folders in a class folder that say otherwise: another class, or a split."""
    labels = {place.label for place in places.values()}
    odd = {}
    for place in places.values():
        for path in place.paths if place.label is not None else ():
            inner, _, _ = path[len(place.folder) + 1 :].rpartition("/")
            if inner and any(_contradicts(f, place, labels, layout) for f in inner.split("/")):
                odd.setdefault(f"{place.folder}/{inner}", path)
    if odd:
        raise DatasetError(
            f"{source.name!r} has class folders that hold folders of another class or of a split: "
            f"{name_some(odd)}. Expected <class>/*.jpg or <split>/<class>/*.jpg; move or rename "
            "them."
        )


def _contradicts(folder, place, labels, layout):
    if parse_split(folder):
        return True
    # Numbers and two letters stand for many things, such as people.
    label = layout.label_of(folder) if len(folder) > 2 else None
    return label is not None and label != place.label and label in labels


def _split_items(places, splits, source, layout, options, report):
    """Return (place, split, path) of every image whose class is wanted."""
    # Archives made of train and test alone keep both halves of test in one folder; only the
    # file names tell PublicTest (val) from PrivateTest. A val folder of its own says it better.
    by_name = layout.emotions and "val" not in splits.values()
    own = parse_split(source.name.partition(".")[0]) if layout.emotions else None
    items, untold, misplaced = [], 0, []
    if own and any(place.label and not place.split for place in places.values()):
        report.add(source.name, f"no split folders: its own name read as split {own!r}", "noted")
    for place in places.values():
        if place.label is None:
            for path in place.paths:
                report.add(path, "class not asked for", "ignored")
            continue
        for path in place.paths:
            split = place.split or own
            told = split_of_file_name(path.rpartition("/")[2]) if layout.emotions else None
            if split == "train" and told == "test":
                misplaced.append(path)
            # A test folder may hold PublicTest too, but names never make it training data.
            if by_name and (split is None or (split == "test" and told == "val")):
                split = told
            untold += split is None
            items.append((place, split or ("train" if layout.emotions else NO_SPLIT), path))
    warn_about_test_images(misplaced, options, report)
    if untold and options.splits is not None:
        raise DatasetError(
            f"{source.name!r}: neither folders (train, val, test) nor file names (Training_, "
            f"PublicTest_, PrivateTest_) tell the split of {untold:,} images; pass the folder "
            "above, or split='all' to load every image"
        )
    if untold and layout.emotions:
        report.add(source.name, f"no splits: {untold} images given as 'train'", "noted")
    return items


def warn_about_test_images(paths, options, report):
    """Warn of images in train folders that belong to the test split by their names or a list."""
    if paths and options.wants("train"):
        report.warn(
            f"{len(paths):,} images in train folders are named or listed as test images, and count "
            f"as train: {name_some(paths)}. Move them if you test on the others"
        )


def check_splits(splits, options, source):
    """Refuse a set without images of a split that was asked for, or without any."""
    found = Counter(splits)
    empty = [split for split in options.splits or () if not found[split]]
    if empty or not found:
        there = ", ".join(f"{split} ({found[split]:,})" for split in sorted(found, key=rank_split))
        raise DatasetError(
            f"{source.name!r} has no images for split {', '.join(map(repr, empty or ['all']))}; "
            f"it has {there or 'none at all'}. Choose one of these by split=."
        )


def _warn_about_empty(source, prefix, places, splits, options, report):
    empty = []
    for folder in sorted(source.folders - places.keys()):
        parts = folder[len(prefix) :].split("/")
        asked = not splits or options.wants(splits.get(parts[0]))
        if folder.startswith(prefix) and len(parts) == (2 if splits else 1) and asked:
            empty.append(folder)
    if empty:
        report.warn(f"class folder without images: {name_some(empty)}")


def warn_about_missing(expected, found, source, report):
    """Warn of classes without images."""
    missing = [name for name in expected if name not in found]
    if missing:
        report.warn(
            f"no images of {', '.join(missing)} in {source.name!r}; labels are names, so no "
            "other class changes its meaning"
        )


def _warn_about_aliases(wanted, report):
    folders = {}
    for place, split, _ in wanted:
        folders.setdefault((split, place.split, place.label), set()).add(place.folder)
    merged = [sorted(names) for names in folders.values() if len(names) > 1]
    if merged:
        report.warn(
            "more than one folder for the same class, merged: "
            + name_some(" + ".join(names) for names in merged)
        )
    for folder, label in sorted({(p.folder, p.label) for p, _, _ in wanted}):
        if folder.rpartition("/")[2] != label:
            report.add(folder, f"folder name read as {label!r}", "noted")


def rank_split(split):
    """Return the place of a split in the order of the images."""
    return SPLITS.index(split) if split in SPLITS else 0


def _in_order(wanted, layout):
    labels = layout.order({place.label for place, _, _ in wanted})
    position = {label: index for index, label in enumerate(labels)}
    wanted.sort(
        key=lambda entry: (
            rank_split(entry[1]),
            position[entry[0].label],
            entry[2][len(entry[0].folder) :],
            entry[2],
        )
    )
    return [Item(path, split, place.label) for place, split, path in wanted]
