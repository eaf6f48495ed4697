"""Save a fitted classifier into one file, and load it."""

import inspect
import os
import sys
from importlib.metadata import version

import keras
import numpy as np
import sklearn
from sklearn.utils.validation import check_is_fitted

from fer_estimators._backends.device import same_device_here
from fer_estimators._backends.inference import compile_inference
from fer_estimators.classifiers import CNNClassifier, TransferClassifier
from fer_estimators.classifiers._pickling import REBUILT
from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence import _container as container
from fer_estimators.persistence._network import (
    build_network,
    describe_network,
    find_large_outputs,
    find_unknown,
)
from fer_estimators.persistence._plain import decode, encode

_CLASSES = {cls.__name__: cls for cls in (CNNClassifier, TransferClassifier)}
_ESTIMATOR, _NETWORK, _WEIGHTS = "estimator.json", "network.json", "weights/{:04d}.npy"
# Written elsewhere in the file, or made anew.
_NOT_STATE = {"model_", "_metadata_request", *REBUILT}
_PRIVATE_STATE = {"_seed"}
_METHODS = ("fit", "partial_fit", "predict", "predict_proba", "score")


def save(clf, path, *, half_precision=False):
    """Save a fitted classifier into one file.

    The file is written beside its place and moved there when it is whole: a full disk or an
    interruption leaves the file that was there before.

    Parameters
    ----------
    clf : CNNClassifier or TransferClassifier
        Fitted. Its parameters must be names, numbers and other plain values.
    path : str or path-like
        Where to; a file that is there is replaced. Any suffix will do, ``.fer`` is suggested.
    half_precision : bool, default=False
        Write weights of float32 as float16, in half of the space. They are float32 again when they
        are loaded, rounded to three decimal digits. Those of other precisions stay as they are.

    Raises
    ------
    TypeError
        If `clf` is no classifier of this library, or holds what is no plain value, such as a
        function, an optimizer, a callback or a RandomState.
    NotFittedError
        If `clf` is not fitted.
    ValueError
        If the network has layers other than those of this library's own networks, or is too
        large; or if weights are too large for float16.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Get the classifier back.

    Notes
    -----
    The file holds the network in Keras' own configuration, its weights as ``.npy``, and JSON: the
    parameters, labels, training history and versions of the libraries. It does not hold what only
    training needs, the state of the optimizer and of random streams. Unlike pickle and joblib,
    whose files run code when they are loaded, it can be taken from people whom you do not trust,
    and read under another of Keras' backends than it was written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fer_estimators import CNNClassifier
    >>> from fer_estimators.datasets import make_faces
    >>> from fer_estimators.persistence import load, save
    >>> faces = make_faces(70, image_size=16, random_state=0)
    >>> clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    >>> clf = clf.fit(faces.images, faces.target)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(clf, Path(folder) / "faces.fer")
    ...     again = load(Path(folder) / "faces.fer")
    >>> bool((again.predict_proba(faces.images) == clf.predict_proba(faces.images)).all())
    True
    """
    _check_saveable(clf)
    path = _check_target(path)
    estimator = container.dump_json(_describe_estimator(clf))
    model = clf.model_
    config = describe_network(model)
    unknown = find_unknown(config) + find_large_outputs(model)
    if unknown:
        raise ValueError(
            f"The network holds {', '.join(unknown[:5])}, which `load` would refuse: it builds "
            "only what this library's own networks consist of. Keep this classifier with pickle or "
            "joblib, and load such files only from sources that you trust."
        )
    network, weights = container.dump_json(config), model.get_weights()
    if half_precision:
        weights = [_halve(array) for array in weights]

    def members():
        yield _ESTIMATOR, estimator
        yield _NETWORK, network
        for index, array in enumerate(weights):
            yield _WEIGHTS.format(index), container.dump_array(array)

    container.write_members(path, members(), _versions())


