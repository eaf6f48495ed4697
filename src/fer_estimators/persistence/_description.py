"""Classifiers as plain values, which JSON can hold, and back."""

from collections.abc import Callable
from inspect import signature
from numbers import Real
from typing import Any

import numpy as np
import sklearn
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from fer_estimators.abstaining import AbstainingClassifier
from fer_estimators.classifiers import CNNClassifier, TransferClassifier
from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence._plain import decode, encode

CLASSES = {cls.__name__: cls for cls in (CNNClassifier, TransferClassifier)}
_METHODS = ("fit", "partial_fit", "predict", "predict_proba", "score")
# Written elsewhere in the file, or made again from the parameters and the weights.
_NOT_LEARNED = {
    *("model_", "_compiled", "_trainer", "_built", "_built_with"),
    "_metadata_request",
    "_weights_came_from_a_file",
    "_skl_callbacks",
}


def _is_count(value, smallest=0):
    return type(value) is int and value >= smallest


def _are_classes(value):
    one_each = isinstance(value, np.ndarray) and value.ndim == 1 and len(value) > 1
    return one_each and np.array_equal(np.unique(value), value)


def _is_shape(value):
    return type(value) is tuple and len(value) == 3 and all(_is_count(n, 1) for n in value)


def _is_history(value):
    return type(value) is dict and all(
        type(name) is str and type(column) is list and all(isinstance(v, float) for v in column)
        for name, column in value.items()
    )


# What `fit` sets, in the order in which it is checked, and how to tell.
_LEARNED: dict[str, Callable[[Any, Any], bool]] = {
    "classes_": lambda value, clf: _are_classes(value),
    "image_shape_": lambda value, clf: _is_shape(value),
    "n_features_in_": lambda value, clf: value == int(np.prod(clf.image_shape_, dtype=object)),
    "feature_names_in_": lambda value, clf: np.shape(value) == (clf.n_features_in_,),
    "history_": lambda value, clf: _is_history(value),
    "n_epochs_": lambda value, clf: _is_count(value, 1),
    "best_epoch_": lambda value, clf: _is_count(value, 1) and value <= clf.n_epochs_,
    "interrupted_": lambda value, clf: type(value) is bool,
    "device_": lambda value, clf: value in ("cpu", "gpu"),
    "_seed": lambda value, clf: _is_count(value),
}
_NOT_ALWAYS_LEARNED = {"feature_names_in_"}
# What AbstainingClassifier's `fit` chooses. The others are not set if the threshold was fixed.
_CHOSEN = ("threshold_", "coverage_", "accuracy_")


def describe_classifier(clf: CNNClassifier | TransferClassifier) -> dict[str, Any]:
    """Describe a fitted classifier, without its weights, as what JSON can hold.

    Raises TypeError if it has attributes that :meth:`fit` does not set, or not as plain values, and
    ValueError if one was changed since so that :func:`make_classifier` would refuse it.
    """
    params = clf.get_params(deep=False)
    learned = {
        name: value
        for name, value in vars(clf).items()
        if name not in params and name not in _NOT_LEARNED
    }
    values, strange = _split(learned)
    unknown = [name for name in learned if name not in _LEARNED or name in strange]
    if unknown:
        shown = ", ".join(f"{name}={learned[name]!r:.80}" for name in unknown)
        raise TypeError(
            f"A model file holds what fit sets, as plain values, and nothing else, but this "
            f"{type(clf).__name__} has {shown}. Delete what you set yourself and use text or "
            "numbers as labels, or keep the classifier with joblib, whose files run code when "
            "they are loaded."
        )
    _check_learned(clf, values)
    plain, objects = _split(params)
    return {
        "class": type(clf).__name__,
        "parameters": plain,
        "objects": objects,
        "learned": values,
        "requests": _describe_requests(clf),
        "trainable": clf._trainable_layers(),
    }


def _check_learned(clf, encoded):
    for name, value in encoded.items():
        if not _LEARNED[name](decode(value), clf):
            raise ValueError(
                f"{name}={getattr(clf, name)!r:.80} was changed after fit, so that `load` would "
                "refuse the file. Set the old value again, or fit again."
            )
    n_outputs = clf.model_.output_shape[-1]
    if len(clf.classes_) != n_outputs:
        raise ValueError(
            f"classes_={clf.classes_!r:.80} was changed after fit: model_ has {n_outputs} outputs, "
            "one for each class. Set the old classes again, or fit again."
        )


def _split(params):
    """Encode what is plain, and name the kind of what is not."""
    plain, objects = {}, {}
    for name, value in params.items():
        try:
            plain[name] = encode(value)
        except TypeError:
            objects[name] = getattr(value, "__qualname__", type(value).__qualname__)
    return plain, objects


def _describe_requests(clf):
    """List what was asked of scikit-learn's metadata routing, by method."""
    routing = getattr(clf, "_metadata_request", None)
    asked = {method: getattr(routing, method, None) for method in _METHODS}
    asked = {method: dict(request.requests) for method, request in asked.items() if request}
    return {
        method: {name: alias for name, alias in requests.items() if alias is not None}
        for method, requests in asked.items()
        if any(alias is not None for alias in requests.values())
    }


