"""Running exported files: a fitted scikit-learn classifier, without Keras."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from joblib import cpu_count
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

import fer_estimators
from fer_estimators import AbstainingClassifier, ImageResizer, load_pretrained, make_faces
from fer_estimators.export import ExportedClassifier, export_classifier
from fer_estimators.export._exported_classifier import _count_threads
from fer_estimators.export._shipped import SHIPPED
from fer_estimators.faces import EmotionRecognizer, Face, crop_faces
from fer_estimators.pretrained import load_model_card


def test_it_is_a_fitted_classifier(exported, fitted, faces):
    clf = ExportedClassifier(exported)
    check_is_fitted(clf)
    assert clf.classes_.tolist() == fitted.classes_.tolist()
    assert clf.image_shape_ == (16, 16, 1)
    assert clf.n_features_in_ == 256
    assert (clf.card_, clf.licence_, clf.threshold_) == ("# Faces", "MIT", None)
    assert clf.predict(faces.images).tolist() == fitted.predict(faces.images).tolist()
    assert clf.score(faces.images, faces.target) == fitted.score(faces.images, faces.target)


def test_batches_give_what_single_images_give(exported, faces):
    clf = ExportedClassifier(exported)
    together = clf.predict_proba(faces.images[:70])
    alone = [clf.predict_proba(image[None])[0] for image in faces.images[:70]]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_threads_share_it(exported, faces):
    clf = ExportedClassifier(exported, n_jobs=2)
    parts = np.array_split(faces.images, 9)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(clf.predict_proba, parts))
    np.testing.assert_allclose(np.concatenate(got), clf.predict_proba(faces.images), atol=1e-6)


def test_an_interrupted_call_leaves_it_usable(litert_file, faces, monkeypatch):
    clf = ExportedClassifier(litert_file)
    expected = clf.predict_proba(faces.images[:1])
    interpreter = clf._open()._network._model._interpreter

    def interrupt():
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(interpreter, "allocate_tensors", interrupt)
        with pytest.raises(KeyboardInterrupt):
            clf.predict_proba(faces.images[:3])
    np.testing.assert_array_equal(clf.predict_proba(faces.images[:1]), expected)


def test_flat_rows_floats_and_lists_are_taken(exported, faces):
    clf = ExportedClassifier(exported)
    expected = clf.predict_proba(faces.images)
    for same in (faces.data, faces.images.astype(float), list(faces.images)):
        np.testing.assert_allclose(clf.predict_proba(same), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 9, 9), np.uint8), r"X has image shape \(9, 9\)"),
        (np.full((2, 16, 16), 300.0), r"pixels are expected in 0\.\.255"),
        (np.full((2, 16, 16), np.nan), "NaN"),
        (np.random.default_rng(0).random((2, 16, 16)), r"not on a scale of 0\.\.255"),
        (["a.png"], "X holds text"),
    ],
)
def test_images_are_checked_as_by_the_original(exported, fitted, images, message):
    for clf in (ExportedClassifier(exported), fitted):
        with pytest.raises(ValueError, match=message):
            clf.predict(images)


def test_classes_without_an_order_are_refused(exported):
    with pytest.raises(TypeError, match=r"classes is a set, .* Pass a list"):
        ExportedClassifier(exported, classes={"sad", "happy"}).predict(np.zeros((1, 16, 16)))


def test_a_pickle_carries_the_content(exported, faces, tmp_path):
    path = tmp_path / "faces"
    path.write_bytes(exported.read_bytes())
    clf = ExportedClassifier(path)
    pickled = pickle.dumps(clf)
    expected = clf.predict(faces.images)
    path.unlink()
    assert pickle.loads(pickled).predict(faces.images).tolist() == expected.tolist()
    assert clone(clf).predict(faces.images).tolist() == expected.tolist()


def test_a_clone_has_parameters_of_its_own(exported, faces):
    clf = ExportedClassifier(exported)
    expected = clf.predict(faces.images)
    clone(clf).set_params(path="elsewhere", n_jobs=2)
    assert clf.get_params() == {"path": exported, "classes": None, "n_jobs": None}
    assert clone(clf).predict(faces.images).tolist() == expected.tolist()


def test_another_path_is_read_again(exported, faces, tmp_path):
    clf = ExportedClassifier(exported)
    clf.predict(faces.images)
    with pytest.raises(FileNotFoundError, match=r"no file '.*gone'"):
        clf.set_params(path=tmp_path / "gone").predict(faces.images)
    clf.set_params(path=str(exported), n_jobs=-1).predict(faces.images)


def test_it_works_in_scikit_learns_tools(exported, faces):
    clf = ExportedClassifier(exported)
    X, y = faces.images, faces.target
    assert cross_val_score(clf, X, y, cv=2, n_jobs=2).mean() == pytest.approx(clf.score(X, y))
    large = make_faces(20, image_size=32, random_state=1)
    pipeline = make_pipeline(ImageResizer(16), clf).fit(large.images, large.target)
    assert pipeline.predict(large.images).shape == (20,)
    sure = AbstainingClassifier(FrozenEstimator(clf), target_accuracy=0.5).fit(X, y)
    assert sure.predict(X).shape == (140,)
    calibrated = CalibratedClassifierCV(FrozenEstimator(clf), method="temperature").fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1, atol=1e-5)


def test_it_names_the_emotions_of_found_faces():
    photo = make_faces(1, image_size=96, random_state=0).images[0]
    clf = ExportedClassifier.from_pretrained("fer2013-compact")
    whole = Face(box=(8.0, 8.0, 80.0, 80.0))
    recognizer = EmotionRecognizer(clf, lambda photo: [whole])
    (face,) = recognizer.recognize(photo).faces
    expected = clf.predict(crop_faces(photo, [whole]))
    assert face.emotion == expected[0]


def test_unknown_labels_are_said_in_score(exported, faces):
    clf = ExportedClassifier(exported)
    with pytest.warns(UserWarning, match="count as mistakes"):
        clf.score(faces.images, ["bored"] * len(faces.images))


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_shipped_classifiers_answer_as_the_originals(name):
    faces = make_faces(40, image_size=60, random_state=5)
    clf, original = ExportedClassifier.from_pretrained(name), load_pretrained(name)
    # Larger than the network's: both convert.
    expected = original.predict_proba(faces.images)
    np.testing.assert_allclose(clf.predict_proba(faces.images), expected, atol=0.05)
    assert clf.card_ == load_model_card(name)
    assert clf.licence_ == "MIT"


def test_what_ships_to_run_without_keras_stays_small():
    files = Path(fer_estimators.__file__).parent.rglob("*.tflite")
    assert 0 < sum(path.stat().st_size for path in files) < 2_000_000


def test_an_unknown_shipped_name_suggests_one():
    with pytest.raises(ValueError, match="Did you mean 'fer2013-compact'"):
        ExportedClassifier.from_pretrained("fer2013-compat")
    with pytest.raises(ValueError, match=r"export_classifier\(load_pretrained\('fer2013-base'\)"):
        ExportedClassifier.from_pretrained("fer2013-base")


def test_a_first_answer_imports_only_what_it_needs():
    code = (
        "import sys, numpy as np\n"
        "from fer_estimators import ExportedClassifier\n"
        "clf = ExportedClassifier.from_pretrained('fer2013-compact')\n"
        "image = np.random.default_rng(0).integers(0, 256, (1, 60, 60, 3), np.uint8)\n"
        "clf.predict(image), clf.predict_proba(image), clf.classes_\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "others = {'keras', 'tensorflow', 'sklearn', 'scipy', 'pandas', 'joblib', 'narwhals',\n"
        "    'matplotlib', 'safetensors', 'ml_dtypes', 'rich'}\n"
        "print(sorted(roots & others))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_parameters_are_those_of_an_estimator(exported):
    clf = ExportedClassifier(exported)
    assert clf.get_params() == {"path": exported, "classes": None, "n_jobs": None}
    assert clf.set_params(n_jobs=2) is clf
    assert repr(clf) == f"ExportedClassifier({exported!r}, n_jobs=2)"
    assert is_classifier(clf)
    assert "ExportedClassifier" in clf._repr_html_()
    assert "ExportedClassifier" in make_pipeline(ImageResizer(16), clf)._repr_html_()
    with pytest.raises(ValueError, match=r"Invalid parameter 'jobs'.*Valid parameters are"):
        clf.set_params(jobs=2)


@pytest.mark.parametrize("n_jobs", [0, "two"])
def test_threads_that_cannot_be_are_refused(exported, n_jobs):
    with pytest.raises(ValueError, match=f"n_jobs={n_jobs!r}"):
        _ = ExportedClassifier(exported, n_jobs=n_jobs).classes_


def test_threads_are_no_more_than_processors():
    # A hundred thousand of them took 16 GB, and began nothing for a quarter of an hour.
    assert _count_threads(100_000) == _count_threads(-1) == cpu_count()


def test_sample_weights_are_routed_to_score(exported, faces):
    weights = np.linspace(0, 1, len(faces.images))
    clf = ExportedClassifier(exported)
    expected = clf.score(faces.images, faces.target, weights)
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(ImageResizer(16), clf)
        score = pipeline.score(faces.images, faces.target, sample_weight=weights)
        assert pipeline.score(faces.images, faces.target) == clf.score(faces.images, faces.target)
    assert score == pytest.approx(expected)


def test_what_is_not_a_path_is_refused():
    with pytest.raises(TypeError, match="path=3 is not a path"):
        _ = ExportedClassifier(3).classes_


def test_it_is_kept_as_it_is_in_an_abstaining_classifier(exported, faces):
    # A clone of an exported classifier is as fitted: nothing is lost, so nothing warns.
    sure = AbstainingClassifier(ExportedClassifier(exported), threshold=0.5)
    predicted = sure.fit(faces.images, faces.target).predict(faces.images)
    assert set(predicted) <= {*sure.classes_, "not sure"}


def test_true_labels_that_stand_for_no_answer_are_refused(fitted, faces, tmp_path):
    silent = AbstainingClassifier(FrozenEstimator(fitted), threshold=1.0)
    path = tmp_path / "silent.tflite"
    export_classifier(silent.fit(faces.images, faces.target), path)
    labels = ["not sure", *faces.target[1:].tolist()]
    with pytest.raises(ValueError, match="y holds 'not sure', which stands for no answer"):
        ExportedClassifier(path).score(faces.images, labels)
