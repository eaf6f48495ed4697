"""
FER2013 in every common distribution format
===========================================

I have FER2013 as a folder, a zip or a csv: how do I load it, and what is in it? This page writes a
small set in four of the usual formats, loads each with
:func:`~fer_estimators.datasets.load_fer2013`, shows that all give the same arrays, and looks at
the faces.

The faces are drawn. Set the environment variable ``FER2013`` to a folder, zip or csv of the real
data to use it in the second half of the page.
"""

# %%
# Write one set in four formats
# -----------------------------
# Class folders are named after the emotions or FER2013's codes, a zip contains either kind, and the
# csv of the original contest has a row of pixels for each image. Three test faces are copies of
# training faces; the real data has such copies, too.
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from fer_estimators.datasets import make_faces

root = Path(tempfile.mkdtemp())
shares = {"angry": 4, "disgust": 1, "fear": 4, "happy": 7, "sad": 5, "surprise": 3, "neutral": 5}
splits = {
    "train": make_faces(290, weights=shares, random_state=0),
    "val": make_faces(58, weights=shares, random_state=1),
    "test": make_faces(58, weights=shares, random_state=2),
}
splits["test"].images[:3] = splits["train"].images[:3]
splits["test"].target[:3] = splits["train"].target[:3]
code_of = {name: code for code, name in enumerate(splits["train"].target_names)}

for split, faces in splits.items():
    for number, (image, emotion) in enumerate(zip(faces.images, faces.target, strict=True)):
        for folder in (f"named/{split}/{emotion}", f"numbered/{split}/{code_of[emotion]}"):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(root / folder / f"{number:05d}.png")

with zipfile.ZipFile(root / "fer2013.zip", "w") as archive:
    for path in sorted((root / "named").rglob("*.png")):
        archive.write(path, path.relative_to(root / "named"))

usage = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}
with open(root / "fer2013.csv", "w") as table:
    print("emotion,pixels,Usage", file=table)
    for split, faces in splits.items():
        for pixels, emotion in zip(faces.data, faces.target, strict=True):
            print(code_of[emotion], " ".join(map(str, pixels)), usage[split], sep=",", file=table)

# %%
# One function loads them all
# ---------------------------
# The loader recognises each format. The order is always the same (by split, by emotion in code
# order, by file name or row), so the four formats give equal arrays. Images that two splits share
# cause a warning. It is silenced here, because a section below looks at them.
import warnings

from fer_estimators.datasets import load_fer2013

loaded = {}
for form in ("named", "numbered", "fer2013.zip", "fer2013.csv"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        loaded[form] = load_fer2013(root / form, split="all")

first = loaded["named"]
for form, faces in loaded.items():
    equal = np.array_equal(faces.images, first.images), np.array_equal(faces.target, first.target)
    print(f"{form:12s} {faces.images.shape} {faces.images.dtype}, equal to the first: {all(equal)}")

# %%
# What a loader returns
# ---------------------
# A loader returns a scikit-learn Bunch. Its ``target_names`` are in the order of FER2013's codes,
# which is not alphabetical: that is why labels are names, not numbers. The report lists what was
# skipped or converted.
import os

faces = first
if "FER2013" in os.environ:
    faces = load_fer2013(os.environ["FER2013"], split="all")
print(list(faces))
print(faces.target_names.tolist())
print(faces.report)

# %%
# Count the emotions
# ------------------
# Disgust is so rare that a classifier can ignore it and lose little accuracy.
import matplotlib.pyplot as plt

from fer_estimators import EmotionCountsDisplay

counts = EmotionCountsDisplay.from_bunch(faces)
plt.show()

# %%
# Look at the faces
# -----------------
# Each row shows one emotion. Looking at the faces is the quickest way to notice wrong labels.
from fer_estimators import FaceGridDisplay

# sphinx_gallery_thumbnail_number = 2
FaceGridDisplay.from_bunch(faces, n_per_emotion=6, random_state=0)
plt.show()

# %%
# Find the images that occur twice
# --------------------------------
# A face that is in both train and test makes the test score too high. Dropping the redundant images
# keeps each face only in the split that comes first.
from fer_estimators.datasets import find_duplicates

duplicates = find_duplicates(faces)
print(duplicates)
clean = faces.images[~duplicates.redundant]
print(f"{len(clean)} of {len(faces.images)} images are left without the copies")

# %%
# **What was learned.** :func:`~fer_estimators.datasets.load_fer2013` needs only a path.
# Before you train, count the emotions, look at faces of each, and find the images that the splits
# share.
