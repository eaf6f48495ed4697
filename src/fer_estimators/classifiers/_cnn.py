"""Networks trained from scratch."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import keras
import numpy as np

from fer_estimators._messages import look_up
from fer_estimators.architectures import ARCHITECTURES
from fer_estimators.classifiers._base import BaseImageClassifier

# Settings that belong together: ``CNNClassifier(**RECIPES["best"])``.
RECIPES: dict[str, dict[str, Any]] = {
    # FER2013 on a CPU within minutes; the defaults.
    "fast": {
        "augmentation": "standard",
        "epochs": 20,
        "validation_fraction": 0.1,
        "patience": 10,
    },
    # Long training on all images, which keeps the last epoch's weights.
    "best": {
        "augmentation": "strong",
        "epochs": 60,
        "validation_fraction": None,
        "patience": None,
    },
}


class CNNClassifier(BaseImageClassifier):
    """Learn emotions from images with a convolutional network trained from scratch.

    Parameters
    ----------
    architecture : str or callable, default="compact"
        A network by name (see :data:`fer_estimators.architectures.ARCHITECTURES`), or a function
        ``build(input_shape, n_classes)`` that returns an uncompiled Keras model from pixels in
        0..255 to probabilities. To set an option of a named one, pass for example
        ``partial(build_compact, dropout=0.5)``.
    image_shape : tuple of int, default=None
        Height and width (and channels), pixels, of the images in flat rows of `X`; one entry may
        be -1. Not needed for images of three or four dimensions.
    augmentation : {"standard", "strong", "study", "wide"}, callable or None, default="standard"
        Random changes of the training images, as a preset of
        :data:`fer_estimators.augmentation.AUGMENTATIONS` or a function without arguments that
        returns a Keras layer. None trains on the images as they are.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"}, callable or keras.optimizers.Optimizer, \
default="adamw"
        A name ("adamw" has a weight decay of 0.05 on kernels, "sgd" one of 0.005 and a Nesterov
        momentum of 0.9), a function of the learning rate, or an instance, which is copied and
        has its own learning rate. With Keras' ``use_ema=True``, training ends with the average
        of the weights, for which the statistics of batch normalisation are re-estimated; this
        requires ``patience=None``. An interrupted run keeps the weights of the last epoch.
    learning_rate : float, default=0.003
        Highest step size of the optimizer.
    learning_rate_schedule : {"cosine", "constant"} or callable, default="cosine"
        "cosine" rises for the first 15 % of all steps and then falls to zero. A callable takes
        the learning rate and the number of steps, and returns a Keras schedule.
    label_smoothing : float, default=0.1
        Probability taken from the label of each image and shared by all classes, in [0, 1). It
        keeps networks from becoming overconfident on FER2013's noisy labels.
    epochs : int, default=20
        Maximum number of passes over the training images.
    batch_size : int, default=64
        Images in a step; the last step of an epoch may have fewer.
    validation_fraction : float or None, default=0.1
        Fraction of the images, the same in each class, that is held out to choose the best epoch.
        Nothing is held out for None, or if ``X_val`` and ``y_val`` are passed to :meth:`fit`.
    patience : int or None, default=10
        Epochs without improvement of the validation accuracy after which training stops, not
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
        ``loss``, ``accuracy`` and ``learning_rate`` of each epoch, and ``val_loss`` and
        ``val_accuracy`` if there was validation: NaN in epochs without.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    image_shape_ : tuple of int
        Height, width (pixels) and channels of the images.
    n_features_in_ : int
        Number of values in an image.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `X` was a data frame of flat rows.
    n_epochs_ : int
        Epochs trained.
    best_epoch_ : int
        The epoch, counted from 1, whose weights were kept.
    interrupted_ : bool
        Whether Ctrl-C or SIGTERM ended the training early.
    device_ : {"cpu", "gpu"}
        Where the network was trained.

    See Also
    --------
    TransferClassifier : Start from a network pretrained on ImageNet.
    RECIPES : Settings that belong together, such as ``CNNClassifier(**RECIPES["best"])``.

    Notes
    -----
    Pixels keep their dtype until their batch is needed; scaling is a layer of the
    network. The network and the optimizer are Keras objects, trained through scikeras; if
    KERAS_BACKEND is set, they run on JAX or PyTorch.

    Examples
    --------
    >>> from fer_estimators import CNNClassifier
    >>> from fer_estimators.datasets import make_faces
    >>> faces = make_faces(140, image_size=16, random_state=0)
    >>> clf = CNNClassifier("tiny", augmentation=None, epochs=2, random_state=0)
    >>> clf = clf.fit(faces.images, faces.target)
    >>> clf.predict(faces.images[:3]).shape, clf.predict_proba(faces.images[:3]).shape
    ((3,), (3, 7))
    """

    _parameter_constraints = {
        **BaseImageClassifier._parameter_constraints,
        "architecture": [str, callable],
    }

    def __init__(
        self,
        architecture: str | Callable[[tuple[int, ...], int], keras.Model] = "compact",
        *,
        image_shape: tuple[int, ...] | None = None,
        augmentation: str | Callable[[], keras.Layer] | None = "standard",
        optimizer: str | Callable[[Any], keras.Optimizer] | keras.Optimizer = "adamw",
        learning_rate: float = 3e-3,
        learning_rate_schedule: str | Callable[[float, int], Any] = "cosine",
        label_smoothing: float = 0.1,
        epochs: int = 20,
        batch_size: int = 64,
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
        self.architecture = architecture
        self.image_shape = image_shape
        self.augmentation = augmentation
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

    def _build_network(self, input_shape: tuple[int, ...], n_classes: int) -> keras.Model:
        if isinstance(self.architecture, keras.Model):
            raise TypeError(
                f"architecture={self.architecture!r} is a network, but each fit needs a new one. "
                "Pass a name or a function: `def build(input_shape, n_classes): return "
                "keras.models.clone_model(network)`."
            )
        build = look_up(self.architecture, ARCHITECTURES, parameter="architecture")
        return build(input_shape, n_classes)
