"""Displays: their numbers, their plots on given axes, and what they refuse."""

from types import SimpleNamespace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC
from sklearn.utils import Bunch

from fer_estimators import AbstainingClassifier, CNNClassifier, ImageFiles
from fer_estimators.datasets import make_faces
from fer_estimators.evaluation import (
    EmotionCountsDisplay,
    EmotionTimelineDisplay,
    FaceGridDisplay,
    RiskCoverageDisplay,
    TrainingCurvesDisplay,
)
from fer_estimators.faces import Recognition, RecognizedFace

EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
HISTORY = {
    "accuracy": [0.3, 0.6, 0.8],
    "loss": [1.8, 1.1, 0.6],
    "val_accuracy": [0.3, 0.5, 0.4],
    "val_loss": [1.8, 1.3, 1.5],
    "learning_rate": [0.01, 0.01, 0.001],
}

GREY = np.full((3, 10, 10), 200)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def faces():
    return make_faces(28, image_size=16, random_state=0)


class Trained(ClassifierMixin, BaseEstimator):
    """Stands for a fitted network: only what the display reads."""

    def fit(self, X, y):
        self.history_ = HISTORY
        self.best_epoch_ = 2
        return self


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# Training curves


def test_training_curves_of_an_estimator_mark_the_kept_epoch():
    display = TrainingCurvesDisplay.from_estimator(Trained().fit([[0]], [0]))
    assert [ax.get_ylabel() for ax in display.axes_] == ["accuracy", "loss"]
    for ax in display.axes_:
        assert legend_texts(ax) == ["training", "validation", "kept epoch (2)"]
    star = display.axes_[1].lines[-1]
    assert (list(star.get_xdata()), list(star.get_ydata())) == ([2], [1.3])
    assert display.figure_ is display.axes_[0].figure


def test_training_curves_differ_in_line_style_not_only_in_colour():
    ax = TrainingCurvesDisplay.from_history(HISTORY).axes_[0]
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]


def test_training_curves_of_a_pipeline_are_those_of_its_last_step():
    pipeline = make_pipeline(FunctionTransformer(), Trained()).fit([[0]], [0])
    assert TrainingCurvesDisplay.from_estimator(pipeline).best_epoch == 2


def test_training_curves_without_validation_show_training_only():
    display = TrainingCurvesDisplay.from_history({"loss": [1.0]}, best_epoch=1)
    assert legend_texts(display.axes_[0]) == ["training", "kept epoch (1)"]


def test_training_curves_frame_counts_epochs_from_one():
    frame = TrainingCurvesDisplay.from_history(HISTORY).frame()
    assert frame.index.tolist() == [1, 2, 3]
    assert frame.columns.tolist() == list(HISTORY)
    assert frame.loc[2, "val_loss"] == 1.3


def test_training_curves_draw_on_two_axes_or_divide_one():
    _, pair = plt.subplots(1, 2)
    assert TrainingCurvesDisplay.from_history(HISTORY, ax=pair).axes_ == list(pair)
    figure, single = plt.subplots()
    display = TrainingCurvesDisplay.from_history(HISTORY, ax=single)
    assert display.figure_ is figure
    assert len(display.axes_) == 2
    only_loss = TrainingCurvesDisplay.from_history({"loss": [2, 1]}, ax=pair[0])
    assert only_loss.axes_ == [pair[0]]


def test_training_curves_of_an_unfitted_estimator_are_refused():
    with pytest.raises(NotFittedError, match=r"This Trained has no history_.* Call `fit` first"):
        TrainingCurvesDisplay.from_estimator(Trained())


@pytest.mark.parametrize(
    ("history", "best_epoch", "message"),
    [
        ({}, None, r"history has the curves \[\], expected 'loss'"),
        ({"loss": []}, None, r"expected 'loss' with at least 1 epoch"),
        ({"loss": [1, 2], "accuracy": [1]}, None, r"different length {'loss': 2, 'accuracy': 1}"),
        ({"loss": [1, 2]}, 0, r"best_epoch=0 is not one of the 2 epochs, which count from 1"),
        ({"loss": [1, 2]}, 3, r"best_epoch=3 is not one of the 2 epochs"),
    ],
)
def test_bad_histories_are_named(history, best_epoch, message):
    with pytest.raises(ValueError, match=message):
        TrainingCurvesDisplay.from_history(history, best_epoch=best_epoch)


