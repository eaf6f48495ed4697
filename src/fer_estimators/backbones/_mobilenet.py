"""MobileNet in its four widths, a light backbone."""

from keras import applications

from fer_estimators.backbones._backbone import Backbone, scale_to_unit

_REFERENCE = (
    "A. Howard et al.: MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
    "Applications, 2017, arXiv:1704.04861"
)


# `alpha` multiplies the number of filters in each layer.
MOBILENETS = {
    name: Backbone(
        name, applications.MobileNet, scale_to_unit, 32, _REFERENCE, options={"alpha": alpha}
    )
    for name, alpha in (
        ("mobilenet", 1.0),
        ("mobilenet_075", 0.75),
        ("mobilenet_050", 0.5),
        ("mobilenet_025", 0.25),
    )
}
