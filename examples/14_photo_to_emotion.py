"""
From a photo to emotions
========================

I have a photo of people: which emotion does each face show?
:class:`~fer_estimators.faces.EmotionRecognizer` finds the faces, cuts each one out upright, and
names its emotion, or says "not sure".

Set the environment variable ``PHOTO`` to use a picture of your own. By default, this page uses
NASA's official portrait of an astronaut, which is in the public domain and comes with scikit-image.
Ask people before you do this with pictures of them (:doc:`/responsible_use`).
"""

# %%
# A photo of four faces
# ---------------------
# The portrait is shown four times: as it is, tilted in bad light, small, and out of focus.
import os

from PIL import Image, ImageEnhance
from skimage.data import astronaut


def draw_group():
    """Put four versions of a portrait into one picture."""
    portrait = Image.fromarray(astronaut()).crop((60, 0, 380, 320))
    tilted = portrait.rotate(20, resample=Image.Resampling.BICUBIC)
    group = Image.new("RGB", (640, 640), "grey")
    group.paste(portrait, (0, 0))
    group.paste(ImageEnhance.Brightness(tilted).enhance(0.4), (320, 0))
    group.paste(portrait.resize((160, 160)), (80, 400))
    group.paste(portrait.resize((40, 40)).resize((320, 320)), (320, 320))
    return group


photo = Image.open(os.environ["PHOTO"]) if "PHOTO" in os.environ else draw_group()

# %%
# Recognise
# ---------
# A photo is an array, a PIL image or a file name. A notebook shows the result as a picture.
from fer_estimators import EmotionRecognizer

recognizer = EmotionRecognizer()
result = recognizer.recognize(photo)
result

# %%
# As numbers
# ----------
# Each face has a row (a column here, because ``.T`` swaps rows and columns): its box in pixels, the
# detector's score, the emotion, and the probabilities of all emotions. ``to_dict`` returns the same
# as plain values, for JSON.
result.frame().round(2).T

# %%
# "Not sure" rather than a guess
# ------------------------------
# Any fitted classifier can replace the default one. An
# :class:`~fer_estimators.AbstainingClassifier` uses faces with known emotions, here drawn ones, to
# choose the lowest confidence at which to answer. A face that it is not sure about gets a dashed
# box.
import matplotlib.pyplot as plt
from sklearn.frozen import FrozenEstimator

from fer_estimators import AbstainingClassifier, load_pretrained
from fer_estimators.datasets import make_faces

known = make_faces(200, random_state=0)
network = load_pretrained("fer2013-compact")
careful = AbstainingClassifier(FrozenEstimator(network), target_accuracy=0.6, cautious=False)
careful.fit(known.images, known.target)
print(f"answers if the probability is at least {careful.threshold_:.0%}")
EmotionRecognizer(careful).recognize(photo).plot()
plt.show()

# %%
# Another detector
# ----------------
# Any function that takes an RGB array and returns boxes (left, top, width, height) can be the
# detector, so you can use a detector from any other package.


def whole_picture(pixels):
    """Return one box, for pictures that are faces already."""
    height, width = pixels.shape[:2]
    return [(0.08 * width, 0.2 * height, 0.84 * width, 0.84 * height)]


face = known.images[0]
print(EmotionRecognizer(detector=whole_picture).recognize(face)[0].emotion)

# %%
# **What was learned.** A recognizer combines a detector and a classifier, and both can be
# replaced. Detectors make mistakes, and anything they take for a face gets an emotion. How a face
# looks is not what the person feels: see :doc:`/responsible_use`.
