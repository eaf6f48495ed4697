"""
An ensemble of networks
=======================

Does it help to train the same network three times? Networks that start from different random
weights make different mistakes. :class:`~sklearn.ensemble.VotingClassifier` averages their
probabilities, and this page compares the average with each network.
"""

# %%
# Three networks and their vote
# -----------------------------
# Only their seeds differ. ``voting="soft"`` averages probabilities, so a network that is sure can
# outweigh two that are not.
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier

from fer_estimators import CNNClassifier
from fer_estimators.datasets import make_faces

train = make_faces(560, image_size=20, random_state=0)
test = make_faces(700, image_size=20, random_state=1)

network = CNNClassifier(epochs=12, batch_size=32, validation_fraction=None)
vote = VotingClassifier(
    [(f"seed {seed}", clone(network).set_params(random_state=seed)) for seed in range(3)],
    voting="soft",
)
vote.fit(train.images, train.target)

# %%
# Compare
# -------
# ``vote.estimators_`` holds the three fitted networks, which can also predict on their own.
from sklearn.metrics import accuracy_score, log_loss

members = dict(zip(vote.named_estimators, vote.estimators_, strict=True))
probabilities = {name: clf.predict_proba(test.images) for name, clf in members.items()}
probabilities["vote"] = vote.predict_proba(test.images)

accuracies = {}
for name, proba in probabilities.items():
    accuracies[name] = accuracy_score(test.target, vote.classes_[proba.argmax(axis=1)])
    print(f"{name:8s} accuracy {accuracies[name]:.3f}  log-loss {log_loss(test.target, proba):.3f}")

# %%
# Compare their confidence
# ------------------------
# A vote is unsure where its members disagree. Is its confidence a better guide for saying "not
# sure"?
import matplotlib.pyplot as plt

from fer_estimators import RiskCoverageDisplay

figure, ax = plt.subplots(figsize=(6, 4.2), layout="constrained")
for name in ("seed 0", "vote"):
    RiskCoverageDisplay.from_predictions(
        test.target, probabilities[name], classes=vote.classes_, name=name, ax=ax
    )
plt.show()

# %%
# Where do they disagree?
# -----------------------
# These are faces for which the three networks give the largest number of different answers.
import numpy as np

from fer_estimators import FaceGridDisplay

answers = np.array([vote.classes_[probabilities[name].argmax(axis=1)] for name in members])
n_answers = np.array([len(set(column)) for column in answers.T])
print({n: int((n_answers == n).sum()) for n in (1, 2, 3)}, "faces with 1, 2 and 3 answers")

disputed = n_answers == n_answers.max()
FaceGridDisplay.from_predictions(
    test.images[disputed],
    test.target[disputed],
    vote.predict(test.images[disputed]),
    y_proba=probabilities["vote"][disputed],
    classes=vote.classes_,
    n_faces=14,
    random_state=0,
)
plt.show()

# %%
# The same with photographs
# -------------------------
# If ``FER2013`` is set, the library's two networks for its emotions vote on its validation split.
# :class:`~sklearn.frozen.FrozenEstimator` keeps them from being trained again.
import os

from sklearn.frozen import FrozenEstimator

from fer_estimators import load_fer2013, load_pretrained

if "FER2013" in os.environ:
    val = load_fer2013(os.environ["FER2013"], split="val")
    pretrained = {name: load_pretrained(name) for name in ("fer2013-base", "fer2013-compact")}
    both = VotingClassifier(
        [(name, FrozenEstimator(clf)) for name, clf in pretrained.items()], voting="soft"
    ).fit(val.images, val.target)
    for name, clf in {**pretrained, "vote": both}.items():
        print(f"{name:16s} accuracy {accuracy_score(val.target, clf.predict(val.images)):.3f}")

# %%
# **What was learned.** An ensemble is a scikit-learn estimator like any other: it can be
# calibrated, cross-validated and searched over. Here the vote gained
gain = accuracies["vote"] - np.mean([accuracies[name] for name in members])
print(f"{100 * gain:+.1f} points of accuracy over the mean of its members,")
print("at three times the cost of training and of every prediction.")
