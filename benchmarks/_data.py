"""Prepare and load the faces on which everything is measured."""

import os
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from fer_estimators.datasets import load_fer2013, make_faces


def prepare(folder, n_images):
    """Write training faces as JPEG files in class folders, as a zip of these, and as arrays.

    The faces are those of FER2013 if the environment variable of that name is set, and drawn ones
    otherwise.

    Parameters
    ----------
    folder : pathlib.Path
        Existing folder to write to.
    n_images : int or None
        Number of faces. None takes all of FER2013's, or 28,709 drawn ones.

    Returns
    -------
    str
        Description of the faces.
    """
    source = os.environ.get("FER2013")
    if source:
        faces = load_fer2013(source, split="train")
    else:
        faces = make_faces(n_images or 28_709, random_state=0)
    rows = np.random.default_rng(0).permutation(len(faces.target))[:n_images]
    for row in rows:
        place = folder / "faces" / "train" / faces.target[row]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces.images[row]).save(place / f"{row:06d}.jpg", quality=90)
    with zipfile.ZipFile(folder / "faces.zip", "w") as archive:
        for path in sorted((folder / "faces").rglob("*.jpg")):
            archive.write(path, path.relative_to(folder / "faces"))
    np.savez(folder / "faces.npz", images=faces.images[rows], target=faces.target[rows])
    return f"{len(rows):,} faces of {'FER2013' if source else 'make_faces'}"


def load(folder):
    """Return images and labels as arrays in random order.

    Parameters
    ----------
    folder : pathlib.Path
        Folder that `prepare` filled.

    Returns
    -------
    images : ndarray of shape (n, 48, 48), dtype uint8
    target : ndarray of shape (n,)
    """
    with np.load(Path(folder) / "faces.npz") as arrays:
        return arrays["images"], arrays["target"]
