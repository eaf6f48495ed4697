"""ResumableClassifier: an interrupted search resumes where it stopped."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from filelock import FileLock
from joblib.externals.loky.process_executor import TerminatedWorkerError
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from fer_estimators import CNNClassifier, ImageResizer, ResumableClassifier
from fer_estimators.architectures import build_tiny
from fer_estimators.resumable import clear_fits, list_fits


@pytest.fixture(scope="module")
def checks_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fits")


@pytest.fixture
def table(faces):
    return faces.data[:, ::8] / 255.0, faces.target


# A relative name: pytest makes a test's name of it.
@parametrize_with_checks([ResumableClassifier(LogisticRegression(), "fits")])
def test_passes_every_check_of_scikit_learn(estimator, check, checks_folder, monkeypatch):
    monkeypatch.chdir(checks_folder)
    check(estimator)


def make_counting(log, fails_at=(), how="raise"):
    """Return a classifier that writes down each fit, and fails once at some of its parameters.

    Defined here, so that worker processes get it by value.
    """

    class Counting(ClassifierMixin, BaseEstimator):
        def __init__(self, shift=0):
            self.shift = shift

        def fit(self, X, y, sample_weight=None):
            with open(log, "a") as file:
                file.write(f"{self.shift}\n")
            if self.shift in fails_at and not os.path.exists(f"{log}.failed"):
                open(f"{log}.failed", "w").close()
                if how == "raise":
                    raise RuntimeError("the machine was needed")
                os.kill(os.getpid(), signal.SIGKILL)
            self.inner_ = LogisticRegression(C=10.0**self.shift).fit(X, y, sample_weight)
            self.classes_ = self.inner_.classes_
            return self

        def predict(self, X):
            return self.inner_.predict(X)

    return Counting()


def fits_in(log):
    return [int(line) for line in Path(log).read_text().split()]


def scores(search):
    return {
        k: np.asarray(v).tolist() for k, v in search.cv_results_.items() if k.endswith("test_score")
    }


def search_of(clf, prefix="", **options):
    grid = {f"{prefix}shift": [-3, -2, -1, 0]}
    return GridSearchCV(clf, grid, cv=2, error_score="raise", **options)


# Searches that died


def test_a_search_that_failed_resumes_when_called_again(table, tmp_path):
    plain = search_of(make_counting(tmp_path / "plain")).fit(*table)
    clf = ResumableClassifier(
        make_counting(str(tmp_path / "log"), fails_at=[-1]), tmp_path / "fits"
    )
    search = search_of(clf, "estimator__")
    with pytest.raises(RuntimeError, match="needed"):
        search.fit(*table)
    assert fits_in(tmp_path / "log") == [-3, -3, -2, -2, -1]
    search.fit(*table)
    assert fits_in(tmp_path / "log")[5:] == [-1, -1, 0, 0, search.best_params_["estimator__shift"]]
    assert scores(search) == scores(plain)


def test_a_search_whose_worker_was_killed_resumes_when_called_again(table, tmp_path):
    plain = search_of(make_counting(tmp_path / "plain")).fit(*table)
    clf = ResumableClassifier(
        make_counting(str(tmp_path / "log"), fails_at=[-1], how="kill"), tmp_path / "fits"
    )
    search = search_of(clf, "estimator__", n_jobs=2)
    with pytest.raises(TerminatedWorkerError):
        search.fit(*table)
    finished = sum(fit.finished for fit in list_fits(tmp_path / "fits"))
    assert finished > 0
    before = len(fits_in(tmp_path / "log"))
    search.fit(*table)
    assert len(fits_in(tmp_path / "log")) - before == 9 - finished
    assert scores(search) == scores(plain)


def test_epochs_of_an_interrupted_fit_are_not_trained_again(faces, tmp_path):
    X, y = faces.images, faces.target
    tiny = CNNClassifier("tiny", augmentation=None, epochs=3, random_state=0)
    expected = clone(tiny).fit(X, y)
    log = tmp_path / "epochs"

    class Failing(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            with log.open("a") as file:
                file.write(f"{epoch}\n")
            if len(fits_in(log)) == 3:
                raise RuntimeError("the machine was needed")

    clf = ResumableClassifier(clone(tiny).set_params(callbacks=[Failing()]), tmp_path / "fits")
    with pytest.raises(RuntimeError, match="needed"):
        clf.fit(X, y)
    assert [fit.finished for fit in list_fits(tmp_path / "fits")] == [False]
    clf.fit(X, y)
    assert len(fits_in(log)) == 4
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    again = clone(clf).fit(X, y)
    assert again.loaded_
    assert again.estimator_.history_ == expected.history_
    np.testing.assert_array_equal(again.predict_proba(X), expected.predict_proba(X))


def test_a_search_of_networks_is_called_again(faces, tmp_path):
    X, y = faces.images, faces.target
    tiny = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    grid = {"learning_rate": [0.1, 0.01]}
    plain = GridSearchCV(tiny, grid, cv=2).fit(X, y)
    resumable = ResumableClassifier(tiny, tmp_path)
    search = GridSearchCV(resumable, {f"estimator__{k}": v for k, v in grid.items()}, cv=2)
    search.fit(X, y)
    (oldest, *_) = list_fits(tmp_path)
    (tmp_path / oldest.name / "fit.json").unlink()
    search.fit(X, y)
    assert scores(search) == scores(plain)
    assert search.best_estimator_.loaded_
    np.testing.assert_array_equal(search.predict_proba(X), plain.predict_proba(X))


def without_times(results):
    return {
        name: np.asarray(values).tolist()
        for name, values in results.items()
        if not name.endswith("_time")
    }


def read_all(search, *table):
    return without_times(search.fit(*table).cv_results_)


def test_halving_and_random_searches_are_called_again(table, tmp_path):
    forest = RandomForestClassifier(3, random_state=np.random.RandomState(0))
    clf = ResumableClassifier(forest, tmp_path)
    grid = {"estimator__max_depth": [1, 2, 3]}
    searches = [
        HalvingGridSearchCV(clf, grid, cv=2, min_resources=40, random_state=0),
        RandomizedSearchCV(
            ResumableClassifier(LogisticRegression(max_iter=20, tol=1), tmp_path),
            {"estimator__C": loguniform(0.01, 1)},
            n_iter=3,
            cv=2,
            random_state=0,
        ),
    ]
    first = [read_all(search, *table) for search in searches]
    n_fits = len(list_fits(tmp_path))
    assert [read_all(search, *table) for search in searches] == first
    assert all(search.best_estimator_.loaded_ for search in searches)
    assert len(list_fits(tmp_path)) == n_fits


def test_a_cross_validation_is_called_again(table, tmp_path):
    clf = ResumableClassifier(make_counting(tmp_path / "log"), tmp_path / "fits")
    options = {"cv": 3, "return_train_score": True, "return_estimator": True}
    first, again = (cross_validate(clf, *table, **options) for _ in range(2))
    assert [estimator.loaded_ for estimator in again.pop("estimator")] == [True] * 3
    del first["estimator"]
    assert without_times(first) == without_times(again)
    assert len(fits_in(tmp_path / "log")) == 3


def test_an_optuna_study_is_called_again(table, tmp_path):
    optuna = pytest.importorskip("optuna")
    log = tmp_path / "log"

    def run():
        def score(trial):
            clf = make_counting(log).set_params(shift=trial.suggest_int("shift", -3, 0))
            return cross_val_score(ResumableClassifier(clf, tmp_path / "fits"), *table, cv=2).mean()

        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0)
        )
        study.optimize(score, n_trials=4)
        return [(trial.params, trial.value) for trial in study.trials]

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    first = run()
    n_fits = len(fits_in(log))
    assert run() == first
    assert len(fits_in(log)) == n_fits == 2 * len({params["shift"] for params, _ in first})


SCRIPT = """
import os, signal, sys
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from fer_estimators import ResumableClassifier

