"""Export the shipped networks, to run without Keras.

``python training/exported.py src/fer_estimators/export`` writes one LiteRT file for each network of
``PRETRAINED``, with weights of eight bits and the model card inside, and prints the lines for
``SHIPPED``.
"""

import argparse
from pathlib import Path

from fer_estimators import load_pretrained
from fer_estimators._files.kinds import file_digest
from fer_estimators.export import export_classifier
from fer_estimators.pretrained import PRETRAINED, load_model_card


def main(arguments=None):
    """Export every network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder to write into")
    output = parser.parse_args(arguments).output
    for name in sorted(PRETRAINED):
        report = export_classifier(
            load_pretrained(name),
            output / f"{name}.tflite",
            quantize="int8",
            card=load_model_card(name),
            licence="MIT",
            overwrite=True,
        )
        print(report)
        print(f'    "{name}": "{file_digest(report.path)}",')


if __name__ == "__main__":
    main()
