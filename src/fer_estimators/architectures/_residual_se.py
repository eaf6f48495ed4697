"""The residual networks with squeeze-and-excitation: channels are weighed by the whole image."""

import keras
from keras import layers

from fer_estimators.architectures._residual import residual_network

# Filters of each block's convolutions, and of the first one, which keeps all pixels.
_FILTERS = (48, 104, 216)
_STEM = 24
_FEWER_FILTERS = (40, 56, 88)
# Channels for each channel of the squeezed layer.
_REDUCTION = 4


def build_residual_se(
    input_shape: tuple[int, int, int], n_classes: int, *, dropout: float = 0.2
) -> keras.Model:
    """Build a residual network whose blocks weigh their channels, for long training runs.

    It is :func:`build_residual` with a tenth more filters in the second and third block and
    squeeze-and-excitation [1]_ in all three. It has 1.3 million parameters and 90 million
    multiplications for a face of 48 x 48 pixels.

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
    .. [1] Hu, J., Shen, L. and Sun, G. (2018). "Squeeze-and-excitation networks." CVPR.

    Examples
    --------
    >>> from fer_estimators.architectures import build_residual_se
    >>> build_residual_se((48, 48, 1), 7).count_params()
    1349107
    """
    return residual_network(
        input_shape,
        n_classes,
        _FILTERS,
        dropout,
        name="residual_se",
        stem=_STEM,
        gate=_weigh_channels,
    )


def build_residual_se_small(
    input_shape: tuple[int, int, int], n_classes: int, *, dropout: float = 0.0
) -> keras.Model:
    """Build :func:`build_residual_small` with squeeze-and-excitation in its three blocks.

    It has 0.28 million parameters and 26 million multiplications for a face of 48 x 48 pixels.

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
    >>> from fer_estimators.architectures import build_residual_se_small
    >>> build_residual_se_small((48, 48, 1), 7).count_params()
    284253
    """
    return residual_network(
        input_shape,
        n_classes,
        _FEWER_FILTERS,
        dropout,
        name="residual_se_small",
        gate=_weigh_channels,
    )


def _weigh_channels(x, name):
    """Multiply each channel by a number in 0..1 that depends on the means of all channels."""
    n_channels = x.shape[-1]
    weights = layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
    weights = layers.Dense(n_channels // _REDUCTION, "relu", name=f"{name}_reduce")(weights)
    weights = layers.Dense(n_channels, "sigmoid", name=f"{name}_excite")(weights)
    weights = layers.Reshape((1, 1, n_channels), name=f"{name}_spread")(weights)
    return layers.Multiply(name=f"{name}_weigh")([x, weights])
