"""Training-only random changes of the images, as one Keras layer inside the network.

A preset is a function that returns such a layer; it is called once for each fit, so that its
random streams follow the classifier's ``random_state``. The layer works on float images
``(height, width, channels)`` with pixels in 0..255 and does nothing at inference. A new preset
is one function and one line in :data:`AUGMENTATIONS`.
"""

import math
from collections.abc import Callable
from typing import Any

import fer_estimators._backends  # noqa: F401  Keras, without the messages of its backend

# isort: split
import keras
from keras import layers, ops

from fer_estimators._backends import get_backend
from fer_estimators._messages import look_up


class _RandomChange(layers.Layer):
    """A layer that changes images in training alone, by random numbers of its own."""

    _options = ()

    def __init__(self, seed, options):
        super().__init__(**options)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        """Return as many images of the same shape.

        Parameters
        ----------
        images : tensor of shape (n, height, width, channels)
            Pixels in 0..255.
        training : bool, default=False
            Whether to change the images.

        Returns
        -------
        tensor of shape (n, height, width, channels)
        """
        return self._change(images) if training else images

    def get_config(self) -> dict[str, Any]:
        """Return what the layer is made of, as every Keras layer does.

        Returns
        -------
        dict
        """
        options = (*self._options, "seed")
        return super().get_config() | {name: getattr(self, name) for name in options}


