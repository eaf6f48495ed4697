"""
From a photo to emotions
========================

I have a photo with people in it: who looks how? :class:`~fer_estimators.faces.EmotionRecognizer`
finds the faces, cuts each out upright, as the network's training faces were cut, and names the
emotion of each, or says "not sure".

Set ``PHOTO`` to a picture of your own. Otherwise this page takes scikit-image's official portrait
of an astronaut by NASA, in the public domain and posed for the public; ask other people before you
do this with their pictures (:doc:`/responsible_use`).
"""

# %%
# A photo of three faces
# ----------------------
# The portrait three times: as it is, tilted in bad light, and out of focus.
import os

from PIL import Image, ImageEnhance
from skimage.data import astronaut


def draw_group():
    """Put three versions of a portrait into one picture."""
    portrait = Image.fromarray(astronaut()).crop((60, 0, 380, 320))
    tilted = portrait.rotate(20, resample=Image.Resampling.BICUBIC)
    group = Image.new("RGB", (960, 320))
    group.paste(portrait, (0, 0))
    group.paste(ImageEnhance.Brightness(tilted).enhance(0.4), (320, 0))
    group.paste(portrait.resize((40, 40)).resize((320, 320)), (640, 0))
    return group


photo = Image.open(os.environ["PHOTO"]) if "PHOTO" in os.environ else draw_group()

# %%
# Recognise
# ---------
# Arrays, PIL images and file names will do. The result draws itself.
from fer_estimators import EmotionRecognizer

recognizer = EmotionRecognizer()
result = recognizer.recognize(photo)
result

# %%
# As numbers
# ----------
# One row a face: its box in pixels, the detector's score, the emotion, and the probability of each.
# ``to_dict`` gives the same for JSON.
result.frame().round(2)

# %%
# "Not sure" rather than a guess
# ------------------------------
# Any fitted classifier serves in place of the default one. An
# :class:`~fer_estimators.AbstainingClassifier` chooses the least confidence that is answered on
# faces whose emotions are known; here, drawn ones stand for them. What it is not sure of gets a
# dashed box.
import matplotlib.pyplot as plt
from sklearn.frozen import FrozenEstimator

from fer_estimators import AbstainingClassifier, load_pretrained
from fer_estimators.datasets import make_faces

known = make_faces(200, random_state=0)
network = load_pretrained("fer2013-compact")
careful = AbstainingClassifier(FrozenEstimator(network), target_accuracy=0.6, cautious=False)
careful.fit(known.images, known.target)
print(f"answers from a probability of {careful.threshold_:.0%} on")
EmotionRecognizer(careful).recognize(photo).plot()
plt.show()

# %%
# Another detector
# ----------------
# A function from an RGB array to boxes (left, top, width, height) is enough, so that any package's
# detector can be used.


def whole_picture(pixels):
    """Take a picture for one face, as where somebody has cut the faces out already."""
    height, width = pixels.shape[:2]
    return [(0.08 * width, 0.2 * height, 0.84 * width, 0.84 * height)]


face = known.images[0]
print(EmotionRecognizer(detector=whole_picture).recognize(face)[0].emotion)

# %%
# **What was learned.** A recognizer is a detector and a classifier; both can be exchanged.
# Detectors err too: what is not a face gets an answer as well. And how a face looks is not what the
# person feels: :doc:`/responsible_use`.
