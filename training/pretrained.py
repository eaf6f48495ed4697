"""Train a network that ``load_pretrained`` gives, from FER2013 alone.

``python training/pretrained.py fer2013-base FER2013 --output fer2013-base`` trains on the training
split to the last epoch; the validation split is only watched. Killed and called again, it goes
on after the last whole epoch. It leaves ``curves.json``, ``curves.png`` and ``model.fer``.

On processors of AMD, TensorFlow trains faster with ``TF_ENABLE_ONEDNN_OPTS=1`` set.
"""

import argparse
import json
import time
from pathlib import Path

import matplotlib as mpl

import fer_estimators
from fer_estimators import CNNClassifier, TrainingCurvesDisplay
from fer_estimators.datasets import load_fer2013

NETWORKS = {
    "fer2013-compact": {"architecture": "compact", "learning_rate": 3e-3, "epochs": 60},
    "fer2013-base": {"architecture": "residual", "learning_rate": 2e-3, "epochs": 36},
}


def main():
    """Train one network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(NETWORKS))
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    mpl.use("Agg")

    train = load_fer2013(arguments.fer2013, split="train")
    val = load_fer2013(arguments.fer2013, split="val")
    clf = CNNClassifier(
        **NETWORKS[arguments.name],
        augmentation="strong",
        patience=None,
        random_state=arguments.seed,
        verbose=2,
    )
    start = time.perf_counter(), time.process_time()
    clf.fit(
        train.images,
        train.target,
        validation_data=(val.images, val.target),
        checkpoint=arguments.output / "checkpoint",
    )
    hours = (time.perf_counter() - start[0]) / 3600, (time.process_time() - start[1]) / 3600
    fer_estimators.save(clf, arguments.output / "model.fer")
    (arguments.output / "curves.json").write_text(json.dumps(clf.history_))
    display = TrainingCurvesDisplay.from_estimator(clf)
    display.figure_.savefig(arguments.output / "curves.png", dpi=150)
    print(f"{hours[0]:.2f} hours since this call, {hours[1]:.2f} hours of CPU time")
    print(
        fer_estimators.classification_report(
            val.target, clf.predict(val.images), y_proba=clf.predict_proba(val.images)
        )
    )


if __name__ == "__main__":
    main()
