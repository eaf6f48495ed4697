"""The library writes nothing to standard error, and loses nothing that others write there."""

import os
import subprocess
import sys

import keras
import pytest

from fer_estimators._quiet import chatter_left_out

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's")

FIT = """
from fer_estimators import CNNClassifier, make_faces
faces = make_faces(14, image_size=16, random_state=0)
def fit(seed):
    clf = CNNClassifier('tiny', epochs=1, augmentation=None, validation_fraction=None,
                        patience=None, random_state=seed)
    clf.fit(faces.images, faces.target).predict(faces.images)
    return clf
"""
CASES = {
    "many fits": FIT + "for seed in range(7):\n    fit(seed)\n",
    "workers": FIT + "from joblib import Parallel, delayed\n"
    "Parallel(n_jobs=2)(delayed(fit)(seed) for seed in range(2))\n",
    "a pretrained network": "from fer_estimators import load_pretrained, make_faces\n"
    "load_pretrained('fer2013-compact').predict(make_faces(1, random_state=0).images)\n",
    "an export": FIT + "import os, tempfile\nfrom fer_estimators.export import export_classifier\n"
    "with tempfile.TemporaryDirectory() as folder:\n"
    "    export_classifier(fit(0), os.path.join(folder, 'faces.tflite'))\n",
    "a layer": "from fer_estimators.augmentation import RandomAffine\n",
}


def run(code):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_written(case):
    done = run(CASES[case] + "import os; assert 'TF_CPP_MIN_LOG_LEVEL' not in os.environ\n")
    assert (done.stdout, done.stderr) == ("", "")


def test_warnings_about_the_users_own_graphs_are_written(capfd):
    code = (
        "import fer_estimators.classifiers, tensorflow as tf\n"
        "for _ in range(7):\n"
        "    tf.function(lambda x: x)(tf.zeros(1))\n"
    )
    assert "triggered tf.function retracing" in run(code).stderr


def test_what_others_write_meanwhile_is_kept(capfd):
    with chatter_left_out():
        os.write(2, b"before\nI0000 00:00:1.2 3 port.cc:153] oneDNN is on.\nafter\n")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "before\nafter\n"


def test_standard_error_is_given_back_after_an_error(capfd):
    def fail():
        with chatter_left_out():
            os.write(2, b"the reason\n")
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    os.write(2, b"the rest\n")
    assert capfd.readouterr().err == "the reason\nthe rest\n"
