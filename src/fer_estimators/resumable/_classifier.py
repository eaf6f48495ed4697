"""Load a fit that was kept, or train and keep it."""

import os
import time
from os import PathLike
from typing import Any, Self

import numpy as np
import sklearn
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

import fer_estimators
from fer_estimators._compat import HasMethods, estimator_has, num_samples
from fer_estimators._files.kinds import file_digest
from fer_estimators._fingerprint import describe, digest
from fer_estimators._messages import warn
from fer_estimators._wrapper import ClassifierWrapper
from fer_estimators.exceptions import CheckpointError
from fer_estimators.resumable._kept_fits import is_not_writable, open_place, warn_not_kept


class ResumableClassifier(ClassifierWrapper):
    """Keep each fit of a classifier in a folder, and load it if it is needed again.

    If a search or cross-validation over it is interrupted for any reason, call it again: it
    trains only what was not finished. For a :class:`CNNClassifier` or :class:`TransferClassifier`,
    the complete epochs of the interrupted fit are kept, too.

    Parameters
    ----------
    estimator : classifier
        Any classifier. :meth:`fit` trains a clone of it. A search names its parameters
        ``estimator__...``.
    folder : path-like
        Made if absent, and may be shared by any number of searches, processes and machines. Choose
        one that only people whom you trust can write to: fits of other classifiers than
        this library's are kept with joblib, whose files run code when they are loaded.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    loaded_ : bool
        Whether the folder held it.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of features seen in :meth:`fit`, if the classifier has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if the classifier has them.

    See Also
    --------
    resumable.list_fits : What a folder keeps, and how large it is.
    resumable.clear_fits : Delete it.

    Notes
    -----
    A fit is known by its fingerprint: the class and the parameters of the classifier, functions by
    what they compute, and files, such as one of weights, by their content; the content of `X`, `y`
    and whatever else goes into :meth:`fit`, of memory maps part by part; and the versions of this
    library, scikit-learn, NumPy and Keras. What differs in any of them is another fit, so that
    different searches may share a folder, and what an older version left is not used. The same
    goes for the version of the library from which a classifier comes. File names in `X` stand for
    themselves: files whose content changes under the same name are not noticed (but are with
    :class:`ImageFiles`).

    Without a `random_state`, a fit called again gives the kept classifier rather than
    another one. To compare several runs, give each its number.

    No two workers train the same fit at once: one waits, and loads what the other trained. The
    lock is the system's own (``flock``, on Windows ``LockFile``): it ends with the process that
    holds it, however that ends. Across machines it holds on file systems that pass such locks
    on, as NFS of Linux does; after a machine is lost, the server lets go of its locks when its
    lease ends (NFS 4, about two minutes) or when it is up again (NFS 3). Where a file system has no
    such locks, the lock is a file that its holder touches every 20 seconds, and that others take
    over a minute after the last touch. A holder that was merely suspended for so long trains on,
    and the same fit is trained twice: files are replaced whole, so nothing worse comes of it.

    A kept fit that is damaged is trained again, with a warning. If the disk is full or the
    folder read-only, or if an argument hides its content (a generator, a handle into a library in
    C), fits continue without being kept, with a warning.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from fer_estimators import ResumableClassifier, make_faces
    >>> from fer_estimators.resumable import list_fits
    >>> faces = make_faces(70, image_size=16, random_state=0)
    >>> folder = tempfile.TemporaryDirectory()
    >>> clf = ResumableClassifier(LogisticRegression(max_iter=500), folder.name)
    >>> search = GridSearchCV(clf, {"estimator__C": [0.1, 1]}, cv=2)
    >>> search = search.fit(faces.data / 255, faces.target)
    >>> len(list_fits(folder.name))  # two candidates on two folds, and the best one on all
    5
    >>> search.fit(faces.data / 255, faces.target).best_estimator_.loaded_
    True
    >>> folder.cleanup()
    """

    loaded_: bool

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "folder": [str, PathLike],
    }

    def __init__(self, estimator: Any, folder: str | PathLike[str]) -> None:
        self.estimator = estimator
        self.folder = folder

    def fit(self, X: ArrayLike, y: ArrayLike, **params: Any) -> Self:
        """Load the fit from the folder, or train and keep it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of the classifier.
        y : array-like of shape (n_samples,)
            Labels.
        **params : dict
            What else the classifier's ``fit`` takes, such as `sample_weight`, part of the
            fingerprint. They are passed on; if scikit-learn's metadata routing is enabled, those
            that the classifier requests.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        TypeError, ValueError
            If a parameter is not as described.
        OSError
            If the folder is a file, or cannot be reached.
        Exception
            What the classifier's ``fit`` raises; nothing is kept then.
        """
        self._validate_params()
        if not is_classifier(self.estimator):
            raise TypeError(
                f"estimator={self.estimator!r:.80} is not a classifier, but one is expected, such "
                "as CNNClassifier()."
            )
        if "checkpoint" in params:
            raise ValueError(
                f"checkpoint={params['checkpoint']!r:.80} was passed to fit, but "
                "ResumableClassifier keeps checkpoints in its folder. Leave it out."
            )
        params = self._route("fit", params)
        estimator = clone(self.estimator)
        fitted, self.loaded_ = self._load_or_fit(estimator, X, y, params)
        self._set_estimator(fitted)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict labels with the fitted classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of the classifier.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels out of `classes_`.

        Raises
        ------
        NotFittedError
            If :meth:`fit` was not called.
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the probability of each class, if the classifier does.

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
        return self.estimator_.predict_proba(X)

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Compute the decision function, if the classifier does.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of the classifier.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)

        Raises
        ------
        NotFittedError
            If :meth:`fit` was not called.
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    def score(self, X: ArrayLike, y: ArrayLike, **params: Any) -> float:
        """Return the score of the fitted classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Input of the classifier.
        y : array-like of shape (n_samples,)
            True labels.
        **params : dict
            What else the classifier's ``score`` takes, as for :meth:`fit`.

        Returns
        -------
        float
            By default its accuracy, 0 to 1.

        Raises
        ------
        NotFittedError
            If :meth:`fit` was not called.
        """
        check_is_fitted(self)
        return self.estimator_.score(X, y, **self._route("score", params))

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell scikit-learn who takes which metadata.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        mapping = (
            MethodMapping().add(caller="fit", callee="fit").add(caller="score", callee="score")
        )
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def _route(self, method, params):
        if not sklearn.get_config()["enable_metadata_routing"]:
            return params
        return process_routing(self, method, **params).estimator[method]

    def _load_or_fit(self, estimator, X, y, params):
        try:
            name = digest(_describe_fit(estimator, X, y, params))[:32]
        except TypeError as error:
            warn(f"This fit is not kept, as nothing tells it from another one: {error}")
            return estimator.fit(X, y, **params), False
        with open_place(self.folder, name) as place:
            fitted = place.load(estimator, ours=_is_ours(estimator))
            if fitted is not None:
                return fitted, True
            return self._fit_and_keep(place, estimator, X, y, params), False

    def _fit_and_keep(self, place, estimator, X, y, params):
        start = time.perf_counter()
        if _is_ours(estimator):
            fitted = self._fit_with_checkpoint(place, estimator, X, y, params)
        else:
            fitted = estimator.fit(X, y, **params)
        # A fit that Ctrl-C cut short is not kept.
        if place.writable and not getattr(fitted, "interrupted_", False):
            seconds = time.perf_counter() - start
            place.keep(fitted, ours=_is_ours(estimator), n_samples=num_samples(X), seconds=seconds)
        return fitted

    def _fit_with_checkpoint(self, place, estimator, X, y, params):
        try:
            return estimator.fit(X, y, **params, checkpoint=place.checkpoint)
        except CheckpointError as error:
            warn(f"{error} It is deleted, and the fit begins again.")
            place.drop_checkpoint()
        except OSError as error:
            # Callbacks write files of their own.
            if not is_not_writable(error) or "checkpoint=" not in str(error):
                raise
            warn_not_kept(self.folder, error)
            place.writable = False
        return estimator.fit(X, y, **params, checkpoint=place.checkpoint)

    def __sklearn_tags__(self) -> Tags:
        """Describe the classifier to scikit-learn: it is what the wrapped one is."""
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.target_tags = inner.target_tags
        tags.classifier_tags = inner.classifier_tags
        tags.non_deterministic = inner.non_deterministic
        return tags


def _is_ours(estimator):
    """Tell whether `save` and checkpoints are for it, without an import of Keras."""
    package = type(estimator).__module__.partition(".")[0]
    return package == "fer_estimators" and has_fit_parameter(estimator, "checkpoint")


def _digest_files(estimator):
    """Digest the files that parameters name: they may change under the same name."""
    named = {
        name: value
        for name, value in estimator.get_params().items()
        if isinstance(value, (str, PathLike)) and os.path.isfile(value)
    }
    return {name: file_digest(path) for name, path in named.items()}


def _describe_fit(estimator, X, y, params):
    versions = {
        "fer-estimators": fer_estimators.__version__,
        "scikit-learn": sklearn.__version__,
        "NumPy": np.__version__,
    }
    if _is_ours(estimator):
        import keras

        versions["Keras"] = f"{keras.__version__} on {keras.backend.backend()}"
    return {
        "estimator": describe(estimator, versions=True),
        "files": describe(_digest_files(estimator)),
        "X": describe(X),
        "y": describe(y),
        "params": describe(params),
        "versions": describe(versions),
    }