def test_a_wrong_number_of_axes_is_named():
    _, axes = plt.subplots(1, 3)
    with pytest.raises(ValueError, match=r"ax holds 3 axes, expected 2"):
        TrainingCurvesDisplay.from_history(HISTORY, ax=axes)


def test_axes_that_cannot_be_divided_are_refused():
    ax = plt.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match=r"expected 2 axes, or one of a grid.*plt.subplots\("):
        TrainingCurvesDisplay.from_history(HISTORY, ax=ax)
    assert ax.axison


# Emotion counts


def test_counts_of_a_bunch_stand_in_code_order():
    faces = make_faces(9, image_size=16, weights={"sad": 2, "angry": 1}, random_state=0)
    display = EmotionCountsDisplay.from_bunch(faces)
    assert display.emotions == ["angry", "sad"]
    assert display.counts.tolist() == [[3, 6]]
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["angry", "sad"]
    assert display.ax_.get_legend() is None


def test_counts_of_splits_stand_in_the_order_of_use():
    bunch = Bunch(target=["sad", "sad", "happy", "sad"], split=["test", "train", "train", "extra"])
    display = EmotionCountsDisplay.from_bunch(bunch)
    assert display.splits == ["train", "test", "extra"]
    assert display.counts.tolist() == [[1, 1], [0, 1], [0, 1]]
    assert legend_texts(display.ax_) == ["train", "test", "extra"]
    assert len({bars[0].get_hatch() for bars in display.ax_.containers}) == 3
    assert display.frame().loc["train", "happy"] == 1


def test_counts_take_any_labels_and_one_name_for_all():
    figure, ax = plt.subplots()
    display = EmotionCountsDisplay.from_labels([2, 0, 2], split="val", ax=ax)
    assert (display.emotions, display.splits) == (["0", "2"], ["val"])
    assert display.ax_ is ax
    assert display.figure_ is figure


def test_counts_of_splits_named_by_numbers_are_counted():
    display = EmotionCountsDisplay.from_labels(["sad", "sad", "fear"], split=[0, 0, 1])
    assert display.splits == ["0", "1"]
    assert display.counts.tolist() == [[0, 2], [1, 0]]


def test_counts_refuse_what_has_no_labels():
    with pytest.raises(TypeError, match=r"bunch is a list without `target`.*from_labels"):
        EmotionCountsDisplay.from_bunch(["sad"])
    with pytest.raises(ValueError, match=r"y has 1, split has 2"):
        EmotionCountsDisplay.from_labels(["sad"], split=["train", "val"])
    with pytest.raises(ValueError, match=r"y is empty"):
        EmotionCountsDisplay.from_labels([])


# Face grid


def captions(display):
    return [text.get_text() for text in display.ax_.texts]


def test_a_grid_of_samples_has_one_row_an_emotion(faces):
    display = FaceGridDisplay.from_bunch(faces, n_per_emotion=3, random_state=0)
    assert captions(display) == list(EMOTIONS)
    assert len(display.ax_.images) == 21
    np.testing.assert_array_equal(display.images, faces.images[display.indices])
    again = FaceGridDisplay.from_bunch(faces, n_per_emotion=3, random_state=0)
    assert again.indices.tolist() == display.indices.tolist()


def cells(display):
    """Emotion, row and column of each face that is drawn."""
    corners = [(image.get_extent()[3], image.get_extent()[0]) for image in display.ax_.images]
    tops, lefts = ([*dict.fromkeys(sorted(side))] for side in zip(*corners, strict=True))
    places = [(tops.index(top), lefts.index(left)) for top, left in corners]
    return [(str(y), *place) for y, place in zip(display.y_true, places, strict=True)]


def test_a_grid_of_samples_starts_a_row_for_an_emotion_with_fewer_faces():
    bunch = Bunch(
        images=np.zeros((6, 8, 8)), target=["sad", "fear", "sad", "sad", "sad", "neutral"]
    )
    display = FaceGridDisplay.from_bunch(bunch, n_per_emotion=3, random_state=0)
    assert cells(display) == [
        ("fear", 0, 0),
        *(("sad", 1, column) for column in range(3)),
        ("neutral", 2, 0),
    ]


