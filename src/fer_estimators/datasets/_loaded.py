"""What every way of reading ends in, and the Bunch that is made of it."""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from fer_estimators.datasets._report import LoadReport


@dataclass
class Loaded:
    """Images with their labels, file names and splits, before they become a Bunch."""

    images: np.ndarray  # (n, height, width) or (n, height, width, 3), uint8
    target: list
    filenames: list
    split: list
    report: LoadReport
    n_rows: int | None = None  # of the csv table, all splits; None for image files


def to_bunch(loaded, target_names, description):
    """Return the Bunch that the loaders promise."""
    # Imported here: scikit-learn takes most of the time that importing the loaders would take.
    from sklearn.utils import Bunch

    images = loaded.images
    return Bunch(
        data=images.reshape(len(images), -1),
        images=images,
        target=np.array(loaded.target, dtype=str),
        target_names=np.array(target_names, dtype=str),
        # Objects, because one long name would widen every entry of a string array.
        filenames=np.array(loaded.filenames, dtype=object),
        split=np.array(loaded.split, dtype=str),
        report=loaded.report,
        DESCR=read_description(description),
    )


def read_description(name):
    """Return a page of ``descr/``."""
    return files(__package__).joinpath("descr", name).read_text(encoding="utf-8")
