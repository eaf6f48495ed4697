"""Networks trained from scratch."""

from fer_estimators._compat import StrOptions
from fer_estimators._messages import look_up
from fer_estimators.architectures import ARCHITECTURES
from fer_estimators.classifiers._base import BaseImageClassifier
from fer_estimators.classifiers._recipes import AUTO, settle


class CNNClassifier(BaseImageClassifier):
    """Learn emotions from images with a convolutional network trained from scratch.

    Parameters
    ----------
    architecture : {"compact", "residual", "residual_small", "study_cnn", "tiny"} or callable, \
default="compact"
        A network by name (see :data:`fer_estimators.architectures.ARCHITECTURES`), or a function
        ``build(input_shape, n_classes)`` that returns an uncompiled Keras model from pixels in
        0..255 to probabilities. It must take ``dropout=`` too if `dropout` is given.
    recipe : {"fast", "best"}, default="fast"
        What the arguments stand for that are left "auto". "fast" trains a network on FER2013 on a
        CPU within minutes: standard augmentation, 20 epochs, of which the best on a tenth of the
        images is kept. "best" trains for as long as it pays: strong augmentation, 60 epochs, on
        all images, with the last epoch's weights.
    image_shape : tuple of int, default=None
        Height and width (and channels), pixels, of the images in flat rows of `X`; one entry may
        be -1. Not needed for images of three or four dimensions.
    dropout : float, default=None
        Fraction of activations dropped in training, in [0, 1). None takes the architecture's own.
    augmentation : {"auto", "standard", "strong", "study"}, callable or None, default="auto"
        Random changes of the training images, as a preset of
        :data:`fer_estimators.augmentation.AUGMENTATIONS` or a function without arguments that
        returns a Keras layer. None trains on the images as they are.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"}, callable or keras.optimizers.Optimizer, \
default="adamw"
        A name ("adamw" has a weight decay of 0.05 on kernels, "sgd" one of 0.005 and a Nesterov
        momentum of 0.9), a function of the learning rate, or an instance, which is copied and
        brings its own learning rate. One with Keras' ``use_ema=True`` ends with the average of
        the weights, for which batch normalisation is measured anew; it needs ``patience=None``. A
        training that is broken off keeps the last epoch's weights as they are.
    learning_rate : float, default=0.003
        Step size of the optimizer, at its highest.
    learning_rate_schedule : {"cosine", "constant"} or callable, default="cosine"
        "cosine" rises for the first 15 % of all steps and then falls to zero. A callable gets
        the learning rate and the number of steps, and returns a Keras schedule.
    label_smoothing : float, default=0.1
        Probability taken from each image's label and shared by all classes, in [0, 1): keeps
        networks from being too sure of FER2013's noisy labels.
    epochs : int or "auto", default="auto"
        Passes over the training images, at most.
    batch_size : int or "all", default=64
        Images in a step; "all" takes every image in one step.
    shuffle : bool, default=True
        Draw the training images in a new order in each epoch.
    validation_fraction : float, "auto" or None, default="auto"
        Fraction of the images, the same in each class, that is held out to choose the best epoch.
        None, or ``validation_data`` given to :meth:`fit`, holds nothing out.
    patience : int, "auto" or None, default="auto"
        Epochs without a better validation accuracy after which training stops; the best epoch's
        weights are kept. None trains for all epochs and keeps the last weights.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss, as in scikit-learn.
    tta : {"flip", "crops"} or None, default=None
        Test-time augmentation: average the probabilities over the image and its mirror image
        ("flip"), or over ten views, each also shifted by a twenty-fourth of the side towards each
        corner ("crops"); costs two and ten times the time. Changes nothing in training.
    handle_other_shapes : {"error", "convert"}, default="error"
        What to do where images to predict differ in height, width or channels from those of the
        training. "convert" makes RGB grey, or grey RGB, and resizes with Pillow's antialiased
        bilinear filter, as when image files are read.
    callbacks : list of keras.callbacks.Callback, default=None
        Called during training, after the classifier's own.
    dtype_policy : {"float32", "float64", "mixed_bfloat16", "mixed_float16"}, default="float32"
        Precision of the network, a Keras dtype policy; the mixed ones are faster on recent GPUs.
    device : {"auto", "cpu", "gpu"}, default="auto"
        Where to train and predict; "auto" takes a GPU if there is one.
    warm_start : bool, default=False
        Let a further :meth:`fit` go on from the weights of the last one, and add to its history.
        Parameters of the training, such as `augmentation`, may be set anew in between; those of
        the network then have no effect.
    random_state : int, RandomState instance or None, default=None
        Seeds weights, validation split, order, dropout and augmentation. With an integer, the
        same data give the same model again on the same machine's CPU, and global random state is
        left as it was found; None draws a seed from NumPy's.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar for each epoch, 2 prints a line for each.

    Attributes
    ----------
    model_ : keras.Model
        The trained network, from pixels in 0..255 to probabilities.
    history_ : dict of str to list of float
        ``loss``, ``accuracy`` and ``learning_rate`` of each epoch, and ``val_loss`` and
        ``val_accuracy`` if there was validation.
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

    Notes
    -----
    Pixels stay in the dtype in which they come until the batch; scaling is a layer of the
    network. Network and optimizer are Keras', trained through scikeras; with KERAS_BACKEND set,
    they run on JAX or PyTorch as well.

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
        "recipe": [str],
        **{
            name: [*BaseImageClassifier._parameter_constraints[name], StrOptions({AUTO})]
            for name in ("epochs", "validation_fraction", "patience")
        },
    }

    def __init__(
        self,
        architecture="compact",
        *,
        recipe="fast",
        image_shape=None,
        dropout=None,
        augmentation="auto",
        optimizer="adamw",
        learning_rate=3e-3,
        learning_rate_schedule="cosine",
        label_smoothing=0.1,
        epochs="auto",
        batch_size=64,
        shuffle=True,
        validation_fraction="auto",
        patience="auto",
        class_weight=None,
        tta=None,
        handle_other_shapes="error",
        callbacks=None,
        dtype_policy="float32",
        device="auto",
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.architecture = architecture
        self.recipe = recipe
        self.image_shape = image_shape
        self.dropout = dropout
        self.augmentation = augmentation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.label_smoothing = label_smoothing
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
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

    def _settings(self):
        return settle(super()._settings())

    def _build_network(self, input_shape, n_classes):
        build = look_up(self.architecture, ARCHITECTURES, parameter="architecture")
        options = {} if self.dropout is None else {"dropout": self.dropout}
        return build(input_shape, n_classes, **options)
