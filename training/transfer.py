"""Compare ways to learn emotions from a network pretrained on ImageNet, on FER2013.

``python training/transfer.py FER2013 --backbone mobilenet_025 --weights WEIGHTS.h5`` trains four
classifiers on the training split and reports their accuracy on the validation split, and minutes:

- ``logistic regression``: frozen, pooled features and scikit-learn's LogisticRegression;
- ``pooled head``: the frozen backbone with a linear head, trained with augmentation;
- ``study's head``: the same with the head of the study of VGG16, VGG19 and InceptionV3;
- ``fine-tuned``: the pooled head for a third of ``--epochs``, then head and last layers of the
  backbone together for ``--epochs``.

These commands make the study's own table, with weights that Keras downloads (some hours on a
GPU)::

    for backbone in vgg16 vgg19 inception_v3; do
        python training/transfer.py FER2013 --backbone $backbone --image-size 150 --epochs 30
    done

Each row is written as soon as it is computed, and skipped when the command is run again.
"""

import argparse
import json
import time
from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fer_estimators import BackboneFeatures, TransferClassifier
from fer_estimators.classifiers import FineTuning
from fer_estimators.datasets import load_fer2013


def ways(backbone, epochs, n_layers, seed):
    """Return the classifiers to compare, by name."""
    head = {"epochs": epochs, "patience": None, "random_state": seed, "verbose": 2}
    return {
        "logistic regression": make_pipeline(
            BackboneFeatures(**backbone),
            StandardScaler(),
            LogisticRegression(max_iter=1000),
        ),
        "pooled head": TransferClassifier(**backbone, **head),
        "study's head": TransferClassifier(**backbone, head="study", **head),
        "fine-tuned": TransferClassifier(
            **backbone,
            **{**head, "epochs": max(1, epochs // 3)},
            fine_tuning=FineTuning(layers=n_layers, epochs=epochs, learning_rate=1e-3),
        ),
    }


def main(arguments=None):
    """Compare them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("--backbone", default="mobilenet_025")
    parser.add_argument("--weights", default="imagenet", help="a path, or imagenet to download")
    parser.add_argument("--image-size", type=int, default=96)
    parser.add_argument("--images", type=int, help="number of images to train on, stratified")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--fine-tune-layers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("transfer.json"))
    arguments = parser.parse_args(arguments)

    train = load_fer2013(arguments.fer2013, split="train")
    images, labels = train.images, train.target
    if arguments.images:
        images, _, labels, _ = train_test_split(
            images, labels, train_size=arguments.images, stratify=labels, random_state=0
        )
    val = load_fer2013(arguments.fer2013, split="val")
    backbone = {
        "backbone": arguments.backbone,
        "weights": arguments.weights,
        "image_size": arguments.image_size,
    }
    rows = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    epochs, n_layers = arguments.epochs, arguments.fine_tune_layers
    for name, clf in ways(backbone, epochs, n_layers, arguments.seed).items():
        key = (
            f"{arguments.backbone} at {arguments.image_size} pixels from "
            f"{Path(arguments.weights).name}, {name}, {len(labels)} images, {epochs} epochs, "
            f"{n_layers} layers fine-tuned, seed {arguments.seed}"
        )
        if key not in rows:
            start = time.perf_counter(), time.process_time()
            clf.fit(images, labels)
            minutes = (time.perf_counter() - start[0]) / 60, (time.process_time() - start[1]) / 60
            predicted = clf.predict(val.images)
            rows[key] = {
                "accuracy": float((predicted == val.target).mean()),
                "macro_f1": float(f1_score(val.target, predicted, average="macro")),
                "minutes": minutes[0],
                "cpu_minutes": minutes[1],
            }
            arguments.output.write_text(json.dumps(rows, indent=1))
        row = rows[key]
        print(
            f"{key}: accuracy {row['accuracy']:.3f}, macro-F1 {row['macro_f1']:.3f}, "
            f"{row['minutes']:.1f} minutes, {row['cpu_minutes']:.1f} of CPU time",
            flush=True,
        )


if __name__ == "__main__":
    main()
