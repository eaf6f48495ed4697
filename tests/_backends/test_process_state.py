"""Random numbers and settings of the library and of other threads do not affect each other."""

import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from fer_estimators import CNNClassifier
from fer_estimators._backends.process_state import isolated_random_state


def drop_pixels():
    return keras.layers.Dropout(0.3)


def fit(faces):
    clf = CNNClassifier(
        "tiny",
        augmentation=drop_pixels,
        epochs=1,
        validation_fraction=None,
        patience=None,
        random_state=0,
    )
    return clf.fit(faces.images[:56], faces.target[:56]).model_.get_weights()


def test_fits_in_threads_are_equal_while_another_thread_draws(faces):
    state, drawn, stop = random.Random(7).getstate(), [], threading.Event()

    def draw():
        random.setstate(state)
        while not stop.is_set():
            drawn.append(random.random())

    other = threading.Thread(target=draw)
    other.start()
    try:
        with ThreadPoolExecutor(3) as pool:
            fits = list(pool.map(fit, [faces] * 6))
    finally:
        stop.set()
        other.join()
    for weights in fits[1:]:
        assert all(map(np.array_equal, fits[0], weights))
    expected = random.Random(7)
    assert drawn == [expected.random() for _ in drawn]


def test_numpy_state_is_not_touched(faces):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fit(faces)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_keras_draws_as_always_outside_and_in_other_threads():
    def make_seed():
        return int(keras.random.SeedGenerator().state.value[0])

    random.seed(3)
    expected = make_seed()
    random.seed(3)
    with isolated_random_state(0), ThreadPoolExecutor(1) as pool:
        own = make_seed()
        assert pool.submit(make_seed).result() == expected
    with isolated_random_state(0):
        assert make_seed() == own
    random.seed(3)
    assert make_seed() == expected


def test_a_setting_that_swaps_channels_and_rows_is_refused(faces):
    clf = CNNClassifier("tiny", augmentation=None, epochs=1)
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match=r"is 'channels_first'.*set_image_data_format"):
            clf.fit(faces.images, faces.target)
    finally:
        keras.config.set_image_data_format("channels_last")


FORK = """
import multiprocessing, pickle, sys
from fer_estimators import CNNClassifier, make_faces
faces = make_faces(14, image_size=16, random_state=0)
clf = CNNClassifier('tiny', epochs=1, augmentation=None, validation_fraction=None, patience=None)
def use(clf):
    return getattr(clf, sys.argv[1])(faces.images, *[faces.target][: sys.argv[1] == 'fit'])
clf.fit(faces.images, faces.target)
with multiprocessing.get_context('fork').Pool(1) as pool:
    try:
        pool.apply_async(use, (clf,)).get(timeout=60)
    except RuntimeError as error:
        print(error)
"""


# In place of the classifier.
FORK_OF_FEATURES = """
from fer_estimators import BackboneFeatures
clf = BackboneFeatures('mobilenet_025', weights=None, image_size=32)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("method", "other"),
    [("fit", ""), ("predict", ""), ("transform", FORK_OF_FEATURES)],
)
def test_forks_after_a_fit_are_refused_at_once(method, other):
    code = FORK.replace("def use", f"{other}def use")
    done = subprocess.run(
        [sys.executable, "-c", code, method], capture_output=True, text=True, timeout=120
    )
    assert "had started to compute" in done.stdout
    assert '"loky"' in done.stdout
