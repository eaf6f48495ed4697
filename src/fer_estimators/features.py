"""Frozen features of a pretrained network as a scikit-learn transformer."""

import os
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, check_memory

from fer_estimators._backends.device import device_scope, resolve_device, same_device_here
from fer_estimators._backends.process_state import (
    DTYPE_POLICIES,
    is_broken_fork,
    refuse_broken_fork,
)
from fer_estimators._compat import HasMethods, Interval, StrOptions
from fer_estimators._fingerprint import digest, digest_array
from fer_estimators._frozen_network import BUILDING, POOLING, Recipe, digest_weights, get_network
from fer_estimators._lazy import LazyImages
from fer_estimators.backbones import Backbone, find_backbone
from fer_estimators.images import check_image_shape, check_input_images, height_and_width


class BackboneFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Compute the features of images with a frozen, pretrained network.

    The features go into any scikit-learn classifier. As the network is never trained, they
    are the same for every classifier that follows and need computing only once.

    Parameters
    ----------
    backbone : str or Backbone, default="vgg16"
        The pretrained network, by name (see :data:`fer_estimators.backbones.BACKBONES`) or as a
        description of another one. Grey images become RGB, and pixels are scaled as the network
        expects, inside the graph.
    weights : {"imagenet"}, path or None, default="imagenet"
        "imagenet" downloads Keras' weights on first use; a path names a weights file without
        top; None takes random weights, drawn by `random_state`.
    pooling : {"avg", "max"} or None, default="avg"
        What becomes of a feature's map over the image: its mean, its maximum, or, with None, all
        of its values as features of their own. An output without a map is taken as it is.
    layer : str or None, default=None
        Name of the backbone's layer whose output is taken, such as "block3_pool" of VGG16; None
        takes the last. Earlier layers see edges and textures rather than objects.
    image_size : int or tuple of int, default=None
        Height and width, pixels, to which images are resized inside the graph; None leaves them
        as they are.
    image_shape : tuple of int, default=None
        Height and width (and channels), pixels, of the images in flat rows of `X`; one entry may
        be -1. Not needed for images of three or four dimensions.
    batch_size : int, default=32
        Images that pass through the network at once; bounds the memory in use.
    memory : str or object with the joblib.Memory interface, default=None
        Folder in which to keep the features of each `X`. None keeps nothing. See the Notes for
        when to use this and when the `memory` of a pipeline.
    store_weights_in_pickle : bool, default=True
        Whether the network's weights go into a pickle of the fitted transformer. If False, the
        pickle is small, and the weights are loaded again on first use from where they came:
        Keras' cache or the internet for "imagenet", otherwise the file, which must be the same.
        Random weights are always stored.
    dtype_policy : {"float32", "float64", "mixed_bfloat16", "mixed_float16"}, default="float32"
        Precision of the network, a Keras dtype policy; the mixed ones are faster on recent GPUs.
    device : {"auto", "cpu", "gpu"}, default="auto"
        Where to compute; "auto" takes a GPU if there is one.
    random_state : int, RandomState instance or None, default=None
        Draws the weights if `weights` is None, and is not used otherwise. Pass an integer for
        features that are the same after each fit.

    Attributes
    ----------
    image_shape_ : tuple of int
        Height, width (pixels) and channels of the images.
    n_features_in_ : int
        Number of values in an image.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `X` was a data frame of flat rows.
    device_ : {"cpu", "gpu"}
        Where the features are computed.

    See Also
    --------
    TransferClassifier : Train a head on such features together with augmentation, and fine-tune.
    ImageReader : Start a pipeline with file names.

    Notes
    -----
    `fit` trains nothing: it checks the images and builds the network for their shape. The
    features depend on the parameters and the images alone, not on the images that `fit` got.
    Equal transformers in a process share one network in memory, the one built last.

    **Computing the features once.** The simplest way to try several heads is to search within
    the pipeline, after the features: nothing leaks between the folds, since the features were
    not learned from any of them::

        make_pipeline(BackboneFeatures(), GridSearchCV(LogisticRegression(), {"C": [0.1, 1, 10]}))

    A search over a whole pipeline with ``Pipeline(..., memory=folder)`` computes the training
    features of each fold once, but scikit-learn caches only ``fit_transform`` and computes the
    features of the test images for every candidate again. ``BackboneFeatures(memory=folder)``
    caches both and writes no weights into that folder; the pipeline needs no `memory` then.
    Both notice a changed weights file: files are distinguished by their content, and
    the functions of your own `Backbone` by their code and by what they refer to.

    Keras keeps the ImageNet weights in ``~/.keras/models`` (or ``$KERAS_HOME/models``).

    References
    ----------
    Each backbone names its own: ``BACKBONES["vgg16"].reference``.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from fer_estimators.datasets import make_faces
    >>> from fer_estimators.features import BackboneFeatures
    >>> faces = make_faces(70, image_size=32, random_state=0)
    >>> features = BackboneFeatures("mobilenet_025", weights=None, random_state=0)
    >>> features.fit_transform(faces.images).shape
    (70, 256)
    >>> clf = make_pipeline(features, LogisticRegression(max_iter=1000))
    >>> clf.fit(faces.images, faces.target).predict(faces.images[:2]).shape
    (2,)
    """

    image_shape_: tuple[int, int, int]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    device_: Literal["cpu", "gpu"]

    _parameter_constraints = {
        "backbone": [str, Backbone],
        "weights": [str, Path, None],
        "pooling": [StrOptions(set(POOLING)), None],
        "layer": [str, None],
        "image_size": [Interval(Integral, 1, None, closed="left"), tuple, list, None],
        "image_shape": [tuple, list, None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "memory": [str, HasMethods(["cache"]), None],
        "store_weights_in_pickle": ["boolean"],
        "dtype_policy": [StrOptions(DTYPE_POLICIES)],
        "device": [StrOptions({"auto", "cpu", "gpu"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        backbone: str | Backbone = "vgg16",
        *,
        weights: str | PathLike[str] | None = "imagenet",
        pooling: Literal["avg", "max"] | None = "avg",
        layer: str | None = None,
        image_size: int | tuple[int, int] | None = None,
        image_shape: tuple[int, ...] | None = None,
        batch_size: int = 32,
        memory: Any = None,
        store_weights_in_pickle: bool = True,
        dtype_policy: str = "float32",
        device: Literal["auto", "cpu", "gpu"] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.pooling = pooling
        self.layer = layer
        self.image_size = image_size
        self.image_shape = image_shape
        self.batch_size = batch_size
        self.memory = memory
        self.store_weights_in_pickle = store_weights_in_pickle
        self.dtype_policy = dtype_policy
        self.device = device
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Build the network for the shape of the images; train nothing.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Pixels in 0..255, uint8 or float, in one (grey) or three (RGB) channels. Flat rows
            need the parameter `image_shape`.
        y : None
            Not used.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If the images or a parameter are not as described, the images are smaller than the
            backbone allows, or it has no such layer.
        WeightsNotFoundError
            If the weights cannot be found or downloaded; a WeightsFileError if the file is
            damaged, no weights file, or of another network.
        """
        self._validate_params()
        images = check_input_images(self, X, image_shape=self.image_shape, reset=True)
        device = resolve_device(self.device)
        recipe = self._make_recipe(images.shape[1:])
        self._network = get_network(recipe, device)
        self._recipe = recipe
        self._carried_weights = None
        self._n_features_out = self._network.n_features
        self.n_features_in_ = int(np.prod(images.shape[1:]))
        self.image_shape_ = images.shape[1:]
        self.device_ = device
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Compute the features of images.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Images of the shape that `fit` got, pixels in 0..255.

        Returns
        -------
        ndarray of shape (n, n_features), dtype float32
            The dtype is float64 with ``dtype_policy="float64"``.

        Raises
        ------
        ValueError
            If the images differ from those of `fit` in shape, or are not as described there.
        """
        check_is_fitted(self)
        self._validate_params()  # batch_size may have been set after `fit`
        images = check_input_images(self, X, image_shape=self.image_shape_, reset=False)
        check_image_shape(images, self.image_shape_, estimator=self)
        compute = check_memory(self.memory).cache(_compute_features, ignore=["images", "network"])
        content = images
        if self.memory is not None and isinstance(images, LazyImages):
            # joblib would tell files by their names, and datasets of HDF5 not at all.
            content = digest_array(images)
        return compute(content, self._recipe.key(), images, self._stream)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the features, such as ``"backbonefeatures0"``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of flat rows, which are checked; or one name for images, as
            `ImageReader` gives it.

        Returns
        -------
        ndarray of shape (n_features,), dtype object

        Raises
        ------
        ValueError
            If there is another number of names.
        """
        are_images = input_features is not None and len(input_features) == 1
        return super().get_feature_names_out(None if are_images else input_features)

    def _stream(self, images):
        """Run the network on one batch after the other."""
        network = self._get_network()
        dtype = "float64" if self._recipe.dtype_policy == "float64" else "float32"
        features = np.empty((len(images), self._n_features_out), dtype=dtype)
        with device_scope(self.device_):
            for start in range(0, len(images), self.batch_size):
                batch = slice(start, start + self.batch_size)
                features[batch] = network.infer(images[batch])
        return features

    def _make_recipe(self, input_shape):
        path, weights, seed = None, self.weights, None
        if self.weights is None:
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        elif self.weights != "imagenet":
            path = os.path.abspath(self.weights)
            weights = digest_weights(path)
        backbone = find_backbone(self.backbone)
        return Recipe(
            backbone=backbone,
            content=digest(backbone, versions=True),
            weights=weights,
            weights_path=path,
            layer=self.layer,
            pooling=self.pooling,
            image_size=height_and_width(self.image_size),
            input_shape=tuple(input_shape),
            dtype_policy=self.dtype_policy,
            seed=seed,
        )

    def _get_network(self):
        """Return the network; build it on first use after unpickling."""
        refuse_broken_fork()
        with BUILDING:
            if self._network is None:
                self._network = get_network(self._recipe, self.device_, self._carried_weights)
                self._carried_weights = None
            return self._network

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_network" in state:
            network = state["_network"]
            state["_network"] = None
            carries = self.store_weights_in_pickle or self._recipe.weights is None
            if carries and network is not None:
                state["_carried_weights"] = network.model.get_weights()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # An error here would end a worker process while its pool waits for it.
        if "device_" in state and not is_broken_fork():
            self.device_ = same_device_here(self.device_)

    def __sklearn_tags__(self) -> Tags:
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        # A network has a precision of its own.
        tags.transformer_tags.preserves_dtype = []
        return tags


def _compute_features(content, recipe, images, network):
    """Compute features; `content` and `recipe` tell a cache what they depend on."""
    return network(images)
