"""The training and prediction that all image classifiers share."""

from contextlib import contextmanager, nullcontext
from numbers import Integral, Real
from typing import Any, Literal, Self

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import Tags, check_random_state

from fer_estimators import _labels
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
from fer_estimators._fingerprint import describe
from fer_estimators._messages import name_methods_alone, warn
from fer_estimators._prediction import ImagePredictor
from fer_estimators._probabilities import check_probabilities
from fer_estimators._views import VIEWS, average_over_views
from fer_estimators.classifiers._callbacks import KeepBestWeights, Progress, TellScikitLearn
from fer_estimators.classifiers._checkpoint import fingerprint, open_checkpoint
from fer_estimators.classifiers._data import TrainingData, check_training_data
from fer_estimators.classifiers._network import NetworkState, check_network
from fer_estimators.classifiers._training import Phase, Rule, Trainer


@name_methods_alone
class BaseImageClassifier(
    CallbackSupportMixin, NetworkState, ImagePredictor, ClassifierMixin, BaseEstimator
):
    """Train a Keras model on images, and predict the user's own labels.

    Subclasses store the parameters and give :meth:`_build_network`.
    """

    model_: keras.Model
    history_: dict[str, list[float]]
    classes_: NDArray[Any]
    image_shape_: tuple[int, int, int]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]
    n_epochs_: int
    best_epoch_: int
    interrupted_: bool
    device_: Literal["cpu", "gpu"]

    _parameter_constraints = {
        "image_shape": [tuple, list, None],
        "augmentation": [str, callable, None],
        "optimizer": "no_validation",
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_schedule": [str, callable],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
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

    # Set by `load`, so that `fit` and `clone` can warn that the weights will be lost.
    _weights_came_from_a_file = False

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        y_proba: ArrayLike | None = None,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
        checkpoint: Any = None,
    ) -> Self:
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
            Probabilities of the sorted classes for each image, to train on instead of `y`: for
            example, the shares of several people's votes, or the predictions of a larger network
            (knowledge distillation [1]_). `y` still determines the classes, their weights and the
            images held out, and the validation accuracy refers to it. The columns of a data frame
            must be named after the classes.
        X_val : array-like of shape (n_val, height, width[, channels]) or (n_val, n_pixels), \
