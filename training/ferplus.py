"""Train a network for the eight emotions of FER+ on the votes of ten people for each face.

``python training/ferplus.py ferplus-compact FER2013 ferplus_by_file.csv --output
runs/ferplus-compact`` trains on FER2013's training split and only monitors the validation split.
If it is killed, run it again: it resumes after the last complete epoch. It writes ``curves.json``,
``curves.png`` and ``model.fer``, whose weights are a moving average.

Targets are the shares of the votes for the eight emotions. Images that most people called unknown
or no face are left out; so are validation images without a single majority, as is usual [1].

[1] Barsoum, E., Zhang, C., Canton Ferrer, C. and Zhang, Z. (2016). "Training deep networks for
facial expression recognition with crowd-sourced label distribution." ICMI.
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
from fer_estimators.classifiers._optimizers import OPTIMIZERS
from fer_estimators.datasets import load_fer2013
from fer_estimators.evaluation import vote_scores

_COMMON = {
    "augmentation": "wide",
    "optimizer": partial(OPTIMIZERS["sgd"], use_ema=True, ema_momentum=0.999),
    "learning_rate": 0.1,
    "label_smoothing": 0.0,
    "batch_size": 128,
    "validation_fraction": None,
    "patience": None,
    "dtype_policy": "mixed_bfloat16",
}
NETWORKS = {
    "ferplus-base": {**_COMMON, "architecture": "residual_se", "epochs": 100},
    "ferplus-compact": {**_COMMON, "architecture": "residual_se_small", "epochs": 150},
}
# A model file cannot hold functions such as the optimizer's `partial`.
SAVED = {"optimizer": "sgd"}


def main(arguments=None):
    """Train one network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(NETWORKS))
    parser.add_argument("fer2013", help="folder or zip of FER2013's images")
    parser.add_argument("votes", help="FER+'s votes, as load_fer2013(..., fer_plus=) takes them")
    parser.add_argument("--images", type=int, help="number of images to train on, for a rehearsal")
    parser.add_argument("--epochs", type=int, help="number of epochs, for a rehearsal")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(arguments)
    mpl.use("Agg")

    train = load_fer2013(arguments.fer2013, split="train", fer_plus=arguments.votes, ties="first")
    val = load_fer2013(arguments.fer2013, split="val", fer_plus=arguments.votes)
    print(train.report, val.report, sep="\n")
    rows = rehearsed(train.target, arguments.images)
    settings = dict(NETWORKS[arguments.name])
    if arguments.epochs:
        settings["epochs"] = arguments.epochs
    clf = CNNClassifier(**settings, random_state=arguments.seed, verbose=2)
    start = time.perf_counter(), time.process_time()
    clf.fit(
        train.images[rows],
        train.target[rows],
        y_proba=train.soft_labels.iloc[rows],
        validation_data=(val.images, val.target),
        checkpoint=arguments.output / "checkpoint",
    )
    hours = (time.perf_counter() - start[0]) / 3600, (time.process_time() - start[1]) / 3600
    fer_estimators.save(clf.set_params(**SAVED), arguments.output / "model.fer")
    (arguments.output / "curves.json").write_text(json.dumps(clf.history_))
    display = TrainingCurvesDisplay.from_estimator(clf)
    display.figure_.savefig(arguments.output / "curves.png", dpi=150)
    print(f"{hours[0]:.2f} hours since this call, {hours[1]:.2f} hours of CPU time")
    for tta in (None, "flip", "crops"):
        y_proba = clf.set_params(tta=tta).predict_proba(val.images)
        print(f"tta={tta!r}:", vote_scores(val.soft_labels, y_proba, classes=clf.classes_))
        print(
            classification_report(
                val.target, clf.classes_[y_proba.argmax(1)], y_proba=y_proba, zero_division=0
            )
        )


def rehearsed(labels, n_images):
    """Return the rows to train on: the first ones, and one of each emotion."""
    if n_images is None:
        return slice(None)
    first = np.unique(labels, return_index=True)[1]
    return np.union1d(first, np.arange(n_images))


if __name__ == "__main__":
    main()
