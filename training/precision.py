"""Compare training in bfloat16 with float32 on FER2013: ``python training/precision.py FER2013``.

Trains ``compact`` and ``residual`` with the recipe "best" in both precisions, once for each seed,
on the training split, and prints the accuracy on the validation split and the CPU time of each. If
it is killed, run it again: it resumes after the last complete epoch and skips finished networks.

bfloat16 counts as equal to float32 if its mean accuracy is within the spread of float32's seeds.
"""

import argparse
import json
import time
from pathlib import Path

from fer_estimators import CNNClassifier
from fer_estimators.architectures import ARCHITECTURES
from fer_estimators.classifiers import RECIPES
from fer_estimators.datasets import load_fer2013

POLICIES = ("float32", "mixed_bfloat16")


def train(network, policy, seed, train, val, folder, epochs=None):
    """Train one network, and return its accuracy on the validation split and the CPU hours.

    The hours are those of this call, so a resumed run reports fewer than it took.
    """
    # A rehearsal must not pass for the result of a full run.
    path = folder / f"{network}-{policy}-{seed}{f'-{epochs}-epochs' if epochs else ''}"
    result = path.with_suffix(".json")
    if result.exists():
        return json.loads(result.read_text(encoding="utf-8"))
    settings = {**RECIPES["best"], **({"epochs": epochs} if epochs else {})}
    clf = CNNClassifier(network, dtype_policy=policy, random_state=seed, **settings)
    start = time.process_time()
    clf.fit(train.images, train.target, checkpoint=path)
    hours = (time.process_time() - start) / 3600
    scores = {"accuracy": clf.score(val.images, val.target), "CPU hours": hours}
    result.write_text(json.dumps(scores), encoding="utf-8")
    return scores


def main(arguments=None):
    """Train all, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("--networks", nargs="+", choices=sorted(ARCHITECTURES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="number of epochs, for a rehearsal")
    parser.add_argument("--output", type=Path, default=Path("precision"))
    parser.set_defaults(networks=["compact", "residual"])
    arguments = parser.parse_args(arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    splits = [load_fer2013(arguments.fer2013, split=split) for split in ("train", "val")]
    print("| network | precision | seed | accuracy on val | CPU hours |\n|---|---|---|---|---|")
    for network in arguments.networks:
        # Seeds are the outer loop, so that the first one already allows a comparison.
        for seed in arguments.seeds:
            for policy in POLICIES:
                scores = train(network, policy, seed, *splits, arguments.output, arguments.epochs)
                print(
                    f"| {network} | {policy} | {seed} | {scores['accuracy']:.4f} "
                    f"| {scores['CPU hours']:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
