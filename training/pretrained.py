"""Train a network for ``load_pretrained`` on FER2013's training split alone.

``python training/pretrained.py fer2013-base FER2013 --output runs/base`` trains in three parts,
without early stopping, and only monitors the validation split. If it is killed, run it again: it
resumes after the last complete epoch. It writes ``curves.json``, ``curves.png``, a model file for
each part, and ``model.fer``, from which ``training/publish.py`` makes the shipped file.

``fer2013-compact`` learns from the larger network as well as from the labels (knowledge
distillation): ``python training/pretrained.py fer2013-compact FER2013 --teacher
runs/base/before_averaging.fer --output runs/compact``.

[1] Izmailov, P. et al. (2018). "Averaging weights leads to wider optima and better
generalization." UAI.
[2] Loshchilov, I. and Hutter, F. (2017). "SGDR: Stochastic gradient descent with warm restarts."
ICLR.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np

import fer_estimators
from fer_estimators import CNNClassifier, TrainingCurvesDisplay, classification_report
from fer_estimators._files.kinds import file_digest
from fer_estimators._files.writing import written_whole
from fer_estimators.classifiers import RECIPES
from fer_estimators.classifiers._optimizers import OPTIMIZERS
from fer_estimators.datasets import load_fer2013

_COMMON = {
    **RECIPES["best"],
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "batch_size": 128,
    "epochs": 46,
}
NETWORKS = {
    "fer2013-base": {**_COMMON, "architecture": "residual"},
    "fer2013-compact": {
        **_COMMON,
        "architecture": "residual_small",
        # A small network that learns from soft labels hardly overfits.
        "augmentation": "standard",
        "label_smoothing": 0.0,
    },
}
# Each network is then trained further in two parts. The first ends with an average of the weights
# over some ten epochs [1]; in the second, the learning rate rises and falls once more [2], and the
# average covers fewer steps.
CONTINUATION = {
    "averaging": {
        "optimizer": partial(OPTIMIZERS["sgd"], use_ema=True, ema_momentum=0.9995),
        "learning_rate": 0.03,
        "learning_rate_schedule": "constant",
        "epochs": 20,
    },
    "restart": {
        "optimizer": partial(OPTIMIZERS["sgd"], use_ema=True, ema_momentum=0.999),
        "learning_rate": 0.05,
        "learning_rate_schedule": "cosine",
        "epochs": 32,
    },
}
# The teacher's share of the smaller network's targets; the rest is the label.
TEACHER_SHARE = 0.7


def main(arguments=None):
    """Train one network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(NETWORKS))
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("--teacher", help="model file of a larger network to learn from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(arguments)
    mpl.use("Agg")

    train = load_fer2013(arguments.fer2013, split="train")
    val = load_fer2013(arguments.fer2013, split="val")
    clf = CNNClassifier(**NETWORKS[arguments.name], random_state=arguments.seed, verbose=2)
    soft_labels = None
    if arguments.teacher:
        soft_labels = learn_from(arguments.teacher, train, arguments.output)
    start = time.perf_counter(), time.process_time()
    fit = partial(
        clf.fit,
        train.images,
        train.target,
        y_proba=soft_labels,
        validation_data=(val.images, val.target),
    )
    fit(checkpoint=arguments.output / "checkpoint")
    fer_estimators.save(clf, arguments.output / "before_averaging.fer")
    params = clf.get_params()
    for part, settings in CONTINUATION.items():
        clf.set_params(warm_start=True, **settings)
        fit(checkpoint=arguments.output / part)
        # A model file cannot hold functions such as the optimizer's `partial`.
        clf.set_params(**params)
        fer_estimators.save(clf, arguments.output / f"{part}.fer")
    hours = (time.perf_counter() - start[0]) / 3600, (time.process_time() - start[1]) / 3600
    fer_estimators.save(clf, arguments.output / "model.fer")
    (arguments.output / "curves.json").write_text(json.dumps(clf.history_))
    display = TrainingCurvesDisplay.from_estimator(clf)
    display.figure_.savefig(arguments.output / "curves.png", dpi=150)
    print(f"{hours[0]:.2f} hours since this call, {hours[1]:.2f} hours of CPU time")
    y_proba = clf.predict_proba(val.images)
    print(
        classification_report(
            val.target, clf.classes_[y_proba.argmax(1)], y_proba=y_proba, zero_division=0
        )
    )


def learn_from(teacher, train, output):
    """Mix the labels with a teacher's predictions for the images and their mirror images."""
    path = output / f"y_proba-{file_digest(teacher)[:12]}.npy"
    if path.exists():
        # With another number of threads, the predictions would differ in the last digit, and a run
        # only resumes with the data that it started with.
        return np.load(path)
    clf = fer_estimators.load(teacher).set_params(tta="flip")
    labels = np.eye(len(clf.classes_))[np.searchsorted(clf.classes_, train.target)]
    y_proba = (1 - TEACHER_SHARE) * labels + TEACHER_SHARE * clf.predict_proba(train.images)
    output.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as file:
        np.save(file, y_proba)
    return y_proba


if __name__ == "__main__":
    main()
