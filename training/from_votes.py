"""Train a network for FER2013's labels, starting from a network that learned FER+'s votes.

``python training/from_votes.py fer2013-compact FER2013 VOTES --start runs/ferplus-compact/model.fer
--output runs/fer2013-compact`` starts from that network's weights, trains on FER2013's training
split and only monitors the validation split. If it is killed, run it again: it resumes after the
last complete epoch.

The targets are a weighted mean of the label, of the label probabilities that a logistic regression
predicts from the votes, and, with ``--teacher``, of a teacher's predictions (knowledge
distillation); several teachers are averaged. With ``--views 10``, the network trains on ten
augmented images of each face, which are drawn once and which the teachers see, too.
"""

import argparse
import json
import time
from pathlib import Path

import keras
import matplotlib as mpl
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

import fer_estimators
from fer_estimators import CNNClassifier, TrainingCurvesDisplay, classification_report
from fer_estimators._files.kinds import file_digest
from fer_estimators._files.writing import written_whole
from fer_estimators.augmentation import make_augmentation
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
VOTES_SHARE, TEACHER_SHARE = 0.3, 0.7


def main(arguments=None):
    """Train one network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(NETWORKS))
    parser.add_argument("fer2013", help="folder or zip of FER2013's images")
    parser.add_argument("votes", help="FER+'s votes, as load_fer2013(..., fer_plus=) takes them")
    parser.add_argument("--start", required=True, help="model file that ferplus.py wrote")
    parser.add_argument("--teacher", nargs="+", help="model files of networks for FER2013's labels")
    parser.add_argument("--views", type=int, help="augmented images of each face, with --teacher")
    parser.add_argument("--epochs", type=int, help="number of epochs instead of the network's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(arguments)
    if arguments.views and not arguments.teacher:
        parser.error("--views needs a teacher: pass --teacher as well")
    mpl.use("Agg")

    train = load_fer2013(arguments.fer2013, split="train")
    val = load_fer2013(arguments.fer2013, split="val")
    arguments.output.mkdir(parents=True, exist_ok=True)
    settings = dict(NETWORKS[arguments.name])
    settings["epochs"] = arguments.epochs or settings["epochs"]
    images, labels = train.images, train.target
    targets = once(
        arguments.output / "targets.npy",
        lambda: mix_targets(train, arguments.fer2013, arguments.votes),
    )
    if arguments.views:
        augmentation, settings["augmentation"] = settings["augmentation"], None
        settings["epochs"] = round(settings["epochs"] / arguments.views)
        images = once(
            arguments.output / f"views-{arguments.seed}-{arguments.views}.npy",
            lambda: draw_views(train.images, augmentation, arguments.views, arguments.seed),
        )
        targets, labels = np.tile(targets, (arguments.views, 1)), np.tile(labels, arguments.views)
    if arguments.teacher:
        # The stored views contain flipped faces already.
        tta = None if arguments.views else "flip"
        taught = [
            once(
                arguments.output / name_taught(teacher, len(images), tta),
                lambda teacher=teacher: ask(teacher, images, tta),
            )
            for teacher in arguments.teacher
        ]
        targets += TEACHER_SHARE * (np.mean(taught, axis=0) - targets)
    clf = CNNClassifier(**settings, random_state=arguments.seed, verbose=2)
    take_over(clf, fer_estimators.load(arguments.start), train)
    start = time.perf_counter(), time.process_time()
    clf.fit(
        images,
        labels,
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


def name_taught(teacher, n_images, tta):
    """Name the file of a teacher's predictions after the teacher, the images and the views."""
    return f"taught-{file_digest(teacher)[:12]}-{n_images}-{tta}.npy"


def ask(teacher, images, tta):
    """Return a teacher's predictions, of shape (n, n_classes)."""
    return fer_estimators.load(teacher).set_params(tta=tta).predict_proba(images)


def once(path, compute):
    """Compute an array once, because a resumed run needs the same targets to the last digit."""
    if not path.exists():
        array = compute()
        with written_whole(path) as file:
            np.save(file, array)
    return np.load(path)


def mix_targets(train, fer2013, votes):
    """Mix labels and votes into targets of shape (n, n_classes)."""
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
    return targets


def draw_views(images, augmentation, n_views, seed):
    """Return `n_views` augmented images of each image, one round after the other."""
    keras.utils.set_random_seed(seed)
    augment = make_augmentation(augmentation)
    views = np.empty((n_views, *images.shape), np.uint8)
    for view in views:
        for start in range(0, len(images), 1000):
            part = images[start : start + 1000, ..., np.newaxis]
            changed = np.asarray(augment(part.astype(np.float32), training=True))[..., 0]
            view[start : start + 1000] = np.clip(np.rint(changed), 0, 255)
    return views.reshape(-1, *images.shape[1:])


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
