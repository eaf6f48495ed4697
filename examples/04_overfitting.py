"""
Overfitting, and what helps against it
======================================

My network is almost perfect on its training faces and poor on others: what helps? The custom CNN
that a study compared with VGG16, VGG19 and InceptionV3 has a large hidden layer that sees every
pixel, and overfits badly if it is trained to the end. This page shows its curves, and how they
change with a smaller network and with augmentation.
"""

# %%
# Few faces to learn from, others to check on
# -------------------------------------------
# Small images of four emotions keep the page quick.
from fer_estimators.datasets import make_faces

emotions = {"happy": 1, "sad": 1, "surprise": 1, "neutral": 1}
train = make_faces(200, image_size=16, weights=emotions, random_state=0)
val = make_faces(400, image_size=16, weights=emotions, random_state=1)
validation = (val.images, val.target)

# %%
# A large network, trained to the end
# -----------------------------------
# ``patience=None`` trains for all epochs and keeps the last weights, whatever validation says;
# ``augmentation=None`` shows the same pixels in each epoch.
from fer_estimators import CNNClassifier

by_heart = CNNClassifier(
    "study_cnn",
    augmentation=None,
    patience=None,
    label_smoothing=0.0,
    optimizer="adam",
    learning_rate=0.002,
    learning_rate_schedule="constant",
    batch_size=8,
    epochs=26,
    random_state=0,
)
by_heart.fit(train.images, train.target, validation_data=validation)

# %%
# The curves separate: the network keeps improving on its training faces, but hardly on others.
import matplotlib.pyplot as plt

from fer_estimators import TrainingCurvesDisplay

TrainingCurvesDisplay.from_estimator(by_heart)
plt.show()

# %%
# Where the weights are
# ---------------------
# Nearly all of them are in the first dense layer, which has a weight for each combination of pixel,
# filter and hidden unit.
layer = by_heart.model_.get_layer("head_dense")
n_weights = by_heart.model_.count_params()
print(f"{layer.count_params():,} of {n_weights:,} weights are in {layer.name!r}")

# %%
# A smaller network alone does not help
# -------------------------------------
# ``"compact"`` averages each feature over the whole face instead of keeping every pixel, and has
# an eighth of the weights. That is still more than a thousand for each training face.
plain = CNNClassifier(
    "compact",
    augmentation=None,
    patience=None,
    label_smoothing=0.0,
    batch_size=16,
    epochs=10,
    random_state=0,
)
plain.fit(train.images, train.target, validation_data=validation)

# %%
# Never show the same picture twice
# ---------------------------------
# The default, ``augmentation="standard"``, flips, shifts, rotates and relights the faces
# differently in each epoch. Label smoothing keeps the network from becoming overconfident, and
# ``patience`` restores the weights of the best epoch. Because the faces vary more, training takes
# more epochs.
default = CNNClassifier("compact", batch_size=16, epochs=22, random_state=0)
default.fit(train.images, train.target, validation_data=validation)
print(f"trained for {default.n_epochs_} epochs, kept the weights of epoch {default.best_epoch_}")
TrainingCurvesDisplay.from_estimator(default)
plt.show()

# %%
# Compare
# -------
# The gap between training faces and others shows how much was memorised.
classifiers = {
    "study_cnn, to the end": by_heart,
    "compact, to the end": plain,
    "compact, its defaults": default,
}
print(f"{'':24s}{'weights':>11s}{'training':>10s}{'others':>8s}{'gap':>6s}")
for name, clf in classifiers.items():
    seen, unseen = clf.score(train.images, train.target), clf.score(*validation)
    print(
        f"{name:24s}{clf.model_.count_params():11,d}{seen:10.2f}{unseen:8.2f}{seen - unseen:6.2f}"
    )

# %%
# **What was learned.** Augmentation closed most of the gap; fewer weights alone did not. Judge a
# network on faces that it has not seen, and look at both curves. The validation faces were used to
# choose the best epoch, so they were not entirely unseen: keep a test split for the final score.
