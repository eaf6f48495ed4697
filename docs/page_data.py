"""The small sets that the code of the pages loads."""

import shutil
import zipfile

import numpy as np
from PIL import Image

from fer_estimators.datasets import make_faces


def write_page_data(folder, photo):
    """Write what the pages speak of into a folder.

    They are ``fer2013.zip``, votes on it in ``votes.csv``, class folders in ``photos``,
    numbered ones in ``raf-db``, and ``photo.jpg``.
    """
    faces = make_faces(70, random_state=0)
    # Every emotion in every split.
    order = np.argsort(faces.target, kind="stable")
    with zipfile.ZipFile(folder / "fer2013.zip", "w") as archive:
        for number, index in enumerate(order):
            file = folder / f"{number}.png"
            Image.fromarray(faces.images[index]).save(file)
            split = ("train", "train", "train", "val", "test")[number % 5]
            archive.write(file, f"{split}/{faces.target[index]}/{file.name}")
            label = ("calm", "smiling")[number % 2]
            (folder / "photos" / label).mkdir(parents=True, exist_ok=True)
            raf_db = folder / "raf-db" / "train" / str(1 + number % 7)
            raf_db.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, raf_db)
            file.rename(folder / "photos" / label / file.name)
    photo.save(folder / "photo.jpg")
    write_votes(folder)


def write_votes(folder):
    """Let eight of ten people see the emotion of each image, and two contempt."""
    answers = [
        *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
        *("unknown", "NF"),
    ]
    emotions = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear")
    rows = [["file", *answers]]
    with zipfile.ZipFile(folder / "fer2013.zip") as archive:
        for name in archive.namelist():
            votes = [8 * (name.split("/")[1] == emotion) for emotion in emotions]
            rows.append([name, *votes, 2, 0, 0])
    (folder / "votes.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
