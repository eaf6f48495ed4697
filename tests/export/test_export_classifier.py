"""An export gives the same answers from one file, or writes no file."""

import copy
import json
import os
import pickle
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from fer_estimators import (
    AbstainingClassifier,
    CNNClassifier,
    ImageResizer,
    ResumableClassifier,
    TransferClassifier,
)
from fer_estimators.backbones import Backbone
from fer_estimators.export import (
    ExportedClassifier,
    _export_classifier,
    _extras,
    export_classifier,
)

FORMATS = ["litert", "onnx"]


def refit(clf, faces, **params):
    """Fit a classifier of other parameters for a moment."""
    small = {"augmentation": None, "epochs": 1, "random_state": 0}
    return clf(**small, **params).fit(faces.images[:70], faces.target[:70])


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("tta", [None, "flip", "crops"])
def test_probabilities_are_those_of_the_classifier(fitted, faces, tmp_path, format, tta):
    clf = copy.copy(fitted).set_params(tta=tta)
    report = export_classifier(clf, tmp_path / "faces", format=format)
    expected = clf.predict_proba(faces.images)
    probabilities = ExportedClassifier(tmp_path / "faces").predict_proba(faces.images)
    np.testing.assert_allclose(probabilities, expected, atol=1e-4)
    assert report.n_images == 64
    assert report.largest_difference <= 1e-4
    assert report.n_bytes == (tmp_path / "faces").stat().st_size


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("quantize", "with_images"), [("float16", False), ("int8", False), ("int8", True)]
)
def test_fewer_bits_make_a_smaller_file_with_the_same_answers(
    faces, tmp_path, capfd, format, quantize, with_images
):
    clf = refit(CNNClassifier, faces, architecture="compact")
    given = faces.images if with_images else None
    export_classifier(clf, tmp_path / "whole", format=format)
    small = export_classifier(
        clf, tmp_path / "small", format=format, quantize=quantize, representative=given
    )
    assert not capfd.readouterr().err
    assert small.n_bytes < 0.6 * (tmp_path / "whole").stat().st_size
    probabilities = ExportedClassifier(tmp_path / "small").predict_proba(faces.images)
    np.testing.assert_allclose(probabilities, clf.predict_proba(faces.images), atol=0.1)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def tiny_backbone(include_top, weights, input_shape):
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(4, 3, strides=4, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization()(x))


def refit_transfer(faces, **params):
    """Fit a classifier whose preprocessing and backbone are inside its network."""
    backbone = Backbone("tiny", tiny_backbone, lambda images: images[..., ::-1] / 255, 8, "none")
    return refit(
        TransferClassifier, faces, backbone=backbone, weights=None, image_size=24, **params
    )


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("head", ["pooled", "study"])
def test_transfer_classifiers_are_exported_with_their_resizing(faces, tmp_path, format, head):
    clf = refit_transfer(faces, head=head)
    export_classifier(clf, tmp_path / "faces", format=format)
    again = ExportedClassifier(tmp_path / "faces")
    expected = clf.predict_proba(faces.images)
    np.testing.assert_allclose(again.predict_proba(faces.images), expected, atol=1e-4)


@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "fit", [partial(refit, CNNClassifier, architecture="tiny"), refit_transfer]
)
def test_other_precisions_are_exported_in_single_precision(faces, tmp_path, policy, fit):
    clf = fit(faces, dtype_policy=policy)
    export_classifier(clf, tmp_path / "faces")
    probabilities = ExportedClassifier(tmp_path / "faces").predict_proba(faces.images)
    np.testing.assert_allclose(probabilities, clf.predict_proba(faces.images), atol=0.02)


@pytest.mark.parametrize("format", FORMATS)
def test_an_abstaining_classifier_says_not_sure_in_the_same_places(fitted, faces, tmp_path, format):
    sure = AbstainingClassifier(FrozenEstimator(fitted), target_accuracy=0.5)
    sure.fit(faces.images, faces.target)
    sure.threshold_ = float(np.median(fitted.predict_proba(faces.images).max(axis=1)))
    export_classifier(sure, tmp_path / "faces", format=format)
    again = ExportedClassifier(tmp_path / "faces")
    predicted = again.predict(faces.images)
    assert predicted.tolist() == sure.predict(faces.images).tolist()
    assert "not sure" in predicted
    assert again.threshold_ == sure.threshold_
    assert again.classes_.tolist() == fitted.classes_.tolist()


