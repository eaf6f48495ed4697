"""Answer only above the confidence that reaches a target accuracy; say "not sure" below it."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit, check_cv
from sklearn.utils import get_tags, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    process_routing,
)
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from fer_estimators._compat import (
    HasMethods,
    Interval,
    RealNotInt,
    check_method_params,
    check_sample_weight,
    is_fitted,
    safe_indexing,
)
from fer_estimators._frame import warn_of_reordered_rows
from fer_estimators._labels import check_target, refuse_masked
from fer_estimators._messages import warn
from fer_estimators._prediction import refuse_abstain_label, warn_of_unknown_labels
from fer_estimators._probabilities import as_ordered_columns
from fer_estimators._statistics import selective_accuracy, wilson_interval
from fer_estimators._wrapper import ClassifierWrapper


class AbstainingClassifier(ClassifierWrapper):
    """Answer only where a classifier is sure enough, and say "not sure" elsewhere.

    The confidence of a prediction is the highest probability of its sample. :meth:`fit` chooses
    the smallest confidence above which the answers reach a target accuracy, on samples that
    the classifier was not fitted on.

    Parameters
    ----------
    estimator : classifier
        Any classifier with ``predict_proba``. As usual in scikit-learn, :meth:`fit` trains a
        clone of it, and warns if it was fitted before, as a pretrained network is. To keep its
        weights, wrap it in a :class:`sklearn.frozen.FrozenEstimator`: it is left as it is, and
        all samples given to :meth:`fit` are used to choose the threshold. They must differ from
        those it was fitted on.
    target_accuracy : float, default=0.9
        Target share of right answers among the samples that are answered, 0 to 1.
    threshold : float or None, default=None
        Smallest confidence that is answered, 0 to 1, where it is fixed beforehand. Nothing is
        held out then: the classifier is trained once on all samples, `target_accuracy`,
        `cautious`, `cv` and `refit` are not used, and `coverage_` and `accuracy_` are not set.
    cautious : bool, default=True
        Whether the lower end of the accuracy's 95 % Wilson interval must reach
        `target_accuracy`, rather than the accuracy itself, which by luck is high on few samples.
    abstain_label : str, int or "auto", default="auto"
        What :meth:`predict` returns instead of a class. It must be of the same kind as the classes,
        but not one of them. "auto" stands for "not sure" where the classes are text, and for -1
        where they are numbers (for the number below the smallest where one of them is negative).
    cv : int, float, cross-validation generator, iterable or None, default=None
        How samples are held out. None takes 5 stratified folds and an integer as many: their
        predictions are pooled, and a sample counts once however often it is held out. A float
        takes one stratified split with that share held out.
        Not used for a `FrozenEstimator`.
    refit : bool, default=True
        Whether the classifier that predicts is fitted again on all samples. False keeps the one
        fitted beside a single held-out part, which saves a training run; it needs a float `cv` or
        another one of a single split.
    n_jobs : int, default=None
        Number of parts of `cv` to fit at once; None means 1, -1 as many as there are processors.
    random_state : int, RandomState instance or None, default=None
        Draws the split of a float `cv`.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        The classes of the classifier. The abstain label is not among them, so the columns of
        :meth:`predict_proba` keep their meaning.
    threshold_ : float
        Smallest confidence that is answered, 0 to 1; 0 where all may be.
    coverage_ : float
        Share of the held-out samples that it answers, 0 to 1. Not set for a fixed `threshold`.
    accuracy_ : float
        Share of right answers among these, 0 to 1. Not set for a fixed `threshold`.
    abstain_label_ : str or number
        The abstain label in use.
    n_features_in_ : int
        Number of features seen in :meth:`fit`, if the classifier has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if the classifier has them.

    See Also
    --------
    selective_scores : Coverage and accuracy of the answers, also for ``cross_validate``.
    RiskCoverageDisplay : Accuracy against coverage for all thresholds.
    sklearn.calibration.CalibratedClassifierCV : Correct the confidence first.

    Notes
    -----
    `accuracy_` and `coverage_` describe the samples on which the threshold was chosen, and are
    therefore slightly too high, also with ``cautious=True``, whose interval is that of a single
    threshold. Report both on a third set of samples. The target is reached only on samples like
    those held out, not on faces from another source.

    With `refit`, the threshold was chosen for classifiers fitted on fewer samples than the one
    that predicts, as in scikit-learn's TunedThresholdClassifierCV.

    :meth:`score` is scikit-learn's accuracy over all samples: a sample left unanswered counts as
    wrong. Abstaining therefore cannot raise the score, a search does not prefer candidates that
    abstain more often, and the score can be compared with that of other classifiers.
    :func:`selective_scores` gives the accuracy among the answered.

    Weights and other metadata for `estimator` and `cv` are routed if scikit-learn's metadata
    routing is enabled. Weights are for training alone; in the threshold's choice each sample
    counts once.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fer_estimators import AbstainingClassifier
    >>> from fer_estimators.datasets import make_faces
    >>> emotions = {"happy": 1, "sad": 1, "surprise": 1}
    >>> faces = make_faces(300, image_size=16, weights=emotions, random_state=0)
    >>> X, y = faces.data / 255, faces.target
    >>> clf = AbstainingClassifier(LogisticRegression(max_iter=500), target_accuracy=0.8)
    >>> clf = clf.fit(X, y)
    >>> clf.accuracy_ > 0.8, 0 < clf.coverage_ < 1
    (True, True)
    >>> sorted(set(clf.predict(X).tolist()) - set(clf.classes_.tolist()))
    ['not sure']
    """

    threshold_: float
    coverage_: float
    accuracy_: float
    abstain_label_: Any

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "target_accuracy": [Interval(Real, 0, 1, closed="both")],
        "threshold": [None, Interval(Real, 0, 1, closed="both")],
        "cautious": ["boolean"],
        "abstain_label": [str, Integral],
        "cv": ["cv_object", Interval(RealNotInt, 0, 1, closed="neither")],
        "refit": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        target_accuracy: float = 0.9,
        threshold: float | None = None,
        cautious: bool = True,
        abstain_label: str | int = "auto",
        cv: Any = None,
        refit: bool = True,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.target_accuracy = target_accuracy
        self.threshold = threshold
        self.cautious = cautious
        self.abstain_label = abstain_label
        self.cv = cv
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, **params: Any) -> Self:
        """Fit the classifier, and choose the threshold on samples held out from it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of the classifier: images, rows, file names.
        y : array-like of shape (n_samples,)
            Labels.
        **params : dict
            Metadata for the classifier's ``fit`` and the splitter, routed by scikit-learn.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If no threshold reaches the target accuracy, the abstain label does not fit the classes,
            or a parameter is not as described.
        """
        _raise_for_params(params, self, None)
        self._refuse_prefit()
        self._validate_params()
        X, y = indexable(X, y)
        warn_of_reordered_rows(X=X, y=y)
        y = check_target(y)
        if len(y) == 0:
            raise ValueError("X and y hold 0 samples, expected some of each class. Pass all faces.")
        self._find_abstain_label(np.unique(y))  # refuses what it can before the work
        self._warn_of_discarded_weights()
        routed = process_routing(self, "fit", **params)
        if self.threshold is None:
            estimator, *judged = self._fit_and_hold_out(X, y, routed)
        else:
            estimator = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        # A classifier that was fitted before may know other classes than those in `y`.
        warn_of_unknown_labels(y, np.asarray(estimator.classes_))
        abstain_label = self._find_abstain_label(np.asarray(estimator.classes_))
        if self.threshold is None:
            chosen = self._choose_threshold(*judged)
            self.threshold_, self.coverage_, self.accuracy_ = chosen
        else:
            self.threshold_ = float(self.threshold)
            for name in ("coverage_", "accuracy_"):
                vars(self).pop(name, None)
        self.abstain_label_ = abstain_label
        self._set_estimator(estimator)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the most probable class, or the abstain label where it is not sure.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of the classifier.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels out of `classes_`, or `abstain_label_`.

        Raises
        ------
        NotFittedError
            If :meth:`fit` was not called.
        """
        check_is_fitted(self)
        labels, confidence = _most_probable(self.estimator_, X)
        # As an array, so that unsigned classes make room for a negative label.
        return np.where(confidence >= self.threshold_, labels, np.asarray(self.abstain_label_))

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Give the classifier's probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of the classifier.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.

        Raises
        ------
        NotFittedError
            If :meth:`fit` was not called.
        """
        check_is_fitted(self)
        return _probabilities(self.estimator_, X)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the share of all samples that are answered correctly.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of the classifier.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            0 to 1. A sample left unanswered counts as wrong; see :func:`selective_scores` for the
            accuracy among the answered.

        Raises
        ------
        NotFittedError
            If :meth:`fit` was not called.
        ValueError
            If `y` holds the abstain label, or a weight is negative or not finite.
        """
        check_is_fitted(self)
        refuse_masked(sample_weight=sample_weight)
        warn_of_reordered_rows(X=X, y=y, sample_weight=sample_weight)
        y = check_target(y)
        refuse_abstain_label(y, self.abstain_label_)
        warn_of_unknown_labels(y, self.classes_)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, y, ensure_non_negative=True)
        return super().score(X, y, sample_weight)

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell scikit-learn who takes which metadata.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
            .add(
                splitter=self._make_splitter(None),
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def _make_splitter(self, y):
        if isinstance(self.cv, Real) and not isinstance(self.cv, Integral):
            return StratifiedShuffleSplit(1, test_size=self.cv, random_state=self.random_state)
        return check_cv(self.cv, y, classifier=True)

    def _refuse_prefit(self):
        if isinstance(self.cv, str) and self.cv == "prefit":
            name = type(self.estimator).__name__
            raise ValueError(
                "cv='prefit' is not a way to hold samples out. For a fitted classifier, "
                f"pass FrozenEstimator({name}(...)) from sklearn.frozen and leave cv out: it is "
                "kept as it is, and all samples choose the threshold."
            )

    def _warn_of_discarded_weights(self):
        is_kept = isinstance(self.estimator, FrozenEstimator)
        if is_kept or not get_tags(self.estimator).requires_fit or not is_fitted(self.estimator):
            return
        name = type(self.estimator).__name__
        warn(
            f"This {name} is fitted, but AbstainingClassifier.fit trains a clone of it from the "
            f"start: what it learned is not used. To keep it, pass FrozenEstimator({name}(...)) "
            "from sklearn.frozen, and samples that it was not fitted on; to train, pass "
            "sklearn.base.clone(estimator)."
        )

    def _fit_and_hold_out(self, X, y, routed):
        """Return the classifier, and whether right, confidence and weight of what is held out."""
        if isinstance(self.estimator, FrozenEstimator):
            estimator = clone(self.estimator).fit(X, y)
            return estimator, *_judge(estimator, X, y), np.ones(len(y))
        rows = np.arange(len(y))
        # A part may be a mask, or count from the end.
        splits = [
            (rows[train], rows[test])
            for train, test in self._make_splitter(y).split(X, y, **routed.splitter.split)
        ]
        if not splits:
            raise ValueError(
                f"cv={self.cv!r} makes no split, but one or more are expected, such as cv=5, or "
                "pairs of training and held-out rows. A generator can be used once only."
            )
        if not self.refit and len(splits) > 1:
            raise ValueError(
                f"refit=False keeps the classifier of a single split, but cv={self.cv!r} makes "
                f"{len(splits)} splits. Pass a share to hold out, such as cv=0.2, or refit=True."
            )
        parts = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_part)(self.estimator, X, y, *split, routed.estimator.fit)
            for split in splits
        )
        fitted, correct, confidence = zip(*parts, strict=True)
        estimator = fitted[0]
        if self.refit:
            estimator = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        held_out = np.concatenate([test for _, test in splits])
        # Repeated folds judge a sample several times, which is worth as much as judging it once.
        weights = 1 / np.bincount(held_out)[held_out]
        return estimator, np.concatenate(correct), np.concatenate(confidence), weights

    def _choose_threshold(self, correct, confidence, weights):
        """Return threshold, coverage and accuracy of the most answers that are good enough."""
        coverage, accuracy, threshold = selective_accuracy(correct, confidence, weights)
        n_samples = round(weights.sum())
        judged = accuracy
        if self.cautious:
            answered = coverage * n_samples
            pairs = zip(accuracy, answered, strict=True)
            judged = np.array([wilson_interval(*pair)[0] for pair in pairs])
        reached = np.flatnonzero(judged >= self.target_accuracy)
        if len(reached) == 0:
            raise ValueError(self._unreachable(judged, coverage, accuracy, n_samples))
        last = reached[-1]
        # Where even the least sure sample was answered, none that is still less sure is refused.
        smallest = 0.0 if last == len(threshold) - 1 else float(threshold[last])
        return smallest, float(coverage[last]), float(accuracy[last])

    def _unreachable(self, judged, coverage, accuracy, n_samples):
        best = judged.argmax()
        bound = f" (lower 95 % bound {judged[best]:.3f})" if self.cautious else ""
        relax = ", or cautious=False to go by the accuracy itself" if self.cautious else ""
        return (
            f"target_accuracy={self.target_accuracy!r} is not reached at any threshold on the "
            f"{n_samples} held-out samples: the best one answers "
            f"{round(coverage[best] * n_samples)} of them with an accuracy of "
            f"{accuracy[best]:.3f}{bound}. Give more samples or a better classifier, or pass a "
            f"lower target_accuracy{relax}."
        )

    def _find_abstain_label(self, classes):
        is_text = isinstance(classes[0], str)
        label = self.abstain_label
        if isinstance(label, str) and label == "auto":
            label = "not sure" if is_text else min(-1, classes.min().item() - 1)
        if isinstance(label, str) != is_text or classes.dtype.kind == "b":
            raise ValueError(
                f"abstain_label={label!r} and the classes {classes.tolist()!r} are of different "
                "kinds, so that no array of predictions could hold both. Pass text where the "
                "classes are text and a number where they are numbers; make numbers or text of "
                "boolean classes."
            )
        if label in classes.tolist():
            raise ValueError(
                f"abstain_label={label!r} is one of the classes {classes.tolist()!r}, so "
                "answers and abstentions would look the same. Pass another abstain_label."
            )
        return label


