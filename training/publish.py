"""Make the shipped weight file from a trained network.

``python training/publish.py fer2013-base FER2013 runs/base/model.fer --tta crops --command "<what
made it>" --output src/fer_estimators/pretrained`` fits a temperature on the validation split,
writes the weights in half precision, and prints the line for ``PRETRAINED``. With ``--votes``, the
temperature of a network for FER+'s emotions is fitted to the votes.

``training/published.json`` records how the network was made; ``training/model_cards.py`` measures
the shipped file and writes the card.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import fer_estimators
from fer_estimators._files.kinds import file_digest
from fer_estimators._views import VIEWS
from fer_estimators.datasets import load_fer2013
from temperature import fit_temperature, label_shares, log_probabilities

RECORD = Path(__file__).parent / "published.json"


def main(arguments=None):
    """Publish one network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013")
    parser.add_argument("model", help="the model file of the trained network")
    parser.add_argument("--votes", help="FER+'s votes, as load_fer2013(..., fer_plus=) takes them")
    parser.add_argument("--command", required=True, help="the command that made it, for the card")
    parser.add_argument("--notes", nargs="*", default=[], help="more lines for the card")
    parser.add_argument("--tta", choices=sorted(VIEWS), help="default of the shipped network")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(arguments)

    val = load_fer2013(arguments.fer2013, split="val", fer_plus=arguments.votes)
    trained_with = fer_estimators.load(arguments.model).get_params()
    # Single precision is fast on any processor.
    clf = fer_estimators.load(arguments.model, dtype_policy="float32")
    clf.set_params(verbose=0, tta=arguments.tta, handle_other_shapes="convert")
    temperature = fit_temperature(log_probabilities(clf, val.images), label_shares(clf, val))
    scale_logits(clf, 1 / temperature)
    path = arguments.output / f"{arguments.name}.fer"
    fer_estimators.save(clf, path, half_precision=True)
    record(
        arguments.name,
        {
            "labels": "fer_plus" if arguments.votes else "fer2013",
            "command": arguments.command,
            "settings": trained_with,
            "notes": arguments.notes,
            "epochs": clf.n_epochs_,
            "seed": clf.random_state,
            "temperature": round(temperature, 3),
            "versions": {
                name: version(name) for name in ("fer-estimators", "keras", "tensorflow", "numpy")
            },
        },
    )
    print(f'"{arguments.name}": "{file_digest(path)}",')


def scale_logits(clf, factor):
    """Multiply the logits that go into the softmax."""
    for variable in clf.model_.get_layer("logits").weights:
        variable.assign(variable * factor)


def record(name, facts):
    """Record how a network was made, which its weight file does not say."""
    records = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    records[name] = facts
    RECORD.write_text(
        json.dumps(records, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
