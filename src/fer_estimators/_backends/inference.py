"""Run a trained network on batches of images, without what ``model.predict`` adds.

Keras' ``predict`` makes a data pipeline for each call, which for one image takes some fifty times
as long as the network, and ``predict_on_batch`` traces a new graph for each new batch size.
"""

from collections.abc import Callable
from threading import Lock

import keras
import numpy as np

from fer_estimators._backends import get_backend
from fer_estimators._backends.process_state import refuse_broken_fork

# Neither tracing nor the variables of a model may be used by two threads at once; one batch uses
# all cores anyway.
_ONE_AT_A_TIME = Lock()


def compile_inference(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a network for inference.

    The function takes a batch (n, height, width, channels) of any number type, and may be called
    from several threads.
    """
    run = get_backend().compile_inference(model)

    def infer(batch):
        refuse_broken_fork()
        with _ONE_AT_A_TIME:
            return run(np.ascontiguousarray(batch, dtype=batch.dtype.newbyteorder("=")))

    return infer
