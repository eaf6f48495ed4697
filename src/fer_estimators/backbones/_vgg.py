"""VGG16 and VGG19."""

from keras import applications, layers

from fer_estimators.backbones._backbone import Backbone

_REFERENCE = (
    "K. Simonyan, A. Zisserman: Very Deep Convolutional Networks for Large-Scale Image "
    "Recognition, ICLR 2015, arXiv:1409.1556"
)
# Mean blue, green and red of ImageNet's training images.
_MEAN_BGR = (103.939, 116.779, 123.68)


def _subtract_mean(images):
    """Turn RGB to BGR and subtract the mean colour; the pixels keep their scale."""
    blue_first = images[..., ::-1]
    return layers.Normalization(
        axis=-1, mean=_MEAN_BGR, variance=(1.0, 1.0, 1.0), name="subtract_mean"
    )(blue_first)


VGG16 = Backbone("vgg16", applications.VGG16, _subtract_mean, 32, _REFERENCE)
VGG19 = Backbone("vgg19", applications.VGG19, _subtract_mean, 32, _REFERENCE)
