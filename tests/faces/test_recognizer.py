"""From photos and files to the emotions of their faces."""

import itertools
import json
import os
import sys
from contextlib import contextmanager, suppress

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from fer_estimators import AbstainingClassifier, ResumableClassifier
from fer_estimators._scale import check_scale
from fer_estimators.exceptions import BadImageWarning, ImageReadError, NoFaceError
from fer_estimators.faces import EmotionRecognizer, Face, FaceCropper, Recognition

from .conftest import BRIGHT, DARK, draw, find_squares

NO_CHANGE = StandardScaler(with_mean=False, with_std=False).fit(np.zeros((2, 64)))
TWO_FACES = draw((10, 10, 30, DARK), (70, 40, 40, BRIGHT))


class ImageClassifier:
    """An exported classifier as far as a recognizer knows: no `fit`."""

    def __init__(self, image_shape):
        self.image_shape_ = image_shape
        self.classes_ = np.array(["happy", "sad"])
        self.received = []

    def predict_proba(self, X):
        self.received.append(X.shape)
        share = X.reshape(len(X), -1).mean(axis=1) / 255
        return np.stack([share, 1 - share], axis=1)


def test_each_face_gets_its_box_and_emotion(recognizer):
    result = recognizer.recognize(TWO_FACES)
    assert [(face.box, face.emotion) for face in result] == [
        ((10, 10, 30, 30), "sad"),
        ((70, 40, 40, 40), "happy"),
    ]
    for face in result:
        assert face.probability == max(face.probabilities.values()) > 0.9
        assert sum(face.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("make", [np.asarray, Image.fromarray, lambda x: x[..., 0]])
def test_any_form_of_photo_gives_the_same_answer(recognizer, make):
    emotions = [face.emotion for face in recognizer.recognize(make(TWO_FACES))]
    assert emotions == ["sad", "happy"]


def test_a_table_has_the_same_columns_without_any_face(recognizer, tmp_path):
    Image.fromarray(TWO_FACES).save(tmp_path / "two.png")
    full = recognizer.recognize(tmp_path / "two.png").frame()
    Image.fromarray(draw()).save(tmp_path / "none.png")
    empty = recognizer.recognize(tmp_path / "none.png").frame()
    assert list(full.columns) == list(empty.columns)
    assert (len(full), len(empty)) == (2, 0)
    assert full.loc[0, "p_sad"] == full.loc[0, "probability"]


def found_in_numpy(photo):
    """Find a face as a detector that computes with NumPy would describe it."""
    box = tuple(np.array([10, 10, 30, 30], dtype=np.float32))
    return [Face(box, np.arange(12.0).reshape(6, 2), np.float32(0.5))]


@pytest.mark.parametrize("detector", [find_squares, found_in_numpy])
def test_a_result_goes_through_json(classifier, detector):
    recognizer = EmotionRecognizer(classifier, detector, image_shape=(8, 8))
    described = recognizer.recognize(TWO_FACES).to_dict()
    assert json.loads(json.dumps(described)) == described


def test_numbers_for_not_sure_go_through_json(classifier):
    clf = clone(classifier).fit([[0] * 64, [255] * 64], [0, 1])
    clf = AbstainingClassifier(FrozenEstimator(clf), threshold=1.0, abstain_label=np.int64(7))
    clf.fit([[0] * 64, [255] * 64], [0, 1])
    recognizer = EmotionRecognizer(clf, find_squares, image_shape=(8, 8))
    described = json.loads(json.dumps(recognizer.recognize(TWO_FACES).to_dict()))
    assert [face["emotion"] for face in described["faces"]] == [7, 7]


def test_a_classifier_that_is_fitted_again_is_used_as_it_is_now(classifier):
    clf = AbstainingClassifier(FrozenEstimator(classifier), threshold=0).fit([[0] * 64], ["sad"])
    recognizer = EmotionRecognizer(clf, find_squares, image_shape=(8, 8))
    assert recognizer.recognize(TWO_FACES)[0].emotion == "sad"
    clf.set_params(threshold=1.0, abstain_label="?").fit([[0] * 64], ["sad"])
    assert recognizer.recognize(TWO_FACES)[0].emotion == "?"
    german = clone(classifier).fit([[0] * 64, [255] * 64], ["trist", "froh"])
    clf.set_params(estimator=FrozenEstimator(german), threshold=0).fit([[0] * 64], ["trist"])
    assert recognizer.recognize(TWO_FACES)[0].emotion == "trist"


@pytest.mark.parametrize(
    "wrap",
    [
        FrozenEstimator,
        lambda clf: FrozenEstimator(make_pipeline(NO_CHANGE, clf)),
        lambda clf: make_pipeline(NO_CHANGE, FrozenEstimator(clf)),
    ],
)
def test_not_sure_comes_through_wrappers(classifier, wrap):
    clf = AbstainingClassifier(FrozenEstimator(classifier), threshold=1.0).fit([[0] * 64], ["sad"])
    recognizer = EmotionRecognizer(wrap(clf), find_squares, image_shape=(8, 8))
    assert recognizer.recognize(TWO_FACES)[0].emotion == "not sure"


def test_not_sure_comes_through_kept_fits(classifier, tmp_path):
    X, y = np.repeat([[0] * 64, [255] * 64], 9, axis=0), np.repeat(["sad", "happy"], 9)
    clf = ResumableClassifier(AbstainingClassifier(clone(classifier), threshold=1.0), tmp_path)
    recognizer = EmotionRecognizer(clf.fit(X, y), find_squares, image_shape=(8, 8))
    assert recognizer.recognize(TWO_FACES)[0].emotion == "not sure"


def test_a_threshold_that_only_predict_knows_is_announced(classifier):
    always = FixedThresholdClassifier(
        FrozenEstimator(classifier), threshold=0.0, response_method="predict_proba"
    ).fit([[0] * 64, [255] * 64], ["sad", "happy"])
    never = clone(always).set_params(threshold=1.0).fit([[0] * 64, [255] * 64], ["sad", "happy"])
    said = {clf.predict(np.full((1, 64), 255))[0]: clf for clf in (always, never)}
    other = said["sad"]
    with pytest.warns(UserWarning, match="a threshold of predict is not applied"):
        EmotionRecognizer(other, find_squares, image_shape=(8, 8))


def test_a_result_keeps_its_photo_when_the_array_is_written_over(recognizer):
    photo = TWO_FACES.copy()
    result = recognizer.recognize(photo)
    photo[...] = 0
    np.testing.assert_array_equal(result.photo, TWO_FACES)


def test_labels_are_text_in_html(recognizer):
    clf = ImageClassifier((8, 8))
    clf.classes_ = np.array(['"><script>', "sad"])
    assert "<script>" not in EmotionRecognizer(clf, find_squares).recognize(TWO_FACES)._repr_html_()


@pytest.mark.parametrize(("n_photos", "rest"), [(0, ""), (3, "</table>"), (7, "and 4 more</p>")])
def test_notebooks_show_the_first_faces_of_many_photos(recognizer, tmp_path, n_photos, rest):
    paths = [tmp_path / f"<b>{number}.png" for number in range(n_photos)]
    for path in paths:
        Image.fromarray(TWO_FACES).save(path)
    shown = recognizer.recognize_files(paths)._repr_html_()
    assert f"{2 * n_photos} faces in {n_photos} photos" in shown
    assert (shown.count("<td>"), "<b>" in shown) == (3 * min(2 * n_photos, 10), False)
    assert shown.endswith(rest)


def test_codes_as_labels_go_through_json(recognizer):
    clf = ImageClassifier((8, 8))
    clf.classes_ = np.array([3, 4])
    described = EmotionRecognizer(clf, find_squares).recognize(TWO_FACES).to_dict()
    assert json.loads(json.dumps(described)) == described
    assert described["faces"][0]["emotion"] == 4


def test_no_face_is_an_empty_result_or_an_error_where_asked(recognizer):
    assert len(recognizer.recognize(draw())) == 0
    with pytest.raises(NoFaceError, match=r"120 x 90 pixels.*min_face"):
        recognizer.recognize(draw(), strict=True)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (900, 1200)])
