"""
Transfer learning, frozen and fine-tuned
========================================

I have a few dozen faces: can I use what a network has learned from others? This page pretrains a
network on five emotions. The network then learns from few examples to tell two other emotions
apart, with frozen features and with its last layers fine-tuned. A network that starts from random
weights serves as a comparison.

For photographs, start from ImageNet instead:
``TransferClassifier("vgg16", weights="imagenet", image_size=96)``. The rest is the same. That
needs a download, so this page pretrains a network of its own.
"""

# %%
# Pretrain on five emotions
# -------------------------
# The grey levels are repeated in three channels, because a backbone always receives RGB.
import numpy as np

from fer_estimators import CNNClassifier
from fer_estimators.datasets import make_faces

known = {"angry": 1, "disgust": 1, "happy": 1, "surprise": 1, "neutral": 1}
many = make_faces(700, image_size=24, weights=known, random_state=0)
in_colour = np.repeat(many.images[..., np.newaxis], 3, axis=-1)

source = CNNClassifier("compact", epochs=10, batch_size=32, random_state=0)
source.fit(in_colour, many.target)
print(f"validation accuracy on five emotions: {max(source.history_['val_accuracy']):.2f}")

# %%
# Keep the features, drop the head
# --------------------------------
# The weights up to the last convolution are written to a file, and a
# :class:`~fer_estimators.backbones.Backbone` describes how to build that part again. You can
# describe any network of your own this way.
import tempfile
from pathlib import Path

import keras

from fer_estimators.architectures import build_compact
from fer_estimators.backbones import Backbone


def without_top(network):
    return keras.Model(network.inputs, network.get_layer("block3_conv2_relu").output)


def build_faces(include_top, weights, input_shape):
    backbone = without_top(build_compact(input_shape, n_classes=5))
    if weights is not None:
        backbone.load_weights(weights)
    return backbone


def unchanged(images):
    return images


weights = str(Path(tempfile.mkdtemp()) / "faces.weights.h5")
without_top(source.model_).save_weights(weights)
faces_backbone = Backbone("faces", build_faces, unchanged, minimum_size=16, reference="this page")

# %%
# A new task with few faces
# -------------------------
# The new emotions are fear and sadness, which the network has never seen.
new = {"fear": 1, "sad": 1}
few = make_faces(60, image_size=24, weights=new, random_state=1)
test = make_faces(600, image_size=24, weights=new, random_state=2)

# %%
# Three ways to learn it
# ----------------------
# ``fine_tuning`` adds a second phase: the backbone's last layers are trained together with the
# head, at a lower learning rate. Batch normalisation stays frozen.
from fer_estimators import TransferClassifier
from fer_estimators.classifiers import FineTuning

options = {"epochs": 15, "batch_size": 16, "random_state": 0}
frozen = TransferClassifier(faces_backbone, weights=weights, learning_rate=0.01, **options)
candidates = {
    "from random weights": CNNClassifier("compact", **options),
    "frozen features": frozen,
    "fine-tuned": TransferClassifier(
        faces_backbone,
        weights=weights,
        learning_rate=0.01,
        fine_tuning=FineTuning(layers=2, epochs=10, learning_rate=3e-4),
        **options,
    ),
}
accuracies = {}
for name, clf in candidates.items():
    clf.fit(few.images, few.target)
    accuracies[name] = clf.score(test.images, test.target)
    print(f"{name:20s} {clf.n_epochs_:3d} epochs  accuracy {accuracies[name]:.2f}")

# %%
# See the two phases
# ------------------
# The learning rate in the history shows where the second phase begins: in each phase it first
# rises and then falls to zero.
import matplotlib.pyplot as plt

fine_tuned = candidates["fine-tuned"]
rates = np.array(fine_tuned.history_["learning_rate"])
# Each phase ends at a rate of zero, which has no logarithm.
rates[rates < 1e-6] = np.nan
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
bars = left.barh(list(accuracies), list(accuracies.values()), color="#56B4E9", edgecolor="black")
left.bar_label(bars, fmt="%.2f", padding=9)
left.axvline(0.5, color="0.3", linestyle=":", label="guessing")
left.set(xlabel="accuracy on faces not seen", xlim=(0, 1))
left.invert_yaxis()
left.legend(loc="upper right")
head, tuned = slice(0, options["epochs"]), slice(options["epochs"], None)
epochs = np.arange(1, len(rates) + 1)
right.plot(epochs[head], rates[head], "o-", color="#0072B2", label="the head alone")
right.plot(epochs[tuned], rates[tuned], "s--", color="#D55E00", label="with the last layers")
right.set(xlabel="epoch", ylabel="learning rate", yscale="log")
right.legend()
plt.show()

# %%
# **What was learned.** Once described, a backbone is a parameter value like any other, in a grid
# search, too. The head is trained first, on the frozen backbone. Whether fine-tuning helps after
# that depends on the data: compare both on validation faces.
