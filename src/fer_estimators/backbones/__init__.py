"""Networks pretrained on ImageNet, without their heads.

A new one is one entry in :data:`BACKBONES`, made by one file.
"""

import fer_estimators._backends  # noqa: F401  Keras, without the messages of its backend
from fer_estimators._messages import look_up
from fer_estimators.backbones._backbone import BACKBONE_LAYER, Backbone
from fer_estimators.backbones._inception import INCEPTION_V3
from fer_estimators.backbones._mobilenet import MOBILENETS
from fer_estimators.backbones._vgg import VGG16, VGG19

BACKBONES = {
    "vgg16": VGG16,
    "vgg19": VGG19,
    "inception_v3": INCEPTION_V3,
    **MOBILENETS,
}


def find_backbone(backbone: str | Backbone) -> Backbone:
    """Return the backbone that a name, or a description of one, stands for.

    Parameters
    ----------
    backbone : str or Backbone
        A name in :data:`BACKBONES`, or a description of another one.

    Returns
    -------
    Backbone

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> from fer_estimators.backbones import find_backbone
    >>> find_backbone("vgg16").name
    'vgg16'
    """
    if isinstance(backbone, Backbone):
        return backbone
    return look_up(backbone, BACKBONES, parameter="backbone", other="a Backbone")


__all__ = ["BACKBONES", "BACKBONE_LAYER", "Backbone", "find_backbone"]