def test_a_grid_of_predictions_or_of_mixed_emotions_fills_its_rows():
    images, mixed = np.zeros((4, 8, 8)), ["sad", "fear", "sad", "fear"]
    filled = [(0, 0), (0, 1), (1, 0), (1, 1)]
    display = FaceGridDisplay(images, y_true=mixed, n_columns=2).plot()
    assert [place for _, *place in cells(display)] == [list(place) for place in filled]
    display = FaceGridDisplay.from_predictions(images, ["a", "a", "a", "b"], ["a"] * 4)
    assert [row for _, row, _ in cells(display)] == [0] * 4


def test_a_grid_of_mistakes_shows_the_most_confident_first(faces):
    images = faces.images[:3]
    display = FaceGridDisplay.from_predictions(
        images,
        ["sad", "sad", "fear"],
        ["fear", "sad", "sad"],
        y_proba=[[0.6, 0.4], [0.2, 0.8], [0.1, 0.9]],
        select="mistakes",
    )
    assert display.indices.tolist() == [2, 0]
    assert captions(display) == ["sad 90%\ntrue: fear", "fear 60%\ntrue: sad"]
    assert [text.get_fontweight() for text in display.ax_.texts] == ["bold", "bold"]
    frame = display.frame()
    assert frame.columns.tolist() == ["index", "true", "predicted", "confidence"]
    assert frame["confidence"].tolist() == [0.9, 0.6]


def test_a_grid_without_probabilities_shows_no_confidence(faces):
    figure, ax = plt.subplots()
    display = FaceGridDisplay.from_predictions(
        faces.images[:2], ["sad", "fear"], ["sad", "sad"], random_state=0, n_faces=9, ax=ax
    )
    assert sorted(captions(display)) == ["sad\nright", "sad\ntrue: fear"]
    assert display.ax_ is ax
    assert display.figure_ is figure
    mistakes = FaceGridDisplay.from_predictions(
        faces.images[:2], ["sad", "fear"], ["sad", "sad"], select="mistakes"
    )
    assert mistakes.indices.tolist() == [1]


def test_a_grid_of_a_classifier_shows_its_predictions(faces):
    flatten = FunctionTransformer(lambda X: X.reshape(len(X), -1) / 255.0)
    clf = make_pipeline(flatten, LogisticRegression(max_iter=500)).fit(faces.images, faces.target)
    display = FaceGridDisplay.from_estimator(clf, faces.images, faces.target, n_faces=5)
    assert len(display.ax_.images) == 5
    np.testing.assert_array_equal(display.y_pred, clf.predict(display.images))


@pytest.mark.parametrize("shape", [(2, 8, 6, 1), (2, 8, 6, 3)])
def test_a_grid_takes_images_with_channels(shape):
    display = FaceGridDisplay.from_predictions(np.full(shape, 99.5), ["a", "b"], ["a", "b"])
    assert len(display.ax_.images) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((2, 256))}, r"images has shape \(2, 256\).*X.reshape\(-1, 48, 48\)"),
        ({"images": np.zeros((3, 8, 8))}, r"images has 3, y_true has 2, y_pred has 2"),
        ({"select": "mistake"}, r"select='mistake' is unknown.*mean 'mistakes'\?"),
        ({"select": "mistakes"}, r"found 0 mistakes among 2 predictions"),
        ({"n_faces": 0}, r"n_faces=0 is out of range; pass a whole number, 1 or more"),
    ],
)
def test_bad_grids_are_named(changes, message):
    arguments = {"images": np.zeros((2, 8, 8)), "y_true": ["a", "b"], "y_pred": ["a", "b"]}
    with pytest.raises(ValueError, match=message):
        FaceGridDisplay.from_predictions(**{**arguments, **changes})


# Risk and coverage