def test_integer_labels_stay_integers(faces, tmp_path):
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    clf.fit(faces.images, np.unique(faces.target, return_inverse=True)[1])
    export_classifier(clf, tmp_path / "faces")
    predicted = ExportedClassifier(tmp_path / "faces").predict(faces.images)
    assert predicted.dtype.kind == "i"
    assert predicted.tolist() == clf.predict(faces.images).tolist()


def test_labels_of_numpys_own_types_are_exported(faces, tmp_path):
    numbers = np.unique(faces.target, return_inverse=True)[1]
    texts = np.array([np.str_(emotion) for emotion in faces.target], dtype=object)
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    for y, label in ((numbers, np.int64(-5)), (texts, np.str_("hm"))):
        frozen = FrozenEstimator(clone(clf).fit(faces.images, y))
        sure = AbstainingClassifier(frozen, threshold=1.0, abstain_label=label)
        sure.fit(faces.images, y)
        export_classifier(sure, tmp_path / "faces.tflite", overwrite=True)
        again = ExportedClassifier(tmp_path / "faces.tflite")
        assert again.classes_.tolist() == sorted(set(y))
        assert set(again.predict(faces.images)) == {label}


def test_a_saved_model_gives_the_same_probabilities(fitted, faces, tmp_path):
    report = export_classifier(fitted, tmp_path / "faces", format="saved_model", card="# Faces")
    assert report.largest_difference <= 1e-4
    import tensorflow as tf

    serve = tf.saved_model.load(str(tmp_path / "faces")).signatures["serving_default"]
    images = tf.constant(faces.images[..., None], tf.float32)
    probabilities = serve(images)["probabilities"].numpy()
    np.testing.assert_allclose(probabilities, fitted.predict_proba(faces.images), atol=1e-4)
    record = json.loads((tmp_path / "faces/assets.extra/fer_estimators.json").read_text())
    assert record["classes"] == fitted.classes_.tolist()
    assert record["card"] == "# Faces"


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_that_answers_differently_leaves_no_file(fitted, faces, tmp_path, format):
    with pytest.raises(ValueError, match=r"answers differently.*No file was written"):
        export_classifier(
            fitted,
            tmp_path / "faces",
            format=format,
            quantize="float16",
            check_images=faces.images,
            tolerance=0,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_tolerance_is_only_advised_where_it_helps(fitted, tmp_path, monkeypatch):
    """It is one of probabilities, and not of the share of images of another class."""
    monkeypatch.setitem(_export_classifier._TOLERANCES, None, (1e-4, -0.01))
    with pytest.raises(ValueError, match="pass check_images"):
        export_classifier(fitted, tmp_path / "faces")


def test_a_saved_model_that_answers_differently_leaves_no_folder(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "fer_estimators._backends.tensorflow_export.run_saved_model",
        lambda folder: lambda images: np.full((len(images), 7), 1 / 7),
    )
    with pytest.raises(ValueError, match="answers differently"):
        export_classifier(fitted, tmp_path / "faces", format="saved_model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", [*FORMATS, "saved_model"])
def test_what_is_there_is_replaced_only_if_asked(fitted, tmp_path, format):
    path = tmp_path / "faces"
    export_classifier(fitted, path, format=format)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        export_classifier(fitted, path, format=format)
    report = export_classifier(fitted, path, format=format, overwrite=True)
    assert report.path == path
    assert [entry.name for entry in tmp_path.iterdir()] == ["faces"]


class CannotBeExported(keras.layers.Layer):
    """Compute what neither format has an operator for."""

    def call(self, images):
        import tensorflow as tf

        ones = tf.ones_like(images)
        return tf.raw_ops.Betainc(a=ones, b=ones, x=images / 256)


def build_with_odd_layer(input_shape, n_classes, *, dropout=0.0):
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(CannotBeExported(name="odd_layer")(inputs))
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))


