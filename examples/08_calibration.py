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