default=None
            Images on which to choose the best epoch, instead of `validation_fraction`. In a
            :class:`~sklearn.pipeline.Pipeline`, pass ``transform_input=["X_val"]`` to it so that
            they are transformed like `X`.
        y_val : array-like of shape (n_val,), default=None
            Labels of `X_val`.
        validation_data : tuple (X, y), default=None
            `X_val` and `y_val` as a pair, as in Keras.
        checkpoint : path-like, default=None
            Folder in which to save the state of the training after each epoch. When called again
            with the same folder, parameters and data (and, for a warm start, the classifier in
            its original state), :meth:`fit` resumes from there and reaches the same weights (to
            the bit on the same CPU with the same number of threads). The state of your own
            `callbacks` is not saved.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If the images, the labels or a parameter are not as described. After this and any
            other error except KeyboardInterrupt, the classifier is in the same state as before.
        WeightsNotFoundError
            If pretrained weights cannot be found or downloaded.
        CheckpointError
            If the checkpoint is damaged, in use, or from another training run.
        TrainingDivergedError
            If the loss becomes NaN or infinite in the first epoch. In a later one it is a
            ConvergenceWarning, and the best weights so far are kept.
        OutOfMemoryError
            If a batch does not fit into memory.
        KeyboardInterrupt
            At Ctrl-C, after the current batch; the best weights of the complete epochs, if any,
            are kept. SIGTERM raises SystemExit instead.

        References
        ----------
        .. [1] Hinton, G., Vinyals, O. and Dean, J. (2015). "Distilling the knowledge in a neural
           network." arXiv:1503.02531.
        """
        if X_val is not None or y_val is not None:
            validation_data = _pair(X_val, y_val, validation_data)
        return self._fit(
            X,
            y,
            sample_weight,
            warm=self.warm_start and hasattr(self, "model_"),
            y_proba=y_proba,
            validation=validation_data,
            folder=checkpoint,
        )

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one more epoch on images and their labels.

        The learning rate is constant, no image is held out for validation, and weights are not
        averaged. The state of the optimizer is kept between calls as long as `optimizer`,
        `learning_rate`, `label_smoothing` and `augmentation` do not change, but not in pickles
        and copies.

        Parameters
        ----------
        X : array-like of shape (n, height, width), (n, height, width, channels) or (n, n_pixels)
            Pixels in 0..255, as for :meth:`fit`.
        y : array-like of shape (n,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur. Required in the first call.
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
        classes = None if classes is None else _labels.sort_classes(classes)
        self._check_classes(classes, warm)
        return self._fit(X, y, sample_weight, warm=warm, classes=classes, incremental=True)

    def __sklearn_clone__(self) -> Self:
        """Make an unfitted copy, as :func:`sklearn.base.clone` does."""
        if self._weights_came_from_a_file:
            warn(
                f"A clone of this {type(self).__name__} has its parameters, but not the weights "
                "that it was loaded with, so fitting the clone starts from the beginning. To keep "
                "the weights, wrap the classifier in sklearn.frozen.FrozenEstimator."
            )
        return super().__sklearn_clone__()

    def _check_classes(self, classes, warm):
        """Check what only :meth:`partial_fit` needs."""
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' cannot be computed from a part of the images. Pass a dict "
                "of weights, or sample_weight."
            )
        if not warm and classes is None:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels that will "
                "ever occur, such as np.unique(y)."
            )
        if warm and classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} differ from those of the first call, "
                f"{self.classes_.tolist()}. Leave classes out, or start with a clone."
            )

    def _build_network(self, input_shape: tuple[int, ...], n_classes: int) -> keras.Model:
        """Return the uncompiled network."""
        raise NotImplementedError

    def _phases(self, network: keras.Model) -> list[Phase]:
        """Return the phases of training."""
        return [Phase(self.epochs, self.learning_rate, self.learning_rate_schedule)]

    def _incremental_phase(self) -> Phase:
        return Phase(1, self.learning_rate, "constant", averages=False)

    @with_callbacks
    def _fit(self, X, y, sample_weight, **options):
        if hasattr(self, "_skl_callbacks"):
            context = self._init_callback_context(max_subtasks=None)
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with self._restored_on_failure(options["warm"]):
            interruption = self._fit_until_interrupted(X, y, sample_weight, **options)
        if hasattr(self, "_skl_callbacks"):
            context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
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
        validation=None,
        folder=None,
        classes=None,
        incremental=False,
    ):
        """Check the input, build the network and train it; `incremental` trains for one epoch."""
        self._validate_params()
        self._warn_of_what_is_lost(warm)
        data = check_training_data(
            self,
            X,
            y,
            sample_weight=sample_weight,
            y_proba=y_proba,
            validation=validation,
            classes=self.classes_ if warm else classes,
            warm=warm,
        )
        device = resolve_device(self.device)
        with self._checkpoint(folder, data, warm) as checkpoint, self._computing(data, device):
            seed = self._draw_seed(warm, checkpoint)
            batches, validation = data.batches(
                fraction=None if incremental else self.validation_fraction,
                batch_size=self.batch_size,
                dtype=self._output_dtype(),
                seed=seed,
            )
            network, compiled = self._make_network(data, seed, warm)
            trainer = self._make_trainer(network, seed, warm, incremental)
            best = KeepBestWeights(network, None if validation is None else self.patience)
            progress = Progress(self.history_ if warm else {}, best, checkpoint, seed)
            fitted = {
                "classes_": data.classes,
                "image_shape_": data.image_shape,
                "n_features_in_": int(np.prod(data.image_shape)),
                "device_": device,
                "model_": network,
                "_compiled": compiled,
                "_seed": seed,
            }
            phases = [self._incremental_phase()] if incremental else self._phases(network)
            interruption = trainer.run(
                phases, self._make_rule(X, y, fitted), batches, validation, progress
            )
        if not warm:
            self._record_network(network, self._network_parameters())
        vars(self).pop("_weights_came_from_a_file", None)
        vars(self).update(
            fitted,
            history_=progress.history,
            n_epochs_=progress.n_epochs,
            best_epoch_=best.best_epoch,
            interrupted_=interruption.ended_training,
            _trainer=trainer if incremental else None,
        )
        return interruption

    def _warn_of_what_is_lost(self, warm):
        if not warm and self._weights_came_from_a_file:
            warn(
                f"fit replaces the weights that this {type(self).__name__} was loaded with and "
                "starts from the beginning. To continue from them, set warm_start=True and a low "
                "learning_rate, or call partial_fit."
            )
        if warm and (changed := self._changes_since_built()):
            warn(
                f"{', '.join(changed.values())} was set after fit, and has no effect: training "
                "continues with the network as it is. For another network, fit a clone."
            )

    def _checkpoint(self, folder, data, warm):
        if folder is None:
            return nullcontext()
        first_weights = self.model_.get_weights() if warm else None
        return open_checkpoint(folder, fingerprint(self, data, first_weights=first_weights))

    @contextmanager
    def _computing(self, data, device):
        with (
            device_scope(device),
            freed_memory_kept(),
            advice_on_memory(self.batch_size, data.image_shape),
        ):
            yield

    def _draw_seed(self, warm, checkpoint):
        if warm:
            # Another split would validate on images that it was trained on.
            return self._seed
        if checkpoint is not None and checkpoint.state is not None:
            return checkpoint.state["seed"]
        random_state = check_random_state(self.random_state)
        return int(random_state.randint(np.iinfo(np.int32).max))

    def _make_network(self, data: TrainingData, seed: int, warm: bool):
        """Build the network, and check that it returns probabilities before training it."""
        if warm:
            return self.model_, self._compiled
        with isolated_random_state(seed), dtype_policy(self.dtype_policy):
            network = self._build_network(data.image_shape, len(data.classes))
            network = check_network(network, data.image_shape, len(data.classes))
        free_dropped_networks(network.count_params())
        infer = compile_inference(network)
        check_probabilities(infer(data.images[:1]))
        return network, (network, infer)

    def _make_trainer(self, network, seed, warm, incremental):
        """Return a trainer; :meth:`partial_fit` uses that of the last call again."""
        signature = None
        if incremental:
            rule = [self.optimizer, self.learning_rate, self.label_smoothing, self.augmentation]
            signature = describe(rule)
            before = getattr(self, "_trainer", None)
            if before and before.signature == signature and before.network is network:
                return before
        if warm:
            # Draw other random changes than the fit before.
            seed += self.n_epochs_
        with isolated_random_state(seed), dtype_policy(self.dtype_policy):
            return Trainer(network, self.augmentation, signature)

    def _make_rule(self, X, y, fitted):
        callbacks = list(self.callbacks or ())
        if hasattr(self, "_skl_callbacks"):
            callbacks.append(TellScikitLearn(self, self._callback_fit_ctx, X, y, fitted))
        return Rule(self.optimizer, self.label_smoothing, callbacks, int(self.verbose))

    @contextmanager
    def _restored_on_failure(self, warm):
        """Restore all attributes if training fails, so that two fits are never mixed."""
        before = dict(vars(self))
        weights = self.model_.get_weights() if warm else None
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            if warm:
                self.model_.set_weights(weights)
                # The optimizer's state no longer fits: `partial_fit` makes a new one.
                self._trainer = None
            raise

    @contextmanager
    def _prediction_scope(self):
        with device_scope(self.device_), advice_on_memory(self.batch_size, self.image_shape_):
            yield

    def _predict_batch(self, batch):
        return average_over_views(self._infer, batch, self.tta)

    def _output_dtype(self):
        return "float64" if self.dtype_policy == "float64" else "float32"

    def __sklearn_tags__(self) -> Tags:
        """Describe the classifier to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _pair(X_val, y_val, validation_data):
    if validation_data is not None:
        raise ValueError("Both validation_data and X_val, y_val were passed. Pass only one.")
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"{missing} is missing: X_val and y_val are passed together.")
    return X_val, y_val
