"""Keep TensorFlow to as many threads as this process was given."""

import os

import keras


def follow_thread_limit():
    """Set TensorFlow's threads to the limit that joblib gives its worker processes.

    joblib writes it into OMP_NUM_THREADS, which PyTorch follows by itself. Without effect once
    TensorFlow has begun to compute, or where TensorFlow's own variables are set.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if keras.backend.backend() != "tensorflow" or not limit.isdecimal() or int(limit) == 0:
        return
    import tensorflow as tf

    settings = {
        "TF_NUM_INTRAOP_THREADS": tf.config.threading.set_intra_op_parallelism_threads,
        "TF_NUM_INTEROP_THREADS": tf.config.threading.set_inter_op_parallelism_threads,
    }
    for variable, set_threads in settings.items():
        if variable in os.environ:
            continue
        try:
            set_threads(int(limit))
        except RuntimeError:
            return
