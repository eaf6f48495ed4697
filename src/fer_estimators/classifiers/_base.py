"""What all classifiers of images share: checks, training, prediction."""

from numbers import Integral, Real

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from fer_estimators._image_input import check_input_images
from fer_estimators._lookup import look_up
from fer_estimators.augmentation import AUGMENTATIONS
from fer_estimators.classifiers import _targets
from fer_estimators.classifiers._allocator import freed_memory_kept
from fer_estimators.classifiers._batches import ImageBatches
from fer_estimators.classifiers._device import device_scope, resolve_device
from fer_estimators.classifiers._inference import compile_inference
from fer_estimators.classifiers._pickling import pack_model, unpack_model
from fer_estimators.classifiers._randomness import isolated_random_state
from fer_estimators.classifiers._training import Phase, run_phases
from fer_estimators.images import describe_shape

_DTYPE_POLICIES = {"float32", "float64", "mixed_bfloat16", "mixed_float16"}


class BaseImageClassifier(ClassifierMixin, BaseEstimator):
    """Train a Keras model on images, and predict the user's own labels.

    Subclasses store the parameters and give :meth:`_build_network`.
    """

    _parameter_constraints = {
        "image_shape": [tuple, list, None],
        "dropout": [Interval(Real, 0, 1, closed="left"), None],
        "augmentation": [str, callable, None],
        "optimizer": "no_validation",
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [str, callable],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"all"})],
        "shuffle": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "callbacks": [list, tuple, None],
        "dtype_policy": [StrOptions(_DTYPE_POLICIES)],
        "device": [StrOptions({"auto", "cpu", "gpu"})],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def fit(self, X, y, sample_weight=None, *, validation_data=None):
        """Train on images and their labels.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Pixels in 0..255, uint8 or float, in one (grey) or three (RGB) channels. Flat rows
            need the parameter `image_shape`.
        y : array-like of shape (n,)
            Labels: emotion names, or any other strings or integers.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in the loss, not negative. An image of weight zero counts as
            absent.
        validation_data : tuple (X, y), default=None
            Images and labels to choose the best epoch on, in place of `validation_fraction`.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If the images, the labels or a parameter are not as described.
        """
        warm = self.warm_start and hasattr(self, "model_")
        return self._fit(X, y, sample_weight, warm=warm, validation_data=validation_data)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch on images and their labels.

        The learning rate is constant, and no image is held out for validation. The optimizer's
        state is kept from call to call.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Pixels in 0..255, as for :meth:`fit`.
        y : array-like of shape (n,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed at the first call.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in the loss, not negative.

        Returns
        -------
        self : object
            The classifier.

        Raises
        ------
        ValueError
            If `classes` is missing at the first call or changes later, or as for :meth:`fit`.
        """
        warm = hasattr(self, "model_")
        if not warm and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels that will "
                "ever come, such as np.unique(y)."
            )
        if classes is not None:
            classes = np.unique(classes)
            if warm and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"classes={classes.tolist()} differ from those of the first call, "
                    f"{self.classes_.tolist()}. Leave classes out, or start with a clone."
                )
        return self._fit(X, y, sample_weight, warm=warm, classes=classes, incremental=True)

    def predict_proba(self, X):
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Images of the shape and scale on which the classifier was fitted.

        Returns
        -------
        ndarray of shape (n, n_classes), dtype float
            In the order of `classes_`; each row sums to one.

        Raises
        ------
        ValueError
            If the images differ from those of `fit` in shape or scale, or the network's output
            is not finite.
        """
        check_is_fitted(self)
        images = self._check_images(X, fitting=False)
        probabilities = np.empty((len(images), len(self.classes_)), dtype=self._output_dtype())
        step = self._n_per_batch(len(images))
        with device_scope(self.device_):
            for start in range(0, len(images), step):
                probabilities[start : start + step] = self._infer(images[start : start + step])
        if not np.isfinite(probabilities).all():
            bad = int(np.flatnonzero(~np.isfinite(probabilities).all(axis=1))[0])
            raise ValueError(
                f"The network's output for X[{bad}] is not finite, so there is no prediction. Its "
                "weights diverged in training: fit again with a lower learning_rate."
            )
        return probabilities

    def predict(self, X):
        """Predict the most probable label.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Images of the shape and scale on which the classifier was fitted.

        Returns
        -------
        ndarray of shape (n,)
            Labels out of `classes_`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def _build_network(self, input_shape, n_classes):
        """Return the uncompiled network, without augmentation."""
        raise NotImplementedError

    def _phases(self):
        """Yield the phases of training; what they need of the model is done between them."""
        yield Phase(self.epochs, self.learning_rate, self.learning_rate_schedule)

    def _incremental_phase(self):
        yield Phase(1, self.learning_rate, "constant", keep_optimizer=True)

    def _fit(
        self,
        X,
        y,
        sample_weight,
        *,
        warm,
        validation_data=None,
        classes=None,
        incremental=False,
    ):
        """Check everything, then train; `incremental` for one epoch with the same optimizer."""
        self._validate_params()
        labels = _targets.check_labels(y, estimator_name=type(self).__name__)
        images = self._check_images(X, fitting=not warm)
        check_consistent_length(images, labels)
        classes, codes = _targets.encode_labels(labels, self.classes_ if warm else classes)
        weights = _targets.weigh(images, labels, sample_weight, self.class_weight)
        device = resolve_device(self.device)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

        self.classes_ = classes
        self.image_shape_ = images.shape[1:]
        self.device_ = device
        fraction = self.validation_fraction
        if incremental or validation_data is not None:
            fraction = None
        sets = self._make_batches(images, codes, weights, validation_data, fraction, seed)
        with isolated_random_state(seed), device_scope(device), freed_memory_kept():
            if not warm:
                self.model_ = self._build_model()
                self.history_ = {}
            trained = run_phases(
                self.model_,
                self._incremental_phase() if incremental else self._phases(),
                *sets,
                history=self.history_,
                optimizer=self.optimizer,
                label_smoothing=self.label_smoothing,
                patience=self.patience,
                callbacks=self.callbacks or (),
                verbose=int(self.verbose),
            )
            self._infer = compile_inference(self.model_)
        self.history_, self.best_epoch_ = trained
        self.n_epochs_ = len(self.history_["loss"])
        return self

    def _check_images(self, X, *, fitting):
        shape = self.image_shape if fitting else self.image_shape_
        images = check_input_images(self, X, image_shape=shape, reset=fitting)
        if fitting:
            self.n_features_in_ = int(np.prod(images.shape[1:]))
        else:
            self._check_like_fitted(images)
        return images

    def _check_like_fitted(self, images):
        if images.shape[1:] != self.image_shape_:
            fitted, received = (
                describe_shape(shape) for shape in (self.image_shape_, images.shape[1:])
            )
            raise ValueError(
                f"X has image shape {received}, but this {type(self).__name__} was fitted on "
                f"{fitted}. Resize with `resize_images(X, {tuple(self.image_shape_[:2])})` and "
                "bring it to the same number of channels."
            )

    def _make_batches(self, images, codes, weights, validation_data, fraction, seed):
        training, held_out = _targets.split_rows(
            codes, self.classes_, fraction, weights=weights, seed=seed
        )
        options = {
            "n_classes": len(self.classes_),
            "batch_size": self._n_per_batch(len(training)),
            "dtype": self._output_dtype(),
        }
        batches = ImageBatches(
            images,
            codes,
            weights=weights,
            rows=training,
            shuffle=self.shuffle,
            seed=seed,
            **options,
        )
        if validation_data is not None:
            X, y = _targets.check_validation_pair(validation_data)
            labels = _targets.check_labels(y, estimator_name=type(self).__name__)
            _, codes = _targets.encode_labels(labels, self.classes_)
            images = self._check_images(X, fitting=False)
            return batches, ImageBatches(images, codes, **options)
        if held_out is None:
            return batches, None
        return batches, ImageBatches(images, codes, weights=weights, rows=held_out, **options)

    def _build_model(self):
        """Put the training-only augmentation in front of the network."""
        policy_before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.dtype_policy)
        try:
            network = self._build_network(self.image_shape_, len(self.classes_))
            if self.augmentation is None:
                return network
            augment = look_up(self.augmentation, AUGMENTATIONS, parameter="augmentation")
            inputs = keras.Input(self.image_shape_, name="images")
            return keras.Model(inputs, network(augment()(inputs)), name=f"augmented_{network.name}")
        finally:
            keras.config.set_dtype_policy(policy_before)

    def _output_dtype(self):
        return "float64" if self.dtype_policy == "float64" else "float32"

    def _n_per_batch(self, n_images):
        return max(n_images, 1) if self.batch_size == "all" else int(self.batch_size)

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = pack_model(self.model_)
            del state["_infer"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "model_" in state:
            # A GPU of the machine that trained may be missing here.
            self.device_ = resolve_device("auto" if self.device_ == "gpu" else "cpu")
            with device_scope(self.device_):
                self.model_ = unpack_model(self.model_)
            self._infer = compile_inference(self.model_)

    def __sklearn_tags__(self):
        """Describe the classifier to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
