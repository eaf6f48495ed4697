"""The convolution that the library's own networks are made of."""

from keras import layers


def convolution(x, filters, *, strides=1, relu=True, name):
    """Add a 3 x 3 convolution, batch normalisation and, perhaps, a relu.

    The other layers' names begin with the convolution's.
    """
    x = layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    # Keras' momentum of 0.99 takes hundreds of steps to follow the weights: with little data the
    # validation accuracy would lag by epochs.
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x) if relu else x
