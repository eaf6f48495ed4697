"""
Save, load and use a classifier elsewhere
=========================================

My network is trained: how do I use it in another program? This page saves it to one file, loads it
in a new process, classifies an image there, and shows what happens if the file is damaged.
"""

# %%
# Train a network
# ---------------
from fer_estimators import CNNClassifier
from fer_estimators.datasets import make_faces

emotions = {"happy": 1, "neutral": 1, "sad": 1, "surprise": 1}
train = make_faces(400, image_size=24, weights=emotions, random_state=0)
test = make_faces(140, image_size=24, weights=emotions, random_state=1)
clf = CNNClassifier("tiny", augmentation=None, epochs=15, batch_size=16, random_state=0)
clf.fit(train.images, train.target)
clf

# %%
# One file, without pickle
# ------------------------
# The file holds the parameters, the labels, the history and the weights. Loading builds the network
# from the architecture's name. Scaling is one of its layers, so the program that loads it passes
# plain pixels in 0..255.
import tempfile
from pathlib import Path

from fer_estimators.persistence import load, save

path = Path(tempfile.mkdtemp()) / "faces.fer"
save(clf, path)
print(f"{path.name}: {path.stat().st_size:,} bytes")

# %%
# The same predictions, bit for bit
# ---------------------------------
import numpy as np

again = load(path)
same = np.array_equal(again.predict_proba(test.images), clf.predict_proba(test.images))
print(f"equal probabilities: {same}; labels {again.classes_.tolist()}")
print(f"trained for {again.n_epochs_} epochs, loss {again.history_['loss'][-1]:.2f} at the end")

# %%
# In another program
# ------------------
# The other program only knows the name of the file. It reads a photograph, resizes it to the size
# on which the network was trained, and predicts.
import subprocess
import sys

from PIL import Image

photo = path.with_name("photo.png")
Image.fromarray(test.images[0]).resize((96, 96)).save(photo)

program = """
import sys
from fer_estimators.persistence import load
from fer_estimators.preprocessing import ImageReader

clf = load(sys.argv[1])
image = ImageReader(image_size=clf.image_shape_[:2]).fit_transform([sys.argv[2]])
for emotion, probability in zip(clf.classes_, clf.predict_proba(image)[0]):
    print(f"{emotion:10s}{probability:.2f}")
"""
answer = subprocess.run(
    [sys.executable, "-c", program, str(path), str(photo)],
    capture_output=True,
    text=True,
    check=True,
).stdout
print(answer)

# %%
# Look at the prediction
# ----------------------
import matplotlib.pyplot as plt

emotions, values = zip(*(line.split() for line in answer.splitlines()), strict=True)
figure, (left, right) = plt.subplots(
    1, 2, figsize=(7, 3), width_ratios=[1, 2], layout="constrained"
)
left.imshow(Image.open(photo), cmap="gray", vmin=0, vmax=255)
left.set_axis_off()
left.set_title(f"drawn as {test.target[0]}")
right.barh(emotions, [float(value) for value in values], color="#0072B2", edgecolor="black")
right.set(xlabel="probability", xlim=(0, 1))
right.invert_yaxis()
plt.show()

# %%
# One image at a time is quick
# ----------------------------
# The network is compiled once, not on every call.
import time

image = test.images[:1]
again.predict_proba(image)
seconds = []
for _ in range(50):
    started = time.perf_counter()
    again.predict_proba(image)
    seconds.append(time.perf_counter() - started)
print(f"median of 50 calls: {1000 * np.median(seconds):.1f} ms")

# %%
# A damaged file is refused
# -------------------------
# Loading runs no code from the file, so the file may come from anyone. A checksum detects even a
# single flipped bit.
from fer_estimators.exceptions import ModelFileError

content = bytearray(path.read_bytes())
content[len(content) // 2] ^= 1
path.with_name("damaged.fer").write_bytes(content)
try:
    load(path.with_name("damaged.fer"))
except ModelFileError as error:
    print(str(error).replace(str(path.parent), "..."))

# %%
# **What was learned.** :func:`~fer_estimators.persistence.save` and
# :func:`~fer_estimators.persistence.load` move a classifier to another program. pickle and joblib
# work too, but loading a pickle runs the code in it: only load pickles from people you trust.
