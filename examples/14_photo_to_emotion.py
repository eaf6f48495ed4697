"""
From a photo to an emotion
==========================

I have a photo with people in it, and a network that was trained on cut-out faces: what stands
between them? Find each face, cut it out as the training faces were cut, and let the network answer,
or say "not sure".

Finding faces is not a part of this library: any detector that gives boxes will do. This page takes
scikit-image's (``pip install scikit-image``), or OpenCV's where it is installed
(``pip install "opencv-python<5"``, as OpenCV 5 has no Haar cascades any more). Set ``PHOTO`` to a
picture of your own. Without either package, a photo is drawn.
"""

# %%
# A photo
# -------
# scikit-image brings along an official portrait by NASA, in the public domain and posed for the
# public; ask other people before you do this with theirs (:doc:`/responsible_use`). It is made
# grey, as the network was trained on grey faces, and turned upright as a phone's pictures ask for.
import os
from importlib.util import find_spec

import numpy as np
from PIL import Image, ImageOps

from fer_estimators.datasets import make_faces


def open_photo():
    """Open the photo that PHOTO names, or scikit-image's portrait of an astronaut."""
    if "PHOTO" in os.environ:
        photo = Image.open(os.environ["PHOTO"])
    else:
        from skimage.data import astronaut

        photo = Image.fromarray(astronaut())
    return np.asarray(ImageOps.exif_transpose(photo).convert("L"))


def draw_photo():
    """Put three drawn faces into a grey picture; return it and their boxes."""
    photo = np.full((220, 520), 120, dtype=np.uint8)
    boxes = [(left, 50, 120, 120) for left in (40, 200, 360)]
    faces = make_faces(3, image_size=120, random_state=7).images
    for face, (left, top, width, height) in zip(faces, boxes, strict=True):
        photo[top : top + height, left : left + width] = face
    return photo, boxes


# %%
# Find the faces
# --------------
# A box is (left, top, width, height) in pixels.


try:
    from cv2 import CascadeClassifier
    from cv2.data import haarcascades
except ImportError:
    CascadeClassifier = None


def find_with_opencv(photo):
    """Find faces with OpenCV's Haar cascade."""
    cascade = CascadeClassifier(haarcascades + "haarcascade_frontalface_default.xml")
    return cascade.detectMultiScale(photo, scaleFactor=1.1, minNeighbors=5)


def find_with_scikit_image(photo):
    """Find faces with scikit-image's cascade of local binary patterns."""
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    sizes = {"min_size": (40, 40), "max_size": photo.shape}
    found = Cascade(lbp_frontal_face_cascade_filename()).detect_multi_scale(
        photo, scale_factor=1.2, step_ratio=1, **sizes
    )
    return [(face["c"], face["r"], face["width"], face["height"]) for face in found]


if find_spec("skimage"):
    photo = open_photo()
    boxes = find_with_opencv(photo) if CascadeClassifier else find_with_scikit_image(photo)
elif "PHOTO" in os.environ:
    raise SystemExit("To find faces in PHOTO, install scikit-image: pip install scikit-image")
else:
    print("scikit-image is not installed: a drawn photo, and the boxes that it was drawn with")
    photo, boxes = draw_photo()
print(f"{len(boxes)} faces in {photo.shape[1]} x {photo.shape[0]} pixels")
if len(boxes) == 0:
    raise SystemExit("No face found: set PHOTO to a photo with a face that looks at the camera.")

# %%
# Cut them out
# ------------
# FER2013's faces fill their image from brow to chin: a box that is much wider shows the network
# something it never saw. Each cut is a square of the training images' size, pixels in 0..255.


def cut_out(photo, box, size=48):
    """Cut a square around the middle of a box, black beyond the photo's edge, and resize it."""
    left, top, width, height = box
    side = max(width, height)
    x, y = round(left + (width - side) / 2), round(top + (height - side) / 2)
    face = Image.fromarray(photo).crop((x, y, x + side, y + side))
    return np.asarray(face.resize((size, size), Image.Resampling.BILINEAR))


faces = np.stack([cut_out(photo, box) for box in boxes])

# %%
# Answer
# ------
# One call for all faces. The shipped network's probabilities are calibrated on FER2013's validation
# faces (see its model card, :doc:`/model_cards`): on those of which it is 70 % sure, it is right in
# some 70 %. Here it keeps silent below 60 %. Detectors err too: what is no face at all gets an
# answer as well, and not always an unsure one.
from fer_estimators import SaliencyDisplay, load_pretrained

network = load_pretrained("fer2013-base")
confidence = network.predict_proba(faces).max(axis=1)
answers = np.where(confidence < 0.6, "not sure", network.predict(faces))
print(f"not sure of {np.sum(answers == 'not sure')} of {len(answers)}")

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
ax.imshow(photo, cmap="gray", vmin=0, vmax=255)
for box, answer, share in zip(boxes, answers, confidence, strict=True):
    left, top, width, height = box
    style = "--" if answer == "not sure" else "-"
    ax.add_patch(Rectangle((left, top), width, height, fill=False, color="white", linestyle=style))
    ax.text(left + width / 2, top - 6, f"{answer} ({share:.0%})", color="white", ha="center")
ax.set_axis_off()
plt.show()

# %%
# Where it looked
# ---------------
SaliencyDisplay.from_estimator(network, faces[:6])
plt.show()

# %%
# **What was learned.** A detector, a square, a size: then any classifier of this library takes the
# faces. Answers hold for faces like those of the training; one from a camera on a ceiling is none
# of them, and "not sure" does not guard against that. How the face looks is not what the person
# feels: :doc:`/responsible_use`.
