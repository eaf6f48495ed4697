"""What the library must know of a pretrained network, and how it is put into another one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from fer_estimators.backbones._weights import explain_cache, explain_file
from fer_estimators.exceptions import WeightsNotFoundError
from fer_estimators.images import describe_shape

#: Name of the backbone's layer in a network that is built on it.
BACKBONE_LAYER = "backbone"


@dataclass(frozen=True, repr=False)
class Backbone:
    """A network without its head, pretrained on ImageNet.

    Parameters
    ----------
    name : str
        As in :data:`fer_estimators.backbones.BACKBONES`.
    builder : callable
        ``builder(include_top=False, weights=..., input_shape=..., **options)`` that returns a
        Keras model from preprocessed RGB images to a map of features, as the functions of
        :mod:`keras.applications` do.
    preprocess : callable
        Function of an RGB tensor with pixels in 0..255 that returns what the network was
        trained on, by layers that become a part of the graph.
    minimum_size : int
        Smallest height and width, pixels.
    reference : str
        Where the network was published.
    options : mapping, default={}
        Further arguments of `builder`.

    Examples
    --------
    >>> from fer_estimators.backbones import BACKBONES
    >>> BACKBONES["inception_v3"].minimum_size
    75
    """

    name: str
    builder: Callable[..., keras.Model]
    preprocess: Callable[[Any], Any]
    minimum_size: int
    reference: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Name it, as an estimator that holds it shows it."""
        return f"Backbone({self.name!r})"

    def build(
        self,
        input_shape: tuple[int, int, int],
        *,
        weights: str | PathLike[str] | None,
        image_size: tuple[int, int] | None = None,
    ) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.Model]:
        """Build the graph from grey or RGB images to features.

        Parameters
        ----------
        input_shape : tuple of int
            ``(height, width, channels)`` of the images, pixels.
        weights : {"imagenet"}, path or None
            Keras' ImageNet weights (downloaded on first use), a weights file, or none.
        image_size : tuple of int, default=None
            ``(height, width)`` to which the graph resizes; None leaves the images as they are.

        Returns
        -------
        inputs : keras.KerasTensor
            Images with pixels in 0..255.
        features : keras.KerasTensor of shape (n, rows, columns, n_features)
            What the network sees in them.
        network : keras.Model
            The pretrained network itself, frozen: its batch normalisation is in inference mode.

        Raises
        ------
        ValueError
            If the images are smaller than `minimum_size`.
        WeightsNotFoundError
            If the weights cannot be found or downloaded.
        WeightsFileError
            If the file is damaged, not a weights file, or for another network.
        """
        size = tuple(input_shape[:2]) if image_size is None else image_size
        self._check_size(size, input_shape)
        network = self._load(weights, (*size, 3))
        network.name = BACKBONE_LAYER
        # This, and no `training=False`, keeps batch normalisation in inference mode: Keras 3 lets
        # the outer call's `training` win.
        network.trainable = False

        inputs = keras.Input(input_shape, name="images")
        x = inputs
        if size != tuple(input_shape[:2]):
            x = layers.Resizing(*size, interpolation="bilinear", name="resizing")(x)
        if input_shape[2] == 1:
            x = layers.Concatenate(name="grey_to_rgb")([x, x, x])
        return inputs, network(self.preprocess(x)), network

    def _check_size(self, size, input_shape):
        if min(size) < self.minimum_size:
            side = self.minimum_size
            raise ValueError(
                f"Backbone {self.name!r} needs images of at least {side} x {side} pixels, but got "
                f"{describe_shape((*size, 1))} (the images have shape "
                f"{describe_shape(input_shape)}). Pass image_size=({side}, {side}) or larger to "
                "resize them inside the network."
            )

    def _load(self, weights, input_shape):
        if weights not in (None, "imagenet") and not Path(weights).is_file():
            raise WeightsNotFoundError(
                f"weights={str(weights)!r} is not a file (looked in {Path.cwd()}). Expected "
                f"'imagenet', None, or the path of a weights file of {self.name!r} without top."
            )
        try:
            network = self._make(weights, input_shape)
            # HDF5 keeps no checksums: changed bytes load as other numbers.
            if weights is not None and not all(
                np.isfinite(values).all() for values in network.get_weights()
            ):
                raise ValueError("some weights are NaN or infinite")
        # Damaged files reach deep into HDF5, which raises about any class there is.
        except Exception as error:
            # Only a network that can be built without weights tells that they are at fault.
            self._make(None, input_shape)
            options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
            owner = f"{self.name!r} ({options})" if options else repr(self.name)
            if weights == "imagenet":
                raise explain_cache(owner, error) from error
            raise explain_file(weights, owner, error) from error
        return network

    def _make(self, weights, input_shape):
        return self.builder(
            include_top=False, weights=weights, input_shape=input_shape, **self.options
        )


def scale_to_unit(images: keras.KerasTensor) -> keras.KerasTensor:
    """Bring pixels from 0..255 to -1..1, as Inception and MobileNet were trained."""
    return layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(images)
