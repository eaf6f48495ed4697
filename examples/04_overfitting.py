"""
Over-fitting, and what cures it
===============================

My network knows its training faces by heart and fails on others: what helps? The custom CNN of a
study that compared it with VGG16, VGG19 and InceptionV3 keeps every pixel up to its large hidden
layer. Trained to the end, it is the very picture of over-fitting. This page shows its curves, and
those of two cures.
"""

# %%
# Few faces to learn from, others to check on
# -------------------------------------------
# Small images keep the page quick.
from fer_estimators.datasets import make_faces

train = make_faces(350, image_size=24, random_state=0)
val = make_faces(700, image_size=24, random_state=1)
validation = (val.images, val.target)

# %%
# The disease: a large network, trained to the end
# ------------------------------------------------
# ``patience=None`` trains for all epochs and keeps the last weights, whatever validation says;
# ``augmentation=None`` shows the same pixels in each epoch.
from fer_estimators import CNNClassifier

recipe = {
    "optimizer": "adam",
    "learning_rate": 0.001,
    "learning_rate_schedule": "constant",
    "label_smoothing": 0.0,
    "batch_size": 16,
    "epochs": 15,
    "random_state": 0,
}
by_heart = CNNClassifier("study_cnn", augmentation=None, patience=None, **recipe)
by_heart.fit(train.images, train.target, validation_data=validation)

# %%
# The curves part: accuracy on the training faces goes on to rise, on the others it does not, and
# the loss on them goes up again. The network grows surer of its mistakes.
import matplotlib.pyplot as plt

from fer_estimators import TrainingCurvesDisplay

TrainingCurvesDisplay.from_estimator(by_heart)
plt.show()

# %%
# First cure: stop early, and never show the same picture twice
# -------------------------------------------------------------
# ``patience`` ends the training when validation gets no better, and puts the best epoch's weights
# back. Augmentation flips, shifts, turns and relights the faces anew in each epoch.
cured = CNNClassifier("study_cnn", augmentation="standard", patience=6, **recipe)
cured.fit(train.images, train.target, validation_data=validation)
print(f"trained for {cured.n_epochs_} epochs, kept the weights of epoch {cured.best_epoch_}")

# %%
# Second cure: a network that cannot learn by heart
# -------------------------------------------------
# ``"compact"`` pools each feature over the whole face instead of keeping every pixel. Its own
# defaults bring augmentation, label smoothing and weight decay.
compact = CNNClassifier("compact", epochs=15, batch_size=32, random_state=0)
compact.fit(train.images, train.target, validation_data=validation)
TrainingCurvesDisplay.from_estimator(compact)
plt.show()

# %%
# Compare
# -------
# The gap between the two columns is what over-fitting costs.
classifiers = {
    "study_cnn, to the end": by_heart,
    "study_cnn, cured": cured,
    "compact": compact,
}
print(f"{'':24s}{'weights':>10s}{'training':>10s}{'others':>8s}")
for name, clf in classifiers.items():
    seen, unseen = clf.score(train.images, train.target), clf.score(val.images, val.target)
    print(f"{name:24s}{clf.model_.count_params():10,d}{seen:10.2f}{unseen:8.2f}")

# %%
# Weights in their millions for hundreds of faces
# -----------------------------------------------
# Nearly all weights of ``study_cnn`` stand in one layer: the one that follows the flattening.
network = next(layer for layer in by_heart.model_.layers if layer.name == "head_dense")
share = network.count_params() / by_heart.model_.count_params()
print(f"{share:.0%} of the weights are in {network.name!r}")

# %%
# **What was learned.** Judge a network on faces that it has not seen, and look at both curves. A
# score on training faces says how well a network remembers. Note that the faces which chose the
# best epoch are no longer quite unseen: for a last, honest number keep a test split.