class Own(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        print("fit", flush=True)
        sys.stdin.readline()
        self.inner_ = DummyClassifier().fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(X)

    def __getstate__(self):
        if hasattr(self, "inner_") and os.environ.get("DIES"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getstate__()

clf = ResumableClassifier(Own(), sys.argv[1]).fit(*load_iris(return_X_y=True))
print(clf.loaded_, clf.predict([[0.0] * 4])[0], flush=True)
"""


def start(folder, **environment):
    command = [sys.executable, "-c", SCRIPT, folder]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_two_processes_do_not_train_the_same_fit(tmp_path):
    with start(tmp_path) as first:
        assert first.stdout.readline() == "fit\n"
        with start(tmp_path) as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(5)
            first.stdin.write("\n")
            first.stdin.close()
            # Also what was defined in a script, where pickle alone finds nothing.
            assert second.stdout.read() == "True 0\n"
        assert first.stdout.read() == "False 0\n"


def test_a_process_killed_while_it_keeps_a_fit_leaves_nothing(tmp_path):
    with start(tmp_path, DIES="1") as process:
        process.communicate("\n")
    assert process.returncode == -signal.SIGKILL
    (fit,) = list_fits(tmp_path)
    assert not fit.finished
    assert len(list(tmp_path.glob("*/.*.tmp"))) == 1
    with start(tmp_path) as process:
        assert process.communicate("\n")[0] == "fit\nFalse 0\n"
    assert list(tmp_path.glob("*/.*.tmp")) == []


# What a fit is known by


def loaded(clf, X, y, **params):
    return clone(clf).fit(X, y, **params).loaded_


def test_only_the_same_fit_is_loaded(table, tmp_path):
    X, y = table
    clf = ResumableClassifier(LogisticRegression(max_iter=50), tmp_path).fit(X, y)
    assert not clf.loaded_
    assert loaded(clf, X.copy(), y.copy())
    changed = X.copy()
    changed[-1, -1] += 1
    other = ResumableClassifier(LogisticRegression(max_iter=51), tmp_path)
    assert not loaded(clf, changed, y)
    assert not loaded(clf, X, y[::-1])
    assert not loaded(clf, X, y, sample_weight=np.ones(len(y)))
    assert not loaded(other, X, y)
    assert len(list_fits(tmp_path)) == 5


def test_data_frames_are_told_by_their_values(table, tmp_path):
    X, y = table
    frame = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(X.shape[1])])
    clf = ResumableClassifier(KNeighborsClassifier(), tmp_path).fit(frame, y)
    assert loaded(clf, frame.copy(), y)
    assert list(clf.feature_names_in_) == list(frame.columns)
    changed = frame.copy()
    changed.iloc[50, 3] += 1
    assert not loaded(clf, changed, y)
    assert not loaded(clf, frame.rename(columns={"pixel 0": "other"}), y)


def test_sparse_matrices_and_memory_maps_are_told_by_their_values(table, tmp_path):
    X, y = table
    np.save(tmp_path / "X.npy", X)
    clf = ResumableClassifier(LogisticRegression(max_iter=50), tmp_path / "fits").fit(X, y)
    assert loaded(clf, np.load(tmp_path / "X.npy", mmap_mode="r"), y)
    assert not loaded(clf, scipy.sparse.csr_array(X), y)
    assert loaded(clf, scipy.sparse.csr_array(X), y)
    assert not loaded(clf, scipy.sparse.csr_array(X / 2), y)


def test_memory_maps_are_told_by_what_is_in_the_file_and_not_by_its_time(table, tmp_path):
    X, y = table
    np.save(tmp_path / "X.npy", X)
    time = os.stat(tmp_path / "X.npy").st_mtime_ns
    clf = ResumableClassifier(KNeighborsClassifier(), tmp_path / "fits")
    clf.fit(np.load(tmp_path / "X.npy", mmap_mode="r"), y)
    np.save(tmp_path / "X.npy", X / 2)
    os.utime(tmp_path / "X.npy", ns=(time, time))
    assert not loaded(clf, np.load(tmp_path / "X.npy", mmap_mode="r"), y)


def test_other_dtypes_and_a_generator_that_advanced_make_another_fit(table, tmp_path):
    X, y = table
    clf = ResumableClassifier(RandomForestClassifier(2, random_state=1), tmp_path).fit(X, y)
    assert not loaded(clf, X.astype("float32"), y)
    random_state = np.random.RandomState(0)
    clf = ResumableClassifier(RandomForestClassifier(2, random_state=random_state), tmp_path)
    assert not loaded(clf, X, y)
    assert loaded(clf, X, y)
    random_state.rand()
    assert not loaded(clf, X, y)


def test_validation_data_makes_another_fit(faces, tmp_path):
    X, y = faces.images, faces.target
    tiny = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    clf = ResumableClassifier(tiny, tmp_path).fit(X, y, validation_data=(X[::2], y[::2]))
    assert loaded(clf, X, y, validation_data=(X[::2], y[::2]))
    assert not loaded(clf, X, y, validation_data=(X[1::2], y[1::2]))


@pytest.mark.parametrize("library", ["sklearn", "fer_estimators", "numpy"])
def test_what_another_version_kept_is_not_used(table, tmp_path, monkeypatch, library):
    clf = ResumableClassifier(KNeighborsClassifier(), tmp_path).fit(*table)
    monkeypatch.setattr(f"{library}.__version__", "99.0")
    assert not loaded(clf, *table)


def test_frozen_networks_are_told_by_their_weights(faces, tmp_path):
    X, y = faces.images, faces.target
    tiny = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0).fit(X, y)
    clf = ResumableClassifier(FrozenEstimator(tiny), tmp_path).fit(X, y)
    assert loaded(clf, X, y)
    tiny.model_.set_weights([weights + 1 for weights in tiny.model_.get_weights()])
    assert not loaded(clf, X, y)


class Reading(DummyClassifier):
    """A classifier with a file among its parameters."""

    def __init__(self, weights=None):
        super().__init__()
        self.weights = weights


def test_files_among_the_parameters_are_told_by_their_content(table, tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"first")
    for weights in (path, str(path)):
        path.write_bytes(b"first")
        pipeline = make_pipeline(StandardScaler(), Reading(weights))
        clf = ResumableClassifier(pipeline, tmp_path / "fits").fit(*table)
        assert loaded(clf, *table)
        path.write_bytes(b"other")
        assert not loaded(clf, *table)


# What can go wrong


@pytest.mark.parametrize("name", ["fit.joblib", "fit.json"])
@pytest.mark.parametrize("damage", [b"", b"[]", b'{"a": 1}', b"\x00" * 999, b"[" * 99_999])
def test_a_damaged_fit_is_trained_again(table, tmp_path, name, damage):
    clf = ResumableClassifier(KNeighborsClassifier(), tmp_path).fit(*table)
    (fit,) = list_fits(tmp_path)
    (tmp_path / fit.name / name).write_bytes(damage)
    with pytest.warns(UserWarning, match="is damaged .* trained again"):
        again = clone(clf).fit(*table)
    assert not again.loaded_
    assert loaded(clf, *table)


def test_a_fit_that_was_moved_to_the_place_of_another_is_not_taken(table, tmp_path):
    clfs = [ResumableClassifier(KNeighborsClassifier(k), tmp_path).fit(*table) for k in (1, 5)]
    first, second = (tmp_path / fit.name for fit in list_fits(tmp_path))
    first.rename(tmp_path / "moved")
    second.rename(first)
    (tmp_path / "moved").rename(second)
    for clf in clfs:
        with pytest.warns(UserWarning, match="its files are those of"):
            clf.fit(*table)
        assert clf.estimator_.n_neighbors == clf.estimator.n_neighbors


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
@pytest.mark.parametrize("name", ["fit.joblib", "fit.json"])
def test_pipes_are_not_waited_for(table, tmp_path, name):
    clf = ResumableClassifier(KNeighborsClassifier(), tmp_path).fit(*table)
    (fit,) = list_fits(tmp_path)
    (tmp_path / fit.name / name).unlink()
    os.mkfifo(tmp_path / fit.name / name)
    with pytest.warns(UserWarning, match="is damaged .*not a regular file|could not be kept"):
        assert not clone(clf).fit(*table).loaded_


def test_a_damaged_checkpoint_is_deleted(faces, tmp_path):
    X, y = faces.images, faces.target
    tiny = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    clf = ResumableClassifier(tiny, tmp_path).fit(X, y)
    (fit,) = list_fits(tmp_path)
    (tmp_path / fit.name / "fit.json").unlink()
    (tmp_path / fit.name / "checkpoint").mkdir()
    (tmp_path / fit.name / "checkpoint" / "checkpoint.safetensors").write_bytes(b"?")
    with pytest.warns(UserWarning, match="It is deleted, and the fit begins again"):
        clf.fit(X, y)
    assert loaded(clf, X, y)


def fail_with(code):
    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_training_continues_without_a_folder_to_write_to(table, tmp_path, monkeypatch, code):
    clf = ResumableClassifier(LogisticRegression(max_iter=50), tmp_path)
    monkeypatch.setattr(Path, "mkdir", fail_with(code))
    with pytest.warns(UserWarning, match="cannot be written .* is not kept") as caught:
        clf.fit(*table)
    assert len(caught) == 1
    assert clf.score(*table) > 0.2


def test_a_read_only_folder_still_gives_what_it_keeps(table, tmp_path, monkeypatch):
    clf = ResumableClassifier(LogisticRegression(max_iter=50), tmp_path).fit(*table)
    monkeypatch.setattr("filelock.FileLock.acquire", fail_with(errno.EROFS))
    with pytest.warns(UserWarning, match="cannot be written"):
        assert loaded(clf, *table)


def test_networks_are_trained_on_a_full_disk(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "fer_estimators.classifiers._checkpoint.write_weights", fail_with(errno.ENOSPC)
    )
    tiny = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    clf = ResumableClassifier(tiny, tmp_path)
    with pytest.warns(UserWarning, match="cannot be written") as caught:
        clf.fit(faces.images, faces.target)
    assert sum("cannot be written" in str(warning.message) for warning in caught) == 1
    assert clf.predict(faces.images[:2]).shape == (2,)


class Log(keras.callbacks.Callback):
    """Writes into a file that belongs to somebody else."""

    def on_epoch_end(self, epoch, logs=None):
        raise PermissionError(errno.EACCES, "Permission denied", "log.csv")


def test_errors_of_other_files_are_not_those_of_the_folder(faces, tmp_path):
    tiny = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0, callbacks=[Log()])
    with pytest.raises(PermissionError, match=r"log\.csv"):
        ResumableClassifier(tiny, tmp_path).fit(faces.images, faces.target)


def test_what_cannot_be_pickled_is_fitted_and_not_kept(table, tmp_path):
    clf = ResumableClassifier(make_counting(tmp_path / "log", how=threading.Lock()), tmp_path)
    with pytest.warns(UserWarning, match="could not be kept"):
        clf.fit(*table)
    assert clf.predict(table[0]).shape == table[1].shape


def test_what_hides_its_content_is_fitted_and_not_kept(table, tmp_path):
    clf = make_counting(tmp_path / "log", how=memoryview(b""))
    clf = ResumableClassifier(clf, tmp_path / "fits")
    with pytest.warns(UserWarning, match="not kept, as nothing tells it from another one"):
        clf.fit(*table)
    assert clf.predict(table[0]).shape == table[1].shape
    assert not (tmp_path / "fits").exists()


def test_foreign_files_do_no_harm(table, tmp_path):
    foreign = tmp_path / ("0f" * 16)
    foreign.mkdir()
    (foreign / "fit.json").write_text("[" * 100_000)
    (tmp_path / "notes.txt").write_text("mine")
    clf = ResumableClassifier(KNeighborsClassifier(), tmp_path).fit(*table)
    assert loaded(clf, *table)
    assert [fit.finished for fit in list_fits(tmp_path)] == [False, True]


def test_fits_are_listed_while_others_are_trained(tmp_path):
    folder = tmp_path / ("0f" * 16)
    folder.mkdir()
    stop = threading.Event()

    def write():
        while not stop.is_set():
            for i in range(20):
                (folder / f".{i:016x}.tmp").touch()
            for i in range(20):
                (folder / f".{i:016x}.tmp").unlink()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert all(len(list_fits(tmp_path)) == 1 for _ in range(200))
    finally:
        stop.set()
        thread.join()


def test_a_function_as_architecture_is_taken_from_the_parameters(faces, tmp_path):
    X, y = faces.images, faces.target
    network = CNNClassifier(
        lambda *shape: build_tiny(*shape), augmentation=None, epochs=1, random_state=0
    )
    clf = ResumableClassifier(network, tmp_path).fit(X, y)
    assert loaded(clf, X, y)


def test_a_folder_that_is_a_file_is_refused(table, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        ResumableClassifier(LogisticRegression(), tmp_path / "file").fit(*table)


@pytest.mark.parametrize(
    ("estimator", "folder", "error", "message"),
    [
        (Ridge(), "fits", TypeError, "is not a classifier"),
        (LogisticRegression, "fits", TypeError, "class"),
        (LogisticRegression(), None, ValueError, "folder"),
        (LogisticRegression(), 3, ValueError, "folder"),
    ],
)
def test_other_parameters_are_refused(
    table, tmp_path, monkeypatch, estimator, folder, error, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        ResumableClassifier(estimator, folder).fit(*table)
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_ones_own_is_refused(faces, tmp_path):
    clf = ResumableClassifier(CNNClassifier("tiny"), tmp_path)
    with pytest.raises(ValueError, match="Leave it out"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)


def test_two_workers_do_not_train_the_same_fit(table, tmp_path):
    slow = make_counting(tmp_path / "log")
    clf = ResumableClassifier(slow, tmp_path / "fits")
    threads = [threading.Thread(target=clone(clf).fit, args=table) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fits_in(tmp_path / "log") == [0]


# What is kept


@pytest.mark.parametrize("is_windows", [False, True])
def test_fits_are_listed_measured_and_cleared(table, tmp_path, monkeypatch, is_windows):
    # Which deletes no file that is open, such as a lock.
    monkeypatch.setattr("fer_estimators.resumable._kept_fits._IS_WINDOWS", is_windows)
    (tmp_path / "of the user").mkdir()
    for n in (1, 2):
        ResumableClassifier(KNeighborsClassifier(n), tmp_path).fit(*table)
    fits = list_fits(tmp_path)
    assert [fit.estimator for fit in fits] == [
        f"KNeighborsClassifier(n_neighbors={n})" for n in (1, 2)
    ]
    assert all(fit.n_bytes > table[0].nbytes and fit.n_samples == 140 for fit in fits)
    assert all(fit.finished and 0 < fit.seconds < 600 for fit in fits)
    assert clear_fits(tmp_path, older_than=1) == 0
    with FileLock(tmp_path / fits[0].name / "lock"), pytest.warns(UserWarning, match="in use"):
        assert clear_fits(tmp_path) == 1
    assert list_fits(tmp_path) == fits[:1]
    assert clear_fits(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["of the user"]


def test_folders_of_others_are_neither_listed_nor_cleared(table, tmp_path):
    # As joblib and others name them, too.
    (tmp_path / ("0a" * 16)).mkdir()
    (tmp_path / ("0a" * 16) / "output.pkl").touch()
    ResumableClassifier(KNeighborsClassifier(), tmp_path / "fits").fit(*table)
    (fit,) = list_fits(tmp_path / "fits")
    (tmp_path / ("0b" * 16)).symlink_to(tmp_path / "fits" / fit.name)
    assert list_fits(tmp_path) == []
    assert clear_fits(tmp_path) == 0
    assert (tmp_path / ("0a" * 16) / "output.pkl").exists()
    assert list_fits(tmp_path / "fits") == [fit]


# Among scikit-learn's tools


def test_notebooks_tell_that_a_classifier_inside_is_fitted(table, tmp_path):
    fitted = LogisticRegression(max_iter=500).fit(*table)
    html = ResumableClassifier(fitted, tmp_path)._repr_html_()
    assert "estimator: LogisticRegression (fitted)" in html


def test_what_the_classifier_does_not_have_is_not_there(table, tmp_path):
    svm = ResumableClassifier(LinearSVC(), tmp_path)
    assert not hasattr(svm, "predict_proba")
    assert svm.fit(*table).decision_function(table[0]).shape == (140, 7)
    assert not hasattr(ResumableClassifier(KNeighborsClassifier(), tmp_path), "decision_function")


def test_weights_are_passed_on_or_routed(table, tmp_path):
    X, y = table
    weights = np.linspace(0, 1, len(y))
    expected = LogisticRegression(max_iter=50).fit(X, y, weights).score(X, y, weights)
    clf = ResumableClassifier(LogisticRegression(max_iter=50), tmp_path)
    found = clf.fit(X, y, sample_weight=weights).score(X, y, sample_weight=weights)
    assert found == expected
    with sklearn.config_context(enable_metadata_routing=True):
        inner = LogisticRegression(max_iter=50)
        inner.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scored = cross_validate(
            ResumableClassifier(inner, tmp_path), X, y, params={"sample_weight": weights}, cv=2
        )
        assert len(scored["test_score"]) == 2
        with pytest.raises(ValueError, match="sample_weight"):
            clone(clf).fit(X, y, sample_weight=weights)


def test_it_is_the_last_step_of_a_pipeline(faces, tmp_path):
    tiny = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    pipeline = make_pipeline(ImageResizer(12), ResumableClassifier(tiny, tmp_path))
    pipeline.fit(faces.images, faces.target)
    assert clone(pipeline).fit(faces.images, faces.target)[-1].loaded_
