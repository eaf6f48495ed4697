"""
From a folder of photos to a table
==================================

I have thousands of photos, some of them damaged: how do I get one table of all the faces in them?
This page makes a small folder of that kind, reads it, and counts.
"""

# %%
# A folder of photos
# ------------------
# Each photo shows two faces, one or none. One file is truncated, and one contains only text.
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut

folder = Path(tempfile.mkdtemp())
portrait = Image.fromarray(astronaut()).crop((60, 0, 380, 320))
for number in range(12):
    photo = Image.new("RGB", (640, 320), (90, 100, 110))
    for place in range(number % 3):
        photo.paste(portrait, (320 * place, 0))
    path = folder / f"day{number % 2}" / f"{number:02d}.jpg"
    path.parent.mkdir(exist_ok=True)
    photo.save(path)
(folder / "day0" / "04.jpg").write_bytes((folder / "day0" / "04.jpg").read_bytes()[:900])
(folder / "day1" / "05.jpg").write_text("moved to the archive")

# %%
# Read all photos
# ---------------
# The faces of many photos are classified at once, and no pixels are kept. ``on_error="skip"`` lists
# damaged files and continues; by default, the first one raises an error. After Ctrl-C, the results
# so far are kept. ``progress=True`` shows a progress bar. The faces are large, so ``min_face=0.25``
# avoids the search for small ones, which takes longer and finds more things that are not faces.
import warnings

from fer_estimators import EmotionRecognizer, FaceDetector

recognizer = EmotionRecognizer(detector=FaceDetector(min_face=0.25))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    results = recognizer.recognize_files(folder, on_error="skip")
for path, reason in results.skipped.items():
    print(Path(path).name, "-", reason.partition(": ")[2])
results

# %%
# One table
# ---------
# The table has one row per face. A photo without a face has no row, but it is in ``results``.
table = results.frame()
table["file"] = [Path(file).name for file in table["file"]]
table[["file", "left", "top", "width", "emotion", "probability"]].round(2)

# %%
print("photos by number of faces:", np.bincount([len(result) for result in results]))
table.groupby("emotion").size()

# %%
# Look at one of them
# -------------------
# The results hold no pixels, so the photo is read again.
import matplotlib.pyplot as plt

recognizer.recognize(folder / "day0" / "02.jpg").plot()
plt.show()

# %%
# **What was learned.** ``recognize_files`` takes a folder or a list of files. On the command line,
# ``fer-estimators FOLDER --csv > faces.csv`` does the same.
