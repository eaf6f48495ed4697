"""The arguments of the loaders, checked once."""

import numbers
import os
from dataclasses import dataclass

from fer_estimators._arguments import check_choice
from fer_estimators._files.resizing import height_and_width
from fer_estimators._messages import shorten, suggest
from fer_estimators._probabilities import refuse_sets
from fer_estimators.datasets._emotions import (
    EMOTIONS,
    SPLIT_ALIASES,
    SPLITS,
    parse_emotion,
    parse_split,
)


@dataclass(frozen=True)
class Options:
    """Checked arguments of a loader; the docstrings of the loaders say what each means."""

    splits: tuple | None  # None means all that are there
    classes: tuple | None
    image_size: tuple | None
    color: bool
    on_error: str
    follow_links: bool
    verify: str | None
    n_jobs: int | None
    lazy: bool = False

    def key(self):
        """Return everything that changes the result; the number of processes does not."""
        shown = (self.splits, self.classes, self.image_size, self.color)
        return (*shown, self.on_error, self.follow_links, self.verify)

    def wants(self, split):
        """Tell whether a split was asked for."""
        return self.splits is None or split in self.splits


def check_options(
    *, split, classes, image_size, color, on_error, follow_links, verify, n_jobs, lazy, emotions
):
    """Return `Options`, or raise ValueError or TypeError that names the faulty argument."""
    check_choice("on_error", on_error, ("raise", "skip"))
    check_choice("verify", verify, (None, "sha256"))
    if n_jobs is not None and (not isinstance(n_jobs, numbers.Integral) or n_jobs == 0):
        raise ValueError(f"n_jobs={n_jobs!r} is not an integer other than 0, nor None")
    return Options(
        splits=check_split(split),
        classes=_check_classes(classes, emotions),
        image_size=height_and_width(image_size),
        color=bool(color),
        on_error=on_error,
        follow_links=bool(follow_links),
        verify=verify,
        n_jobs=n_jobs,
        lazy=bool(lazy),
    )


def refuse_with_lazy(**values):
    """Raise ValueError for arguments that need the pixels of all images, which lazy=True leaves."""
    for name, value in values.items():
        if value is not None:
            raise ValueError(
                f"{name}={value!r} was passed with lazy=True, which opens no image. Leave out one "
                "of them."
            )


def check_split(split):
    """Return the asked splits as a tuple in the order of `SPLITS`; None for ``"all"``."""
    if isinstance(split, str) and split.strip().casefold() == "all":
        return None
    names = (split,) if isinstance(split, str) else split
    if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"split={split!r} is neither a name, nor a tuple of names, nor 'all'")
    unknown = [name for name in names if parse_split(name) is None]
    if unknown or not names:
        known = [*SPLITS, *(alias for more in SPLIT_ALIASES.values() for alias in more), "all"]
        raise ValueError(
            f"split={split!r} does not name a split of {', '.join(map(repr, SPLITS))}, or 'all'."
            + (suggest(unknown[0], known) if unknown else "")
        )
    found = {parse_split(name) for name in names}
    return tuple(name for name in SPLITS if name in found)


def _check_classes(classes, emotions):
    """Return the asked classes: emotions first in code order, then the others as given."""
    if classes is None:
        return None
    if not emotions:
        refuse_sets(classes=classes)
    classes = classes if isinstance(classes, str) else list(classes)
    if isinstance(classes, str) or not all(isinstance(name, str) for name in classes):
        raise TypeError(f"classes={classes!r} is not a list of class names")
    names = [(emotions and parse_emotion(name)) or name for name in classes]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"classes={classes!r} is empty or names a class twice")
    if emotions:
        names.sort(key=lambda n: EMOTIONS.index(n) if n in EMOTIONS else len(EMOTIONS))
    return tuple(names)


def check_path(path, expected):
    """Return `path` as a string with ``~`` expanded, or raise FileNotFoundError with a hint.

    Raises TypeError if it is not a path.
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(
            f"{shorten(path)} of type {type(path).__name__} is not a path; expected {expected}."
        )
    path = os.path.expanduser(os.fsdecode(path))
    if not os.path.exists(path):
        folder, name = os.path.split(path.rstrip("/\\"))
        near = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
        raise FileNotFoundError(
            f"no such file or folder: {path!r} (current folder {os.getcwd()!r}); expected "
            f"{expected}.{suggest(name, near)}"
        )
    return path
