"""InceptionV3."""

from keras import applications

from fer_estimators.backbones._backbone import Backbone, scale_to_unit

INCEPTION_V3 = Backbone(
    "inception_v3",
    applications.InceptionV3,
    scale_to_unit,
    75,
    "C. Szegedy et al.: Rethinking the Inception Architecture for Computer Vision, CVPR 2016, "
    "arXiv:1512.00567",
)