def make_classifier(
    path: Any, described: dict[str, Any], parameters: dict[str, Any]
) -> CNNClassifier | TransferClassifier:
    """Make the classifier that `described` describes, without its network.

    The description is not to be trusted. `parameters`, from the user, replace those in it. Raises
    ModelFileError if functions are missing that the file at `path` cannot hold, and many other
    kinds of errors if :func:`describe_classifier` cannot have described it.
    """
    cls, objects = CLASSES[described["class"]], described["objects"]
    _check_names(set(described["parameters"]) | set(objects), signature(cls).parameters)
    missing = {name: kind for name, kind in objects.items() if name not in parameters}
    if missing:
        kinds = ", ".join(f"{name} was {str(kind)[:40]!r}" for name, kind in missing.items())
        arguments = ", ".join(f"{name}=..." for name in missing)
        raise ModelFileError(
            f"{str(path)!r} holds names and numbers alone, but {kinds}. Pass the same again: "
            f"load({str(path)!r}, {arguments})."
        )
    params = {name: decode(value) for name, value in described["parameters"].items()}
    clf = cls(**{**params, **parameters})
    clf._validate_params()
    _set_requests(clf, described["requests"])
    _set_learned(clf, {name: decode(value) for name, value in described["learned"].items()})
    return clf


def _check_names(names, known):
    unknown = [f"{str(name)[:40]!r}" for name in sorted(names) if name not in known]
    if unknown:
        raise ValueError(f"{', '.join(unknown[:5])} is unknown here; a newer version may know it")


def _set_requests(clf, requests):
    _check_names(requests, _METHODS)
    with sklearn.config_context(enable_metadata_routing=True):
        for method, asked in requests.items():
            getattr(clf, f"set_{method}_request")(**asked)


def _set_learned(clf, learned):
    _check_names(learned, _LEARNED)
    for name, is_sound in _LEARNED.items():
        if name not in learned:
            if name not in _NOT_ALWAYS_LEARNED:
                raise ValueError(f"{name} is missing")
            continue
        if not is_sound(learned[name], clf):
            raise ValueError(f"{name}={learned[name]!r:.80} is not what fit sets")
        setattr(clf, name, learned[name])


def describe_abstaining(
    abstaining: AbstainingClassifier, described: dict[str, Any]
) -> dict[str, Any]:
    """Describe an AbstainingClassifier, in which `described` is the classifier.

    Raises TypeError if a parameter is an object, such as a splitter, and ValueError if
    `abstain_label` was set since :meth:`fit`.
    """
    _check_abstain_label(abstaining)
    params = abstaining.get_params(deep=False)
    del params["estimator"]
    plain, objects = _split(params)
    if objects:
        raise TypeError(
            f"A model file holds names and numbers alone, but the AbstainingClassifier has "
            f"{', '.join(f'{name}={params[name]!r:.60}' for name in objects)}. Set a number "
            "instead: set_params leaves what was chosen as it is."
        )
    return {
        "class": type(abstaining).__name__,
        "parameters": plain,
        "learned": {
            name: encode(getattr(abstaining, name)) for name in _CHOSEN if hasattr(abstaining, name)
        },
        "requests": _describe_requests(abstaining),
        "frozen": isinstance(abstaining.estimator_, FrozenEstimator),
        "estimator": described,
    }


def _check_abstain_label(abstaining):
    chosen = abstaining.abstain_label_
    if abstaining._find_abstain_label(abstaining.classes_) != chosen:
        raise ValueError(
            f"abstain_label={abstaining.abstain_label!r} was set after fit, which took {chosen!r}: "
            f"`load` would say the new one. Set abstain_label={chosen!r} again, or fit again."
        )


def make_abstaining(
    clf: CNNClassifier | TransferClassifier, described: dict[str, Any]
) -> AbstainingClassifier:
    """Make the AbstainingClassifier around a fitted one that an untrusted file describes."""
    params = described["parameters"]
    _check_names(params, set(signature(AbstainingClassifier).parameters) - {"estimator"})
    learned = {name: decode(value) for name, value in described["learned"].items()}
    if learned.keys() not in ({"threshold_"}, set(_CHOSEN)):
        raise ValueError(f"{sorted(learned)!r:.80} is not what fit sets")
    frozen = described["frozen"]
    abstaining = AbstainingClassifier(
        FrozenEstimator(clf) if frozen else clone(clf),
        **{name: decode(value) for name, value in params.items()},
    )
    abstaining._validate_params()
    _set_requests(abstaining, described["requests"])
    for name, value in learned.items():
        if not isinstance(value, Real) or not 0 <= value <= 1:
            raise ValueError(f"{name}={value!r:.80} is not what fit sets")
        setattr(abstaining, name, value)
    abstaining.abstain_label_ = abstaining._find_abstain_label(clf.classes_)
    abstaining._set_estimator(abstaining.estimator if frozen else clf)
    return abstaining
