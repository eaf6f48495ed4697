"""Classifiers trained on FER2013, ready to predict.

Beside this file, each network has its weights (``<name>.fer``, as :func:`fer_estimators.save`
writes it) and its model card (``<name>.md``). A new network is those two files, which
``training/publish.py`` writes, and one line in :data:`PRETRAINED`.
"""

from fer_estimators.pretrained._load import PRETRAINED, load_model_card, load_pretrained

__all__ = ["PRETRAINED", "load_model_card", "load_pretrained"]
