"""
Where the network looks
=======================

Does my network look at brows, eyes and mouth, or at something else in the picture that happens to
go with the emotion? Accuracy on faces from the same source cannot tell. This page trains one
network on faces and another on the same faces with a flaw, and shows where each finds its
evidence.
"""

# %%
# Train a network and look
# ------------------------
# Below each face, Grad-CAM marks the parts that support the predicted emotion; brighter parts
# support it more. The line encloses the parts with at least half of the highest value.
import matplotlib.pyplot as plt

from fer_estimators import CNNClassifier, SaliencyDisplay
from fer_estimators.datasets import make_faces

emotions = {"happy": 1, "sad": 1, "surprise": 1}
train = make_faces(450, image_size=32, weights=emotions, random_state=0)
test = make_faces(150, image_size=32, weights=emotions, random_state=1)

settings = {"augmentation": None, "epochs": 8, "batch_size": 32, "random_state": 0}
clf = CNNClassifier(**settings).fit(train.images, train.target)
print(f"accuracy: {clf.score(test.images, test.target):.2f}")
SaliencyDisplay.from_estimator(clf, test.images, test.target, n_faces=7)
plt.show()

# %%
# An emotion other than the predicted one
# ---------------------------------------
# What in these faces suggests surprise, whatever was predicted? The number is the predicted
# probability of surprise.
SaliencyDisplay.from_estimator(clf, test.images, test.target, target="surprise", n_faces=7)
plt.show()

# %%
# Faces with a flaw
# -----------------
# Suppose that the sad faces came from an archive that stamps a mark into a corner. Such things
# happen when a data set is put together from many sources.
import numpy as np


def stamp(faces):
    """Put a small white mark into the lower right corner of each sad face."""
    images = faces.images.copy()
    sad = np.flatnonzero(np.asarray(faces.target) == "sad")
    images[sad, -6:-1, -6:-1] = 255
    return images


flawed = CNNClassifier(**settings).fit(stamp(train), train.target)
print(f"accuracy on faces with the mark: {flawed.score(stamp(test), test.target):.2f}")
print(f"accuracy on faces without it:    {flawed.score(test.images, test.target):.2f}")

# %%
# On test faces from the same source, nothing seems wrong. But the picture shows that on sad faces,
# the network looks at the quarter with the mark, and hardly at brows and eyes.
sad = np.flatnonzero(np.asarray(test.target) == "sad")[:7]
on_mark = SaliencyDisplay.from_estimator(flawed, stamp(test)[sad], test.target[sad])
plt.show()

# %%
# Numbers rather than pictures
# ----------------------------
# Seven faces can mislead. The display's table holds the centre of the evidence for any number of
# faces, so both networks can be compared on all sad faces of the test set.
for name, classifier, images in (("sound", clf, test.images), ("flawed", flawed, stamp(test))):
    rows = np.asarray(test.target) == "sad"
    display = SaliencyDisplay.from_estimator(classifier, images[rows], n_faces=rows.sum())
    plt.close(display.figure_)
    quarter = display.saliency[:, 16:, 16:].sum() / display.saliency.sum()
    centre = display.frame()[["row", "column"]].mean().round(1).to_dict()
    print(
        f"{name:8s}{quarter:.0%} of the evidence in the lower right quarter, its centre: {centre}"
    )

# %%
# **What was learned.** A saliency map can reveal shortcuts that accuracy hides. It shows only a
# coarse region, because the network's last feature map has few cells. A network that looks at the
# right place, such as the mouth, may still misread it.
