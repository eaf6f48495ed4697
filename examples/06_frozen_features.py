"""
Frozen features and a linear classifier
=======================================

Do I have to train a network for everything that I try? A frozen network turns an image into a few
hundred numbers, from which any scikit-learn classifier learns in moments. This page computes the
features once, keeps them on disk, and searches over classifiers.

For photographs, use a network that was trained on photographs:
``BackboneFeatures("vgg16", weights="imagenet")``. That needs a download, so this page pretrains a
network of its own, as :doc:`05_transfer_learning` does.
"""

# %%
# Pretrain a network on five emotions
# -----------------------------------
import tempfile
from pathlib import Path

import keras
import numpy as np

from fer_estimators import CNNClassifier
from fer_estimators.architectures import build_compact
from fer_estimators.backbones import Backbone
from fer_estimators.datasets import make_faces


def without_top(network):
    return keras.Model(network.inputs, network.get_layer("block3_conv2_relu").output)


def build_faces(include_top, weights, input_shape):
    backbone = without_top(build_compact(input_shape, n_classes=5))
    backbone.load_weights(weights)
    return backbone


def unchanged(images):
    return images


folder = Path(tempfile.mkdtemp())
weights = str(folder / "faces.weights.h5")
known = {"angry": 1, "disgust": 1, "happy": 1, "surprise": 1, "neutral": 1}
many = make_faces(700, image_size=24, weights=known, random_state=0)
source = CNNClassifier("compact", epochs=10, batch_size=32, random_state=0)
source.fit(np.repeat(many.images[..., np.newaxis], 3, axis=-1), many.target)
without_top(source.model_).save_weights(weights)

# %%
# From images to features
# -----------------------
# ``fit`` trains nothing. The features are the means of the last layer's outputs; ``layer`` selects
# an earlier layer, and ``pooling`` something other than means.
from fer_estimators.features import BackboneFeatures

train = make_faces(140, image_size=24, random_state=1)
test = make_faces(700, image_size=24, random_state=2)

features = BackboneFeatures(
    Backbone("faces", build_faces, unchanged, minimum_size=16, reference="this page"),
    weights=weights,
    memory=str(folder / "features"),
)
X_train = features.fit_transform(train.images)
print(f"images {train.images.shape} become features {X_train.shape}, {X_train.dtype}")
print(list(features.get_feature_names_out()[:3]), "...")

# %%
# A pipeline from pixels to emotions
# ----------------------------------
# The same linear classifier learns from features and from pixels. The network has never seen two
# of the seven emotions.
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

on_features = make_pipeline(features, StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
on_pixels = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
accuracies = {
    "features": on_features.fit(train.images, train.target).score(test.images, test.target),
    "pixels": on_pixels.fit(train.data, train.target).score(test.data, test.target),
}
for name, accuracy in accuracies.items():
    print(f"{name:10s} accuracy {accuracy:.2f}")
on_features

# %%
# Compute once, search often
# --------------------------
# ``memory`` is a folder in which the features of each set of images are cached. The first search
# computes the features of every fold, and later searches read them, whatever they vary.
import time

from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

seconds = {}
for name, head, grid in (
    ("ridge regression", RidgeClassifier(), {"head__alpha": [1, 10, 100]}),
    ("support vectors", SVC(), {"head__C": [0.3, 1, 3]}),
    ("both again", SVC(), {"head": [RidgeClassifier(), SVC()]}),
):
    pipeline = make_pipeline(features, StandardScaler(), head)
    pipeline.steps[-1] = ("head", head)
    started = time.perf_counter()
    search = GridSearchCV(pipeline, grid, cv=3).fit(train.images, train.target)
    seconds[name] = time.perf_counter() - started
    print(f"{name:20s} accuracy {search.best_score_:.2f}, {seconds[name]:.1f} s")

# %%
# Compare accuracy and time
# -------------------------
import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
bars = left.barh(list(accuracies), list(accuracies.values()), color="#56B4E9", edgecolor="black")
left.bar_label(bars, fmt="%.2f", padding=3)
left.axvline(1 / 7, color="0.3", linestyle=":", label="guessing")
left.set(xlabel="accuracy on faces not seen", xlim=(0, 1))
left.legend()
bars = right.barh(list(seconds), list(seconds.values()), color="#E69F00", edgecolor="black")
right.bar_label(bars, fmt="%.1f s", padding=3)
right.set(xlabel="seconds of each search", xlim=(0, 1.2 * max(seconds.values())))
right.invert_yaxis()
plt.show()

# %%
# **What was learned.** With frozen features, a search takes seconds and trains only scikit-learn
# classifiers. They are also the quickest way to see whether a backbone is useful for your faces.
# Frozen features cannot adapt to your data: see :doc:`05_transfer_learning` for fine-tuning.