def load(path):
    """Load a classifier that :func:`save` saved.

    No code of the file is run: whatever is not part of this library's own networks is refused,
    sizes are checked before memory is taken, and nothing is written.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    CNNClassifier or TransferClassifier
        Fitted; on the same machine it predicts what the saved one predicts, equal to the bit unless
        it was saved in half precision.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is no model file, damaged, made by a newer version of this library, or holds what
        is unknown or unsafe; the message tells which.

    See Also
    --------
    save : Write the file.

    Notes
    -----
    Checksums tell damage from soundness, not friend from foe: a stranger's file runs no code,
    but may predict whatever the stranger likes.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from fer_estimators import CNNClassifier, load, make_faces, save
    >>> faces = make_faces(70, image_size=16, random_state=0)
    >>> clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    >>> _ = clf.fit(faces.images, faces.target)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "tiny.fer")
    ...     save(clf, path)
    ...     loaded = load(path)
    >>> bool((loaded.predict(faces.images) == clf.predict(faces.images)).all())
    True
    """
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"There is no model file {str(path)!r} (looked from {os.getcwd()!r}). Pass the path "
            "that was given to `fer_estimators.save`."
        )
    path = os.fsdecode(path)
    made_by, members = container.read_members(path)
    try:
        clf, state = _read_estimator(path, members.pop(_ESTIMATOR, b""))
        config = container.parse_json(path, _NETWORK, members.pop(_NETWORK, b""))
        _give_network(clf, path, config, _read_weights(path, members), state)
        _check_consistency(clf)
    except (ModelFileError, MemoryError):
        raise
    except Exception as error:
        # Strange content raises anything, out of Keras above all; none of it was run.
        raise container.damaged(
            path, f"its content does not fit together ({_shorten(error)}){_other_keras(made_by)}"
        ) from error
    return clf


def _halve(array):
    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        halved = array.astype(np.float16)
    if not np.isfinite(halved).all():
        raise ValueError(
            f"A weight of {np.abs(array).max():.3g} does not fit into float16, which holds numbers "
            "up to 65504. Save with half_precision=False."
        )
    return halved


def _check_saveable(clf):
    if type(clf) not in _CLASSES.values():
        raise TypeError(
            f"save got an object of type {type(clf).__name__}, but a fitted "
            f"{' or '.join(_CLASSES)} is expected. Of a pipeline, a search or an "
            "AbstainingClassifier, save the classifier in it (`pipeline[-1]`, "
            "`search.best_estimator_`, `abstaining.estimator_`), or keep the whole with joblib."
        )
    check_is_fitted(clf, ["model_", "n_epochs_", "best_epoch_"])
    clf._validate_params()


def _check_target(path):
    path = os.fsdecode(os.fspath(path))
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"The folder {folder!r} to save {path!r} in does not exist (looked from "
            f"{os.getcwd()!r}). Make it first, with os.makedirs."
        )
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a folder, but the name of a file is expected.")
    return path


