"""Networks pretrained on ImageNet, without their heads.

A new one is one entry in :data:`BACKBONES`, made by one file.
"""

from fer_estimators.backbones._backbone import Backbone
from fer_estimators.backbones._inception import INCEPTION_V3
from fer_estimators.backbones._mobilenet import MOBILENETS
from fer_estimators.backbones._vgg import VGG16, VGG19

BACKBONES = {
    "vgg16": VGG16,
    "vgg19": VGG19,
    "inception_v3": INCEPTION_V3,
    **MOBILENETS,
}

__all__ = ["BACKBONES", "Backbone"]