def test_photos_of_any_size_are_searched(recognizer, size):
    assert len(recognizer.recognize(np.full(size, 128, dtype=np.uint8))) == 0


def test_a_file_that_is_nearly_black_shows_no_face(recognizer, tmp_path):
    path = tmp_path / "night.png"
    Image.fromarray(TWO_FACES // 128).save(path)
    assert len(recognizer.recognize(path)) == 0
    assert len(recognizer.recognize_files([path])[0]) == 0


@pytest.mark.parametrize("image_shape", [(8, 8), (8, 8, 3)])
def test_a_face_in_the_dark_is_not_taken_for_another_scale(image_shape):
    class Images:
        classes_ = np.array(["happy", "sad"])
        image_shape_ = image_shape

        def predict_proba(self, X):
            check_scale(X)
            return np.full((len(X), 2), 0.5)

    recognizer = EmotionRecognizer(Images(), lambda photo: [(0, 0, 8, 8), (40, 8, 8, 8)])
    photo = np.full((24, 64), 200, dtype=np.uint8)
    photo[:, :32] = np.arange(32) % 2
    assert len(recognizer.recognize(photo)) == 2


def test_not_sure_comes_through(classifier):
    X = np.repeat(np.linspace(0, 255, 60)[:, None], 64, axis=1)
    y = classifier.predict(X)
    sure = AbstainingClassifier(FrozenEstimator(classifier), target_accuracy=0.9).fit(X, y)
    sure.threshold_ = 0.999
    middling = draw((30, 30, 40, 125))
    recognizer = EmotionRecognizer(sure, lambda _: [(30, 30, 40, 40)], image_shape=(8, 8))
    face = recognizer.recognize(middling)[0]
    assert face.emotion == "not sure"
    assert not face.is_sure
    assert face.probability == max(face.probabilities.values())


@pytest.mark.parametrize(
    ("shape", "received"),
    [((6, 9), (6, 9)), ((6, 9, 1), (6, 9)), ((6, 9, 3), (6, 9, 3))],
)
def test_crops_have_the_shape_that_the_classifier_tells(shape, received):
    clf = ImageClassifier(shape)
    EmotionRecognizer(clf, find_squares).recognize(TWO_FACES)
    assert clf.received[-1] == (2, *received)


def test_the_size_is_found_inside_of_searches_and_pipelines():
    class Images(LogisticRegression):
        def fit(self, X, y):
            self.image_shape_ = X.shape[1:]
            return super().fit(X.reshape(len(X), -1), y)

        def decision_function(self, X):
            return super().decision_function(X.reshape(len(X), -1))

    X = np.arange(20.0)[:, None, None] * np.ones((20, 4, 5))
    y = np.where(np.arange(20) % 2, "happy", "sad")
    search = GridSearchCV(make_pipeline(Images()), {"images__C": [1]}, cv=2).fit(X, y)
    assert EmotionRecognizer(search, find_squares).image_shape_ == (4, 5, 1)


class KerasModel:
    """What a recognizer can see of a network of Keras."""

    def fit(self, x, y):
        return self

    def predict(self, x):
        return x


def test_a_pipeline_that_cuts_faces_out_of_photos_is_refused(classifier):
    cropper = FaceCropper(8, detector=lambda photo: [(0, 0, 8, 8)]).fit([TWO_FACES])
    flatten = FunctionTransformer(lambda images: images.reshape(len(images), 64))
    pipeline = make_pipeline(cropper, flatten, classifier)
    with pytest.raises(ValueError, match=r"finds the faces in photos by a FaceCropper"):
        EmotionRecognizer(FrozenEstimator(pipeline), find_squares, image_shape=(8, 8))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (LogisticRegression, NotFittedError, "not fitted"),
        (lambda: LogisticRegression, TypeError, r"is a class.*LogisticRegression\(\.\.\.\)"),
        (lambda: SVC().fit([[0], [1]], [0, 1]), TypeError, "no predict_proba.*Calibrated"),
        (lambda: "fer2013-bas", ValueError, "Did you mean 'fer2013-base'"),
        (lambda: "", ValueError, "''"),
        (lambda: 3, TypeError, "no predict_proba and no classes_"),
        (KerasModel, TypeError, "classifier=KerasModel has no predict_proba and no classes_"),
        (
            lambda: DummyClassifier().fit(np.zeros((2, 64)), ["a", "b"]),
            ValueError,
            "does not say the size",
        ),
    ],
)
def test_a_classifier_that_cannot_serve_is_an_error_at_once(make, error, message):
    with pytest.raises(error, match=message):
        EmotionRecognizer(make(), find_squares)


