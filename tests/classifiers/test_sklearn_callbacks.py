"""scikit-learn's own callbacks."""

import pickle

import pytest
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import GridSearchCV


class Recorder:
    """Remember the tasks that are reported to it."""

    def __init__(self, stop_after=None):
        self.ended = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.ended.append("setup")

    def teardown(self, estimator, context):
        self.ended.append("teardown")

    def on_fit_task_begin(self, estimator, context, **data):
        pass

    def on_fit_task_end(self, estimator, context, **data):
        self.ended.append(context.task_name)
        return self.ended.count("epoch") == self.stop_after


def test_each_epoch_is_reported(cnn, faces):
    recorder = Recorder()
    cnn(epochs=3).set_callbacks(recorder).fit(faces.images, faces.target)
    assert recorder.ended == ["setup", "epoch", "epoch", "epoch", "fit", "teardown"]


def test_a_callback_may_stop_the_training(cnn, faces):
    clf = cnn(epochs=5).set_callbacks(Recorder(stop_after=2)).fit(faces.images, faces.target)
    assert clf.n_epochs_ == 2


def test_a_failing_fit_ends_its_callbacks(cnn, faces):
    recorder = Recorder()
    with pytest.raises(ValueError, match="only one class"):
        cnn().set_callbacks(recorder).fit(faces.images, ["sad"] * 140)
    assert recorder.ended == ["setup", "teardown"]


def test_scores_of_each_epoch_are_those_of_its_weights(cnn, faces):
    monitor = ScoringMonitor(scoring="accuracy")
    clf = cnn(epochs=2, validation_fraction=None, patience=None).set_callbacks(monitor)
    clf.fit(faces.images, faces.target)
    epochs = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(epochs) == 2
    assert epochs[-1]["accuracy"] == pytest.approx(clf.score(faces.images, faces.target))
    assert pickle.loads(pickle.dumps(clf)).predict(faces.images[:2]).shape == (2,)


def test_searches_tell_of_the_fits_within(cnn, faces):
    recorder = Recorder()
    search = GridSearchCV(cnn(), {"learning_rate": [0.01]}, cv=2)
    search.set_callbacks(recorder).fit(faces.images, faces.target)
    assert "teardown" in recorder.ended
