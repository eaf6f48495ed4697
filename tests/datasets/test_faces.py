"""Drawn faces: shapes, balance, reproducibility, difficulty and invalid arguments."""

import subprocess
import sys
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeClassifier

from fer_estimators.datasets import make_faces

EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def test_bunch_has_the_documented_shapes_and_dtypes():
    faces = make_faces(10, image_size=20, random_state=0)
    assert faces.images.shape == (10, 20, 20)
    assert faces.images.dtype == np.uint8
    assert faces.data.shape == (10, 400)
    assert faces.target.shape == (10,)
    assert faces.target.dtype.kind == "U"
    assert faces.target_names.dtype.kind == "U"
    assert faces.target_names.tolist() == EMOTIONS
    assert "Facial Action Coding System" in faces.DESCR


def test_data_is_a_view_of_images():
    faces = make_faces(7, image_size=16, random_state=0)
    assert np.shares_memory(faces.data, faces.images)


def test_return_X_y_gives_the_same_faces():
    faces = make_faces(9, image_size=16, random_state=4)
    X, y = make_faces(9, image_size=16, random_state=4, return_X_y=True)
    np.testing.assert_array_equal(X, faces.data)
    np.testing.assert_array_equal(y, faces.target)


@pytest.mark.parametrize("n_samples", [1, 6, 7, 50])
def test_emotions_are_balanced_up_to_one_face(n_samples):
    target = make_faces(n_samples, image_size=16, random_state=0).target
    counts = [np.sum(target == emotion) for emotion in EMOTIONS]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) == n_samples


def test_faces_are_shuffled():
    target = make_faces(70, image_size=16, random_state=0).target
    assert len(set(target[:10])) > 1


@pytest.mark.parametrize(
    "weights",
    [
        {"happy": 3, "sad": 1},
        MappingProxyType({"happy": 3, "sad": 1}),
        [0, 0, 0, 3, 1, 0, 0],
        pd.Series({"sad": 1, "neutral": 0, "happy": 3}),
    ],
)
def test_weights_set_the_shares_of_the_emotions(weights):
    target = make_faces(40, image_size=16, weights=weights, random_state=0).target
    assert np.sum(target == "happy") == 30
    assert np.sum(target == "sad") == 10


def test_an_integer_random_state_gives_the_same_bytes_again():
    first, second = (make_faces(30, image_size=24, random_state=7) for _ in range(2))
    assert first.images.tobytes() == second.images.tobytes()
    assert first.target.tolist() == second.target.tolist()
    other = make_faces(30, image_size=24, random_state=8)
    assert first.images.tobytes() != other.images.tobytes()


def test_a_random_state_instance_is_advanced():
    rng = np.random.RandomState(0)
    first, second = (make_faces(8, image_size=16, random_state=rng).images for _ in range(2))
    assert first.tobytes() != second.tobytes()
    same = make_faces(8, image_size=16, random_state=np.random.RandomState(0)).images
    assert first.tobytes() == same.tobytes()


def test_global_random_state_is_left_alone():
    before = np.random.get_state()[1].tolist()  # noqa: NPY002 - the state that must not change
    make_faces(8, image_size=16, random_state=0)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("image_size", [16, 33, 150])
def test_every_image_size_shows_a_face(image_size):
    images = make_faces(7, image_size=image_size, random_state=0).images
    assert images.shape == (7, image_size, image_size)
    assert (images.std(axis=(1, 2)) > 5).all()


def test_more_faces_than_are_drawn_at_once_are_all_drawn():
    images = make_faces(520, image_size=16, random_state=0).images
    assert (images.std(axis=(1, 2)) > 2).all()
    assert len(np.unique(images.reshape(520, -1), axis=0)) == 520


def test_noise_adds_grey_levels_of_that_deviation():
    clean, noisy = (
        make_faces(7, image_size=32, noise=noise, weights={"sad": 1}, random_state=0).images
        for noise in (0, 5)
    )
    unclipped = (clean > 20) & (clean < 235)
    difference = (noisy.astype(float) - clean)[unclipped]
    assert difference.std() == pytest.approx(5, rel=0.1)


def test_a_linear_model_learns_something_but_not_all():
    faces = make_faces(900, image_size=24, random_state=0)
    clf = RidgeClassifier(alpha=1e7).fit(faces.data[:600].astype(float), faces.target[:600])
    assert 0.35 < clf.score(faces.data[600:].astype(float), faces.target[600:]) < 0.75


def test_drawing_imports_neither_keras_nor_matplotlib():
    code = (
        "import sys; from fer_estimators.datasets import make_faces; make_faces(7, image_size=16)\n"
        "print([m for m in ('keras', 'tensorflow', 'scikeras', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, r"n_samples=0 is out of range; pass .* 1 or more"),
        ({"n_samples": 2.5}, TypeError, r"n_samples=2.5 is a float; pass a whole number"),
        ({"n_samples": True}, TypeError, r"n_samples=True is a bool"),
        ({"image_size": 8}, ValueError, r"image_size=8 is out of range; .* from 16 to 512"),
        ({"image_size": (48, 48)}, TypeError, r"image_size=\(48, 48\) is a tuple"),
        ({"noise": -1}, ValueError, r"noise=-1 is out of range; pass grey levels from 0 to 255"),
        ({"noise": float("nan")}, ValueError, r"noise=nan is out of range"),
        ({"noise": "much"}, TypeError, r"noise='much' is a str"),
        ({"weights": [1, 2]}, ValueError, r"weights has shape \(2,\), expected \(7,\)"),
        ({"weights": [0] * 7}, ValueError, r"not negative and not all 0"),
        ({"weights": {"sad": -1}}, ValueError, r"not negative and not all 0"),
        ({"weights": np.ma.array([1] * 7, mask=[1] + [0] * 6)}, ValueError, r"must be finite"),
        ({"weights": {"hapy": 1}}, ValueError, r"unknown emotions \['hapy'\].*mean 'happy'\?"),
    ],
)
def test_bad_parameters_are_named(parameters, error, message):
    with pytest.raises(error, match=message):
        make_faces(**{"n_samples": 3, "image_size": 16, **parameters})
