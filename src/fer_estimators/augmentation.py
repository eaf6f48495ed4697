"""Training-only random changes of the images, as one Keras layer inside the network.

A preset is a function that returns such a layer; it is called once for each fit, so that its
random streams follow the classifier's ``random_state``. The layer works on float images
``(height, width, channels)`` with pixels in 0..255 and does nothing at inference. A new preset
is one function and one line in :data:`AUGMENTATIONS`.
"""

import keras
from keras import layers


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


AUGMENTATIONS = {"standard": standard_augmentation, "study": study_augmentation}

__all__ = ["AUGMENTATIONS", "standard_augmentation", "study_augmentation"]
