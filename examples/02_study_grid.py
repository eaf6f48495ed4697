"""
The study as one grid search
============================

Which of several networks is best at telling emotions apart? A study compared a custom CNN with
VGG16, VGG19 and InceptionV3 on FER2013. Here the same comparison is a
:class:`~sklearn.model_selection.GridSearchCV`: a pipeline's last step is itself a parameter.

By default it compares small stand-ins on drawn faces. Set ``FER2013`` to a folder, zip or csv of
the real data to run the study's own networks; the first run downloads their ImageNet weights, and
a GPU is advised.
"""

# %%
# Describe the candidates
# -----------------------
# The study trained with Adam at 0.01 (its CNN) and RMSprop at 0.01 (its heads on VGG16, VGG19 and
# InceptionV3, on images of 150 x 150 pixels), with shear, zoom and flips.
import os

from fer_estimators import CNNClassifier, TransferClassifier
from fer_estimators.datasets import load_fer2013, make_faces

if "FER2013" in os.environ:
    faces = load_fer2013(os.environ["FER2013"], split="train")
    epochs, image_size = 50, 150
    backbones, weights = ["vgg16", "vgg19", "inception_v3"], "imagenet"
    architectures = ["study_cnn", "compact"]
else:
    faces = make_faces(280, image_size=32, random_state=0)
    epochs, image_size = 6, 32
    backbones, weights = ["mobilenet_025"], None
    architectures = ["tiny", "compact"]

study = {
    "augmentation": "study",
    "learning_rate": 0.01,
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
# One grid holds both kinds of classifier, and what is tried within each.
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

search = GridSearchCV(
    Pipeline([("classifier", cnn)]),
    [
        {"classifier": [cnn], "classifier__architecture": architectures},
        {"classifier": [transfer], "classifier__backbone": backbones},
    ],
    cv=2,
    scoring=["accuracy", "balanced_accuracy"],
    refit="accuracy",
)
search.fit(faces.images, faces.target)

# %%
# Compare
# -------
# Each candidate's mean score over the folds.
results = search.cv_results_
for candidate, accuracy, balanced, seconds in zip(
    results["params"],
    results["mean_test_accuracy"],
    results["mean_test_balanced_accuracy"],
    results["mean_fit_time"],
    strict=True,
):
    network = candidate.get("classifier__architecture") or candidate["classifier__backbone"]
    print(f"{network:15s} accuracy {accuracy:.2f}  balanced {balanced:.2f}  {seconds:5.1f} s")

# %%
# **What was learned.** Networks of one's own and pretrained ones are values in one grid, and each
# candidate is scored on faces that it was not trained on. Scores on the training faces, which
# papers sometimes report, say little: see the training curves of ``study_cnn``.
print("best:", search.best_params_)