@pytest.mark.parametrize("format", FORMATS)
def test_a_layer_that_the_format_cannot_express_is_named(faces, tmp_path, format):
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    clf.fit(faces.images[:70], faces.target[:70])
    clf.model_ = build_with_odd_layer((16, 16, 1), 7)
    with pytest.raises(ValueError, match=r"'Betainc' in '.*odd_layer.*'"):
        export_classifier(clf, tmp_path / "faces", format=format)
    assert list(tmp_path.iterdir()) == []


def test_missing_packages_are_named_before_work_begins(fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(_extras, "find_spec", lambda name: None if name == "tf2onnx" else True)
    with pytest.raises(ImportError, match=r"needs tf2onnx.*pip install 'fer-estimators\[export\]'"):
        export_classifier(fitted, tmp_path / "faces", format="onnx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "onyx"}, "Did you mean 'onnx'"),
        ({"quantize": "int4"}, "expected None, 'float16' or 'int8'"),
        ({"quantize": "float16", "representative": np.zeros((1, 16, 16))}, "quantize='int8'"),
        ({"format": "saved_model", "quantize": "int8"}, "keeps float32"),
        ({"tolerance": 2}, "0 to 1"),
        ({"check_images": np.zeros((2, 9, 9), np.uint8)}, r"X has image shape \(9, 9\)"),
        ({"card": 3}, "card=3"),
    ],
)
def test_bad_options_are_refused(fitted, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        export_classifier(fitted, tmp_path / "faces", **options)
    assert list(tmp_path.iterdir()) == []


def test_of_a_search_the_best_classifier_is_exported(faces, tmp_path):
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    search = GridSearchCV(clf, {"batch_size": [32]}, cv=2).fit(faces.images, faces.target)
    export_classifier(search, tmp_path / "faces")
    predicted = ExportedClassifier(tmp_path / "faces").predict(faces.images)
    assert predicted.tolist() == search.predict(faces.images).tolist()


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda clf: make_pipeline(ImageResizer(16), clf), r"Export the last step, pipeline\[-1\]"),
        (lambda clf: CalibratedClassifierCV(clf), "calibrate the exported one"),
        (lambda clf: VotingClassifier([("a", clf)]), "VotingClassifier is none of them"),
    ],
)
def test_wrappers_that_compute_outside_of_the_network_are_refused(fitted, tmp_path, wrap, message):
    with pytest.raises(TypeError, match=message):
        export_classifier(wrap(fitted), tmp_path / "faces")
    assert list(tmp_path.iterdir()) == []


