"""A deeper network with shortcuts, for training runs of hours."""

import keras
from keras import layers

from fer_estimators.architectures._convolution import convolution
from fer_estimators.architectures._output import class_probabilities

# Filters of each block's convolutions.
_FILTERS = (48, 96, 192)
# Filters of the first convolution, which keeps all pixels.
_STEM = 24
_FEWER_FILTERS = (40, 56, 88)


def build_residual(
    input_shape: tuple[int, int, int], n_classes: int, *, dropout: float = 0.2
) -> keras.Model:
    """Build a network of nine convolutions with shortcuts, to be trained for an hour or more.

    It has a million parameters and 78 million multiplications for a face of 48 x 48 pixels. The
    first convolution keeps all pixels. The second and third block end in a residual pair of
    convolutions [1]_, as in networks made for short training runs [2]_.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``, pixels.
    n_classes : int
        Number of classes.
    dropout : float, default=0.2
        Fraction of pooled features dropped before the classes.

    Returns
    -------
    keras.Model
        Uncompiled; pixels in 0..255 in, probabilities of shape (n, n_classes) out.

    References
    ----------
    .. [1] He, K., Zhang, X., Ren, S. and Sun, J. (2016). "Deep residual learning for image
       recognition." CVPR.
    .. [2] Coleman, C. et al. (2019). "Analysis of DAWNBench, a time-to-accuracy machine learning
       performance benchmark." ACM SIGOPS Operating Systems Review, 53(1).

    Examples
    --------
    >>> from fer_estimators.architectures import build_residual
    >>> build_residual((48, 48, 1), 7).count_params()
    1073407
    """
    return residual_network(input_shape, n_classes, _FILTERS, dropout, name="residual", stem=_STEM)


def build_residual_small(
    input_shape: tuple[int, int, int], n_classes: int, *, dropout: float = 0.0
) -> keras.Model:
    """Build :func:`build_residual` with fewer filters and without its first convolution.

    It has a quarter of the parameters, 0.28 million, and 26 million multiplications for a face of
    48 x 48 pixels: a fifth more than "compact", in eight convolutions in place of six.

    Parameters
    ----------
    input_shape : tuple of int
        ``(height, width, channels)``, pixels.
    n_classes : int
        Number of classes.
    dropout : float, default=0.0
        Fraction of pooled features dropped before the classes.

    Returns
    -------
    keras.Model
        Uncompiled; pixels in 0..255 in, probabilities of shape (n, n_classes) out.

    Examples
    --------
    >>> from fer_estimators.architectures import build_residual_small
    >>> build_residual_small((48, 48, 1), 7).count_params()
    277783
    """
    return residual_network(input_shape, n_classes, _FEWER_FILTERS, dropout, name="residual_small")


def residual_network(
    input_shape, n_classes, filters, dropout, *, name, stem=None, gate=lambda x, name: x
):
    """Build a network of three blocks, the second and third with a shortcut.

    `filters` are those of each block, and `stem` those of a first convolution that keeps all
    pixels; None leaves it out. `gate` is called with the output of each block, before its shortcut
    is added, and a layer name, and returns a tensor of the same shape.
    """
    inputs = keras.Input(input_shape, name="images")
    # FER2013's pixels have a mean of about 129 and a deviation of about 65.
    x = layers.Rescaling(1 / 64, offset=-2, name="rescaling")(inputs)
    if stem:
        x = convolution(x, stem, name="stem_conv")
    x = convolution(x, filters[0], strides=2, name="block1_conv1")
    x = gate(convolution(x, filters[0], name="block1_conv2"), name="block1")
    for block, n_filters in enumerate(filters[1:], start=2):
        x = layers.MaxPooling2D(2, padding="same", name=f"block{block}_pool")(x)
        x = convolution(x, n_filters, name=f"block{block}_conv1")
        shortcut = x
        x = convolution(x, n_filters, name=f"block{block}_conv2")
        x = convolution(x, n_filters, relu=False, name=f"block{block}_conv3")
        x = gate(x, name=f"block{block}")
        x = layers.Add(name=f"block{block}_add")([shortcut, x])
        x = layers.Activation("relu", name=f"block{block}_relu")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    return keras.Model(inputs, class_probabilities(x, n_classes), name=name)