def test_coverage_rises_as_the_threshold_falls():
    proba = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]]
    display = RiskCoverageDisplay.from_predictions(["a", "b", "b", "a"], proba)
    assert display.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert display.accuracy.tolist() == pytest.approx([1, 1, 2 / 3, 3 / 4])
    assert display.threshold.tolist() == pytest.approx([0.9, 0.8, 0.7, 0.6])
    frame = display.frame()
    assert (frame["accuracy_low"] <= frame["accuracy"]).all()
    assert (frame["accuracy"] <= frame["accuracy_high"]).all()


def test_faces_of_equal_confidence_are_answered_together():
    display = RiskCoverageDisplay.from_predictions(["a", "b"], [[0.5, 0.5], [0.5, 0.5]])
    assert display.coverage.tolist() == [1.0]
    assert display.accuracy.tolist() == [0.5]
    assert legend_texts(display.ax_) == ["all answered: 50%"]


def test_two_classifiers_share_axes_and_differ_in_line_style(faces):
    X, y = faces.data / 255.0, faces.target
    figure, ax = plt.subplots()
    for C in (0.001, 1):
        clf = LogisticRegression(C=C, max_iter=500).fit(X, y)
        display = RiskCoverageDisplay.from_estimator(clf, X, y, name=f"C={C}", ax=ax)
    assert display.figure_ is figure
    assert [text.split(" (")[0] for text in legend_texts(ax)] == ["C=0.001", "C=1"]
    styles = [line.get_linestyle() for line in ax.get_legend().get_lines()]
    assert len(set(styles)) == 2


def test_the_curve_is_named_after_the_class_of_its_estimator(faces):
    clf = LogisticRegression(max_iter=500).fit(faces.data / 255.0, faces.target)
    display = RiskCoverageDisplay.from_estimator(clf, faces.data / 255.0, faces.target)
    score = clf.score(faces.data / 255.0, faces.target)
    assert legend_texts(display.ax_) == [f"LogisticRegression (all answered: {score:.0%})"]


def test_classifiers_without_probabilities_are_refused(faces):
    with pytest.raises(NotFittedError, match=r"not fitted yet"):
        RiskCoverageDisplay.from_estimator(LogisticRegression(), faces.data, faces.target)
    clf = LinearSVC().fit([[0.0], [1.0]], ["a", "b"])
    with pytest.raises(TypeError, match=r"LinearSVC has no predict_proba.*CalibratedClassifierCV"):
        RiskCoverageDisplay.from_estimator(clf, [[0.0]], ["a"])


def test_faces_of_an_abstaining_classifier_are_shown_without_their_truth(faces):
    clf = LogisticRegression(max_iter=500).fit(faces.data / 255.0, faces.target)
    scale = FunctionTransformer(lambda images: images.reshape(len(images), -1) / 255.0)
    inner = FrozenEstimator(make_pipeline(scale, clf))
    careful = AbstainingClassifier(inner, threshold=0.55).fit(faces.images, faces.target)
    proba = careful.predict_proba(faces.images)
    assert 0 < (proba.max(axis=1) < 0.55).sum() < len(proba)
    display = FaceGridDisplay.from_estimator(careful, faces.images, n_faces=28, random_state=0)
    assert sorted(display.confidence) == sorted(proba.max(axis=1))
    assert "not sure" in display.y_pred


def test_faces_as_the_classifier_takes_them_are_shown():
    faces = make_faces(14, image_size=16, random_state=0)
    larger = make_faces(2, image_size=24, random_state=0).images
    clf = CNNClassifier(
        "tiny", epochs=1, validation_fraction=None, handle_other_shapes="convert", random_state=0
    ).fit(faces.images, faces.target)
    for X in (faces.data, [*faces.images, *larger]):
        assert FaceGridDisplay.from_estimator(clf, X).images.shape == (14, 16, 16)
    assert FaceGridDisplay.from_estimator(clf, larger).images.shape == (2, 24, 24)


def test_of_faces_on_disk_only_those_shown_are_read(faces, tmp_path, monkeypatch):
    paths = [tmp_path / f"{number}.png" for number in range(28)]
    for path, image in zip(paths, faces.images, strict=True):
        Image.fromarray(image).save(path)
    files, read, opened = ImageFiles(paths, 16), ImageFiles._read, []

    def note(self, names):
        opened.extend(names)
        return read(self, names)

    monkeypatch.setattr(ImageFiles, "_read", note)
    bunch = Bunch(images=files, target=faces.target)
    shown = FaceGridDisplay.from_bunch(bunch, n_per_emotion=1, random_state=0)
    np.testing.assert_array_equal(shown.images, faces.images[shown.indices])
    shown = FaceGridDisplay.from_predictions(files, None, faces.target, n_faces=3, random_state=0)
    np.testing.assert_array_equal(shown.images, faces.images[shown.indices])
    assert len(opened) == 7 + 3


