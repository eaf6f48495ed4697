"""Join FER+'s votes to the images of FER2013, and make targets of them."""

import numpy as np

from fer_estimators._frame import make_frame
from fer_estimators._messages import name_some
from fer_estimators._probabilities import find_permutation
from fer_estimators.datasets._emotions import EMOTIONS, parse_split, split_of_file_name
from fer_estimators.datasets._loading import as_rows
from fer_estimators.datasets._votes_table import VOTE_COLUMNS, VOTED_EMOTIONS
from fer_estimators.exceptions import DatasetError

#: What becomes of images on which no single emotion has the most votes.
TIES = ("drop", "first", "keep")

_N_EMOTIONS = len(VOTED_EMOTIONS)
# Of FER2013's images, FER+ covers all but half a percent.
_LEAST_SHARE_OF_FILES = 0.5
# Joined as they belong, labels and majorities agree on 63 %, kappa .54 (.50 or more in each block
# of a thousand rows); joined to other rows, kappa is 0.
_LEAST_KAPPA = 0.2
_ROWS_IN_A_BLOCK = 1000
_FEWEST_TO_JUDGE = 100


def use_votes(bunch, table, *, n_rows, ties, emotions):
    """Make the target of a loaded set what most people saw, in place.

    The set gains `votes`, `vote_names`, `soft_labels` and `original_target`, and loses the images
    that have no target; `report` has a line for each of these. `n_rows` counts the rows of the csv
    table that the images come from, None for image files; `emotions` may become targets.

    Raises DatasetError if the table belongs to other images or is in another order.
    """
    positions = _join(bunch, table, n_rows)
    joined = positions >= 0
    votes = np.where(joined[:, None], table.votes[positions], 0)
    _check_agreement(bunch.target[joined], votes[joined], positions[joined], table, n_rows)
    target, reasons = _choose(votes, bunch.target, ties, emotions)
    for name, reason in zip(bunch.filenames, reasons, strict=True):
        if reason:
            bunch.report.add(name, f"FER+: {reason}", "ignored")
    kept = np.array([reason is None for reason in reasons], dtype=bool)
    if not kept.any():
        raise DatasetError(
            f"none of the {len(kept):,} images has a target by the votes of {table.name!r}: "
            f"{name_some(sorted(set(reasons)))}."
        )
    images, target, votes = bunch.images[kept], target[kept], votes[kept]
    bunch.update(
        data=as_rows(images),
        images=images,
        target=target,
        target_names=np.array(emotions),
        filenames=bunch.filenames[kept],
        split=bunch.split[kept],
        votes=votes,
        vote_names=np.array(list(VOTE_COLUMNS.values())),
        soft_labels=_soften(votes, target, bunch.report, table),
        original_target=bunch.target[kept],
    )


def _choose(votes, labels, ties, emotions):
    """Return the target of each image, and None or the reason why it has none."""
    counts = votes[:, :_N_EMOTIONS]
    most = counts.max(axis=1, initial=0)
    leads = counts == most[:, None]
    names = np.array(VOTED_EMOTIONS)
    target = names[leads.argmax(axis=1)]
    if ties == "keep":
        own = leads[np.arange(len(labels)), [VOTED_EMOTIONS.index(label) for label in labels]]
        target = np.where(own, labels, target)
    unknown, no_face = votes[:, _N_EMOTIONS:].T
    tied = (leads.sum(axis=1) > 1) | (most == np.maximum(unknown, no_face))
    reasons = np.select(
        [
            ~votes.any(axis=1),
            (no_face > most) & (no_face >= unknown),
            unknown > most,
            tied & (ties == "drop"),
            ~np.isin(target, emotions),
        ],
        [
            "no row in the table of votes",
            "most people saw no face",
            "most people could not tell the emotion",
            "no single emotion has the most votes",
            "most people saw an emotion that was not asked for",
        ],
        default="",
    )
    return target, [str(reason) or None for reason in reasons]


def _soften(votes, target, report, table):
    """Return the shares of the votes for the emotions that occur as targets, sorted by name."""
    columns = np.unique(target).tolist()
    counts = votes[:, [VOTED_EMOTIONS.index(name) for name in columns]]
    left_out = sorted(set(VOTED_EMOTIONS) - set(columns))
    if left_out:
        report.add(
            table.name,
            f"no target is {', '.join(left_out)}: votes for them are not in soft_labels",
            "noted",
        )
    return make_frame(counts / counts.sum(axis=1, keepdims=True), columns=columns)


def _join(bunch, table, n_rows):
    """Return the position in the table of each image, -1 where there is none."""
    if n_rows is None:
        return _join_files(bunch, table)
    if table.rows is None:
        raise DatasetError(
            f"{table.name!r} names files and not rows, but the images come from a csv table. Pass "
            "Microsoft's fer2013new.csv, or add a column 'row' (of fer2013.csv, counted from 0)."
        )
    rows = np.array([int(name.rpartition(":")[2]) - 2 for name in bunch.filenames])
    _check_rows(bunch, table, n_rows, rows)
    position_of = np.full(n_rows, -1)
    position_of[table.rows] = np.arange(len(table.rows))
    return position_of[rows]


def _check_rows(bunch, table, n_rows, rows):
    """Refuse a table of another number of rows or with other splits."""
    if table.files is None and len(table.rows) != n_rows:
        raise DatasetError(
            f"{table.name!r} has {len(table.rows):,} rows, but the table of images has {n_rows:,}; "
            "they are joined row by row. Use both as they were published, without rows removed, "
            "added or left empty."
        )
    if table.rows.max() >= n_rows:
        raise DatasetError(
            f"{table.name!r} names row {table.rows.max():,} (counted from 0), but the table of "
            f"images has {n_rows:,} rows."
        )
    if table.splits is not None:
        other = np.flatnonzero(np.array(table.splits)[rows] != bunch.split)
        if len(other):
            first = other[0]
            raise DatasetError(
                f"{table.name!r} and the table of images differ in Usage in {len(other):,} rows, "
                f"the first is {bunch.filenames[first]!r} ({bunch.split[first]} there, "
                f"{table.splits[rows[first]]} in the votes). One of them is in another order; "
                "use both as they were published."
            )


def _join_files(bunch, table):
    if table.files is None:
        raise DatasetError(
            f"{table.name!r} holds votes by row of fer2013.csv, and image files do not tell their "
            "rows. Load fer2013.csv, or pass a table with the columns 'file' "
            f"(such as {bunch.filenames[0]!r}), "
            "'neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', "
            "'contempt', 'unknown' and 'NF'."
        )
    depth = _telling_depth(table.files, bunch.filenames, table)
    position_of = {_ending(file, depth): position for position, file in enumerate(table.files)}
    positions = np.array([position_of.get(_ending(file, depth), -1) for file in bunch.filenames])
    absent = [file for file, at in zip(bunch.filenames, positions, strict=True) if at < 0]
    if len(absent) > (1 - _LEAST_SHARE_OF_FILES) * len(positions):
        raise DatasetError(
            f"{table.name!r} has votes for {len(positions) - len(absent):,} of {len(positions):,} "
            f"images; it begins with {table.files[0]!r}, and among those without votes are "
            f"{name_some(absent, limit=3)}. Pass a table that names these files."
        )
    _check_splits_of_files(bunch, table, positions)
    return positions


def _check_splits_of_files(bunch, table, positions):
    """Refuse votes for files of another split: train/sad/1.jpg and test/sad/1.jpg end alike."""
    pairs = zip(bunch.filenames, bunch.split, positions, strict=True)
    other = [
        (file, table.files[at])
        for file, split, at in pairs
        if at >= 0
        and _split_of_folder(table.files[at]) not in (None, split, _split_of_folder(file))
    ]
    if other:
        raise DatasetError(
            f"{table.name!r} names files of other splits for {len(other):,} images, the first is "
            f"{other[0][1]!r} for {other[0][0]!r}. Pass a table that names these files, and the "
            "folder above the splits."
        )


def _split_of_folder(path):
    """Return the split that a file's folders tell; None where its own name tells it apart."""
    *folders, name = path.split("/")
    if split_of_file_name(name):
        return None
    return next(filter(None, map(parse_split, reversed(folders))), None)


def _telling_depth(named, found, table):
    """Return how many parts of a path, from its end, tell all files apart."""
    for depth in (1, 2, 3):
        if all(len({_ending(f, depth) for f in files}) == len(files) for files in (named, found)):
            return depth
    raise DatasetError(
        f"the last three parts of the paths, such as {_ending(found[0], 3)!r}, do not tell the "
        f"files apart that {table.name!r} names. Write paths of the form train/happy/1.jpg."
    )


def _ending(path, depth):
    return "/".join(path.split("/")[-depth:])


def _check_agreement(labels, votes, positions, table, n_rows):
    """Refuse votes that have no more to do with the labels than chance gives."""
    if len(labels) < _FEWEST_TO_JUDGE or len(np.unique(labels)) < len(EMOTIONS):
        return
    # Imported here: scikit-learn takes most of the time that importing the loaders would take.
    from sklearn.metrics import cohen_kappa_score

    majority = np.array(VOTED_EMOTIONS)[votes[:, :_N_EMOTIONS].argmax(axis=1)]
    order = np.argsort(positions)
    # Names of files cannot shift, and in the order of folders, a block would be of one emotion.
    n_blocks = 1 if n_rows is None else max(1, len(order) // _ROWS_IN_A_BLOCK)
    for block in np.array_split(order, n_blocks):
        kappa = cohen_kappa_score(labels[block], majority[block])
        if kappa < _LEAST_KAPPA:
            raise DatasetError(
                f"the votes of {table.name!r} do not belong to these images: in a block of "
                f"{len(block):,} they agree with the labels hardly more than by chance (Cohen's "
                f"kappa {kappa:.2f}; 0.54 where FER2013 and FER+ are joined as published). One of "
                "the two is in another order, or of another set."
            )
    _check_columns(labels, votes[:, :_N_EMOTIONS], table)


def _check_columns(labels, counts, table):
    """Refuse columns that clearly hold the votes for other emotions than they are named by."""
    codes = np.array([VOTED_EMOTIONS.index(label) for label in labels])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    best = find_permutation(codes, shares)
    if best is not None:
        held = np.array(VOTED_EMOTIONS)[np.argsort(best)].tolist()
        raise DatasetError(
            f"the columns of {table.name!r} are named by {list(VOTED_EMOTIONS)}, but by the labels "
            f"of the images, they hold the votes for {held}. Repair its first line."
        )
