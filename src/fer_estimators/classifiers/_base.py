"""What all classifiers of images share: checks, training, prediction."""

from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length

from fer_estimators._backends.device import device_scope, resolve_device
from fer_estimators._backends.inference import compile_inference
from fer_estimators._backends.memory import (
    advice_on_memory,
    free_dropped_networks,
    freed_memory_kept,
)
from fer_estimators._backends.process_state import (
    DTYPE_POLICIES,
    dtype_policy,
    isolated_random_state,
)
from fer_estimators._compat import Interval, StrOptions
from fer_estimators.augmentation import add_augmentation, without_augmentation
from fer_estimators.classifiers import _targets
from fer_estimators.classifiers._batches import ImageBatches
from fer_estimators.classifiers._checkpoint import fingerprint, open_checkpoint
from fer_estimators.classifiers._outputs import check_network
from fer_estimators.classifiers._pickling import NetworkPickling
from fer_estimators.classifiers._prediction import ImagePredictor
from fer_estimators.classifiers._training import Phase, run_phases
from fer_estimators.classifiers._views import VIEWS


class BaseImageClassifier(NetworkPickling, ImagePredictor, BaseEstimator):
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
        "tta": [StrOptions(set(VIEWS)), None],
        "handle_other_shapes": [StrOptions({"error", "convert"})],
        "callbacks": [list, tuple, None],
        "dtype_policy": [StrOptions(DTYPE_POLICIES)],
        "device": [StrOptions({"auto", "cpu", "gpu"})],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def fit(self, X, y, sample_weight=None, *, y_proba=None, validation_data=None, checkpoint=None):
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
            absent. The validation accuracy counts each image once.
        y_proba : array-like of shape (n, n_classes), default=None
            Probability of each class, sorted, for each image, to train on in place of `y`: the
            shares of several people's votes, or what a larger network predicts (knowledge
            distillation [1]_). `y` still tells the classes, their weights and what is held out, and
            the validation accuracy is that of its labels. The columns of a data frame must be the
            classes.
        validation_data : tuple (X, y), default=None
            Images and labels to choose the best epoch on, in place of `validation_fraction`.
        checkpoint : path-like, default=None
            A folder in which to keep the training's state after each epoch. Called again with
            the same folder, parameters and data (and, for a warm start, the same classifier as it
            was at first), :meth:`fit` goes on from there, to the same weights (to the bit on the
            same CPU with as many threads). State of your own `callbacks` is not kept.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If the images, the labels or a parameter are not as described. The classifier is then
            what it was before, as after every other error but KeyboardInterrupt.
        WeightsNotFoundError
            If pretrained weights are neither there nor to be had.
        CheckpointError
            If the checkpoint is damaged, in use, or of another training.
        TrainingDivergedError
            If the loss becomes NaN or infinite in the first epoch. In a later one it is a
            ConvergenceWarning, and the best weights so far are kept.
        OutOfMemoryError
            If a batch does not fit into memory.
        KeyboardInterrupt
            At Ctrl-C, after the current batch; the best weights of whole epochs, if there was
            one, are kept. At SIGTERM it is SystemExit.

        References
        ----------
        .. [1] Hinton, G., Vinyals, O. and Dean, J. (2015). "Distilling the knowledge in a neural
           network." arXiv:1503.02531.
        """
        warm = self.warm_start and hasattr(self, "model_")
        return self._fit(
            X,
            y,
            sample_weight,
            warm=warm,
            y_proba=y_proba,
            validation_data=validation_data,
            folder=checkpoint,
        )

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one more epoch on images and their labels.

        The learning rate is constant, no image is held out for validation, and weights are not
        averaged. The optimizer's state is kept from call to call, as long as `optimizer`,
        `learning_rate`, `label_smoothing` and `augmentation` stay as they are, though not in
        pickles and copies.

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
            If `classes` is missing at the first call or changes later, if ``class_weight`` is
            "balanced", or as for :meth:`fit`.
        """
        warm = hasattr(self, "model_")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' cannot be known from a part of the images. Pass a dict of "
                "weights, or sample_weight."
            )
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

    def _build_network(self, input_shape, n_classes):
        """Return the uncompiled network, without augmentation."""
        raise NotImplementedError

    def _settings(self):
        """Return the parameters by name, as the training uses them."""
        return self.get_params(deep=False)

    def _phases(self):
        """Yield the phases of training; what they need of the model is done between them."""
        yield Phase(self._settings()["epochs"], self.learning_rate, self.learning_rate_schedule)

    def _incremental_phase(self, keep_optimizer):
        yield Phase(1, self.learning_rate, "constant", keep_optimizer, averages=False)

    def _fit(self, X, y, sample_weight, **options):
        with self._all_or_nothing(options["warm"]):
            interruption = self._fit_until_interrupted(X, y, sample_weight, **options)
        interruption.raise_as_usual()
        return self

    def _fit_until_interrupted(
        self,
        X,
        y,
        sample_weight,
        *,
        warm,
        y_proba=None,
        validation_data=None,
        folder=None,
        classes=None,
        incremental=False,
    ):
        """Check everything, then train; `incremental` for one epoch with the same optimizer."""
        self._validate_params()
        labels = _targets.check_labels(y, estimator_name=type(self).__name__)
        images = self._check_images(X, fitting=not warm)
        check_consistent_length(images, labels)
        classes, codes = _targets.encode_labels(labels, self.classes_ if warm else classes)
        soft = _targets.check_soft_labels(y_proba, images, classes)
        weights = _targets.weigh(images, codes, classes, sample_weight, self.class_weight)
        self.classes_ = classes
        self.image_shape_ = images.shape[1:]
        self.device_ = resolve_device(self.device)
        validation = self._check_validation_data(validation_data)
        arrays = {"X": images, "y": codes, "y_proba": soft, "weights": weights}
        if validation is not None:
            arrays["validation X"], arrays["validation y"] = validation
        described = None
        if folder is not None:
            first = without_augmentation(self.model_).get_weights() if warm else None
            described = fingerprint(self, classes=classes, arrays=arrays, first_weights=first)
        with open_checkpoint(folder, described) as checkpoint:
            self._draw_seed(warm, checkpoint)
            holds_out = not incremental and validation is None
            fraction = self._settings()["validation_fraction"] if holds_out else None
            sets = self._make_batches(images, codes, soft, weights, validation, fraction)
            batch = (sets[0].batch_size, self.image_shape_)
            with device_scope(self.device_), freed_memory_kept(), advice_on_memory(*batch):
                if not warm:
                    self.model_ = self._build_model()
                    self.history_ = {}
                elif self._settings()["augmentation"] != self._augmented_with:
                    # The network may still hold the optimizer of a training without augmentation.
                    self._optimizer_rule = None
                    with isolated_random_state(self._seed):
                        self.model_ = self._augment(without_augmentation(self.model_))
                return self._train(*sets, checkpoint=checkpoint, incremental=incremental)

    def _train(self, batches, validation, *, checkpoint, incremental):
        rule = (self.optimizer, self.learning_rate, self.label_smoothing) if incremental else None
        keep_optimizer = incremental and getattr(self, "_optimizer_rule", None) == rule
        self.history_, self.best_epoch_, interruption = run_phases(
            self.model_,
            self._incremental_phase(keep_optimizer) if incremental else self._phases(),
            batches,
            validation,
            history=self.history_,
            checkpoint=checkpoint,
            seed=self._seed,
            optimizer=self.optimizer,
            label_smoothing=self.label_smoothing,
            patience=self._settings()["patience"],
            callbacks=self.callbacks or (),
            verbose=int(self.verbose),
        )
        self.n_epochs_ = len(self.history_["loss"])
        self.interrupted_ = interruption.ended_training
        self._optimizer_rule = rule
        self._infer = compile_inference(self.model_)
        return interruption

    def _draw_seed(self, warm, checkpoint):
        if warm and hasattr(self, "_seed"):
            # A warm start keeps its seed: another split would validate on what it learned.
            return
        random_state = check_random_state(self.random_state)
        self._seed = int(random_state.randint(np.iinfo(np.int32).max))
        if checkpoint is not None and checkpoint.state is not None:
            self._seed = checkpoint.state["seed"]

    @contextmanager
    def _all_or_nothing(self, warm):
        """Restore everything if training fails, so that no mixture of two fits is left."""
        before = dict(vars(self))
        weights = self.model_.get_weights() if warm else None
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            if warm:
                self.model_.set_weights(weights)
                # The optimizer has moved on: `partial_fit` is to make another.
                vars(self).pop("_optimizer_rule", None)
            raise

    def _check_validation_data(self, validation_data):
        """Return images and class codes, or None."""
        if validation_data is None:
            return None
        X, y = _targets.check_validation_pair(validation_data)
        labels = _targets.check_labels(y, estimator_name=type(self).__name__)
        _, codes = _targets.encode_labels(labels, self.classes_)
        return self._check_images(X, fitting=False), codes

    def _make_batches(self, images, codes, soft, weights, validation, fraction):
        training, held_out = _targets.split_rows(
            codes, self.classes_, fraction, weights=weights, seed=self._seed
        )
        options = {
            "n_classes": len(self.classes_),
            "batch_size": self._n_per_batch(len(training)),
            "dtype": self._output_dtype(),
        }
        batches = ImageBatches(
            images,
            codes,
            soft=soft,
            weights=weights,
            rows=training,
            shuffle=self.shuffle,
            seed=self._seed,
            **options,
        )
        if validation is not None:
            return batches, ImageBatches(*validation, **options)
        if held_out is None:
            return batches, None
        return batches, ImageBatches(images, codes, rows=held_out, **options)

    def _build_model(self):
        """Build the network, with the training-only augmentation in front of it."""
        free_dropped_networks()
        with isolated_random_state(self._seed), dtype_policy(self.dtype_policy):
            network = self._build_network(self.image_shape_, len(self.classes_))
            check_network(network, len(self.classes_))
            return self._augment(network)

    def _augment(self, network):
        self._augmented_with = self._settings()["augmentation"]
        with dtype_policy(self.dtype_policy):
            return add_augmentation(network, self._augmented_with)

    def __sklearn_tags__(self):
        """Describe the classifier to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
