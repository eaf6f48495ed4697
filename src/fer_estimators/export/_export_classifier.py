"""Write a classifier into a file that runs without Keras."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fer_estimators._arguments import check_choice
from fer_estimators._files.writing import check_writable, written_whole
from fer_estimators._prediction import as_seen
from fer_estimators.export import _litert
from fer_estimators.export._extras import choose_format, require
from fer_estimators.export._facts import Facts, as_plain
from fer_estimators.export._network_file import OpenedNetwork, check_content
from fer_estimators.images import convert_to_shape

# Largest difference of a probability, and largest share of images of another class.
_TOLERANCES = {None: (1e-4, 0.01), "float16": (0.01, 0.02), "int8": (0.1, 0.05)}
# Half precision rounds to three decimal digits, in each layer.
_HALF_PRECISION = (0.02, 0.02)
_N_DRAWN = 64
_RECORD = "fer_estimators.json"


@dataclass(frozen=True)
class ExportReport:
    """The file that an export wrote, and how its answers differ from the classifier's.

    Parameters
    ----------
    path : Path
        Where it is.
    n_bytes : int
        Its size.
    n_images : int
        Number of images on which both were compared.
    largest_difference : float
        Largest difference of a probability, 0 to 1.
    share_changed : float
        Share of the images whose most probable class changed, 0 to 1.

    Examples
    --------
    >>> from pathlib import Path
    >>> from fer_estimators.export import ExportReport
    >>> ExportReport(Path("faces.tflite"), 295_056, 64, 0.004, 0.0).n_bytes
    295056
    """

    path: Path
    n_bytes: int
    n_images: int
    largest_difference: float
    share_changed: float


def export_classifier(
    clf: Any,
    path: str | os.PathLike[str],
    *,
    format: Literal["litert", "onnx", "saved_model"] | None = None,
    quantize: Literal["float16", "int8"] | None = None,
    representative: ArrayLike | None = None,
    check_images: ArrayLike | None = None,
    tolerance: float | None = None,
    card: str | None = None,
    licence: str | None = None,
    overwrite: bool = False,
) -> ExportReport:
    """Write a fitted classifier into a file that runs without Keras.

    The file holds everything that the answers depend on: the network with the scaling of pixels
    and the views of its ``tta``, the labels, the shape of images, how other images are converted,
    and when to abstain. The answers are compared before anything is written.

    Parameters
    ----------
    clf : CNNClassifier, TransferClassifier or AbstainingClassifier
        Fitted; an AbstainingClassifier around one of the others. A search, a ResumableClassifier or
        a FrozenEstimator stands for the classifier in it.
    path : str or path-like
        File to write, usually ``.tflite`` or ``.onnx``; a folder for ``format="saved_model"``.
    format : {"litert", "onnx", "saved_model"} or None, default=None
        "litert" (formerly TensorFlow Lite) is the smallest and fastest on processors, "onnx" runs
        in browsers and in most languages, "saved_model" is TensorFlow's own. None takes "onnx" for
        a path that ends in ``.onnx``, and "litert" otherwise.
    quantize : {"float16", "int8"} or None, default=None
        Precision of the weights: float16 halves the file, int8 quarters it. With int8, LiteRT
        also computes with int8, of ranges measured in each call, and is three times as fast.
    representative : array-like of shape (n, height, width[, channels]), default=None
        With ``quantize="int8"``: images, 100 or more, on which the ranges are measured once. Makes
        ONNX compute with int8, too.
    check_images : array-like of shape (n, height, width[, channels]), default=None
        On which the answers are compared; None takes 64 drawn faces.
    tolerance : float, default=None
        Largest difference of a probability that is accepted, 0 to 1; None takes 1e-4, 0.01 for
        float16, 0.1 for int8 (0.02 where the network itself computes in half precision). The most
        probable class may change in 1 % of the images, 2 % and 5 %.
    card, licence : str, default=None
        Model card (Markdown) and licence to put into the file.
    overwrite : bool, default=False
        Replace an existing file or SavedModel.

    Returns
    -------
    ExportReport
        With the measured differences.

    Raises
    ------
    TypeError
        If `clf` is of another kind.
    NotFittedError
        If it is not fitted.
    ValueError
        If an argument is not as described, the network holds what the format cannot express (its
        layer is named), or the answers differ by more than the tolerance. No file is left.
    ImportError
        If a package is missing, or Keras runs on another backend than TensorFlow.
    FileExistsError, OSError
        If the file exists or cannot be written. An existing file is kept.

    See Also
    --------
    ExportedClassifier : Run the file.
    fer_estimators.save : Keep the classifier for Keras, to train it further.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fer_estimators import CNNClassifier, make_faces
    >>> from fer_estimators.export import ExportedClassifier, export_classifier
    >>> faces = make_faces(70, image_size=16, random_state=0)
    >>> clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    >>> clf = clf.fit(faces.images, faces.target)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = export_classifier(clf, Path(folder) / "faces.tflite")
    ...     again = ExportedClassifier(report.path)
    ...     predicted = again.predict(faces.images)
    >>> report.largest_difference < 1e-4, bool((predicted == clf.predict(faces.images)).all())
    (True, True)
    """
    format = choose_format(format, path, default="litert")
    _check_options(format, quantize, representative, tolerance)
    classifier, facts = take_apart(clf)
    path = check_target(path, overwrite, is_folder=format == "saved_model")
    require(format, write=True)
    require_tensorflow()
    facts = Facts(**facts, quantize=quantize, card=card, licence=licence)
    facts.to_json()
    images = _images_for(classifier, check_images)
    if representative is not None:
        representative = _images_for(classifier, representative)
    function, model = trace_classifier(classifier)
    limits = _limits(classifier, quantize, tolerance)
    compare = partial(_compare, classifier, images, limits=limits)
    if format == "saved_model":
        return _write_saved_model(path, function, model, facts, compare)
    content = _convert(function, format, quantize, representative, facts)
    differences = compare(OpenedNetwork(check_content(content, "The exported file")).run)
    with written_whole(path) as file:
        file.write(content)
    return ExportReport(path, len(content), *differences)


def _check_options(format, quantize, representative, tolerance):
    check_choice("quantize", quantize, tuple(_TOLERANCES))
    if representative is not None and quantize != "int8":
        raise ValueError(
            f"representative images set the ranges of int8, but quantize={quantize!r}. Pass "
            "quantize='int8', or leave them out."
        )
    if format == "saved_model" and quantize is not None:
        raise ValueError(
            f"quantize={quantize!r} is for 'litert' and 'onnx'; a SavedModel keeps float32."
        )
    if tolerance is not None and not (isinstance(tolerance, Real) and 0 <= tolerance <= 1):
        raise ValueError(f"tolerance={tolerance!r} is not a difference of probabilities, 0 to 1.")


def take_apart(clf: Any) -> tuple[Any, dict]:
    """Return the classifier that holds the network, and what else the answers depend on."""
    from fer_estimators.abstaining import AbstainingClassifier
    from fer_estimators.classifiers import CNNClassifier, TransferClassifier

    classifier, facts = _unwrap(clf), {}
    if isinstance(classifier, AbstainingClassifier):
        check_is_fitted(classifier)
        (label,) = as_plain([classifier.abstain_label_])
        facts = {"threshold": classifier.threshold_, "abstain_label": label}
        classifier = _unwrap(classifier.estimator_)
    if not isinstance(classifier, (CNNClassifier, TransferClassifier)):
        raise TypeError(
            f"clf={clf!r:.200} cannot be exported: a CNNClassifier or TransferClassifier is "
            "expected, or an AbstainingClassifier, a search or a ResumableClassifier around one, "
            f"but {_advise(classifier)}"
        )
    check_is_fitted(classifier)
    # Some may have been set since.
    classifier._validate_params()
    facts |= {
        "classes": as_plain(classifier.classes_),
        "image_shape": tuple(map(int, classifier.image_shape_)),
        "handle_other_shapes": classifier.handle_other_shapes,
        "tta": classifier.tta,
        "n_views": len(_list_views(classifier.image_shape_[:2], classifier.tta)),
    }
    return classifier, facts


def _unwrap(estimator):
    """Return the estimator whose answers a frozen one, a kept fit or a search passes on."""
    from fer_estimators.resumable import ResumableClassifier

    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif isinstance(estimator, ResumableClassifier):
            check_is_fitted(estimator)
            estimator = estimator.estimator_
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator


def _advise(classifier):
    """Say what a classifier is instead, and what to do with it."""
    if isinstance(classifier, Pipeline):
        return (
            "the steps of a Pipeline before its last are not part of a network. Export the last "
            "step, pipeline[-1], and do what the others do before it; with skl2onnx, see "
            "register_onnx_converters."
        )
    if isinstance(classifier, CalibratedClassifierCV):
        return (
            "a CalibratedClassifierCV computes with the network's probabilities outside of it. "
            "Export the classifier inside, and calibrate the exported one: "
            "CalibratedClassifierCV(ExportedClassifier(path)).fit(X, y)."
        )
    return (
        f"{type(classifier).__name__} is none of them, or not fitted. Export the classifier "
        "inside, if there is one; for classifiers of scikit-learn, see skl2onnx."
    )


def check_target(path: str | os.PathLike[str], overwrite: bool, *, is_folder: bool = False) -> Path:
    """Refuse a place that cannot be written to, or holds what is not to be replaced."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(path.parent)!r} to write {path.name!r} into. Make it first."
        )
    if not is_folder:
        check_writable(path)
    elif path.exists() and not _may_be_replaced(path):
        raise FileExistsError(
            f"{str(path)!r} is there and is not a SavedModel, so it is not replaced. Name another "
            "folder."
        )
    if path.exists() and not overwrite:
        raise FileExistsError(f"{str(path)!r} is there already. Pass overwrite=True to replace it.")
    return path


