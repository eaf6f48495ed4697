"""
The study as one grid search
============================

Which of several networks is best at telling emotions apart? A study compared a custom CNN with
VGG16, VGG19 and InceptionV3 on FER2013. Here the same comparison is one
:class:`~sklearn.model_selection.GridSearchCV`, because the last step of a pipeline is itself a
parameter.

By default, it compares the study's CNN, ``"compact"`` and a small backbone with random weights on
drawn faces. Set ``FER2013`` to a folder, zip or csv of the real data to run the study's own
networks; the first run downloads their ImageNet weights, and a GPU is recommended.
"""

# %%
# Describe the candidates
# -----------------------
# The study trained its CNN with Adam and its heads on VGG16, VGG19 and InceptionV3 with RMSprop,
# both at a learning rate of 0.01, on images of 150 x 150 pixels with shear, zoom and flips. The few
# drawn faces need a lower rate, and leaving out augmentation keeps the page quick.
import os

from fer_estimators import CNNClassifier, TransferClassifier
from fer_estimators.datasets import load_fer2013, make_faces

if "FER2013" in os.environ:
    faces = load_fer2013(os.environ["FER2013"], split="train")
    augmentation, epochs, batch_size, learning_rate = "study", 50, 64, 0.01
    backbones, weights, image_size = ["vgg16", "vgg19", "inception_v3"], "imagenet", 150
    n_jobs = None
else:
    emotions = {"happy": 1, "sad": 1, "surprise": 1, "neutral": 1}
    faces = make_faces(320, image_size=16, weights=emotions, random_state=0)
    augmentation, epochs, batch_size, learning_rate = None, 20, 8, 0.002
    backbones, weights, image_size = ["mobilenet_025"], None, 32
    n_jobs = 2

study = {
    "augmentation": augmentation,
    "batch_size": batch_size,
    "learning_rate": learning_rate,
    "learning_rate_schedule": "constant",
    "label_smoothing": 0.0,
    "patience": None,
    "epochs": epochs,
    "random_state": 0,
}
cnn = CNNClassifier(optimizer="adam", **study)
transfer = TransferClassifier(
    weights=weights, head="study", image_size=image_size, optimizer="rmsprop", **study
)

# %%
# Search
# ------
# One grid holds both kinds of classifier and the settings to try for each. Small networks train two
# at a time, each on one core; large ones use all cores by themselves. ``refit=False`` skips the
# final fit, because only the comparison matters here.
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

search = GridSearchCV(
    Pipeline([("classifier", cnn)]),
    [
        {"classifier": [cnn], "classifier__architecture": ["study_cnn", "compact"]},
        {"classifier": [transfer], "classifier__backbone": backbones},
    ],
    cv=2,
    scoring=["accuracy", "balanced_accuracy"],
    refit=False,
    n_jobs=n_jobs,
    return_train_score=True,
)
search.fit(faces.images, faces.target)

# %%
# Compare
# -------
# The table shows each candidate's mean scores over the folds, on its training faces and on the
# other faces. By default, two candidates train at once, so a fit takes longer than it would alone.
import numpy as np

results = search.cv_results_
names = [
    candidate.get("classifier__architecture") or candidate["classifier__backbone"]
    for candidate in results["params"]
]
train, test = results["mean_train_accuracy"], results["mean_test_accuracy"]
print(f"{'':16s}{'training':>10s}{'others':>8s}{'balanced':>10s}{'seconds':>9s}")
for name, *numbers in zip(
    names,
    train,
    test,
    results["mean_test_balanced_accuracy"],
    results["mean_fit_time"],
    strict=True,
):
    print("{:16s}{:10.2f}{:8.2f}{:10.2f}{:9.1f}".format(name, *numbers))

# %%
# See the gap
# -----------
# Bars show the mean score on other faces, dots the score of each fold, and diamonds the mean score
# on the training faces. A difference smaller than the distance between two dots means little.
import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(7.6, 2.6), layout="constrained")
places = np.arange(len(names))
ax.barh(places, test, 0.6, color="#56B4E9", edgecolor="black", label="on other faces")
for k in range(search.n_splits_):
    fold = results[f"split{k}_test_accuracy"]
    label = "each fold" if k == 0 else None
    ax.plot(fold, places, "o", color="black", markeredgecolor="white", markersize=6, label=label)
ax.plot(train, places, "D", color="#D55E00", markersize=8, label="on its training faces")
ax.axvline(1 / len(set(faces.target)), color="0.3", linestyle=":", label="guessing")
ax.set_yticks(places, names)
ax.set(xlabel="accuracy", xlim=(0, 1.02))
ax.invert_yaxis()
ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.25), ncols=4, frameon=False)
plt.show()

# %%
# **What was learned.** Architectures and backbones are values in one grid, and each candidate is
# scored on faces that it was not trained on. Scores on the training faces, which papers sometimes
# report, only show how well a network remembers. The study's CNN needs more epochs than it gets
# here: see :doc:`04_overfitting`. A backbone with random weights has nothing to transfer;
# :doc:`05_transfer_learning` uses a trained one.
print("best:", names[test.argmax()])
