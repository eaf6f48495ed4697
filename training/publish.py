"""Make the weight file and the model card that are shipped of a trained network.

``python training/publish.py fer2013-base FER2013 runs/base/model.fer --tta crops --command "<what
made it>" --output src/fer_estimators/pretrained`` fits a temperature on the validation split,
writes the weights in half precision, measures what was written, and writes the model card. It
prints the line for ``PRETRAINED``.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from string import Template

import keras
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

import fer_estimators
from fer_estimators import classification_report, find_duplicates
from fer_estimators._files.kinds import file_digest
from fer_estimators._views import VIEWS
from fer_estimators.datasets import load_fer2013
from pretrained import GOING_ON

FOLDER = Path(__file__).parent


def main(arguments=None):
    """Publish one network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("model", help="the file that pretrained.py left")
    parser.add_argument("--command", required=True, help="what made it, for the card")
    parser.add_argument("--tta", choices=sorted(VIEWS), help="to ship it with")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(arguments)

    val = load_fer2013(arguments.fer2013, split="val")
    clf = fer_estimators.load(arguments.model).set_params(
        verbose=0, tta=arguments.tta, handle_other_shapes="convert"
    )
    logits = log_probabilities(clf, val.images)
    codes = np.searchsorted(clf.classes_, val.target)
    errors = calibration_errors(logits, codes)
    temperature = fit_temperature(logits, codes)
    scale_logits(clf, 1 / temperature)
    path = arguments.output / f"{arguments.name}.fer"
    fer_estimators.save(clf, path, half_precision=True)
    clf = fer_estimators.load(path)

    card = describe(clf, val)
    card |= describe_duplicates(clf, val, arguments.fer2013)
    card |= {
        "name": arguments.name,
        "command": arguments.command,
        "temperature": f"{temperature:.3f}",
        **{name: f"{e:.3f}" for name, e in zip(("ece", "ece_1", "ece_2"), errors, strict=True)},
        "going_on": "\n".join(describe_part(**settings) for settings in GOING_ON.values()),
        "speed": f"{images_per_second(path):,.0f}",
        "processor": processor(),
        "bytes": f"{path.stat().st_size:,}",
        "sha256": file_digest(path),
        "versions": ", ".join(
            f"{name} {version(name)}" for name in ("fer-estimators", "keras", "tensorflow", "numpy")
        ),
    }
    template = Template((FOLDER / "model_card.md").read_text(encoding="utf-8"))
    (arguments.output / f"{arguments.name}.md").write_text(
        template.substitute(card), encoding="utf-8"
    )
    print(f'"{arguments.name}": "{card["sha256"]}",')


def describe_part(optimizer, learning_rate, learning_rate_schedule, epochs):
    """Say how the training went on."""
    return (
        f"- {epochs} epochs at a {learning_rate_schedule} learning rate of {learning_rate}, which "
        f"ended with a moving average of the weights (momentum "
        f"{optimizer.keywords['ema_momentum']} a step)"
    )


def log_probabilities(clf, images):
    """Return those of each view of the images, of shape (n_views, n, n_classes)."""
    tta = clf.tta
    clf.set_params(tta=None)
    views = [images[..., None]] if tta is None else VIEWS[tta](images[..., None])
    logits = np.log([clf.predict_proba(view) for view in views])
    clf.set_params(tta=tta)
    return logits


def fit_temperature(logits, codes):
    """Find the number that the network's logits must be divided by to be true [1]_.

    References
    ----------
    .. [1] Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. (2017). "On calibration of modern neural
       networks." ICML.
    """
    labels = np.arange(logits.shape[2])

    def loss(temperature):
        return log_loss(codes, soften(logits, temperature), labels=labels)

    return minimize_scalar(loss, bounds=(0.2, 5), method="bounded").x


def soften(logits, temperature):
    """Return the mean of the views' probabilities at a temperature."""
    return softmax(logits / temperature, axis=2).mean(axis=0)


def calibration_errors(logits, codes):
    """Measure each half with the temperature of the other; return the error of all, and of each."""
    y_proba = np.empty(logits.shape[1:])
    halves = list(StratifiedKFold(2, shuffle=True, random_state=0).split(codes, codes))
    for fitted, held_out in halves:
        temperature = fit_temperature(logits[:, fitted], codes[fitted])
        y_proba[held_out] = soften(logits[:, held_out], temperature)
    return [
        classification_report(
            codes[part],
            y_proba[part].argmax(axis=1),
            y_proba=y_proba[part],
            classes=np.arange(logits.shape[2]),
            zero_division=0,
            output="dict",
        )["summary"]["expected_calibration_error"]
        for part in (np.arange(len(codes)), *(held_out for _, held_out in halves))
    ]


def scale_logits(clf, factor):
    """Multiply what goes into the softmax."""
    (layer,) = [layer for layer in clf.model_.layers if isinstance(layer, keras.layers.Dense)]
    for variable in layer.weights:
        variable.assign(variable * factor)


def describe(clf, val):
    """Measure on the validation split."""
    y_proba = clf.predict_proba(val.images)
    y_pred = clf.classes_[y_proba.argmax(axis=1)]
    summary = classification_report(
        val.target, y_pred, y_proba=y_proba, zero_division=0, output="dict"
    )["summary"]
    params = clf.get_params()
    scores = {clf.tta: summary["accuracy"]}
    for tta in {None, *VIEWS} - {clf.tta}:
        scores[tta] = clf.set_params(tta=tta).score(val.images, val.target)
    clf.set_params(**params)
    return {
        "architecture": clf.architecture,
        "parameters": f"{clf.model_.count_params():,}",
        "epochs": clf.n_epochs_,
        "seed": clf.random_state,
        "tta": repr(clf.tta),
        "params": json.dumps(params, default=str, indent=1),
        "accuracy": f"{100 * summary['accuracy']:.1f}",
        **{f"accuracy_{tta}": f"{100 * score:.1f}" for tta, score in scores.items()},
        "macro_f1": f"{100 * summary['macro_f1']:.1f}",
        "report": classification_report(val.target, y_pred, y_proba=y_proba, zero_division=0),
    }


def describe_duplicates(clf, val, fer2013):
    """Count the validation images that also stand in train, and measure without them."""
    train = load_fer2013(fer2013, split="train")
    n_train = len(train.images)
    known = np.zeros(len(val.images), dtype=bool)
    for group in find_duplicates(np.concatenate([train.images, val.images])).groups:
        if group[0] < n_train:
            known[group[group >= n_train] - n_train] = True
    score = clf.score(val.images[~known], val.target[~known])
    return {"n_known": int(known.sum()), "accuracy_new": f"{100 * score:.1f}"}


_SPEED = """
import os, sys, time
os.sched_setaffinity(0, {0})
import numpy as np
import fer_estimators
clf = fer_estimators.load(sys.argv[1])
images = np.random.default_rng(0).integers(0, 256, (2048, 48, 48), dtype=np.uint8)
clf.predict_proba(images)
times = []
for _ in range(5):
    start = time.perf_counter()
    clf.predict_proba(images)
    times.append(time.perf_counter() - start)
print(len(images) / np.median(times))
"""


def images_per_second(path):
    """Measure predictions on one core, in a process of its own."""
    command = [sys.executable, "-c", _SPEED, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return float(done.stdout)


def processor():
    """Name the processor, where the system tells."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