def test_a_pipeline_that_flattens_images_gets_images():
    X = np.repeat(np.linspace(0, 255, 60)[:, None], 64, axis=1).reshape(60, 8, 8)
    flatten = FunctionTransformer(lambda images: images.reshape(len(images), 64))
    clf = make_pipeline(flatten, LogisticRegression()).fit(X, ["sad"] * 30 + ["happy"] * 30)
    dark, bright = EmotionRecognizer(clf, find_squares, image_shape=(8, 8)).recognize(TWO_FACES)
    assert (dark.emotion, bright.emotion) == ("sad", "happy")


def test_rows_of_another_length_are_an_error_at_once(classifier):
    with pytest.raises(ValueError, match=r"rows of 2304 pixels.*fitted on rows of 64"):
        EmotionRecognizer(classifier, find_squares, image_shape=(48, 48))


class NamesItsColumns(ImageClassifier):
    """A classifier of data frames, whose columns are named and in an order of their own."""

    def predict_proba(self, X):
        happy, sad = super().predict_proba(X).T
        return pd.DataFrame({self.names[0]: sad, self.names[1]: happy})


def test_probabilities_are_those_of_the_named_columns():
    clf = NamesItsColumns((8, 8))
    clf.names = "sad", "happy"
    dark, bright = EmotionRecognizer(clf, find_squares).recognize(TWO_FACES)
    assert (dark.emotion, bright.emotion) == ("sad", "happy")
    clf.names = "sorrow", "joy"
    with pytest.raises(ValueError, match=r"columns of predict_proba of NamesItsColumns.*sorrow"):
        EmotionRecognizer(clf, find_squares)


