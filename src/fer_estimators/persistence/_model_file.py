"""Save a fitted classifier into one file, and load it."""

import os
import sys
from contextlib import contextmanager
from inspect import signature
from os import PathLike
from typing import Any

import keras
import numpy as np
import sklearn
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fer_estimators._files.weights import read_weights, write_weights
from fer_estimators._messages import suggest
from fer_estimators.abstaining import AbstainingClassifier
from fer_estimators.classifiers import CNNClassifier, TransferClassifier
from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence._description import (
    CLASSES,
    describe_abstaining,
    describe_classifier,
    make_abstaining,
    make_classifier,
)

# How far an answer may be from the one that was saved: other processors and half precision round
# otherwise. A network of other functions is off by far more.
_TOLERANCE = {"float32": 0.02, "float64": 0.02, "mixed_float16": 0.1, "mixed_bfloat16": 0.1}


def save(
    clf: CNNClassifier | TransferClassifier | AbstainingClassifier,
    path: str | PathLike[str],
    *,
    half_precision: bool = False,
) -> None:
    """Save a fitted classifier into one file.

    The file is written under a temporary name and moved when it is complete: after a full disk or
    an interruption, the previous file is still there.

    Parameters
    ----------
    clf : CNNClassifier, TransferClassifier or AbstainingClassifier of one of them
        Fitted.
    path : path-like
        File to write. An existing file is replaced, and ``~`` stands for the home folder. Any
        suffix is accepted; ``.fer`` is suggested.
    half_precision : bool, default=False
        Write weights of float32 as float16, in half of the space. They are float32 again when they
        are loaded, rounded to three decimal digits. Those of other precisions stay as they are.

    Raises
    ------
    TypeError
        If `clf` is not such a classifier, or has a fitted attribute that is not a plain value.
    NotFittedError
        If `clf` is not fitted.
    ValueError
        If the network could not be built again from the parameters: one of them was set since
        :meth:`fit`, or `model_` was replaced; if `abstain_label` was set since, or `classes_` and
        the like changed so that `load` would refuse them; if a weight is NaN
        or infinite, or too large for float16.
    OSError
        If the file cannot be written.

    See Also
    --------
    load : Get the classifier back.

    Notes
    -----
    The file holds weights and JSON: the parameters, labels, training history and versions of the
    libraries. It does not hold the graph of the network, which `load` builds from the parameters,
    nor what only training needs, the state of the optimizer and of random streams. Functions and
    other objects among the parameters are left out, and passed to `load`. Unlike files of pickle
    and joblib, which run code when they are loaded, it can come from people whom you do not trust,
    and it can be loaded with another Keras backend.

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
    inner = _find_classifier(clf)
    weights = inner._network_weights()
    _check_finite(weights)
    if half_precision:
        weights = {name: _halve(name, array) for name, array in weights.items()}
    described = describe_classifier(inner)
    described["answer"] = inner._sample_answer().tolist()
    if isinstance(clf, AbstainingClassifier):
        described = describe_abstaining(clf, described)
    write_weights(path, weights, {"estimator": described, "versions": _versions()})


def load(path: str | PathLike[str], **parameters: Any) -> Any:
    """Load a classifier that :func:`save` saved.

    No code of the file is run: it holds names, numbers and weights. The network is built by this
    library from the architecture's name, sizes are checked before memory is taken, and nothing is
    written.

    Parameters
    ----------
    path : path-like
        The file; ``~`` stands for the home folder.
    **parameters : object
        Parameters of the classifier that replace those in the file. Parameters that were
        functions or other objects when it was saved are required, such as
        ``architecture=build``.

    Returns
    -------
    CNNClassifier, TransferClassifier or AbstainingClassifier
        The fitted classifier. On the same machine, its predictions are those of the saved one, bit
        for bit unless it was saved in half precision.

    Raises
    ------
    ModelFileNotFoundError
        If the file does not exist; this is also a FileNotFoundError.
    ModelFileError
        If it is not a model file, is damaged, was written by a newer version of this library, or
        has unknown content; or if `parameters` lack a function that it needs, or build another
        network. The message says which.
    TypeError
        If the classifier does not have one of `parameters`.

    See Also
    --------
    save : Write the file.

    Notes
    -----
    Checksums detect damage, not manipulation: an untrusted file cannot run code, but its
    predictions may be arbitrary.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from fer_estimators import CNNClassifier, load, make_faces, save
    >>> from fer_estimators.architectures import build_tiny
    >>> faces = make_faces(70, image_size=16, random_state=0)
    >>> clf = CNNClassifier(build_tiny, augmentation=None, epochs=1, random_state=0)
    >>> _ = clf.fit(faces.images, faces.target)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "tiny.fer")
    ...     save(clf, path)
    ...     loaded = load(path, architecture=build_tiny)
    >>> bool((loaded.predict(faces.images) == clf.predict(faces.images)).all())
    True
    """
    weights, metadata = read_weights(path)
    with _refusals(path, metadata):
        described, around = metadata["estimator"], None
        if described["class"] == AbstainingClassifier.__name__:
            described, around = described["estimator"], described
        known = signature(CLASSES[described["class"]]).parameters
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise TypeError(
            f"{described['class']} has no parameter {unknown[0]!r}; expected one of "
            f"{sorted(known)}.{suggest(unknown[0], known)}"
        )
    with _refusals(path, metadata):
        clf = make_classifier(path, described, parameters)
        _check_finite(weights)
        clf._restore_network(weights, described["trainable"])
        _check_answer(clf, described["answer"])
        loaded = clf if around is None else make_abstaining(clf, around)
    clf._weights_came_from_a_file = True
    return loaded


@contextmanager
def _refusals(path, metadata):
    """Turn the errors that unexpected content raises in Keras into one kind of error."""
    try:
        yield
    except (ModelFileError, MemoryError):
        raise
    except Exception as error:
        raise ModelFileError(
            f"{os.fsdecode(path)!r} was refused, and nothing in it was run: {_shorten(error)}"
            f"{_other_keras(metadata)}. Only what `fer_estimators.save` writes is loaded, with the "
            "functions with which it was saved; do not trust where the file came from."
        ) from error


def _shorten(error):
    """Name the first cause: Keras wraps it once for each level of the network."""
    while error.__context__ is not None:
        error = error.__context__
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200].rstrip('.')}"


def _other_keras(metadata):
    versions = metadata.get("versions")
    made_with = str(versions.get("keras"))[:20] if isinstance(versions, dict) else "?"
    if made_with == keras.__version__:
        return ""
    return f" (it was made with Keras {made_with}, this is Keras {keras.__version__})"


def _find_classifier(clf):
    """Return the classifier that has the network, ready to be saved."""
    inner = clf
    if isinstance(clf, AbstainingClassifier):
        check_is_fitted(clf)
        inner = clf.estimator_
        inner = inner.estimator if isinstance(inner, FrozenEstimator) else inner
    if type(inner) not in CLASSES.values():
        raise TypeError(_explain_type(clf, inner))
    check_is_fitted(inner, ["model_", "n_epochs_", "best_epoch_"])
    inner._validate_params()
    _check_parameters(inner)
    return inner


def _explain_type(clf, inner):
    kind = type(clf).__name__ if clf is inner else f"AbstainingClassifier of {type(inner).__name__}"
    advice = "Keep other objects with joblib, whose files run code when they are loaded."
    if isinstance(inner, Pipeline):
        advice = (
            "Save its last step, `save(pipeline[-1], path)`, and put the loaded one behind the "
            "same steps again: `make_pipeline(..., load(path))`. Or keep the whole with joblib, "
            "whose files run code when they are loaded."
        )
    elif hasattr(inner, "best_estimator_"):
        advice = "Save the best classifier of the search: `save(search.best_estimator_, path)`."
    return (
        f"save got an object of type {kind}, but a fitted {' or '.join(CLASSES)} is expected, or "
        f"an AbstainingClassifier of one. {advice}"
    )


def _check_parameters(clf):
    """Refuse if `load` would build another network than the one that was fitted."""
    changed = clf._changes_since_built()
    # Training replaced the first weights, and `load` does not read them.
    changed.pop("weights", None)
    if changed:
        raise ValueError(
            f"{', '.join(changed.values())} was set after fit, so the parameters no longer "
            "describe model_, and `load` would build another network. Set the old value again, or "
            "fit again."
        )


def _check_finite(weights):
    # NumPy itself cannot tell of bfloat16.
    odd = [name for name, array in weights.items() if not np.isfinite(array).all()]
    if odd:
        raise ValueError(
            f"{len(odd)} of {len(weights)} arrays of weights hold NaN or infinity, the first is "
            f"{odd[0].partition(' ')[2]!r:.80}: the network is not usable. Its training diverged; "
            "fit again with a lower learning_rate"
        )


def _halve(name, array):
    if array.dtype != np.float32:
        return array
    with np.errstate(over="ignore"):
        halved = array.astype(np.float16)
    if not np.isfinite(halved).all():
        raise ValueError(
            f"A weight of {np.abs(array).max():.3g} in {name.partition(' ')[2]!r} does not fit "
            "into float16, which holds numbers up to 65504. Save with half_precision=False."
        )
    return halved


def _check_answer(clf, expected):
    """Refuse a network of the same weights that computes something else."""
    expected = np.asarray(expected, dtype=float)
    found = clf._sample_answer()
    if not np.abs(found - expected).max() <= _TOLERANCE[clf.dtype_policy]:
        raise ValueError(
            f"the network that its parameters build answers {np.round(found, 3).tolist()!s:.80} "
            f"where the saved one answered {np.round(expected, 3).tolist()!s:.80}"
        )


def _versions():
    backend = keras.backend.backend()
    return {
        "keras": keras.__version__,
        "backend": f"{backend} {getattr(sys.modules.get(backend), '__version__', '')}".strip(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }
