"""Train the study's custom CNN on FER2013 as the study did, then with augmentation.

``python training/study_cnn.py FER2013 --epochs 50 --output study_cnn`` trains ``study_cnn`` twice
on the training split, and monitors the validation split: with Adam at 0.01 to the last epoch, as
the study did (86 % on its training images, 47.7 % on its test images), and again with flips, zoom
and shear. The curves are written after each epoch, as JSON and as a picture. Early stopping would
keep the best epoch of a curve.

An epoch takes some ten minutes of CPU time; ``--images 4800`` takes a sixth of that, on a
stratified part of the training split.
"""

import argparse
import json
from pathlib import Path

# isort: off
# Before Keras: it sets TF_ENABLE_ONEDNN_OPTS, which TensorFlow reads when it is imported.
from fer_estimators import CNNClassifier, TrainingCurvesDisplay
from fer_estimators.datasets import load_fer2013

# isort: on
import keras
import matplotlib as mpl
from sklearn.model_selection import train_test_split


class WriteCurves(keras.callbacks.Callback):
    """Write the curves after each epoch, so that they survive an interruption."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.curves = {}

    def on_epoch_end(self, epoch, logs=None):
        """Add an epoch."""
        for name, value in logs.items():
            self.curves.setdefault(name, []).append(float(value))
        self.path.write_text(json.dumps(self.curves))
        accuracies = self.curves["val_accuracy"]
        best = accuracies.index(max(accuracies)) + 1
        display = TrainingCurvesDisplay.from_history(self.curves, best_epoch=best)
        display.figure_.savefig(self.path.with_suffix(".png"), dpi=150)
        mpl.pyplot.close(display.figure_)
        print(
            f"{self.path.stem} epoch {epoch + 1}: training {logs['accuracy']:.3f}, "
            f"validation {logs['val_accuracy']:.3f} (best {max(accuracies):.3f} in epoch {best})",
            flush=True,
        )


def main():
    """Train both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--images", type=int, help="number of images to train on, stratified")
    parser.add_argument("--output", type=Path, default=Path("study_cnn"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    mpl.use("Agg")

    train = load_fer2013(arguments.fer2013, split="train")
    images, labels = train.images, train.target
    if arguments.images:
        images, _, labels, _ = train_test_split(
            images, labels, train_size=arguments.images, stratify=labels, random_state=0
        )
    val = load_fer2013(arguments.fer2013, split="val")
    for name, augmentation in (("as_the_study", None), ("augmented", "study")):
        clf = CNNClassifier(
            "study_cnn",
            augmentation=augmentation,
            optimizer="adam",
            learning_rate=0.01,
            learning_rate_schedule="constant",
            label_smoothing=0.0,
            batch_size=64,
            epochs=arguments.epochs,
            patience=None,
            callbacks=[WriteCurves(arguments.output / f"{name}.json")],
            random_state=0,
        )
        clf.fit(images, labels, validation_data=(val.images, val.target))


if __name__ == "__main__":
    main()
