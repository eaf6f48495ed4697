"""Train a network for FER2013's labels, starting from a network that learned FER+'s votes.

``python training/from_votes.py fer2013-compact FER2013 VOTES --start runs/ferplus-compact/model.fer
--output runs/fer2013-compact`` starts from that network's weights, trains on FER2013's training
split and only monitors the validation split. If it is killed, run it again: it resumes after the
last complete epoch.

The targets are a weighted mean of the label, of the label probabilities that a logistic regression
predicts from the votes, and, with ``--teacher``, of a teacher's predictions (knowledge
distillation).
"""

import argparse
import json
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

import fer_estimators
from fer_estimators import CNNClassifier, TrainingCurvesDisplay, classification_report
from fer_estimators._files.kinds import file_digest
from fer_estimators._files.writing import written_whole
from fer_estimators.datasets import load_fer2013
from ferplus import NETWORKS as STARTS
from ferplus import SAVED

#: Each network has the architecture of the network that it starts from.
_COMMON = {"augmentation": "strong", "learning_rate": 0.05}
NETWORKS = {
    "fer2013-base": {**STARTS["ferplus-base"], **_COMMON, "epochs": 60},
    "fer2013-compact": {**STARTS["ferplus-compact"], **_COMMON, "epochs": 150},
}
#: Weights in the targets: first of the votes against the label, then of the teacher against both.
VOTES_SHARE, TEACHER_SHARE = 0.3, 0.4


def main(arguments=None):
    """Train one network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(NETWORKS))
    parser.add_argument("fer2013", help="folder or zip of FER2013's images")
    parser.add_argument("votes", help="FER+'s votes, as load_fer2013(..., fer_plus=) takes them")
    parser.add_argument("--start", required=True, help="model file that ferplus.py wrote")
    parser.add_argument("--teacher", help="model file of a network for FER2013's labels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(arguments)
    mpl.use("Agg")

    train = load_fer2013(arguments.fer2013, split="train")
    val = load_fer2013(arguments.fer2013, split="val")
    arguments.output.mkdir(parents=True, exist_ok=True)
    targets = once(
        arguments.output / name_targets(arguments.teacher),
        lambda: mix_targets(train, arguments.fer2013, arguments.votes, arguments.teacher),
    )
    clf = CNNClassifier(**NETWORKS[arguments.name], random_state=arguments.seed, verbose=2)
    take_over(clf, fer_estimators.load(arguments.start), train)
    start = time.perf_counter(), time.process_time()
    clf.fit(
        train.images,
        train.target,
        y_proba=targets,
        validation_data=(val.images, val.target),
        checkpoint=arguments.output / "checkpoint",
    )
    hours = (time.perf_counter() - start[0]) / 3600, (time.process_time() - start[1]) / 3600
    clf.set_params(**SAVED, warm_start=False)
    fer_estimators.save(clf, arguments.output / "model.fer")
    (arguments.output / "curves.json").write_text(json.dumps(clf.history_))
    display = TrainingCurvesDisplay.from_estimator(clf)
    display.figure_.savefig(arguments.output / "curves.png", dpi=150)
    print(f"{hours[0]:.2f} hours since this call, {hours[1]:.2f} hours of CPU time")
    for tta in (None, "flip", "crops"):
        y_proba = clf.set_params(tta=tta).predict_proba(val.images)
        y_pred = clf.classes_[y_proba.argmax(1)]
        print(f"tta={tta!r}:")
        print(classification_report(val.target, y_pred, y_proba=y_proba, zero_division=0))


def name_targets(teacher):
    """Name the targets' file after the teacher that they depend on."""
    return f"targets-{file_digest(teacher)[:12]}.npy" if teacher else "targets.npy"


def once(path, compute):
    """Compute an array once, because a resumed run needs the same targets to the last digit."""
    if not path.exists():
        array = compute()
        with written_whole(path) as file:
            np.save(file, array)
    return np.load(path)


def mix_targets(train, fer2013, votes, teacher):
    """Mix labels, votes and a teacher's predictions into targets of shape (n, n_classes)."""
    classes, codes = np.unique(train.target, return_inverse=True)
    targets = np.eye(len(classes))[codes]
    voted = load_fer2013(fer2013, split="train", fer_plus=votes, ties="keep")
    row_of = {name: row for row, name in enumerate(train.filenames)}
    rows = [row_of[name] for name in voted.filenames]
    # Each face's probabilities come from a regression that was not fitted on it.
    likely = cross_val_predict(
        LogisticRegression(max_iter=1000), voted.votes, codes[rows], method="predict_proba"
    )
    targets[rows] += VOTES_SHARE * (likely - targets[rows])
    if teacher is not None:
        y_proba = fer_estimators.load(teacher).set_params(tta="flip").predict_proba(train.images)
        targets += TEACHER_SHARE * (y_proba - targets)
    return targets


def take_over(clf, start, train):
    """Copy the weights of a network whose classes include those of `train` into a classifier."""
    params = clf.get_params()
    _, one_of_each = np.unique(train.target, return_index=True)
    few = train.images[one_of_each], train.target[one_of_each]
    # The history must have the same curves as in the fit that follows, which has validation data.
    clf.set_params(epochs=1).fit(*few, validation_data=few)
    columns = np.searchsorted(start.classes_, clf.classes_)
    for layer, source in zip(clf.model_.layers, start.model_.layers, strict=True):
        weights = source.get_weights()
        if layer.name == "logits":
            weights = [array[..., columns] for array in weights]
        layer.set_weights(weights)
    clf.set_params(**{**params, "warm_start": True})


if __name__ == "__main__":
    main()
