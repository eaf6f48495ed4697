"""Training runs that are killed, interrupted or resumed with other settings."""

import copy
import errno
import pickle
import runpy
import shutil
import signal
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from fer_estimators import CNNClassifier, load, save
from fer_estimators._files import weights
from fer_estimators._files.writing import written_whole
from fer_estimators.architectures import build_tiny
from fer_estimators.classifiers._callbacks import DetectDivergence, Diverged, KeepBestWeights
from fer_estimators.exceptions import CheckpointError, TrainingDivergedError

KILL_TRAINING = Path(__file__).parents[1] / "fuzz" / "kill_training.py"


class At(keras.callbacks.Callback):
    """Do something at the end of one batch, counted from 1 over all epochs."""

    def __init__(self, batch, action):
        super().__init__()
        self.left = batch
        self.action = action

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.action(self.model)

    def __deepcopy__(self, memo):
        return self


class Stop(Exception):
    """What a test throws into a training."""


def stop(model):
    raise Stop


def interrupt(model):
    signal.raise_signal(signal.SIGINT)


def ruin(model):
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])


def assert_equal_fits(a, b):
    for first, second in zip(a.model_.get_weights(), b.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert a.history_ == b.history_
    assert a.best_epoch_ == b.best_epoch_


PARAMS = {
    "architecture": partial(build_tiny, dropout=0.2),
    "epochs": 3,
    "batch_size": 32,
    "augmentation": "standard",
}


# With a patience of 1, chance decides whether there is a third epoch to be stopped in.
@pytest.mark.parametrize("patience", [2, None])
def test_a_resumed_run_equals_an_uninterrupted_one(cnn, faces, tmp_path, patience):
    params = {**PARAMS, "patience": patience}
    expected = cnn(**params).fit(faces.images, faces.target)
    for batch in (1, 7, 2, 6):
        with pytest.raises(Stop):
            cnn(**params, callbacks=[At(batch, stop)]).fit(
                faces.images, faces.target, checkpoint=tmp_path / "new" / "folder"
            )
    resumed = cnn(**params).fit(faces.images, faces.target, checkpoint=tmp_path / "new" / "folder")
    assert_equal_fits(resumed, expected)


@pytest.mark.parametrize("batch", [2, 5, 9])
def test_resumes_in_either_phase_of_fine_tuning(transfer, faces, tmp_path, batch):
    params = {"epochs": 1, "fine_tuning": (1, 2), "batch_size": 32}
    expected = transfer(**params).fit(faces.images, faces.target)
    with pytest.raises(Stop):
        transfer(**params, callbacks=[At(batch, stop)]).fit(
            faces.images, faces.target, checkpoint=tmp_path
        )
    resumed = transfer(**params).fit(faces.images, faces.target, checkpoint=tmp_path)
    assert_equal_fits(resumed, expected)


def test_a_finished_run_is_not_repeated(cnn, faces, tmp_path):
    first = cnn(**PARAMS).fit(faces.images, faces.target, checkpoint=tmp_path)
    again = cnn(**PARAMS, callbacks=[At(1, stop)])
    assert_equal_fits(again.fit(faces.images, faces.target, checkpoint=tmp_path), first)


def one_layer(input_shape, n_classes, *, dropout):
    """A network of the user's own."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))


def test_labels_and_functions_are_told_by_what_they_are(cnn, faces, tmp_path):
    # Created again, as in another process.
    def fit(dropout, labels):
        clf = cnn(architecture=partial(one_layer, dropout=dropout))
        return clf.fit(faces.images, np.array(list(labels), dtype=object), checkpoint=tmp_path)

    first = fit(0.1, faces.target)
    assert_equal_fits(first, fit(0.1, faces.target))
    with pytest.raises(CheckpointError, match="architecture changed"):
        fit(0.2, faces.target)
    with pytest.raises(CheckpointError, match="classes changed"):
        fit(0.1, [f"{label}!" for label in faces.target])


def test_a_run_that_a_callback_ended_is_finished(cnn, faces, tmp_path):
    stopping = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=9.0)
    clf = cnn(epochs=5, callbacks=[stopping]).fit(faces.images, faces.target, checkpoint=tmp_path)
    assert clf.n_epochs_ < 5
    again = cnn(epochs=5).fit(faces.images, faces.target, checkpoint=tmp_path)
    assert again.n_epochs_ == clf.n_epochs_


def test_an_unseeded_run_resumes_with_its_seed(cnn, faces, tmp_path):
    params = {**PARAMS, "random_state": None}
    with pytest.raises(Stop):
        cnn(**params, callbacks=[At(6, stop)]).fit(faces.images, faces.target, checkpoint=tmp_path)
    first = cnn(**params).fit(faces.images, faces.target, checkpoint=tmp_path)
    second = cnn(**params).fit(faces.images, faces.target, checkpoint=tmp_path)
    assert_equal_fits(first, second)


def test_survives_kills_at_random_moments(tmp_path):
    script = runpy.run_path(str(KILL_TRAINING))
    folders = tmp_path / "killed", tmp_path / "left_alone"
    for folder in folders:
        folder.mkdir()
    killed, _ = script["kill_and_resume"](folders[0], 2, Random(0))
    left_alone, _ = script["kill_and_resume"](folders[1], 0, Random(0))
    for weight, expected in zip(killed, left_alone, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_checkpoint_of_another_version_is_refused(cnn, faces, tmp_path, monkeypatch):
    cnn().fit(faces.images, faces.target, checkpoint=tmp_path)
    monkeypatch.setattr("fer_estimators.classifiers._checkpoint.__version__", "99.0")
    with pytest.raises(CheckpointError, match=r"fer-estimators changed .*now 99\.0"):
        cnn().fit(faces.images, faces.target, checkpoint=tmp_path)


def test_checkpoint_of_another_run_is_refused_by_what_changed(cnn, faces, tmp_path):
    X, y = faces.images, faces.target
    cnn().fit(X, y, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match=r"learning_rate changed .*was 0.003, now 0.1"):
        cnn(learning_rate=0.1).fit(X, y, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="X changed"):
        cnn().fit(255 - X, y, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="y changed"):
        cnn().fit(X, y[::-1], checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="validation X, validation y changed"):
        cnn().fit(X, y, checkpoint=tmp_path, validation_data=(X, y))
    with pytest.raises(CheckpointError, match="weights changed"):
        cnn().fit(X, y, sample_weight=np.ones(len(y)), checkpoint=tmp_path)
    cnn(verbose=0, callbacks=[]).fit(X, y, checkpoint=tmp_path)


@pytest.mark.parametrize("size", [0, 100, -100])
def test_a_damaged_checkpoint_is_named(cnn, faces, tmp_path, size):
    cnn().fit(faces.images, faces.target, checkpoint=tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match=r"is not a checkpoint .* Delete it"):
        cnn().fit(faces.images, faces.target, checkpoint=tmp_path)


def test_a_folder_is_used_by_one_run_at_a_time(cnn, faces, tmp_path):
    def train_there_too(model):
        cnn().fit(faces.images, faces.target, checkpoint=tmp_path)

    clf = cnn(callbacks=[At(1, train_there_too)])
    with pytest.raises(CheckpointError, match="in use by another training run"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)


def test_a_place_that_cannot_be_written_is_told_before_the_first_epoch(cnn, faces, tmp_path):
    (tmp_path / "file").write_text("")
    clf = cnn(callbacks=[At(1, stop)])
    with pytest.raises(OSError, match=r"checkpoint='.*file/folder' cannot be written"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path / "file" / "folder")


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(cnn, faces, tmp_path, monkeypatch):
    n_writes = iter(range(100))

    @contextmanager
    def fill_up(path, **options):
        with written_whole(path, **options) as file:
            if next(n_writes) > 1:
                file.write(b"a part")
                raise OSError(errno.ENOSPC, "No space left on device")
            yield file

    monkeypatch.setattr(weights, "written_whole", fill_up)
    clf = cnn(**PARAMS)
    with pytest.warns(UserWarning, match="could not be written .No space left") as warned:
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    assert sum("could not be written" in str(warning.message) for warning in warned) == 2
    assert clf.n_epochs_ == 3
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.safetensors", "lock"]
    assert_equal_fits(cnn(**PARAMS).fit(faces.images, faces.target, checkpoint=tmp_path), clf)


def test_a_warm_start_resumes_after_a_kill(cnn, faces, tmp_path):
    first = cnn(**PARAMS).fit(faces.images, faces.target).set_params(warm_start=True)
    save(first, tmp_path / "first.fer")
    folder = tmp_path / "checkpoint"

    def again_from_the_file():
        loaded = load(tmp_path / "first.fer", architecture=PARAMS["architecture"])
        return loaded.set_params(warm_start=True)

    whole = again_from_the_file().fit(faces.images, faces.target)
    killed = again_from_the_file().set_params(callbacks=[At(5, stop)])
    with pytest.raises(Stop):
        killed.fit(faces.images, faces.target, checkpoint=folder)
    # Of twelve batches, the first four need not be done again.
    again = again_from_the_file().set_params(callbacks=[At(9, stop)])
    again.fit(faces.images, faces.target, checkpoint=folder)
    assert again.n_epochs_ == 2 * first.n_epochs_
    assert_equal_fits(again, whole)


def test_a_warm_start_does_not_take_the_checkpoint_of_the_first_training(cnn, faces, tmp_path):
    clf = cnn(**PARAMS, warm_start=True).fit(faces.images, faces.target, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match=r"other weights.*or pass another folder"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    clf.fit(faces.images, faces.target, checkpoint=tmp_path / "second")
    assert clf.n_epochs_ > PARAMS["epochs"]


def test_a_warm_start_from_other_weights_is_another_training(cnn, faces, tmp_path):
    clf = cnn(**PARAMS, warm_start=True).fit(faces.images, faces.target)
    clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    weights = clf.model_.get_weights()
    with pytest.raises(CheckpointError, match=r"began with other weights\. Call fit on"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    np.testing.assert_array_equal(clf.model_.get_weights()[0], weights[0])


def test_continued_fine_tuning_survives_a_kill(transfer, faces, tmp_path):
    params = {"epochs": 1, "fine_tuning": (1, 2), "batch_size": 32}
    first = transfer(**params).fit(faces.images, faces.target).set_params(warm_start=True)
    whole = copy.deepcopy(first).fit(faces.images, faces.target)
    killed = copy.deepcopy(first).set_params(callbacks=[At(6, stop)])
    with pytest.raises(Stop):
        killed.fit(faces.images, faces.target, checkpoint=tmp_path)
    # Of twelve batches, the first four need not be done again.
    first.set_params(callbacks=[At(9, stop)])
    first.fit(faces.images, faces.target, checkpoint=tmp_path)
    assert_equal_fits(first, whole)


def test_an_interrupted_warm_start_is_resumed_by_what_it_was_before(cnn, faces, tmp_path):
    before = cnn(**PARAMS).fit(faces.images, faces.target).set_params(warm_start=True)
    # All three are copies: dropout continues in the original and starts again in a copy.
    whole, clf, again = (copy.deepcopy(before) for _ in range(3))
    whole.fit(faces.images, faces.target)
    clf.set_params(callbacks=[At(6, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match=r"began with other weights\. Call fit on"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    again.set_params(callbacks=[At(9, stop)]).fit(faces.images, faces.target, checkpoint=tmp_path)
    assert_equal_fits(again, whole)


def test_ctrl_c_keeps_what_was_learned(make, faces):
    clf = make(epochs=5, batch_size=32, callbacks=[At(7, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(faces.images, faces.target)
    assert clf.interrupted_
    assert clf.n_epochs_ == clf.best_epoch_ == 1
    assert clf.predict(faces.images[:3]).shape == (3,)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    copied = pickle.loads(pickle.dumps(copy.deepcopy(clf.set_params(callbacks=None))))
    assert copied.interrupted_
    again = clf.fit(faces.images, faces.target)
    assert again.n_epochs_ == 5
    assert not again.interrupted_


def test_ctrl_c_in_the_first_epoch_leaves_nothing(cnn, faces):
    clf = cnn(callbacks=[At(1, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(faces.images, faces.target)
    assert not hasattr(clf, "model_")


@pytest.mark.parametrize("again", ["partial_fit", "warm_start"])
@pytest.mark.parametrize("action", [ruin, interrupt, stop])
def test_a_further_fit_that_fails_changes_nothing(make, faces, again, action):
    clf = make(warm_start=True, batch_size=32).fit(faces.images, faces.target)
    expected = clf.predict_proba(faces.images)
    clf.set_params(callbacks=[At(2, action)])
    train = clf.fit if again == "warm_start" else clf.partial_fit
    with pytest.raises((TrainingDivergedError, KeyboardInterrupt, Stop)):
        train(faces.images, faces.target)
    np.testing.assert_array_equal(clf.predict_proba(faces.images), expected)
    clf.set_params(callbacks=None).partial_fit(faces.images, faces.target)
    assert clf.n_epochs_ == 2


def test_callbacks_learn_of_an_early_end(cnn, faces):
    class Ends(At):
        ends = 0

        def on_train_end(self, logs=None):
            self.ends += 1

    callback = Ends(7, interrupt)
    with pytest.raises(KeyboardInterrupt):
        cnn(epochs=3, batch_size=32, callbacks=[callback]).fit(faces.images, faces.target)
    assert callback.ends == 1


def test_a_second_ctrl_c_is_immediate(cnn, faces):
    def twice(model):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("went on")

    clf = cnn(batch_size=32, epochs=2, callbacks=[At(7, twice)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(faces.images, faces.target)
    assert not hasattr(clf, "model_")


def test_sigterm_ends_the_process_after_the_batch(cnn, faces):
    clf = cnn(batch_size=32, epochs=2, callbacks=[At(7, lambda model: signal.raise_signal(15))])
    with pytest.raises(SystemExit) as raised:
        clf.fit(faces.images, faces.target)
    assert raised.value.code == 143
    assert clf.interrupted_


def test_a_handler_that_returns_ends_the_first_epoch_all_the_same(cnn, faces):
    before = signal.signal(signal.SIGTERM, lambda *args: None)
    try:
        clf = cnn(callbacks=[At(1, lambda model: signal.raise_signal(15))])
        with pytest.raises(KeyboardInterrupt, match="first epoch"):
            clf.fit(faces.images, faces.target)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not hasattr(clf, "model_")


def test_a_handler_of_the_users_own_is_called(cnn, faces):
    calls = []
    before = signal.signal(signal.SIGTERM, lambda *args: calls.append(args))
    try:
        clf = cnn(batch_size=32, epochs=9, callbacks=[At(7, lambda model: signal.raise_signal(15))])
        clf.fit(faces.images, faces.target)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(calls) == 1
    assert clf.n_epochs_ == 1


def test_divergence_keeps_the_best_weights_and_warns(make, faces):
    clf = make(epochs=3, batch_size=32, callbacks=[At(7, ruin)])
    with pytest.warns(ConvergenceWarning, match=r"in epoch 2, at a learning rate of .*epoch 1\."):
        clf.fit(faces.images, faces.target)
    assert clf.n_epochs_ == 1
    assert np.isfinite(clf.predict_proba(faces.images)).all()


def test_divergence_at_once_is_an_error(make, faces):
    clf = make(callbacks=[At(1, ruin)], batch_size=32)
    with pytest.raises(TrainingDivergedError, match=r"in epoch 1, .* Lower learning_rate"):
        clf.fit(faces.images, faces.target)
    assert not hasattr(clf, "model_")


def test_weights_ruined_by_the_last_batch_are_found(cnn, faces):
    clf = cnn(callbacks=[At(1, ruin)], batch_size=1000, validation_fraction=None)
    with pytest.raises(TrainingDivergedError, match="in epoch 1"):
        clf.fit(faces.images, faces.target)


def test_a_real_divergence_scores_as_error_score(cnn, faces):
    clf = cnn(optimizer="sgd", learning_rate_schedule="constant", batch_size=8)
    search = GridSearchCV(clf, {"learning_rate": [1e-3, 1e30]}, cv=2, error_score=-1.0)
    with pytest.warns(Warning, match="TrainingDivergedError"):
        search.fit(faces.images, faces.target)
    assert search.cv_results_["mean_test_score"][1] == -1
    assert search.best_params_ == {"learning_rate": 1e-3}


def test_other_errors_stay_what_they_are(cnn, faces):
    clf = cnn(callbacks=[At(1, stop)])
    with pytest.raises(Stop):
        clf.fit(faces.images, faces.target)


LIMIT = 1.0


def decay_to(factor):
    """Return a schedule that looks like any other from here: what differs is in its closure."""

    def schedule(learning_rate, n_steps, scale=2.0):
        return keras.optimizers.schedules.CosineDecay(learning_rate * factor * LIMIT, n_steps)

    return schedule


def test_a_function_with_another_closure_is_another_training(cnn, faces, tmp_path):
    def fit(factor):
        clf = cnn(learning_rate_schedule=decay_to(factor))
        return clf.fit(faces.images, faces.target, checkpoint=tmp_path)

    fit(0.5)
    fit(0.5)
    with pytest.raises(CheckpointError, match="learning_rate_schedule changed"):
        fit(0.25)


def test_a_function_that_refers_to_another_global_is_another_training(
    cnn, faces, tmp_path, monkeypatch
):
    clf = cnn(learning_rate_schedule=decay_to(0.5))
    clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    monkeypatch.setitem(globals(), "LIMIT", 0.5)
    with pytest.raises(CheckpointError, match="learning_rate_schedule changed"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)


def test_an_optimizer_made_again_is_the_same_training(cnn, faces, tmp_path):
    for _ in range(2):
        clf = cnn(optimizer=keras.optimizers.SGD(0.01))
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    with pytest.raises(CheckpointError, match="optimizer changed"):
        cnn(optimizer=keras.optimizers.SGD(0.02)).fit(
            faces.images, faces.target, checkpoint=tmp_path
        )


def test_a_folder_deleted_meanwhile_is_made_again(cnn, faces, tmp_path):
    folder = tmp_path / "checkpoint"
    clf = cnn(epochs=2, batch_size=32, callbacks=[At(2, lambda model: shutil.rmtree(folder))])
    clf.fit(faces.images, faces.target, checkpoint=folder)
    assert (folder / "checkpoint.safetensors").exists()


def test_only_what_a_kill_left_is_removed(cnn, faces, tmp_path):
    mine = tmp_path / ".checkpoint-of-mine"
    mine.write_text("")
    left = tmp_path / f".{'0f' * 8}.tmp"
    left.write_text("")
    cnn().fit(faces.images, faces.target, checkpoint=tmp_path)
    assert mine.exists()
    assert not left.exists()


class Shorter(CNNClassifier):
    """A subclass that shows one parameter."""

    def __init__(self, learning_rate=0.01):
        super().__init__("tiny", learning_rate=learning_rate, augmentation=None, epochs=1)


def test_a_subclass_with_fewer_parameters_trains_and_resumes(faces, tmp_path):
    clf = Shorter().fit(faces.images, faces.target, checkpoint=tmp_path)
    assert clone(clf).fit(faces.images, faces.target, checkpoint=tmp_path).n_epochs_ == 1
    clf.label_smoothing = 0.3
    with pytest.raises(CheckpointError, match="label_smoothing changed"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)


def test_a_loss_that_is_not_finite_is_found_though_the_weights_are():
    network = build_tiny((16, 16, 1), 7)
    network.compile("sgd", "categorical_crossentropy")
    guard = DetectDivergence()
    guard.on_epoch_begin(0)
    guard.set_model(network)
    with pytest.raises(Diverged):
        guard.on_train_batch_end(0, {"loss": np.nan})
    KeepBestWeights(network, None).on_epoch_end(0, {"learning_rate": 1.0})


def test_weights_that_are_not_finite_are_found_though_the_loss_is():
    ruin(network := build_tiny((16, 16, 1), 7))
    DetectDivergence().on_train_batch_end(0, {"loss": 1.0})
    with pytest.raises(Diverged):
        KeepBestWeights(network, None).on_epoch_end(0, {"learning_rate": 1.0})
