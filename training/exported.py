"""Export the shipped networks to files that run without Keras.

``python training/exported.py src/fer_estimators`` writes one LiteRT file for each network of
``SHIPPED``, with 8-bit weights and the model card inside, and prints its new entry in ``SHIPPED``.
It also writes one for the face detector, with half-precision weights.
"""

import argparse
from pathlib import Path

from fer_estimators import load_pretrained
from fer_estimators._files.kinds import file_digest
from fer_estimators.export import export_classifier, export_detector
from fer_estimators.export._shipped import SHIPPED
from fer_estimators.pretrained import load_model_card


def main(arguments=None):
    """Export every network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder of the package")
    parser.add_argument("names", nargs="*", help="names of the networks; all by default")
    arguments = parser.parse_args(arguments)
    output = arguments.output
    for name in arguments.names or sorted(SHIPPED):
        report = export_classifier(
            load_pretrained(name),
            output / "export" / f"{name}.tflite",
            quantize="int8",
            card=load_model_card(name),
            licence="MIT",
            overwrite=True,
        )
        print(report)
        print(f'    "{name}": "{file_digest(report.path)}",')
    detector = output / "faces" / "blazeface.tflite"
    export_detector(detector, format="litert", quantize="float16", overwrite=True)


if __name__ == "__main__":
    main()
