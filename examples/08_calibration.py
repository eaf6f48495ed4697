"""
When the network should say "not sure"
======================================

My network says that it is 90 % sure: is it right nine times out of ten? And can it decline to
answer when it is not sure? This page measures how far its confidence can be trusted, corrects it,
and chooses the lowest confidence at which to answer.
"""

# %%
# Train a network that is too sure
# --------------------------------
# A network that is trained to the end without label smoothing becomes too sure of its mistakes. The
# second set is used to correct its confidence and to choose a threshold, the third only to check
# both.
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
# scikit-learn's calibrator learns from faces that the network has not seen. A
# :class:`~sklearn.frozen.FrozenEstimator` keeps it from training the network again.
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

calibrated = CalibratedClassifierCV(FrozenEstimator(clf), method="sigmoid")
calibrated.fit(val.images, val.target)

# %%
# The expected calibration error is the mean difference between confidence and accuracy.
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
# In scikit-learn's display, a point on the diagonal means, for example, that 70 % of the faces with
# a probability of 70 % for happy are happy.
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
# Answer for fewer faces
# ----------------------
# If only the most confident predictions count as answers, more of the answers are right.
from fer_estimators import RiskCoverageDisplay

display = RiskCoverageDisplay.from_estimator(calibrated, val.images, val.target, name="calibrated")
# sphinx_gallery_thumbnail_number = 2
plt.show()

# %%
# Choose the lowest confidence at which to answer
# -----------------------------------------------
# :class:`~fer_estimators.AbstainingClassifier` chooses the lowest confidence at which the answers
# reach the target accuracy on the second set. With ``cautious=True``, the lower end of the
# accuracy's 95 % interval must reach it. The third set shows the result on other faces.
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
# Look at its answers
# -------------------
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
# **What was learned.** Trust a probability only after checking it on faces that the network has
# not seen. On other faces, a threshold reaches its target accuracy only roughly: choose it on
# faces like those it will be used for, and aim higher than you need.
