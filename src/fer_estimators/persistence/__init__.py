"""Fitted classifiers in one file: saved without pickle, loaded without running code of the file.

A model file (suggested suffix: ``.fer``) is a zip archive whose members are stored uncompressed:
``manifest.json`` (versions and checksums), ``estimator.json`` (parameters and what was learned),
``network.json`` (Keras' own configuration of the network) and ``weights/0000.npy`` and so on.
"""

from fer_estimators.persistence._files import load, save

__all__ = ["load", "save"]
