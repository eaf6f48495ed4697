"""Choose the device on which a network is trained and used."""

import keras

from fer_estimators.classifiers._threads import follow_thread_limit


def resolve_device(device):
    """Turn the ``device`` parameter into the kind of device that is used.

    Parameters
    ----------
    device : {"auto", "cpu", "gpu"}
        "auto" takes a GPU where the backend sees one.

    Returns
    -------
    {"cpu", "gpu"}

    Raises
    ------
    ValueError
        For any other value, or if a GPU is asked for and the backend sees none.
    """
    if device not in ("auto", "cpu", "gpu"):
        raise ValueError(f"device={device!r} is unknown; expected 'auto', 'cpu' or 'gpu'.")
    # As early as this: the threads are fixed by the first computation.
    follow_thread_limit()
    if device == "cpu":
        return "cpu"
    if _sees_gpu():
        return "gpu"
    if device == "auto":
        return "cpu"
    backend = keras.backend.backend()
    raise ValueError(
        f"device='gpu' was asked for, but Keras' backend {backend!r} sees no GPU. Install its GPU "
        'build (for TensorFlow: pip install "fer-estimators[gpu]") and check the driver, or pass '
        "device='auto' to go on with the CPU."
    )


def same_device_here(device):
    """Return the device for a network that was trained on another machine.

    Parameters
    ----------
    device : {"cpu", "gpu"}
        Where it was trained.

    Returns
    -------
    {"cpu", "gpu"}
        "cpu" where there is no GPU.
    """
    return resolve_device("auto" if device == "gpu" else "cpu")


def _sees_gpu():
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        for gpu in gpus:
            _grow_memory(tf, gpu)
        return bool(gpus)
    if backend == "jax":
        import jax

        return any(device.platform in ("gpu", "cuda", "rocm") for device in jax.devices())
    if backend == "torch":
        import torch

        return torch.cuda.is_available()
    return False


def _grow_memory(tf, gpu):
    """Take only the GPU memory that is used, so that several processes can share it."""
    try:
        tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        # The GPU is in use already: whoever started it has decided.
        return


def device_scope(device):
    """Return a context in which the backend places work on the first CPU or GPU."""
    # With an index, PyTorch's CPU makes variables that take no gradients.
    return keras.device(device if keras.backend.backend() == "torch" else f"{device}:0")