def test_faces_are_shown_without_their_truth(faces):
    display = FaceGridDisplay.from_predictions(
        faces.images[:6], None, faces.target[:6], random_state=0
    )
    shown = [text.get_text() for text in display.ax_.texts]
    assert sorted(shown) == sorted(faces.target[:6])
    assert list(display.frame().columns) == ["index", "predicted"]
    with pytest.raises(ValueError, match="needs y_true"):
        FaceGridDisplay.from_predictions(
            faces.images[:6], None, faces.target[:6], select="mistakes"
        )


def test_no_answer_is_not_a_mistake(faces):
    y_true = faces.target[:8]
    y_pred = y_true.astype(object)
    y_pred[0] = "not sure"
    display = FaceGridDisplay.from_predictions(
        faces.images[:8], y_true, y_pred.astype(str), random_state=0
    )
    assert f"not sure\ntrue: {y_true[0]}" in [text.get_text() for text in display.ax_.texts]
    with pytest.raises(ValueError, match="found 0 mistakes"):
        FaceGridDisplay.from_predictions(
            faces.images[:8], y_true, y_pred.astype(str), select="mistakes"
        )


@pytest.mark.parametrize("images", [np.linspace(0, 1, 300).reshape(3, 10, 10), -GREY, GREY * 2])
def test_faces_on_another_scale_are_refused(images):
    # They were drawn black, or cut off at 0 and 255.
    labels = ["sad", "happy", "sad"]
    with pytest.raises(ValueError, match=r"0\.\.255"):
        FaceGridDisplay.from_predictions(images, labels, labels)


def test_each_of_many_splits_has_a_look_of_its_own():
    display = EmotionCountsDisplay.from_labels(["sad"] * 12, split=list("abcdefghijkl"))
    bars = display.ax_.patches
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 12


def draw_timeline(time):
    proba = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]
    answers = ["happy", "happy", "sad"]
    return EmotionTimelineDisplay(time, [1] * 3, proba, answers, emotions=["happy", "sad"]).plot()


def find_strips(display):
    """Return the edges of the columns of each strip, seconds."""
    return [mesh.get_coordinates()[0, :, 0].tolist() for mesh in display.axes_[0].collections]


def test_a_timeline_of_rare_frames_has_no_gaps():
    # Each frame was drawn 0.04 seconds wide, with nothing up to the next.
    assert find_strips(draw_timeline([0, 2, 4])) == [[0, 2, 4, 6]]


def test_a_timeline_is_interrupted_where_the_face_is_gone():
    assert find_strips(draw_timeline([0, 0.25, 3])) == [[0, 0.25, 0.5], [3, 3.25]]


def test_a_timeline_of_rows_in_another_order_is_drawn_in_time():
    display = draw_timeline([4, 2, 0])
    (mesh,) = display.axes_[0].collections
    assert find_strips(display) == [[0, 2, 4, 6]]
    assert mesh.get_array()[0].tolist() == [0.2, 0.6, 0.9]


def test_a_timeline_of_a_table_in_another_order_is_drawn_in_time():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"time": [0, 1, 2], "id": 1, "emotion": ["sad", "happy", "sad"]})
    table = table.iloc[::-1]
    display = EmotionTimelineDisplay(
        table["time"], table["id"], np.eye(2)[[1, 0, 1]], table["emotion"], emotions=EMOTIONS[3:5]
    )
    assert display.plot().axes_[0].lines[0].get_ydata().tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [0, np.nan]}, r"Row 1 has time=nan and id=1, but"),
        ({"ids": [np.nan, 1.0]}, r"Row 0 has time=0.0 and id=nan, but"),
        ({"answers": ["happy"]}, r"time has 2, ids has 2, probabilities has 2, answers has 1"),
        ({"emotions": ["happy"]}, r"emotions has 1, columns_of_probabilities has 2"),
        ({"time": []}, r"No face was seen"),
    ],
)
def test_rows_of_a_timeline_that_do_not_belong_together_are_refused(changes, message):
    rows = {
        "time": [0, 1],
        "ids": [1, 1],
        "probabilities": np.eye(2),
        "answers": ["happy", "sad"],
        "emotions": ["happy", "sad"],
    }
    with pytest.raises(ValueError, match=message):
        EmotionTimelineDisplay(**(rows | changes)).plot()


