"""
From a photo to an emotion
==========================

I have a photo with people in it, and a network that was trained on cut-out faces: what stands
between them? Find each face, cut it out as the training faces were cut, and let the network answer,
or say "not sure".

Finding faces is not a part of this library: any detector that gives boxes will do. If OpenCV is
installed (``pip install opencv-python``) and ``PHOTO`` names a picture, its Haar cascade finds the
faces. Otherwise this page draws a photo and takes the boxes that it was drawn with.
"""

# %%
# A network for faces, which may be "not sure"
# --------------------------------------------
# It learns from drawn faces of 48 x 48 pixels, as the photo will be drawn too. A quarter of them is
# held out to choose the confidence from which on four of five answers are right.
from fer_estimators import AbstainingClassifier, CNNClassifier, load_pretrained
from fer_estimators.datasets import make_faces

train = make_faces(1000, random_state=0)
clf = AbstainingClassifier(
    CNNClassifier(epochs=8, batch_size=32, random_state=0),
    target_accuracy=0.8,
    cautious=False,
    cv=0.25,
    refit=False,
    random_state=0,
)
clf.fit(train.images, train.target)
print(f"answers from a confidence of {clf.threshold_:.2f} on: {clf.coverage_:.0%} of the faces")

# %%
# A photo
# -------
# Four people in front of a wall, each face of another size. The boxes are (left, top, width,
# height) in pixels, as OpenCV gives them.
import os

import numpy as np
from PIL import Image

boxes = np.array([(30, 60, 96, 96), (150, 90, 72, 72), (250, 40, 120, 120), (400, 80, 84, 84)])


def draw_photo():
    """Put drawn faces into a grey picture."""
    photo = np.full((220, 520), 120, dtype=np.uint8)
    people = make_faces(len(boxes), image_size=120, random_state=7)
    for image, (left, top, width, height) in zip(people.images, boxes, strict=True):
        face = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        photo[top : top + height, left : left + width] = face
    return photo


# %%
# Find the faces
# --------------
# OpenCV is asked only if it is there and there is a photograph: it was trained on photographs, and
# does not take drawings for faces.
from importlib.util import find_spec

is_photograph = "PHOTO" in os.environ and find_spec("cv2") is not None
if is_photograph:
    import cv2

    photo = np.asarray(Image.open(os.environ["PHOTO"]).convert("L"))
    detector = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    boxes = np.array(detector.detectMultiScale(photo, scaleFactor=1.1, minNeighbors=5))
    print(f"OpenCV found {len(boxes)} faces")
    if len(boxes) == 0:
        raise SystemExit("No face found: pass a photo with a face that looks at the camera.")
else:
    missing = "PHOTO is not set" if find_spec("cv2") else "OpenCV is not installed"
    print(f"{missing}: a drawn photo, and the boxes that it was drawn with")
    photo = draw_photo()

# %%
# Cut them out
# ------------
# The cut decides more than people think. FER2013's faces fill their image from brow to chin:
# a box that is much wider shows the network something it never saw. Each cut is a square, brought
# to the size of the training images; pixels stay in 0..255.


def cut_out(photo, box, size=48):
    """Cut a square around the middle of a box, and resize it."""
    left, top, width, height = box
    side = max(width, height)
    x, y = left + width / 2 - side / 2, top + height / 2 - side / 2
    # Pillow fills with black what lies beyond the edge of the photo.
    face = Image.fromarray(photo).crop((round(x), round(y), round(x + side), round(y + side)))
    return np.asarray(face.resize((size, size), Image.Resampling.BILINEAR))


faces = np.stack([cut_out(photo, box) for box in boxes])
print(faces.shape, faces.dtype)

# %%
# Answer
# ------
# One call for all faces; the probabilities are the network's own. For a photograph, a network
# answers that has seen photographs. Its probabilities are calibrated; below 0.6 it keeps silent.
if is_photograph:
    network = load_pretrained("fer2013-base")
    confidence = network.predict_proba(faces).max(axis=1)
    answers = np.where(confidence < 0.6, clf.abstain_label_, network.predict(faces))
else:
    answers = clf.predict(faces)
    confidence = clf.predict_proba(faces).max(axis=1)

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

figure, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
ax.imshow(photo, cmap="gray", vmin=0, vmax=255)
for box, answer, share in zip(boxes, answers, confidence, strict=True):
    left, top, width, height = box
    style = "--" if answer == clf.abstain_label_ else "-"
    ax.add_patch(Rectangle((left, top), width, height, fill=False, color="white", linestyle=style))
    ax.text(left + width / 2, top - 6, f"{answer} ({share:.0%})", color="white", ha="center")
ax.set_axis_off()
plt.show()

# %%
# **What was learned.** A detector, a square, a size: then any classifier of this library takes the
# faces. Answers hold for faces like those of the training; one from a camera on a ceiling is none
# of them, and "not sure" does not guard against that.
