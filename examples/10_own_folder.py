"""
Train on a folder of your own
=============================

I have photographs in folders, one for each of my own labels: how do I train on them? This page
makes such a folder, including files that cannot be read. It first loads all images, and then trains
from file names, so that scikit-learn splits names instead of pixels.
"""

# %%
# A folder with your own labels
# -----------------------------
# The images are in colour and larger than FER2013's, and the labels are not its emotions. There is
# also a text file, and one image is cut off in the middle.
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from fer_estimators.datasets import make_faces

folder = Path(tempfile.mkdtemp())
drawn = make_faces(
    360, image_size=64, weights={"happy": 1, "neutral": 1, "surprise": 1}, random_state=0
)
my_label = {"happy": "smiling", "neutral": "calm", "surprise": "amazed"}
for number, (image, emotion) in enumerate(zip(drawn.images, drawn.target, strict=True)):
    (folder / my_label[emotion]).mkdir(exist_ok=True)
    Image.fromarray(image).convert("RGB").save(folder / my_label[emotion] / f"{number:03d}.jpg")

(folder / "calm" / "notes.txt").write_text("taken in June")
damaged = min((folder / "amazed").glob("*.jpg"))
damaged.write_bytes(damaged.read_bytes()[:500])

# %%
# A damaged image raises an error that names it
# ---------------------------------------------
# The missing part is never silently filled with grey.
from fer_estimators.datasets import load_image_folder
from fer_estimators.exceptions import ImageReadError

try:
    load_image_folder(folder, image_size=24)
except ImageReadError as error:
    print(error)

# %%
# Or it is skipped, and the report says so
# ----------------------------------------
# ``image_size`` resizes while reading; ``color=True`` would keep the colours.
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    faces = load_image_folder(folder, image_size=24, on_error="skip")
print(faces.images.shape, faces.images.dtype, faces.target_names.tolist())
print(faces.report)

# %%
# Train and look at the predictions
# ---------------------------------
# The classifier accepts any labels, and ``predict`` returns them.
import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from fer_estimators import CNNClassifier, FaceGridDisplay

X_train, X_test, y_train, y_test = train_test_split(
    faces.images, faces.target, test_size=0.3, stratify=faces.target, random_state=0
)
clf = CNNClassifier(epochs=12, batch_size=16, random_state=0).fit(X_train, y_train)
print(f"accuracy on {len(y_test)} faces that it has not seen: {clf.score(X_test, y_test):.2f}")
FaceGridDisplay.from_estimator(clf, X_test, y_test, n_faces=14, random_state=0)
plt.show()

# %%
# Train from file names
# ---------------------
# With :class:`~fer_estimators.preprocessing.ImageReader` as its first step, a pipeline takes file
# names. Cross-validation then splits short strings instead of pixels, however large the images are.
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline

from fer_estimators.preprocessing import ImageReader

pipeline = make_pipeline(
    ImageReader(image_size=24, root=folder),
    CNNClassifier(epochs=8, batch_size=16, random_state=0),
)
scores = cross_validate(pipeline, faces.filenames, faces.target, cv=2)
print("accuracy in each fold:", np.round(scores["test_score"], 2))
pipeline

# %%
# Several photographs of one person
# ---------------------------------
# They must not be on both sides of a split, or the network could recognise the person. Pass who is
# in each photograph as ``groups``, and scikit-learn keeps each person's photographs together.
from sklearn.model_selection import StratifiedGroupKFold

person = np.arange(len(faces.target)) % 30
for train, test in StratifiedGroupKFold(3).split(faces.filenames, faces.target, groups=person):
    print(f"{len(set(person[train]) & set(person[test]))} people on both sides")

# %%
# **What was learned.** One folder for each label is all that
# :func:`~fer_estimators.datasets.load_image_folder` needs, and it reports damaged files before
# training. With file names instead of arrays, every scikit-learn tool works as before.