def test_a_size_that_contradicts_the_classifier_is_an_error_at_once():
    with pytest.raises(ValueError, match=r"fitted on images of shape \(8, 8\)"):
        EmotionRecognizer(ImageClassifier((8, 8)), find_squares, image_shape=(9, 9))


def test_nan_probabilities_are_an_error():
    clf = ImageClassifier((8, 8))
    recognizer = EmotionRecognizer(clf, find_squares)
    clf.predict_proba = lambda X: np.full((len(X), 2), np.nan)
    with pytest.raises(ValueError, match=r"4 values that are not in 0\.\.1"):
        recognizer.recognize(TWO_FACES)


def test_scores_that_are_not_probabilities_are_an_error_at_once(monkeypatch):
    monkeypatch.setattr(ImageClassifier, "predict_proba", lambda _, X: [[3.0, -2.0]] * len(X))
    with pytest.raises(ValueError, match=r"2 values that are not in 0\.\.1"):
        EmotionRecognizer(ImageClassifier((8, 8)), find_squares)


@pytest.mark.parametrize("box", [(0, 0, float("nan"), 5), (500, 0, 10, 10), (0, 0, -3, 5), (1, 2)])
def test_boxes_that_cannot_be_are_an_error(classifier, box):
    recognizer = EmotionRecognizer(classifier, lambda _: [box], image_shape=(8, 8))
    with pytest.raises(ValueError, match="returned"):
        recognizer.recognize(TWO_FACES)


