"""Training-only random changes of the images, as one Keras layer inside the network.

A preset is a function that returns such a layer; it is called once for each fit, so that its
random streams follow the classifier's ``random_state``. The layer works on float images
``(height, width, channels)`` with pixels in 0..255 and does nothing at inference. A new preset
is one function and one line in :data:`AUGMENTATIONS`.
"""

import keras
from keras import layers

from fer_estimators._lookup import look_up


def standard_augmentation():
    """Flip, shift, turn, zoom and relight images, as far as faces stay natural.

    Returns
    -------
    keras.Sequential
        Horizontal flips, shifts up to 8 % of the side, rotations up to 10 degrees, zoom up to
        10 %, contrast up to 30 % and brightness up to 10 %.

    Examples
    --------
    >>> from fer_estimators.augmentation import standard_augmentation
    >>> [layer.name for layer in standard_augmentation().layers]
    ['flip', 'shift', 'rotation', 'zoom', 'contrast', 'brightness']
    """
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal", name="flip"),
            layers.RandomTranslation(0.08, 0.08, fill_mode="nearest", name="shift"),
            layers.RandomRotation(10 / 360, fill_mode="nearest", name="rotation"),
            layers.RandomZoom(0.1, fill_mode="nearest", name="zoom"),
            layers.RandomContrast(0.3, value_range=(0, 255), name="contrast"),
            layers.RandomBrightness(0.1, value_range=(0, 255), name="brightness"),
        ],
        name="standard_augmentation",
    )


def strong_augmentation():
    """Change images further than "standard" does, and erase a part, for long trainings.

    Returns
    -------
    keras.Sequential
        Horizontal flips, shifts up to 10 % of the side, rotations up to 15 degrees, zoom up to
        15 %, contrast up to 40 %, brightness up to 15 %, and in half of the images an erased
        rectangle of up to a sixth of the area [1]_.

    References
    ----------
    .. [1] Zhong, Z., Zheng, L., Kang, G., Li, S. and Yang, Y. (2020). "Random erasing data
       augmentation." AAAI.

    Examples
    --------
    >>> from fer_estimators.augmentation import strong_augmentation
    >>> [layer.name for layer in strong_augmentation().layers][-2:]
    ['brightness', 'erasing']
    """
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal", name="flip"),
            layers.RandomTranslation(0.1, 0.1, fill_mode="nearest", name="shift"),
            layers.RandomRotation(15 / 360, fill_mode="nearest", name="rotation"),
            layers.RandomZoom(0.15, fill_mode="nearest", name="zoom"),
            layers.RandomContrast(0.4, value_range=(0, 255), name="contrast"),
            layers.RandomBrightness(0.15, value_range=(0, 255), name="brightness"),
            layers.RandomErasing((0.5, 0.5), scale=(0.02, 1 / 6), fill_value=128, name="erasing"),
        ],
        name="strong_augmentation",
    )


def study_augmentation():
    """Shear by 0.2, zoom by 0.2 and flip, as the study of VGG16, VGG19 and InceptionV3 did.

    Returns
    -------
    keras.Sequential

    Examples
    --------
    >>> from fer_estimators.augmentation import study_augmentation
    >>> [layer.name for layer in study_augmentation().layers]
    ['shear', 'zoom', 'flip']
    """
    return keras.Sequential(
        [
            layers.RandomShear(0.2, 0.2, fill_mode="nearest", name="shear"),
            layers.RandomZoom(0.2, fill_mode="nearest", name="zoom"),
            layers.RandomFlip("horizontal", name="flip"),
        ],
        name="study_augmentation",
    )


def make_augmentation(augmentation):
    """Make the layer that a classifier's ``augmentation`` stands for.

    Parameters
    ----------
    augmentation : str or callable
        A name in :data:`AUGMENTATIONS`, or a function without arguments.

    Returns
    -------
    keras.Layer

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is a layer itself, or gives something else.

    Examples
    --------
    >>> from fer_estimators.augmentation import make_augmentation
    >>> make_augmentation("study").name
    'study_augmentation'
    """
    if isinstance(augmentation, keras.Layer):
        raise TypeError(
            f"augmentation={augmentation!r} is a layer, but a function that makes one is expected, "
            "so that each fit has its own. Write `def augment(): return <the layer>` and pass "
            "augment."
        )
    layer = look_up(augmentation, AUGMENTATIONS, parameter="augmentation")()
    if not isinstance(layer, keras.Layer):
        raise TypeError(
            f"augmentation={augmentation!r} returned {layer!r}, but a Keras layer is expected."
        )
    return layer


def add_augmentation(network, augmentation):
    """Put random changes in front of a network, for its training.

    Parameters
    ----------
    network : keras.Model
    augmentation : str, callable or None
        As the classifiers' parameter; None returns the network itself.

    Returns
    -------
    keras.Model
        Of the same input and output.

    Examples
    --------
    >>> from fer_estimators.architectures import build_tiny
    >>> from fer_estimators.augmentation import add_augmentation
    >>> add_augmentation(build_tiny((16, 16, 1), 7), "study").name
    'augmented_tiny'
    """
    if augmentation is None:
        return network
    inputs = keras.Input(network.input_shape[1:], name="images")
    outputs = network(make_augmentation(augmentation)(inputs))
    return keras.Model(inputs, outputs, name=f"{_AUGMENTED}{network.name}")


def without_augmentation(model):
    """Return the network behind the random changes, which do nothing at inference.

    Parameters
    ----------
    model : keras.Model
        With or without augmentation.

    Returns
    -------
    keras.Model
        The network itself, sharing its weights with `model`.

    Examples
    --------
    >>> from fer_estimators.architectures import build_tiny
    >>> from fer_estimators.augmentation import add_augmentation, without_augmentation
    >>> without_augmentation(add_augmentation(build_tiny((16, 16, 1), 7), "study")).name
    'tiny'
    """
    return model.layers[-1] if model.name.startswith(_AUGMENTED) else model


_AUGMENTED = "augmented_"

AUGMENTATIONS = {
    "standard": standard_augmentation,
    "strong": strong_augmentation,
    "study": study_augmentation,
}

__all__ = [
    "AUGMENTATIONS",
    "add_augmentation",
    "make_augmentation",
    "standard_augmentation",
    "strong_augmentation",
    "study_augmentation",
    "without_augmentation",
]
