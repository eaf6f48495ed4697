"""
When the network should say "not sure"
======================================

My network says that it is 90 % sure: is it right nine times in ten? And may it leave the faces
unanswered of which it is not sure? This page measures how far confidence can be trusted, corrects
it, and chooses the confidence from which on to answer.
"""

# %%
# Train a network that is too sure
# --------------------------------
# A network that trains to the end without label smoothing grows surer of its mistakes. The
# second set corrects and chooses, the third one only checks.
from fer_estimators import CNNClassifier
from fer_estimators.datasets import make_faces

train = make_faces(490, image_size=24, random_state=0)
val = make_faces(490, image_size=24, random_state=1)
test = make_faces(980, image_size=24, random_state=2)

clf = CNNClassifier(
    label_smoothing=0.0,
    augmentation=None,
    validation_fraction=None,
    epochs=12,
    batch_size=32,
    random_state=0,
)
clf.fit(train.images, train.target)

# %%
# Correct its confidence
# ----------------------
# scikit-learn's calibrator takes the fitted network as it is, in a
# :class:`~sklearn.frozen.FrozenEstimator`, and learns from faces that the network has not seen.
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

calibrated = CalibratedClassifierCV(FrozenEstimator(clf), method="sigmoid")
calibrated.fit(val.images, val.target)

# %%
# The expected calibration error is the mean distance between confidence and accuracy.
from fer_estimators import classification_report

print(f"{'':12s}{'accuracy':>10s}{'confidence':>12s}{'log-loss':>10s}{'calibration error':>20s}")
for name, classifier in {"network": clf, "calibrated": calibrated}.items():
    proba = classifier.predict_proba(test.images)
    report = classification_report(
        test.target,
        classifier.predict(test.images),
        y_proba=proba,
        classes=classifier.classes_,
        output="dict",
    )
    summary = report["summary"]
    print(
        f"{name:12s}{summary['accuracy']:10.2f}{proba.max(axis=1).mean():12.2f}"
        f"{summary['log_loss']:10.2f}{summary['expected_calibration_error']:20.2f}"
    )

# %%
# Look at one emotion
# -------------------
# scikit-learn's own display: on the diagonal, faces said to be happy with 70 % are happy in 70 %
# of the cases.
import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay

figure, ax = plt.subplots(figsize=(5, 4.2), layout="constrained")
for (name, classifier), style in zip(
    {"network": clf, "calibrated": calibrated}.items(), ("s--", "o-"), strict=True
):
    happy = classifier.predict_proba(test.images)[:, list(classifier.classes_).index("happy")]
    CalibrationDisplay.from_predictions(
        test.target == "happy",
        happy,
        n_bins=6,
        name=name,
        ax=ax,
        marker=style[0],
        linestyle=style[1:],
    )
ax.set(xlabel="probability of happy", ylabel="share of happy faces")
plt.show()

# %%
# Leave faces unanswered
# ----------------------
# Answer the surest faces first: the fewer it must answer, the better the network does.
from fer_estimators import RiskCoverageDisplay

display = RiskCoverageDisplay.from_estimator(calibrated, val.images, val.target, name="calibrated")
# sphinx_gallery_thumbnail_number = 2
plt.show()

# %%
# Choose the confidence from which on to answer
# ---------------------------------------------
# :class:`~fer_estimators.AbstainingClassifier` takes the smallest confidence at which the wanted
# accuracy is reached on the second set: with ``cautious``, at which the lower end of its 95 %
# interval is. The third set tells what becomes of it.
from fer_estimators import AbstainingClassifier, selective_scores

print(f"{'cautious':10s}{'threshold':>10s}{'answered':>10s}{'accuracy':>10s}")
for cautious in (False, True):
    careful = AbstainingClassifier(
        FrozenEstimator(calibrated), target_accuracy=0.8, cautious=cautious
    )
    careful.fit(val.images, val.target)
    kept = selective_scores(careful, test.images, test.target)
    print(
        f"{cautious!s:10s}{careful.threshold_:10.2f}"
        f"{kept['coverage']:10.0%}{kept['accuracy']:10.0%}"
    )

# %%
# What it says, and when it keeps silent
# --------------------------------------
from fer_estimators import FaceGridDisplay

shown = slice(0, 14)
FaceGridDisplay.from_predictions(
    test.images[shown],
    test.target[shown],
    careful.predict(test.images[shown]),
    n_faces=14,
    random_state=0,
)
plt.show()

# %%
# **What was learned.** A probability is worth something only after it was checked on faces that
# the network has not seen. A threshold chosen on one set keeps its promise on another one only
# about: leave room, and choose it on faces like those that will come.