def _may_be_replaced(path):
    """Tell whether a folder holds a SavedModel or nothing; others may hold a user's work."""
    return path.is_dir() and ((path / "saved_model.pb").is_file() or not any(path.iterdir()))


def _images_for(classifier, images):
    """Return images, given or drawn, as the network takes them."""
    if images is None:
        from fer_estimators.datasets import make_faces

        drawn = make_faces(_N_DRAWN, random_state=0).images[..., np.newaxis]
        return convert_to_shape(drawn, classifier.image_shape_)
    return as_seen(classifier, images)


def require_tensorflow() -> None:
    """Refuse to export from another backend of Keras."""
    from fer_estimators._quiet import import_keras

    import_keras()
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            f"Exporting needs Keras on TensorFlow, but it runs on {keras.backend.backend()!r}. "
            "`save` the classifier, then load and export it in a process with "
            "KERAS_BACKEND=tensorflow."
        )


def trace_classifier(classifier: Any) -> tuple[Callable, Any]:
    """Return the graph of a classifier with its views, and the network in it."""
    from fer_estimators._backends.tensorflow_export import trace

    model = classifier._network_in_single_precision()
    shape = tuple(classifier.image_shape_)
    return trace(model, shape, _list_views(shape[:2], classifier.tta)), model


def _list_views(image_size, tta):
    """Return which rows and columns of the image each view shows: the views of their numbers."""
    from fer_estimators._views import VIEWS

    numbers = np.indices(image_size, dtype=np.int32)[..., np.newaxis]
    views = [numbers] if tta is None else list(VIEWS[tta](numbers))
    return [(rows[:, 0, 0], columns[0, :, 0]) for rows, columns in views]


