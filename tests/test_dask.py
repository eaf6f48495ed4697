"""Searches on a Dask cluster of two worker processes."""

import os
import signal

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from fer_estimators import CNNClassifier, ResumableClassifier
from fer_estimators.resumable import list_fits

distributed = pytest.importorskip("distributed")
# Dask's own affair: sockets and loops that end after the test.
pytestmark = [
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster(tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=tmp_path / "dask",
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield cluster


def count_threads():
    import tensorflow as tf

    return tf.config.threading.get_intra_op_parallelism_threads()


def scores(search):
    return {k: np.asarray(v).tolist() for k, v in search.cv_results_.items() if "test_score" in k}


def test_scores_of_networks_equal_those_of_one_process(faces, cluster, tmp_path):
    tiny = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    clf = ResumableClassifier(tiny, tmp_path / "fits")
    grid = {"learning_rate": [0.1, 0.01]}
    X, y = faces.images, faces.target
    local = GridSearchCV(tiny, grid, cv=2).fit(X, y)
    search = GridSearchCV(clf, {f"estimator__{k}": v for k, v in grid.items()}, cv=2)
    with joblib.parallel_backend("dask"):
        search.fit(X, y)
    assert scores(search) == scores(local)
    assert len(list_fits(tmp_path / "fits")) == 5
    # A worker of one thread computes in one, so that workers do not crowd each other out.
    assert set(distributed.default_client().run(count_threads).values()) == {1}


def make_deadly(trace):
    """Return a classifier that once kills the worker which fits it; workers get it by value."""

    class Deadly(ClassifierMixin, BaseEstimator):
        def __init__(self, C=1.0):
            self.C = C

        def fit(self, X, y):
            if self.C == 0.1 and not os.path.exists(trace):
                open(trace, "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
            self.inner_ = LogisticRegression(C=self.C).fit(X, y)
            self.classes_ = self.inner_.classes_
            return self

        def predict(self, X):
            return self.inner_.predict(X)

    return Deadly()


def test_a_search_whose_worker_was_killed_is_called_again(faces, cluster, tmp_path):
    X, y = faces.data[:, ::8] / 255, faces.target
    (tmp_path / "trace").touch()
    plain = GridSearchCV(make_deadly(str(tmp_path / "trace")), {"C": [0.01, 0.1, 1]}, cv=2)
    plain.fit(X, y)
    deadly = make_deadly(str(tmp_path / "killed"))
    clf = ResumableClassifier(deadly, tmp_path / "fits")
    search = GridSearchCV(clf, {"estimator__C": [0.01, 0.1, 1]}, cv=2, error_score="raise")
    with joblib.parallel_backend("dask"):
        try:
            search.fit(X, y)
        except Exception:  # whichever the engine raises; it may as well begin again by itself
            search.fit(X, y)
    assert (tmp_path / "killed").exists()
    assert scores(search) == scores(plain)
