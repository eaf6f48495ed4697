"""Measure the cost of fits on little data: in ``partial_fit``, and as one of many in a search."""

import gc
import time

import numpy as np

from benchmarks import _data
from benchmarks._measure import Comparison, in_turns

_FITS = 8
_EPOCHS = 2


def cpu_seconds(function):
    """Call a function, and return the CPU time that it took."""
    start = time.process_time()
    function()
    return time.process_time() - start


class CollectionTime:
    """Add up the CPU time of Python's garbage collections."""

    def __init__(self):
        self.seconds = 0.0

    def __enter__(self):
        gc.callbacks.append(self._note)
        return self

    def __exit__(self, *exception):
        gc.callbacks.remove(self._note)

    def _note(self, phase, details):
        now = time.process_time()
        if phase == "start":
            self._started = now
        else:
            self.seconds += now - self._started


def partial_fits(folder, rounds):
    """Compare ``partial_fit`` with 32 images per call with one call for all of them."""
    from fer_estimators import CNNClassifier

    images, target = (array[:2560] for array in _data.load(folder))
    for architecture in ("compact", "tiny"):
        clf = CNNClassifier(architecture, random_state=0)
        clf.partial_fit(images[:64], target[:64], classes=np.unique(target))

        def in_parts(clf=clf):
            for start in range(0, len(images), 32):
                clf.partial_fit(images[start : start + 32], target[start : start + 32])

        def at_once(clf=clf):
            clf.partial_fit(images, target)

        yield Comparison(
            f"partial_fit of 32 images a call, {architecture} / one call",
            *in_turns(in_parts, at_once, rounds=rounds, measure=cpu_seconds),
            unit="CPU s",
            reach=3,
            at_most=True,
        )


def small_fits(folder, rounds):
    """Compare fits of 280 faces of 16 pixels, as in a search, with Keras' ``fit``."""
    images, target = (array[:280] for array in _data.load(folder))
    images, codes = images[:, ::3, ::3], np.unique(target, return_inverse=True)[1]
    parts = []

    def ours():
        parts.extend(_fit(images, codes, learning_rate=1e-3 * (1 + n)) for n in range(_FITS))

    def plain():
        for number in range(_FITS):
            _fit_plain(images, codes, learning_rate=1e-3 * (1 + number))

    with CollectionTime() as collection:
        times = in_turns(ours, plain, rounds=rounds, measure=cpu_seconds)
    building, tracing = np.median(parts, axis=0)
    collecting = collection.seconds / (2 * _FITS * (rounds + 1))
    yield Comparison(
        "one of many fits of 280 faces / Keras' fit",
        *([t / _FITS for t in row] for row in times),
        unit="CPU s",
        reach=1.0,
        note=f"{building:.2f} s until training begins, {tracing:.2f} s for the first batch and its "
        f"tracing; {collecting:.2f} s a fit, of either, for collecting garbage",
    )


def _fit(images, codes, learning_rate):
    """Fit, and return the seconds until training begins and those of the first batch."""
    import keras

    from fer_estimators import CNNClassifier

    moments = [time.process_time()]

    def note(*_, **__):
        moments.append(time.process_time())

    watch = keras.callbacks.LambdaCallback(on_train_begin=note, on_train_batch_end=note)
    clf = CNNClassifier("tiny", epochs=_EPOCHS, learning_rate=learning_rate, random_state=0)
    clf.set_params(validation_fraction=0.2, callbacks=[watch]).fit(images, codes)
    return np.diff(moments[:3])


def _fit_plain(images, codes, learning_rate):
    import keras

    from fer_estimators.architectures import build_tiny
    from fer_estimators.augmentation import standard_augmentation

    keras.utils.set_random_seed(0)
    shape = (16, 16, 1)
    model = keras.Sequential(
        [keras.Input(shape), standard_augmentation(), build_tiny(shape, n_classes=7)]
    )
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=0.05)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    targets, n_validation = np.eye(7, dtype="float32")[codes], len(images) // 5
    model.fit(
        images[n_validation:, ..., None],
        targets[n_validation:],
        batch_size=64,
        epochs=_EPOCHS,
        validation_data=(images[:n_validation, ..., None], targets[:n_validation]),
        verbose=0,
    )
