"""
From a photo to an emotion
==========================

I have a photo with people in it, and a network that was trained on cut-out faces: what stands
between them? Find each face, cut it out as the training faces were cut, and let the network answer,
or say "not sure".

Finding faces is not a part of this library: any detector that gives boxes will do. This page takes
scikit-image's (``pip install scikit-image``), which brings a photo along as well, and shows how to
ask OpenCV's. Set ``PHOTO`` to a picture of your own. Without scikit-image, a photo is drawn.
"""

# %%
# A photo
# -------
# Grey, as the network was trained on grey faces.
import os
from importlib.util import find_spec

import numpy as np
from PIL import Image

from fer_estimators.datasets import make_faces


def draw_photo():
    """Put three drawn faces into a grey picture."""
    photo = np.full((220, 520), 120, dtype=np.uint8)
    people = make_faces(3, image_size=120, random_state=7)
    for image, left in zip(people.images, (40, 200, 360), strict=True):
        photo[50:170, left : left + 120] = image
    return photo, [(40, 50, 120, 120), (200, 50, 120, 120), (360, 50, 120, 120)]


def open_photo():
    """Open the photo that PHOTO names, or scikit-image's of the astronaut Eileen Collins."""
    if "PHOTO" in os.environ:
        return np.asarray(Image.open(os.environ["PHOTO"]).convert("L"))
    from skimage.data import astronaut

    return np.asarray(Image.fromarray(astronaut()).convert("L"))


# %%
# Find the faces
# --------------
# A box is (left, top, width, height) in pixels. OpenCV 5 has no Haar cascades any more:
# ``pip install "opencv-python<5"``.


def find_with_scikit_image(photo):
    """Find faces with scikit-image's cascade of local binary patterns."""
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    sizes = {"min_size": (40, 40), "max_size": photo.shape}
    found = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        photo, scale_factor=1.2, step_ratio=1, **sizes
    )
    return [(face["c"], face["r"], face["width"], face["height"]) for face in found]


def find_with_opencv(photo):
    """Find faces with OpenCV's Haar cascade."""
    import cv2

    cascade = cv2.data.haarcascades + "haarcascade_frontalface_default.xml"
    return cv2.CascadeClassifier(cascade).detectMultiScale(photo, scaleFactor=1.1, minNeighbors=5)


if find_spec("skimage"):
    photo = open_photo()
    boxes = find_with_scikit_image(photo)
else:
    print("scikit-image is not installed: a drawn photo, and the boxes that it was drawn with")
    photo, boxes = draw_photo()
print(f"{len(boxes)} faces in {photo.shape[1]} x {photo.shape[0]} pixels")
if len(boxes) == 0:
    raise SystemExit("No face found: pass a photo with a face that looks at the camera.")

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
# One call for all faces. The shipped network's probabilities are calibrated: of the faces on which
# it is 70 % sure, it has some 70 % right. Below 60 % it shall keep silent. In the astronaut's photo
# two boxes are no faces at all, and the network is sure of neither; nobody may rely on that.
from fer_estimators import load_pretrained

network = load_pretrained("fer2013-base")
confidence = network.predict_proba(faces).max(axis=1)
answers = np.where(confidence < 0.6, "not sure", network.predict(faces))

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ax.imshow(photo, cmap="gray", vmin=0, vmax=255)
for box, answer, share in zip(boxes, answers, confidence, strict=True):
    left, top, width, height = box
    style = "--" if answer == "not sure" else "-"
    ax.add_patch(Rectangle((left, top), width, height, fill=False, color="white", linestyle=style))
    text = f"{answer} ({share:.0%})"
    ax.text(left + width / 2, top - 6, text, color="white", ha="center", weight="bold")
ax.set_axis_off()
plt.show()

# %%
# Where it looked
# ---------------
# The cut-out face as the network gets it, and what its answer rests on.
from fer_estimators import SaliencyDisplay

SaliencyDisplay.from_estimator(network, faces[:6])
plt.show()

# %%
# **What was learned.** A detector, a square, a size: then any classifier of this library takes the
# faces. Answers hold for faces like those of the training; one from a camera on a ceiling is none
# of them, and "not sure" does not guard against that. How the face looks is not what the person
# feels: :doc:`/responsible_use`.
