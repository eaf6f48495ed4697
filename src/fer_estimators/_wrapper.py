"""Classifiers that wrap another one: their base class, and which one inside decides."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags

from fer_estimators._compat import VisualBlock, is_fitted


class ClassifierWrapper(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Wrap the classifier in the parameter `estimator`; the fitted one is `estimator_`."""

    estimator: Any
    estimator_: Any
    classes_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    def _set_estimator(self, fitted: Any) -> None:
        """Set the fitted classifier, with its classes and features."""
        self.estimator_ = fitted
        self.classes_ = np.asarray(fitted.classes_)
        for name in ("n_features_in_", "feature_names_in_"):
            # An earlier fit may have been on a data frame.
            vars(self).pop(name, None)
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))

    def _sk_visual_block_(self):
        """Show the classifier inside in notebooks: the fitted one once there is one.

        scikit-learn gives it the colour of the wrapper. One that was fitted before the wrapper,
        such as a frozen or a pretrained one, would be taken for unfitted, so its title says so.
        """
        inner = getattr(self, "estimator_", self.estimator)
        fitted_before = is_fitted(inner) and not is_fitted(self)
        name = f"estimator: {type(inner).__name__}{' (fitted)' * fitted_before}"
        return VisualBlock("parallel", [inner], names=[name], name_details=[str(inner)])

    def __sklearn_tags__(self) -> Tags:
        """Describe the classifier to scikit-learn: it takes what the wrapped one takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def find_decider(estimator: Any) -> Any:
    """Return the estimator that decides: the last step of a pipeline, the best one of a search."""
    while not hasattr(estimator, "abstain_label_"):
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "estimator_"):
            # Such as a ResumableClassifier, whose module needs packages that running does not.
            estimator = estimator.estimator_
        else:
            break
    return estimator
