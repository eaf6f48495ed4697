"""Networks pretrained on ImageNet, with a new head."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np

from fer_estimators._compat import Interval
from fer_estimators._messages import look_up
from fer_estimators.backbones import BACKBONE_LAYER, Backbone, find_backbone
from fer_estimators.classifiers._base import BaseImageClassifier
from fer_estimators.classifiers._heads import HEADS
from fer_estimators.classifiers._training import Phase
from fer_estimators.images import height_and_width


class FineTuning(NamedTuple):
    """The second phase of a :class:`TransferClassifier`.

    Parameters
    ----------
    layers : int
        Number of layers, counted from the end of the backbone, that are trained.
    epochs : int, default=10
        Maximum number of passes over the training images.
    learning_rate : float, default=1e-5
        Highest step size.

    Examples
    --------
    >>> from fer_estimators.classifiers import FineTuning
    >>> FineTuning(layers=2)
    FineTuning(layers=2, epochs=10, learning_rate=1e-05)
    """

    layers: int
    epochs: int = 10
    learning_rate: float = 1e-5


class TransferClassifier(BaseImageClassifier):
    """Learn emotions from images with a network pretrained on ImageNet and a new head.

    The head is trained first, on a frozen backbone. With `fine_tuning`, the last layers of the
    backbone are trained with it in a second phase.

    Parameters
    ----------
    backbone : str or Backbone, default="vgg16"
        The pretrained network, by name (see :data:`fer_estimators.backbones.BACKBONES`) or as a
        description of another one. Grey images become RGB, and pixels are scaled as the network
        expects, inside the graph.
    weights : {"imagenet"}, path or None, default="imagenet"
        "imagenet" downloads Keras' weights on first use; a path names a weights file without
        top; None starts from random weights.
    head : {"pooled", "study"} or callable, default="pooled"
        "pooled" averages each feature, and classifies; "study" is the head of the study, with three
        convolutions and a hidden layer. A callable ``head(features, n_classes)`` gets a map of
        features and returns probabilities; to set an option, pass for example
        ``partial(pooled_head, dropout=0.5)``.
    image_size : int or tuple of int, default=None
        Height and width, pixels, to which images are resized inside the graph (the study took
        150); None leaves them as they are.
    image_shape : tuple of int, default=None
        Height and width (and channels), pixels, of the images in flat rows of `X`; one entry may
        be -1. Not needed for images of three or four dimensions.
    augmentation : {"standard", "strong", "study", "wide"}, callable or None, default="standard"
        Random changes of the training images, as a preset of
        :data:`fer_estimators.augmentation.AUGMENTATIONS` or a function without arguments that
        returns a Keras layer. None trains on the images as they are.
    fine_tuning : FineTuning or tuple (layers, epochs, learning_rate), default=None
        A second phase, in which the last layers of the backbone that have weights are trained
        together with the head: the number of layers, the maximum number of epochs, and the
        highest step size. Batch normalisation is not trained. None omits the second phase.
        Requires an `optimizer` by name or function.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"}, callable or keras.optimizers.Optimizer, \
default="adam"
        A name ("adamw" has a weight decay of 0.05 on kernels, "sgd" one of 0.005 and a Nesterov
        momentum of 0.9), a function of the learning rate, or an instance, which is copied and
        has its own learning rate. With Keras' ``use_ema=True``, training ends with the average
        of the weights, for which the statistics of batch normalisation are re-estimated; this
        requires ``patience=None``. An interrupted run keeps the weights of the last epoch.
    learning_rate : float, default=0.001
        Highest step size of the first phase.
    learning_rate_schedule : {"cosine", "constant"} or callable, default="cosine"
        "cosine" rises for the first 15 % of all steps and then falls to zero. A callable takes
        the learning rate and the number of steps, and returns a Keras schedule.
    label_smoothing : float, default=0.0
        Probability taken from the label of each image and shared by all classes, in [0, 1). It
        keeps networks from becoming overconfident on FER2013's noisy labels.
    epochs : int, default=10
        Maximum number of passes over the training images in the first phase.
    batch_size : int, default=32
        Images in a step; the last step of an epoch may have fewer.
    validation_fraction : float or None, default=0.1
        Fraction of the images, the same in each class, that is held out to choose the best epoch.
        Nothing is held out for None, or if ``X_val`` and ``y_val`` are passed to :meth:`fit`.
    patience : int or None, default=10
        Epochs without improvement of the validation accuracy after which a phase stops, not
        counting those in which the learning rate still rises; the weights of the best epoch are
        kept. None trains for all epochs and keeps the last weights.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss, as in scikit-learn.
    tta : {"flip", "crops"} or None, default=None
        Test-time augmentation: average the probabilities over the image and its mirror image
        ("flip"), or over ten views that are also shifted by a twenty-fourth of the side towards
        each corner ("crops"). Prediction takes two or ten times as long; training does not change.
    handle_other_shapes : {"error", "convert"}, default="error"
        What to do if images to predict differ in height, width or channels from the training
        images. "convert" converts between RGB and grey, and resizes with Pillow's antialiased
        bilinear filter, as when image files are read.
    callbacks : list of keras.callbacks.Callback, default=None
        Called during training, after the classifier's own.
    dtype_policy : {"float32", "float64", "mixed_bfloat16", "mixed_float16"}, default="float32"
        Precision of the network, a Keras dtype policy; the mixed ones are faster on recent GPUs.
    device : {"auto", "cpu", "gpu"}, default="auto"
        Where to train and predict; "auto" takes a GPU if there is one.
    warm_start : bool, default=False
        Whether a further :meth:`fit` continues from the weights of the last one, and extends its
        history. Training parameters, such as `augmentation`, may change in between; changes to
        parameters of the network have no effect.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, validation split, order, dropout and augmentation. With an integer, the
        same data give the same model again on the CPU of the same machine, and global random
        state does not change; None draws a seed from NumPy's global state.
    verbose : int, default=0
        0 is silent; 1 shows a progress bar for each epoch in a terminal, and prints a line
        elsewhere; 2 prints a line for each epoch.

    Attributes
    ----------
    model_ : keras.Model
        The trained network, from pixels in 0..255 to probabilities.
    history_ : dict of str to list of float
        ``loss``, ``accuracy`` and ``learning_rate`` of each epoch of both phases, and
        ``val_loss`` and ``val_accuracy`` if there was validation: NaN in epochs without.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    image_shape_ : tuple of int
        Height, width (pixels) and channels of the images.
    n_features_in_ : int
        Number of values in an image.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `X` was a data frame of flat rows.
    n_epochs_ : int
        Epochs trained, in both phases.
    best_epoch_ : int
        The epoch, counted from 1, whose weights were kept.
    interrupted_ : bool
        Whether Ctrl-C or SIGTERM ended the training early.
    device_ : {"cpu", "gpu"}
        Where the network was trained.

    See Also
    --------
    CNNClassifier : A network trained from scratch.

    Notes
    -----
    The study that compared VGG16, VGG19 and InceptionV3 on FER2013 is
    ``TransferClassifier(backbone, head="study", image_size=150, augmentation="study",
    optimizer="rmsprop", learning_rate=0.01, learning_rate_schedule="constant", epochs=50,
    patience=None, validation_fraction=None)``.

    References
    ----------
    Each backbone names its own: ``BACKBONES["vgg16"].reference``.

    Examples
    --------
    >>> from fer_estimators import TransferClassifier
    >>> from fer_estimators.datasets import make_faces
    >>> faces = make_faces(70, image_size=32, random_state=0)
    >>> clf = TransferClassifier("mobilenet_025", weights=None, epochs=1, random_state=0)
    >>> clf.fit(faces.images, faces.target).predict(faces.images[:3]).shape
    (3,)
    """

    _parameter_constraints = {
        **BaseImageClassifier._parameter_constraints,
        "backbone": [str, Backbone],
        "weights": [str, Path, None],
        "head": [str, callable],
        "image_size": [Interval(Integral, 1, None, closed="left"), tuple, list, None],
        "fine_tuning": [tuple, list, None],
    }

    def __init__(
        self,
        backbone: str | Backbone = "vgg16",
        *,
        weights: str | PathLike[str] | None = "imagenet",
        head: str | Callable[[keras.KerasTensor, int], keras.KerasTensor] = "pooled",
        image_size: int | tuple[int, int] | None = None,
        image_shape: tuple[int, ...] | None = None,
        augmentation: str | Callable[[], keras.Layer] | None = "standard",
        fine_tuning: FineTuning | tuple[int, int, float] | None = None,
        optimizer: str | Callable[[Any], keras.Optimizer] | keras.Optimizer = "adam",
        learning_rate: float = 1e-3,
        learning_rate_schedule: str | Callable[[float, int], Any] = "cosine",
        label_smoothing: float = 0.0,
        epochs: int = 10,
        batch_size: int = 32,
        validation_fraction: float | None = 0.1,
        patience: int | None = 10,
        class_weight: dict[Any, float] | Literal["balanced"] | None = None,
        tta: Literal["flip", "crops"] | None = None,
        handle_other_shapes: Literal["error", "convert"] = "error",
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        dtype_policy: str = "float32",
        device: Literal["auto", "cpu", "gpu"] = "auto",
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.head = head
        self.image_size = image_size
        self.image_shape = image_shape
        self.augmentation = augmentation
        self.fine_tuning = fine_tuning
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.label_smoothing = label_smoothing
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.class_weight = class_weight
        self.tta = tta
        self.handle_other_shapes = handle_other_shapes
        self.callbacks = callbacks
        self.dtype_policy = dtype_policy
        self.device = device
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _build_network(self, input_shape, n_classes):
        backbone = find_backbone(self.backbone)
        head = look_up(self.head, HEADS, parameter="head")
        size = height_and_width(self.image_size)
        inputs, features, _ = backbone.build(input_shape, weights=self.weights, image_size=size)
        outputs = head(features, n_classes)
        return keras.Model(inputs, outputs, name=f"{backbone.name}_classifier")

    def _phases(self, network: keras.Model) -> list[Phase]:
        first = self._first_phase(super()._phases(network)[0])
        if self.fine_tuning is None:
            return [first]
        second = self._check_fine_tuning(network)
        unfreeze = partial(_unfreeze, n_layers=second.layers)
        schedule = self.learning_rate_schedule
        return [first, Phase(second.epochs, second.learning_rate, schedule, unfreeze)]

    def _incremental_phase(self) -> Phase:
        return self._first_phase(super()._incremental_phase())

    def _first_phase(self, phase):
        # An earlier second phase may have left layers unfrozen.
        return replace(phase, prepare=_freeze)

    def _check_fine_tuning(self, network):
        """Check the second phase before the first one begins."""
        try:
            layers, epochs, learning_rate = wanted = FineTuning(*self.fine_tuning)
            are_whole = isinstance(layers, Integral) and isinstance(epochs, Integral)
            possible = are_whole and layers >= 1 and epochs >= 1 and learning_rate > 0
        except TypeError:
            possible = False
        if not possible:
            raise ValueError(
                f"fine_tuning={self.fine_tuning!r}, but (layers, epochs, learning_rate) is "
                "expected, all above zero, the first two whole, for example FineTuning(layers=2)."
            )
        if isinstance(self.optimizer, keras.optimizers.Optimizer):
            raise ValueError(
                f"optimizer={self.optimizer!r} has one fixed learning rate, but "
                f"fine_tuning={self.fine_tuning!r} needs a second one. Pass a name, or a function "
                "of the learning rate."
            )
        n_layers = len(_layers_with_weights(network.get_layer(BACKBONE_LAYER)))
        if wanted.layers > n_layers:
            raise ValueError(
                f"fine_tuning={self.fine_tuning!r}, but the backbone has only {n_layers} layers "
                "with weights. Pass that number or fewer."
            )
        return wanted


def _freeze(network):
    network.get_layer(BACKBONE_LAYER).trainable = False


def _unfreeze(network, n_layers):
    """Make the last layers of the backbone trainable, except batch normalisation."""
    backbone = network.get_layer(BACKBONE_LAYER)
    learning = _layers_with_weights(backbone)[-n_layers:]
    backbone.trainable = True
    for layer in backbone.layers:
        layer.trainable = layer in learning


def _layers_with_weights(backbone):
    return [
        layer
        for layer in backbone.layers
        if layer.weights and not isinstance(layer, keras.layers.BatchNormalization)
    ]
