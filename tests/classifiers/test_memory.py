"""Training and prediction with too little memory."""

import keras
import pytest

from fer_estimators.exceptions import OutOfMemoryError


class ResourceExhaustedError(Exception):
    """As TensorFlow's."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        ResourceExhaustedError("OOM when allocating tensor"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["Python", "TensorFlow", "JAX", "PyTorch"],
)
def test_out_of_memory_errors_say_what_to_lower(make, faces, error):
    def fail(batch, logs=None):
        raise error

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=fail)
    clf = make(batch_size=32, callbacks=[callback])
    with pytest.raises(OutOfMemoryError, match=r"32 images of 16 x 16 x 1 .* Lower batch_size"):
        clf.fit(faces.images, faces.target)
    assert not hasattr(clf, "model_")
    clf.set_params(callbacks=None).fit(faces.images, faces.target)
    clf._infer = fail
    with pytest.raises(OutOfMemoryError, match="Lower batch_size"):
        clf.predict(faces.images)
