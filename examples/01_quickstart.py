"""
From a folder of faces to a report for each emotion
===================================================

How do I train a network on faces, and how good is it at each emotion? This page loads faces,
trains :class:`~fer_estimators.CNNClassifier`, prints a report and draws two pictures.

It runs on drawn faces by default. Set the environment variable ``FER2013`` to a folder, zip or
csv of the real data to train on its training split and report on its validation split.
"""

# %%
# Load the faces
# --------------
# Images are pixels in 0..255, labels are the names of the emotions.
import os

from fer_estimators.datasets import load_fer2013, make_faces

if "FER2013" in os.environ:
    train = load_fer2013(os.environ["FER2013"], split="train")
    val = load_fer2013(os.environ["FER2013"], split="val")
    epochs = 16
else:
    train = make_faces(1000, random_state=0)
    val = make_faces(500, random_state=1)
    epochs = 12
print(f"{len(train.images)} faces to learn from, {len(val.images)} to report on")

# %%
# Train a classifier
# ------------------
# A tenth of the training faces is held out to choose the best epoch.
from fer_estimators import CNNClassifier

clf = CNNClassifier(epochs=epochs, random_state=0, verbose=2)
clf.fit(train.images, train.target)

# %%
# Report on each emotion
# ----------------------
# Accuracy alone hides the rare emotions, so the report also gives the recall of each emotion, with
# its 95 % interval.
from fer_estimators import classification_report

predicted = clf.predict(val.images)
report = classification_report(
    val.target, predicted, y_proba=clf.predict_proba(val.images), classes=clf.classes_
)
print(report)

# %%
# Look at the mistakes
# --------------------
# scikit-learn draws the confusion matrix.
import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

confusion = ConfusionMatrixDisplay.from_predictions(
    val.target,
    predicted,
    labels=train.target_names,
    normalize="true",
    values_format=".2f",
    cmap="Blues",
    xticks_rotation=45,
)
confusion.figure_.set_layout_engine("tight")
confusion.figure_.savefig("confusion_matrix.png", dpi=150)

# %%
# Look at the training curves
# ---------------------------
# Where the training curve improves and the validation curve does not, the network is memorising.
from fer_estimators import TrainingCurvesDisplay

curves = TrainingCurvesDisplay.from_estimator(clf)
curves.figure_.savefig("training_curves.png", dpi=150)
print("Wrote confusion_matrix.png and training_curves.png")
plt.show()

# %%
# **What was learned.** A few lines take you from images to a report. ``clf`` is a scikit-learn
# classifier: ``cross_validate``, ``GridSearchCV`` and pipelines accept it like any other.