def _versions():
    backend = keras.backend.backend()
    return {
        "fer-estimators": version("fer-estimators"),
        "keras": keras.__version__,
        "backend": f"{backend} {getattr(sys.modules.get(backend), '__version__', '')}".strip(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }


def _describe_estimator(clf):
    params = clf.get_params(deep=False)
    learned = {
        name: value
        for name, value in vars(clf).items()
        if name not in params and name not in _NOT_STATE
    }
    faults = [name for name in learned if not _is_state(type(clf), name)]
    described = {"params": {}, "learned": {}}
    for kind, values in (("params", params), ("learned", learned)):
        for name, value in values.items():
            try:
                described[kind][name] = encode(value)
            except TypeError:
                faults.append(f"{name}={value!r:.80}")
    if faults:
        raise TypeError(
            f"A model file holds plain values only, so that loading it runs no code, but this "
            f"{type(clf).__name__} has {', '.join(faults)}. Use names in place of objects, an "
            "integer random_state, and callbacks=None (`set_params` leaves what was learned as it "
            "is); or keep the classifier with pickle or joblib, whose files run code when they "
            "are loaded: take those only from sources that you trust."
        )
    return {"class": type(clf).__name__, **described, "requests": _describe_requests(clf)}


def _describe_requests(clf):
    """List what was asked of scikit-learn's metadata routing, by method."""
    if not hasattr(clf, "_metadata_request"):
        return {}
    routing = clf.get_metadata_routing()
    asked = {method: getattr(routing, method, None) for method in _METHODS}
    asked = {method: dict(request.requests) for method, request in asked.items() if request}
    return {
        method: {name: alias for name, alias in requests.items() if alias is not None}
        for method, requests in asked.items()
        if any(alias is not None for alias in requests.values())
    }


def _read_estimator(path, data):
    """Make the estimator, not fitted yet, and what to set on it."""
    described = container.parse_json(path, _ESTIMATOR, data)
    cls = _CLASSES.get(described["class"])
    if cls is None:
        raise container.refused(path, f"it holds the class {str(described['class'])[:60]!r}")
    params, state = described["params"], described["learned"]
    known = set(inspect.signature(cls).parameters)
    odd = sorted(set(params) - known) + [name for name in state if not _is_state(cls, name)]
    if odd:
        raise container.refused(
            path,
            f"{cls.__name__} does not know {', '.join(repr(name[:40]) for name in odd[:5])} (or "
            "the file is from a newer version)",
        )
    clf = cls(**{name: decode(value) for name, value in params.items()})
    clf._validate_params()
    with sklearn.config_context(enable_metadata_routing=True):
        for method, requests in described["requests"].items():
            if method not in _METHODS:
                raise container.refused(path, f"a request for the method {method[:40]!r}")
            getattr(clf, f"set_{method}_request")(**requests)
    return clf, {name: decode(value) for name, value in state.items()}


def _is_state(cls, name):
    """Tell whether an attribute may come from a file: it must not hide anything of the class."""
    public = name.isidentifier() and not name.startswith("_")
    known = name in _PRIVATE_STATE or (public and name not in _NOT_STATE)
    return known and not hasattr(cls, name)


def _read_weights(path, members):
    names = [_WEIGHTS.format(index) for index in range(len(members))]
    odd = sorted(set(members) - set(names))
    if odd:
        raise container.refused(path, f"unknown members {', '.join(odd[:5])}")
    weights = []
    for name in names:
        try:
            weights.append(container.parse_array(members[name]))
        except Exception as error:
            # The header is Python text, which fails to parse in many ways.
            raise container.damaged(path, f"{name}: {_shorten(error)}") from error
    return weights


def _give_network(clf, path, config, weights, state):
    unknown = find_unknown(config)
    if unknown:
        raise container.refused(path, f"its network holds {', '.join(unknown[:5])}")
    for name, value in state.items():
        setattr(clf, name, value)
    clf.device_ = same_device_here(clf.device_)
    clf.model_ = build_network(config, weights, clf.device_)
    clf._infer = compile_inference(clf.model_)


def _check_consistency(clf):
    """Refuse a sound network with labels or shapes of another one."""
    shapes = clf.model_.input_shape, clf.model_.output_shape
    if shapes != ((None, *clf.image_shape_), (None, len(clf.classes_))):
        raise ValueError(
            f"a network of {shapes[0]} to {shapes[1]} for images {clf.image_shape_} and "
            f"{len(clf.classes_)} classes"
        )
    expected = {
        "classes_": isinstance(clf.classes_, np.ndarray),
        "history_": isinstance(clf.history_, dict),
        "n_features_in_": clf.n_features_in_ == int(np.prod(clf.image_shape_)),
        "n_epochs_": isinstance(clf.n_epochs_, int),
        "best_epoch_": isinstance(clf.best_epoch_, int),
        "device_": clf.device_ in ("cpu", "gpu"),
        "_seed": isinstance(clf._seed, int),
    }
    names = getattr(clf, "feature_names_in_", None)
    expected["feature_names_in_"] = names is None or np.shape(names) == (clf.n_features_in_,)
    faults = [name for name, sound in expected.items() if not sound]
    if faults:
        raise ValueError(f"{', '.join(faults)} not as `fit` sets them")


def _shorten(error):
    """Name the first cause: Keras wraps it once for each level of the network."""
    while error.__context__ is not None:
        error = error.__context__
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


def _other_keras(made_by):
    made_with = str(made_by.get("keras"))[:20]
    if made_with == keras.__version__:
        return ""
    return f"; it was made with Keras {made_with}, this is Keras {keras.__version__}"