def test_a_timeline_of_several_classifiers_is_refused():
    faces = [
        RecognizedFace(
            (0, 0, 1, 1), emotion="a", probability=0.5, probabilities=probabilities, id=1
        )
        for probabilities in ({"a": 0.5, "b": 0.5}, {"a": 0.5, "c": 0.5})
    ]
    results = [
        Recognition((face,), ("a", "b"), time=0.1 * i, frame_number=i)
        for i, face in enumerate(faces)
    ]
    with pytest.raises(ValueError, match=r"emotions \['a', 'b'\] and others with \['a', 'c'\]"):
        EmotionTimelineDisplay.from_results(results)


def test_curves_of_a_table_in_another_order_are_read_by_position():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"loss": [3.0, 2.0, 1.0]}, index=[2, 1, 0])
    display = TrainingCurvesDisplay(table, best_epoch=1).plot()
    assert display.axes_[0].lines[-1].get_ydata().tolist() == [3.0]
    assert display.frame()["loss"].tolist() == [3.0, 2.0, 1.0]


def test_a_grid_of_series_is_read_by_position():
    pandas = pytest.importorskip("pandas")
    true, predicted = (
        pandas.Series(labels, index=[2, 1, 0])
        for labels in (["sad", "fear", "happy"], ["sad", "fear", "sad"])
    )
    display = FaceGridDisplay(GREY, y_true=true, y_pred=predicted).plot()
    assert captions(display) == ["sad\nright", "fear\nright", "sad\ntrue: happy"]
    display = FaceGridDisplay(GREY, y_true=true, y_pred=["sad", "fear", "sad"])
    assert display.frame()["true"].tolist() == true.tolist()


def test_a_curve_is_drawn_again_from_its_table():
    pytest.importorskip("pandas")
    first = RiskCoverageDisplay.from_predictions(["a", "b"], [[0.9, 0.1], [0.6, 0.4]])
    table = first.frame()
    again = RiskCoverageDisplay(
        table["coverage"], table["accuracy"], table["threshold"], n_samples=2
    ).plot()
    assert legend_texts(again.ax_) == legend_texts(first.ax_)


def test_the_history_object_of_keras_is_told_from_its_curves():
    with pytest.raises(
        TypeError, match=r"history is a SimpleNamespace, .*pass its attribute `history`"
    ):
        TrainingCurvesDisplay.from_history(SimpleNamespace(history=HISTORY))


def test_no_answer_of_a_wrapped_classifier_is_not_a_mistake(faces):
    inner = make_pipeline(
        FunctionTransformer(lambda X: X.reshape(len(X), -1) / 255.0),
        LogisticRegression(max_iter=500),
    )
    silent = AbstainingClassifier(inner, threshold=1.0, abstain_label="?")
    wrapped = Pipeline([("same", FunctionTransformer()), ("classifier", silent)])
    wrapped.fit(faces.images, faces.target)
    display = FaceGridDisplay.from_estimator(wrapped, faces.images, faces.target, n_faces=28)
    assert set(display.y_pred) == {"?"}
    assert {text.get_fontweight() for text in display.ax_.texts} == {"normal"}


@pytest.mark.parametrize("display", [FaceGridDisplay, RiskCoverageDisplay])
def test_classes_without_an_order_are_refused(display):
    options = {"y_proba": np.eye(2), "classes": {"a", "b"}}
    labels = {"y_true": ["a", "b"]}
    if display is FaceGridDisplay:
        labels |= {"images": GREY[:2], "y_pred": ["a", "b"]}
    with pytest.raises(TypeError, match=r"classes is a set, .*has no order"):
        display.from_predictions(**labels, **options)