def read_all(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("format", [*FORMATS, "saved_model"])
def test_a_full_disk_leaves_what_was_there(fitted, tmp_path, format):
    resource = pytest.importorskip("resource")
    export_classifier(fitted, tmp_path / "old", format=format)
    before = read_all(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        for name in ("old", "new"):
            with pytest.raises(
                OSError, match=rf"File too large.*{name}|{tmp_path}.*File too large"
            ):
                export_classifier(fitted, tmp_path / name, format=format, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_all(tmp_path) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("moves", [1, 2])
def test_ctrl_c_while_a_saved_model_is_replaced_leaves_one(fitted, tmp_path, monkeypatch, moves):
    path = tmp_path / "faces"
    export_classifier(fitted, path, format="saved_model")
    rename, moved = Path.rename, []

    def move_and_interrupt(source, target):
        rename(source, target)
        moved.append(target)
        if len(moved) == moves:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", move_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_classifier(fitted, path, format="saved_model", overwrite=True)
    assert (path / "saved_model.pb").is_file()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("format", [*FORMATS, "saved_model"])
def test_what_is_not_an_export_is_not_replaced(fitted, tmp_path, format):
    """A folder may hold anything, and a device be that of others."""
    photos, pipe = tmp_path / "photos", tmp_path / "pipe"
    photos.mkdir()
    (photos / "photo.jpg").touch()
    os.mkfifo(pipe)
    for path in (photos, pipe):
        with pytest.raises(OSError, match=r"name of a file|not a regular file|not a SavedModel"):
            export_classifier(fitted, path, format=format, overwrite=True)
    assert pipe.is_fifo()
    assert (photos / "photo.jpg").exists()


class CallsPython(keras.layers.Layer):
    """Call a Python function, which no file holds."""

    def call(self, images):
        import tensorflow as tf

        return tf.ensure_shape(tf.py_function(tf.identity, [images], tf.float32), images.shape)


def test_a_saved_model_does_not_depend_on_this_process(fitted, tmp_path):
    clf = pickle.loads(pickle.dumps(fitted))
    inputs = keras.Input(clf.image_shape_)
    x = keras.layers.Flatten()(CallsPython(name="python_layer")(inputs))
    clf.model_ = keras.Model(inputs, keras.layers.Dense(7, activation="softmax")(x))
    with pytest.raises(ValueError, match=r"in a SavedModel: 'EagerPyFunc' in '.*python_layer.*'"):
        export_classifier(clf, tmp_path / "faces", format="saved_model")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_a_fitted_image_classifier_is_refused(tmp_path):
    with pytest.raises(TypeError, match="LogisticRegression is none of them"):
        export_classifier(LogisticRegression(), tmp_path / "faces")
    with pytest.raises(TypeError, match="GridSearchCV is none of them, or not fitted"):
        export_classifier(GridSearchCV(CNNClassifier(), {}), tmp_path / "faces")
    with pytest.raises(NotFittedError):
        export_classifier(CNNClassifier(), tmp_path / "faces")
    with pytest.raises(NotFittedError):
        export_classifier(AbstainingClassifier(CNNClassifier()), tmp_path / "faces")


@pytest.mark.parametrize("abstains", [False, True])
def test_what_only_passes_answers_on_is_looked_through(fitted, faces, tmp_path, abstains):
    clf = ResumableClassifier(clone(fitted).set_params(epochs=1), tmp_path / "kept")
    clf = FrozenEstimator(clf.fit(faces.images, faces.target))
    if abstains:
        clf = AbstainingClassifier(clf, threshold=0.15).fit(faces.images, faces.target)
    export_classifier(FrozenEstimator(clf), tmp_path / "faces.tflite")
    again = ExportedClassifier(tmp_path / "faces.tflite")
    assert again.predict(faces.images).tolist() == clf.predict(faces.images).tolist()


def test_parameters_that_were_set_since_are_checked(fitted, tmp_path):
    clf = pickle.loads(pickle.dumps(fitted)).set_params(tta="flips")
    with pytest.raises(ValueError, match=r"'tta'.*'flips'"):
        export_classifier(clf, tmp_path / "faces.tflite")


def test_labels_that_no_file_can_hold_are_named(faces, tmp_path):
    days = np.array(["2020-01-01", "2020-01-02"], "M8[D]")[(faces.target == "happy").astype(int)]
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    with pytest.raises(ValueError, match="are not text, numbers or truth values"):
        export_classifier(clf.fit(faces.images, days), tmp_path / "faces.tflite")


@pytest.mark.parametrize(
    ("card", "message"), [(5, "exported with card=5"), ("x" * 2**20, "shorten card")]
)
def test_cards_that_no_file_can_hold_are_refused(fitted, tmp_path, card, message):
    with pytest.raises(ValueError, match=message):
        export_classifier(fitted, tmp_path / "faces.tflite", card=card)


def test_a_missing_folder_is_said(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match="Make it first"):
        export_classifier(fitted, tmp_path / "no" / "faces")


@pytest.mark.parametrize(
    ("name", "magic"), [("a.onnx", b"\x08"), ("a.ONNX", b"\x08"), ("a", b"\x1c")]
)
def test_the_format_is_that_of_the_ending(fitted, tmp_path, name, magic):
    path = export_classifier(fitted, tmp_path / name).path
    assert path.read_bytes()[:1] == magic


@pytest.mark.parametrize(
    ("name", "format"), [("a.onnx", "litert"), ("a.tflite", "onnx"), ("a.onnx", "saved_model")]
)
def test_an_ending_of_another_format_is_refused(fitted, tmp_path, name, format):
    with pytest.raises(ValueError, match="ends as files of format"):
        export_classifier(fitted, tmp_path / name, format=format)
    assert not list(tmp_path.iterdir())