@keras.saving.register_keras_serializable("fer_estimators")
class RandomAffine(_RandomChange):
    """Shift, turn, zoom and flip images at random, in one resampling.

    Keras' layers, one after the other, would resample three times, which takes longer and blurs a
    face of 48 pixels. Pixels outside the image are filled with those at its border. At inference,
    the layer does nothing.

    Parameters
    ----------
    shift : float in [0, 1]
        Largest shift, up or down and left or right, as a fraction of height and width.
    rotation : float in [0, 0.5]
        Largest rotation in either direction, as a fraction of a full turn.
    zoom : float in [0, 1)
        Largest zoom. As in Keras, a new image shows between ``1 - zoom`` and ``1 + zoom`` times the
        height and width of the old one.
    flip : bool, default=False
        Whether half of the images are mirrored, left to right.
    seed : int, default=None
        Seed of the random changes; None draws one from Python's random state.
    **options
        Options of every Keras layer, such as ``name``.

    Raises
    ------
    ValueError
        If a limit is out of its range.

    See Also
    --------
    standard_augmentation : Uses this layer.

    Examples
    --------
    >>> from fer_estimators import make_faces
    >>> from fer_estimators.augmentation import RandomAffine
    >>> layer = RandomAffine(shift=0.1, rotation=10 / 360, zoom=0.1)
    >>> tuple(layer(make_faces(2, random_state=0).images[..., None], training=True).shape)
    (2, 48, 48, 1)
    """

    _options = ("shift", "rotation", "zoom", "flip")

    def __init__(
        self,
        *,
        shift: float,
        rotation: float,
        zoom: float,
        flip: bool = False,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(seed, options)
        _check_limits(shift, rotation, zoom)
        self.shift = shift
        self.rotation = rotation
        self.zoom = zoom
        self.flip = flip
        # As Keras' own: XLA has no kernel for TensorFlow's resampling.
        self.supports_jit = get_backend().XLA_RESAMPLES

    def _change(self, images):
        n, *sides = ops.shape(images)[:3]
        height, width = ops.unstack(ops.cast(sides, "float32"), num=2)
        # One draw for all, and few operations: building their graph takes as long as several epochs
        # on little data. In single precision also where the network computes in half: positions
        # need it.
        draws = keras.random.uniform((5, n), -1, 1, dtype="float32", seed=self.seed_generator)
        turn, grow, right, down, side = ops.unstack(draws, num=5)
        angle, scale = (2 * math.pi * self.rotation) * turn, 1 + self.zoom * grow
        # Where each new pixel comes from, in the axes of the old image and around its middle.
        cos, sin = scale * ops.cos(angle), scale * ops.sin(angle)
        mirror = ops.where(side < 0, -1.0, 1.0) if self.flip else 1.0
        x, y = (width - 1) / 2, (height - 1) / 2
        across, along = mirror * cos, mirror * sin
        shift_x = x - across * x + sin * y + (self.shift * width) * right
        shift_y = y - along * x - cos * y + (self.shift * height) * down
        zero = ops.zeros_like(turn)
        transform = ops.stack([across, -sin, shift_x, along, cos, shift_y, zero, zero], axis=1)
        return ops.image.affine_transform(
            images, transform, fill_mode="nearest", data_format="channels_last"
        )


@keras.saving.register_keras_serializable("fer_estimators")
class RandomRelighting(_RandomChange):
    """Change contrast and brightness of images at random, in one pass.

    Keras' two layers, one after the other, would take twice the operations and cut off the levels
    twice. At inference, the layer does nothing.

    Parameters
    ----------
    contrast : float in [0, 1]
        Largest change of contrast: differences from the mean of an image's channel are multiplied
        by between ``1 - contrast`` and ``1 + contrast``.
    brightness : float in [0, 1]
        Largest change of brightness in either direction, as a fraction of 255.
    seed : int, default=None
        Seed of the random changes; None draws one from Python's random state.
    **options
        Options of every Keras layer, such as ``name``.

    Raises
    ------
    ValueError
        If a limit is out of its range.

    See Also
    --------
    standard_augmentation : Uses this layer.

    Examples
    --------
    >>> from fer_estimators import make_faces
    >>> from fer_estimators.augmentation import RandomRelighting
    >>> layer = RandomRelighting(contrast=0.3, brightness=0.1)
    >>> tuple(layer(make_faces(2, random_state=0).images[..., None], training=True).shape)
    (2, 48, 48, 1)
    """

    _options = ("contrast", "brightness")

    def __init__(
        self, *, contrast: float, brightness: float, seed: int | None = None, **options: Any
    ) -> None:
        super().__init__(seed, options)
        for name, limit in {"contrast": contrast, "brightness": brightness}.items():
            if not 0 <= limit <= 1:
                raise ValueError(
                    f"{name}={limit!r} is not a fraction between 0 and 1; for 10 % pass 0.1."
                )
        self.contrast = contrast
        self.brightness = brightness

    def _change(self, images):
        images = ops.cast(images, self.compute_dtype)
        shape = (2, ops.shape(images)[0], 1, 1, 1)
        draws = keras.random.uniform(
            shape, -1, 1, dtype=self.compute_dtype, seed=self.seed_generator
        )
        factor, shift = ops.unstack(draws, num=2)
        mean = ops.mean(images, axis=(1, 2), keepdims=True)
        differences = (1 + self.contrast * factor) * (images - mean)
        return ops.clip(mean + (255 * self.brightness) * shift + differences, 0, 255)


def _check_limits(shift, rotation, zoom):
    faults = []
    if not 0 <= shift <= 1:
        faults.append(
            f"shift={shift!r} is not a fraction of the image; for 4 of 48 pixels pass 4 / 48"
        )
    if not 0 <= rotation <= 0.5:
        faults.append(
            f"rotation={rotation!r} is not a fraction of a full turn, up to half of one; for 10 "
            "degrees pass 10 / 360"
        )
    if not 0 <= zoom < 1:
        faults.append(f"zoom={zoom!r} is not a fraction of the size below 1; for 10 % pass 0.1")
    if faults:
        raise ValueError("; ".join(faults) + ".")


def standard_augmentation() -> keras.Sequential:
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
    ['affine', 'relighting']
    """
    changes = _make_changes(shift=0.08, rotation=10 / 360, zoom=0.1, contrast=0.3, brightness=0.1)
    return keras.Sequential(changes, name="standard_augmentation")


def strong_augmentation() -> keras.Sequential:
    """Change images further than "standard" does, and erase a part, for long training runs.

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
    ['relighting', 'erasing']
    """
    return _far_augmentation("strong_augmentation", rotation=15 / 360, zoom=0.15, erased=1 / 6)


def wide_augmentation() -> keras.Sequential:
    """Change images as much as the crops of face detectors vary, for faces found in photos.

    Returns
    -------
    keras.Sequential
        As :func:`strong_augmentation`, but with rotations up to 20 degrees and zoom up to 22 %, so
        that faces come at 0.8 to 1.3 times their size, and with erased rectangles of up to an
        eighth of the area.

    Examples
    --------
    >>> from fer_estimators.augmentation import wide_augmentation
    >>> wide_augmentation().get_layer("affine").zoom
    0.22
    """
    return _far_augmentation("wide_augmentation", rotation=20 / 360, zoom=0.22, erased=1 / 8)


def _far_augmentation(name, *, rotation, zoom, erased):
    changes = _make_changes(shift=0.1, rotation=rotation, zoom=zoom, contrast=0.4, brightness=0.15)
    erasing = layers.RandomErasing((0.5, 0.5), scale=(0.02, erased), fill_value=128, name="erasing")
    return keras.Sequential([*changes, erasing], name=name)


def _make_changes(*, shift, rotation, zoom, contrast, brightness):
    return [
        RandomAffine(shift=shift, rotation=rotation, zoom=zoom, flip=True, name="affine"),
        RandomRelighting(contrast=contrast, brightness=brightness, name="relighting"),
    ]


def study_augmentation() -> keras.Sequential:
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


def make_augmentation(augmentation: str | Callable[[], keras.Layer]) -> keras.Layer:
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


@keras.saving.register_keras_serializable("fer_estimators")
class _InTraining(layers.Wrapper):
    """Apply a layer in training only, whatever it does at inference.

    Validation then sees the images as the network will in ``predict``.
    """

    def __init__(self, layer, **options):
        super().__init__(layer, autocast=False, **options)
        self.built = True

    def compute_output_spec(self, images, training=None):
        # By a call, which builds the layer whether or not it has a `build` of its own.
        return self.layer(images)

    def call(self, images, training=False):
        return self.layer(images) if training else images


def add_augmentation(network: keras.Model, augmentation: str | Callable | None) -> keras.Model:
    """Put random changes in front of a network, for its training.

    Parameters
    ----------
    network : keras.Model
        Shares its weights with the result, and stays as it is.
    augmentation : str, callable or None
        As the classifiers' parameter; None changes nothing.

    Returns
    -------
    keras.Model
        A model with the same input and output.

    Examples
    --------
    >>> from fer_estimators.architectures import build_tiny
    >>> from fer_estimators.augmentation import add_augmentation
    >>> add_augmentation(build_tiny((16, 16, 1), 7), "study").name
    'training_tiny'
    """
    inputs = keras.Input(network.input_shape[1:], name="images")
    images = inputs
    if augmentation is not None:
        images = _InTraining(make_augmentation(augmentation), name="augmentation")(inputs)
    return keras.Model(inputs, network(images), name=f"training_{network.name}")


AUGMENTATIONS = {
    "standard": standard_augmentation,
    "strong": strong_augmentation,
    "study": study_augmentation,
    "wide": wide_augmentation,
}

__all__ = [
    "AUGMENTATIONS",
    "RandomAffine",
    "RandomRelighting",
    "add_augmentation",
    "make_augmentation",
    "standard_augmentation",
    "strong_augmentation",
    "study_augmentation",
    "wide_augmentation",
]
