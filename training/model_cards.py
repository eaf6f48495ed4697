"""Measure the shipped networks, and write their model cards.

``python training/model_cards.py FER2013 --votes VOTES --output src/fer_estimators/pretrained``
reads the weights from the folder and writes a card beside each. What the weights do not record,
such as the command that made them, comes from ``published.json``, which ``publish.py`` writes. To
measure only some networks, add their names.
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

import numpy as np

import fer_estimators
from fer_estimators import classification_report, find_duplicates
from fer_estimators._files.kinds import file_digest
from fer_estimators._views import VIEWS
from fer_estimators.datasets import load_fer2013
from fer_estimators.evaluation import vote_scores
from fer_estimators.export import ExportedClassifier
from fer_estimators.export._shipped import SHIPPED
from hard_images import describe_no_face, score_framings
from publish import RECORD
from temperature import calibration_errors, label_shares, log_probabilities

PARTS = Path(__file__).parent / "model_card"


def main(arguments=None):
    """Write the cards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("names", nargs="*", help="names of the networks; all by default")
    parser.add_argument("--votes", help="FER+'s votes, as load_fer2013(..., fer_plus=) takes them")
    parser.add_argument("--output", type=Path, required=True, help="folder of the weights")
    arguments = parser.parse_args(arguments)
    records = json.loads(RECORD.read_text(encoding="utf-8"))
    for name in arguments.names or sorted(records):
        record = records[name]
        votes = arguments.votes if record["labels"] == "fer_plus" else None
        card = describe(arguments.output / f"{name}.fer", arguments.fer2013, votes)
        card |= describe_making(record)
        card |= {"name": name, "data": fill(f"data_{record['labels']}", card)}
        text = fill("card", card)
        (arguments.output / f"{name}.md").write_text(text, encoding="utf-8")


def fill(part, card):
    """Fill a part of the card with the measurements."""
    return Template((PARTS / f"{part}.md").read_text(encoding="utf-8")).substitute(card)


def describe(path, fer2013, votes):
    """Measure a weight file on the validation split."""
    clf = fer_estimators.load(path)
    val = load_fer2013(fer2013, split="val", fer_plus=votes)
    y_proba = clf.predict_proba(val.images)
    errors = calibration_errors(log_probabilities(clf, val.images), label_shares(clf, val))
    return {
        "architecture": clf.architecture,
        "parameters": f"{clf.model_.count_params():,}",
        "n_emotions": len(clf.classes_),
        "n_val": f"{len(val.images):,}",
        "tta": repr(clf.tta),
        **describe_accuracy(clf, val, y_proba),
        **describe_known(clf, val, fer2013),
        "votes": describe_votes(clf, val, y_proba) if votes else "",
        "hits": "the votes for an emotion that agree with them" if votes else "them that are right",
        **{name: f"{e:.3f}" for name, e in zip(("ece", "ece_1", "ece_2"), errors, strict=True)},
        "framings": table(
            ["framing", "accuracy"],
            [
                (framing, f"{100 * score:.1f} %")
                for framing, score in score_framings(clf, val.images, val.target).items()
            ],
        ),
        "no_face": table(
            [
                "images",
                "number",
                "most frequent answer",
                "its share",
                "mean probability of the answer",
            ],
            [
                (kind, n_images, answer, f"{100 * share:.0f} %", f"{probability:.2f}")
                for kind, (n_images, answer, share, probability) in (
                    (kind, facts.values()) for kind, facts in describe_no_face(clf).items()
                )
            ],
        ),
        "exported": describe_exported(path.stem, val),
        "speed": f"{images_per_second(path):,.0f}",
        "processor": processor(),
        "bytes": f"{path.stat().st_size:,}",
        "sha256": file_digest(path),
    }