def _limits(classifier, quantize, tolerance):
    largest, changed = _TOLERANCES[quantize]
    if classifier.dtype_policy.startswith("mixed"):
        largest, changed = max(largest, _HALF_PRECISION[0]), max(changed, _HALF_PRECISION[1])
    return (largest if tolerance is None else tolerance), changed


def _convert(function, format, quantize, representative, facts):
    from fer_estimators._backends import tensorflow_export

    one_by_one = None
    if representative is not None:
        one_by_one = [image[np.newaxis].astype(np.float32) for image in representative]
    if format == "litert":
        content = tensorflow_export.to_litert(
            function, quantize=quantize, representative=one_by_one
        )
        return _litert.add_facts(content, facts)
    from fer_estimators.export import _onnx, _onnx_weights

    model = tensorflow_export.to_onnx(function)
    if one_by_one is not None:
        model = _onnx_weights.quantize_static(model, one_by_one)
    elif quantize is not None:
        _onnx_weights.store_weights(model, quantize)
    return _onnx.add_facts(model, facts)


def _compare(
    classifier: Any,
    images: NDArray[Any],
    run: Callable[[NDArray[Any]], NDArray[Any]],
    limits: tuple[float, float],
) -> tuple[int, float, float]:
    """Return the number of images and the differences, if they are small enough."""
    expected = classifier.predict_proba(images)
    got = run(images)
    difference = float(np.abs(got - expected).max())
    changed = float(np.mean(got.argmax(axis=1) != expected.argmax(axis=1)))
    # NaN fails, too.
    if not (difference <= limits[0] and changed <= limits[1]):
        advice = "accept it with a larger tolerance"
        if difference <= limits[0]:
            advice = "compare on images of your own: pass check_images"
        raise ValueError(
            f"The exported network answers differently: probabilities by up to {difference:.2g} "
            f"(tolerance {limits[0]:g}), and another class for {changed:.1%} of {len(images)} "
            f"images (at most {limits[1]:.0%}). No file was written. Quantize less, give "
            f"representative images, or {advice}."
        )
    return len(images), difference, changed


def _write_saved_model(path, function, model, facts, compare):
    from fer_estimators._backends import tensorflow_export

    with _folder_written_whole(path) as folder:
        tensorflow_export.to_saved_model(function, model, folder)
        extra = folder / "assets.extra"
        extra.mkdir(exist_ok=True)
        (extra / _RECORD).write_text(facts.to_json(), encoding="utf-8")
        differences = compare(tensorflow_export.run_saved_model(folder))
    n_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return ExportReport(path, n_bytes, *differences)


@contextmanager
def _folder_written_whole(path: Path) -> Iterator[Path]:
    """Make a folder that takes the place of `path` once everything in it is written."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as temporary:
        new, old = Path(temporary) / "new", Path(temporary) / "old"
        yield new
        try:
            if path.exists():
                path.rename(old)
            new.rename(path)
        # Ctrl-C, too: what is still in the temporary folder is about to be deleted.
        except BaseException:
            if old.exists() and not path.exists():
                old.rename(path)
            raise