def _fit_part(estimator, X, y, train, test, fit_params):
    """Fit a clone on one part, and judge it on the other."""
    own = check_method_params(X, fit_params, indices=train)
    fitted = clone(estimator).fit(safe_indexing(X, train), safe_indexing(y, train), **own)
    return fitted, *_judge(fitted, safe_indexing(X, test), safe_indexing(y, test))


def _judge(estimator, X, y):
    labels, confidence = _most_probable(estimator, X)
    return labels == y, confidence


def _most_probable(estimator, X):
    """Return the most probable class of each sample, and its probability."""
    proba = _probabilities(estimator, X)
    confidence = proba.max(axis=1)
    if not np.isfinite(confidence).all():
        raise ValueError(
            f"{type(estimator).__name__} gives NaN or infinite probabilities for "
            f"{(~np.isfinite(confidence)).sum()} of {len(confidence)} samples, the first at index "
            f"{(~np.isfinite(confidence)).argmax()}, but a confidence from 0 to 1 is expected. "
            "Look for a diverged training (a NaN loss)."
        )
    return np.asarray(estimator.classes_)[proba.argmax(axis=1)], confidence


def _probabilities(estimator, X):
    """Return probabilities as an array in the order of the classes, also those of a data frame."""
    name = f"{type(estimator).__name__}.predict_proba(X)"
    classes = np.asarray(estimator.classes_)
    return np.asarray(as_ordered_columns(estimator.predict_proba(X), classes, name=name))
