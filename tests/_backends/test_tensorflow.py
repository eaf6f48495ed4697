"""How TensorFlow trains: on batches of arrays, in one graph for batches of every size."""

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's")


def test_a_step_is_traced_once_for_batches_of_every_size():
    import tensorflow as tf

    from fer_estimators._backends.tensorflow_training import compile_step

    traced = []

    def step(arrays):
        traced.append(arrays[0].shape)
        return {"loss": tf.reduce_sum(arrays[0])}

    run = compile_step(step, jit_compile=False)
    batches = iter([(np.ones((n_images, 2)),) for n_images in (4, 3, 1)])
    assert [float(run(batches)["loss"]) for _ in range(3)] == [8, 6, 2]
    assert len(traced) == 1


class Batches:
    """Three batches, the last of which cannot be read."""

    def __len__(self):
        return 3

    def in_order(self):
        yield (np.zeros(1),)
        yield (np.ones(1),)
        raise OSError("face.jpg is damaged")


def test_batches_come_in_order_and_their_errors_as_they_are():
    from fer_estimators._backends.tensorflow import make_feed

    batches = iter(make_feed(Batches()))
    assert next(batches)[0] == 0
    assert next(batches)[0] == 1
    with pytest.raises(OSError, match=r"^face\.jpg is damaged$"):
        next(batches)