@pytest.mark.parametrize("n_faces", [0, 1, 8])
def test_a_plot_shows_the_photo_in_its_own_pixels(classifier, n_faces):
    boxes = [(14 * i, 20, 14, 14) for i in range(n_faces)]
    recognizer = EmotionRecognizer(classifier, lambda _: boxes, image_shape=(8, 8))
    result = recognizer.recognize(draw((0, 20, 60, BRIGHT)))
    ax = result.plot()
    assert ax.get_xlim() == (-0.5, 119.5)
    assert ax.get_ylim() == (89.5, -0.5)
    plt.close("all")
    assert "<img" in result._repr_html_()


def test_a_plot_takes_axes(recognizer):
    _, ax = plt.subplots()
    assert recognizer.recognize(TWO_FACES).plot(ax) is ax
    plt.close("all")


def test_drawing_leaves_the_photo_as_it_was(recognizer):
    photo = TWO_FACES.copy()
    annotated = recognizer.recognize(photo).annotated()
    assert annotated.shape == photo.shape
    assert (annotated != photo).any()
    np.testing.assert_array_equal(photo, TWO_FACES)


@pytest.mark.parametrize(
    ("size", "drawn"), [((60, 120), (480, 960)), ((2, 2048), (4, 4096)), ((2, 5000), (2, 5000))]
)
def test_small_photos_are_enlarged_within_limits(size, drawn):
    result = Recognition((), ("happy", "sad"), photo=draw(size=size))
    assert result.annotated(min_side=480).shape == (*drawn, 3)


@pytest.fixture
def folder(tmp_path):
    """150 photos with one face more and one less, and among them files that are none."""
    for number in range(150):
        squares = [(10, 10, 30, DARK), (70, 40, 40, BRIGHT)][: number % 3]
        Image.fromarray(draw(*squares)).save(tmp_path / f"{number:03d}.png")
    (tmp_path / "070.png").write_bytes(b"<html>")
    (tmp_path / "071.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no photo")
    return tmp_path


def test_a_broken_file_is_named(recognizer, folder):
    with pytest.raises(ImageReadError, match=r"070\.png.*web page"):
        recognizer.recognize_files(folder)


def test_broken_files_are_skipped_and_listed(recognizer, folder):
    with pytest.warns(BadImageWarning, match=r"2 of 150 files.*070\.png.*skipped"):
        results = recognizer.recognize_files(folder, on_error="skip")
    assert sorted(results.skipped) == [str(folder / "070.png"), str(folder / "071.png")]
    assert len(results) == 148
    assert [len(result) for result in results][:6] == [0, 1, 2, 0, 1, 2]
    alone = recognizer.recognize(folder / "149.png")
    assert [face.emotion for face in results[-1]] == [face.emotion for face in alone]
    table = results.frame()
    assert len(table) == sum(map(len, results))
    assert set(table.loc[table["left"] == 10, "emotion"]) == {"sad"}
    assert results[0].photo is None
    json.dumps(results.to_dict())


def test_a_photo_with_impossible_boxes_costs_that_photo_alone(classifier, folder):
    def find(photo):
        return [(np.nan, 0, 5, 5)] if (photo == BRIGHT).any() else [(10, 10, 30, 30)]

    recognizer = EmotionRecognizer(classifier, find, image_shape=(8, 8))
    paths = [folder / "000.png", folder / "002.png", folder / "003.png"]
    with pytest.raises(ValueError, match=r"002\.png.*not four finite numbers"):
        recognizer.recognize_files(paths)
    with pytest.warns(BadImageWarning, match=r"1 of 3 files.*002\.png"):
        results = recognizer.recognize_files(paths, on_error="skip")
    assert [len(result) for result in results] == [1, 1]
    assert list(results.skipped) == [str(folder / "002.png")]


def test_no_more_than_a_batch_of_crops_is_held(folder):
    clf = ImageClassifier((8, 8))
    recognizer = EmotionRecognizer(clf, find_squares)
    paths = [folder / "002.png"] * 200
    recognizer.recognize_files(paths)
    n_crops = [shape[0] for shape in clf.received[1:]]
    assert sum(n_crops) == 400
    assert max(n_crops) <= 66
    assert len(n_crops) <= 7


