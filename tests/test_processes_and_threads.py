"""Many threads, and what a fit leaves behind in its process."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config

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


def count_threads():
    """Fit in a worker process, and say how many threads TensorFlow may use there."""
    import tensorflow as tf

    from fer_estimators import CNNClassifier
    from fer_estimators.datasets import make_faces

    faces = make_faces(14, image_size=16, random_state=0)
    CNNClassifier("tiny", augmentation=None, epochs=1, validation_fraction=None).fit(
        faces.images, faces.target
    )
    threading = tf.config.threading
    return (
        threading.get_intra_op_parallelism_threads(),
        threading.get_inter_op_parallelism_threads(),
    )


# Workers cannot import the tests: they get the function itself.
count_threads.__module__ = "__main__"


@pytest.mark.parametrize("limit", [1, 3])
def test_workers_keep_to_the_threads_that_joblib_gives_them(limit):
    with parallel_config("loky", inner_max_num_threads=limit):
        threads = Parallel(n_jobs=2)(delayed(count_threads)() for _ in range(2))
    assert threads == [(limit, limit)] * 2


def test_memory_stays_flat_over_fits():
    code = (
        "from pathlib import Path\n"
        "from sklearn.base import clone\n"
        "from fer_estimators import CNNClassifier\n"
        "from fer_estimators.datasets import make_faces\n"
        "faces = make_faces(70, image_size=16, random_state=0)\n"
        "clf = CNNClassifier('tiny', augmentation=None, epochs=1, random_state=0,\n"
        "                    validation_fraction=None)\n"
        "for fit in range(24):\n"
        "    clone(clf).fit(faces.images, faces.target).predict(faces.images[:2])\n"
        "    print(int(Path('/proc/self/statm').read_text().split()[1]) * 4096 / 1e6)\n"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("reads the resident size from Linux' /proc")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    megabytes = [float(line) for line in done.stdout.split()]
    # What is dropped is collected every seven fits or so: compare the highest of eight each.
    assert (max(megabytes[16:]) - max(megabytes[8:16])) / 8 < 2