def describe_accuracy(clf, val, y_proba):
    """Report on the validation split, and measure the accuracy with each number of views."""
    y_pred = clf.classes_[y_proba.argmax(axis=1)]
    options = {"y_proba": y_proba, "zero_division": 0}
    summary = classification_report(val.target, y_pred, **options, output="dict")["summary"]
    shipped, scores = clf.tta, {clf.tta: summary["accuracy"]}
    for tta in {None, *VIEWS} - {shipped}:
        scores[tta] = clf.set_params(tta=tta).score(val.images, val.target)
    clf.set_params(tta=shipped)
    return {
        "accuracy": f"{100 * summary['accuracy']:.1f}",
        **{f"accuracy_{tta}": f"{100 * score:.1f}" for tta, score in scores.items()},
        "macro_f1": f"{100 * summary['macro_f1']:.1f}",
        "report": classification_report(val.target, y_pred, **options),
    }


def describe_known(clf, val, fer2013):
    """Count the validation images that are also in train, and measure the accuracy without them."""
    train = load_fer2013(fer2013, split="train")
    n_train = len(train.images)
    known = np.zeros(len(val.images), dtype=bool)
    for group in find_duplicates(np.concatenate([train.images, val.images])).groups:
        if group[0] < n_train:
            known[group[group >= n_train] - n_train] = True
    score = clf.score(val.images[~known], val.target[~known])
    return {"n_known": int(known.sum()), "accuracy_new": f"{100 * score:.1f}"}


def describe_votes(clf, val, y_proba):
    """Compare the probabilities with the votes of ten people."""
    scores = vote_scores(val.soft_labels, y_proba, classes=clf.classes_)
    return (
        f"Its cross-entropy with the votes is {scores['cross_entropy']:.3f}; the lowest possible "
        f"value is {scores['lowest_cross_entropy']:.3f}. On average, "
        f"{100 * scores['agreement']:.1f} % of the votes for an emotion agree with its "
        f"answer, and {100 * scores['highest_agreement']:.1f} % with the majority. Where people "
        "disagree, its confidence is lower than its accuracy against the majority. Its calibration "
        "error against the majority (above) is therefore larger than that against the votes "
        "(below).\n"
    )


def describe_exported(name, val):
    """Measure the exported classifier on one core, if there is one."""
    if name not in SHIPPED:
        return ""
    clf = ExportedClassifier.from_pretrained(name)
    return (
        f'\nThe exported classifier, `ExportedClassifier.from_pretrained("{name}")`, has weights '
        f"of eight bits and does not need Keras: accuracy "
        f"{100 * clf.score(val.images, val.target):.1f} %, "
        f"{images_per_second(name):,.0f} images per second on one core.\n"
    )


def describe_making(record):
    """Say how the network was made."""
    return {
        "command": record["command"],
        "temperature": f"{record['temperature']:.3f}",
        "epochs": record["epochs"],
        "seed": record["seed"],
        "settings": json.dumps(record["settings"], indent=1),
        "notes": "\n".join(record["notes"]),
        "trained_with": ", ".join(
            f"{name} {number}" for name, number in record["versions"].items()
        ),
        "versions": ", ".join(
            f"{name} {version(name)}" for name in ("fer-estimators", "keras", "tensorflow", "numpy")
        ),
    }


def table(columns, rows):
    """Write a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


_SPEED = """
import os, sys, time
os.sched_setaffinity(0, {0})
import numpy as np
if sys.argv[1].endswith(".fer"):
    from fer_estimators import load
    clf = load(sys.argv[1])
else:
    from fer_estimators.export import ExportedClassifier
    clf = ExportedClassifier.from_pretrained(sys.argv[1], n_jobs=1)
images = np.random.default_rng(0).integers(0, 256, (2048, 48, 48), dtype=np.uint8)
clf.predict_proba(images)
times = []
for _ in range(5):
    start = time.perf_counter()
    clf.predict_proba(images)
    times.append(time.perf_counter() - start)
print(len(images) / np.median(times))
"""


def images_per_second(network):
    """Time a weight file or an exported network on one core, in a new process."""
    command = [sys.executable, "-c", _SPEED, str(network)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return float(done.stdout)


def processor():
    """Return the name of the processor, as far as the system reports it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