def test_ctrl_c_keeps_what_was_done(recognizer, folder):
    def paths():
        yield from [folder / "002.png"] * 70
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Interrupted after 70 files"):
        results = recognizer.recognize_files(paths())
    assert results.interrupted
    assert len(results) == 70
    assert all(len(result) == 2 for result in results)


def test_ctrl_c_at_any_line_counts_no_photo_twice(recognizer, folder, monkeypatch):
    monkeypatch.setattr("fer_estimators.faces._recognizer._CROPS_AT_ONCE", 2)
    monkeypatch.setattr("fer_estimators.faces._recognizer.warn", lambda *args: None)
    paths = [os.fspath(folder / f"{name}.png") for name in ("000", "002", "003", "004")]
    n_interrupted = 0
    for number in range(100):
        with interrupted_at_line(EmotionRecognizer.recognize_files, number):
            results = recognizer.recognize_files(paths)
            n_interrupted += results.interrupted
            sources = [result.source for result in results]
            assert sources == paths[: len(sources)]
    assert n_interrupted > 10


@contextmanager
def interrupted_at_line(function, number):
    """Press Ctrl-C when a function is about to run one of its lines, for the n-th time of any."""
    lines = itertools.count()

    def trace(frame, event, arg):
        if frame.f_code is not function.__code__:
            return None
        if event == "line" and next(lines) == number:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        sys.settrace(before)


def test_a_result_without_pixels_says_so_when_it_is_plotted(recognizer, folder):
    with pytest.raises(ValueError, match=r"002\.png.*recognize"):
        recognizer.recognize_files([folder / "002.png"])[0].plot()


def test_a_progress_bar_goes_to_the_error_stream(recognizer, folder, capsys):
    recognizer.recognize_files([folder / "002.png"], progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "photos" in err


def test_a_progress_bar_in_a_notebook_asks_for_no_package(recognizer, folder, capsys, monkeypatch):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("fer_estimators.faces._progress.find_spec", lambda name: None)
    recognizer.recognize_files([folder / "002.png"], progress=True)
    assert "100%" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["classifier", "detector"])
def test_what_is_in_use_can_be_seen_but_not_replaced(recognizer, name):
    assert hasattr(getattr(recognizer, name), "predict" if name == "classifier" else "detect")
    with pytest.raises(AttributeError, match=name):
        setattr(recognizer, name, None)


@pytest.mark.parametrize(
    ("paths", "options", "error", "message"),
    [
        ("missing", {}, NotADirectoryError, r"not a folder.*\[path\]"),
        ([], {"on_error": "ignore"}, ValueError, "'raise' or 'skip'"),
        (["missing.jpg"], {}, FileNotFoundError, "missing.jpg"),
        (None, {}, TypeError, "paths=None.*list of files"),
        ([TWO_FACES], {"on_error": "skip"}, TypeError, "names of files.*`recognize`"),
    ],
)
def test_wrong_use_of_files_is_an_error(recognizer, paths, options, error, message):
    with pytest.raises(error, match=message):
        recognizer.recognize_files(paths, **options)


def test_a_folder_without_photos_is_an_error(recognizer, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No photo in.*\.jpg"):
        recognizer.recognize_files(tmp_path)


def test_hidden_files_and_folders_named_like_photos_are_left_out(recognizer, tmp_path):
    for name in ("b.JPG", "sub/a.png", "._b.jpg", ".trash/c.png", "folder.jpg/d.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(TWO_FACES).save(tmp_path / name)
    (tmp_path / "._b.jpg").write_bytes(b"what macOS leaves on other file systems")
    names = [result.source for result in recognizer.recognize_files(tmp_path)]
    assert names == [
        os.fspath(tmp_path / name) for name in ("b.JPG", "folder.jpg/d.bmp", "sub/a.png")
    ]


def test_a_folder_that_cannot_be_listed_is_not_left_out(recognizer, tmp_path, monkeypatch):
    locked, scandir = tmp_path / "locked", os.scandir
    locked.mkdir()
    Image.fromarray(TWO_FACES).save(tmp_path / "a.png")

    def refuse(path):
        if os.fspath(path) == os.fspath(locked):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="locked"):
        recognizer.recognize_files(tmp_path)
