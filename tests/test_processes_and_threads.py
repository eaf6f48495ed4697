"""Many threads, and what a fit leaves behind in its process."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fer_estimators import CNNClassifier


def test_sixteen_threads_get_the_right_answers(faces):
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    clf.fit(faces.images, faces.target)
    chunks = [faces.images[i : i + 1 + i % 5] for i in range(64)]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(clf.predict_proba, chunks))
    for answer, chunk in zip(together, chunks, strict=True):
        np.testing.assert_array_equal(answer, clf.predict_proba(chunk))


def test_nothing_is_poisoned_after_a_seeded_fit(faces):
    code = (
        "import random, numpy as np, tensorflow as tf\n"
        "from fer_estimators import CNNClassifier\n"
        "from fer_estimators.datasets import make_faces\n"
        "faces = make_faces(28, image_size=16, random_state=0)\n"
        "CNNClassifier('tiny', epochs=1, augmentation=None, validation_fraction=None,\n"
        "              random_state=0).fit(faces.images, faces.target)\n"
        "tf.random.normal((2,))\n"  # fails without a seed where op determinism is on
        "print(tf.config.experimental.is_op_determinism_enabled() if hasattr(\n"
        "    tf.config.experimental, 'is_op_determinism_enabled') else False)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")
