"""The only module that imports scikeras: one training phase of one Keras model.

scikeras 0.13 is the last release, and its ``KerasClassifier`` is not a classifier to scikit-learn
1.6 and later. So it is made again for each phase, sees batches instead of arrays, and is dropped
afterwards: its label encoding, random state, weights and predictions are never used.
"""

import sys
from contextlib import contextmanager

import keras

from fer_estimators._backends.process_state import tensorflow_left_out


@contextmanager
def _unpatched_keras():
    """Import scikeras without what the import does to the rest of the process.

    It replaces how Keras' own classes are pickled and copied.
    """
    classes = (keras.Model, keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)
    before = {
        (cls, name): vars(cls).get(name)
        for cls in classes
        for name in ("__reduce__", "__deepcopy__")
    }
    try:
        yield
    finally:
        for (cls, name), method in before.items():
            if method is not None:
                setattr(cls, name, method)
            elif name in vars(cls):
                delattr(cls, name)


if "scikeras" in sys.modules:
    from scikeras.wrappers import KerasClassifier
else:
    with _unpatched_keras(), tensorflow_left_out():
        from scikeras.wrappers import KerasClassifier


class _BatchClassifier(KerasClassifier):
    """A KerasClassifier of a ready model that takes batches, already checked, for X."""

    def _validate_data(self, X=None, y=None, reset=False, y_numeric=False):
        return X, y

    @property
    def target_encoder(self):
        # The identity: labels travel inside the batches.
        return self.feature_encoder

    def _fit_keras_model(
        self, X, y, sample_weight, warm_start, epochs, initial_epoch, validation_data
    ):
        # scikeras makes a metric of Keras for each column of the history, to spell its name.
        self.model_.fit(
            X,
            validation_data=validation_data,
            callbacks=self._fit_callbacks,
            epochs=initial_epoch + epochs,
            initial_epoch=initial_epoch,
            verbose=self.verbose,
            shuffle=False,
        )


def train(model, data, *, validation_data, callbacks, epochs, initial_epoch, verbose):
    """Train a compiled model in place for one phase.

    The datasets are what ``keras.Model.fit`` takes; `validation_data` may be None. `epochs` counts
    the `initial_epoch` epochs that came before, too. If `verbose` is 1, a terminal shows a bar;
    elsewhere, there is a line for each epoch.
    """
    in_terminal = hasattr(sys.stdout, "isatty") and sys.stdout.isatty()
    if verbose == 1 and not in_terminal:
        # A bar is moved by backspaces, which stay in notebooks and files.
        verbose = 2
    wrapper = _BatchClassifier(model=model, callbacks=callbacks, verbose=verbose)
    wrapper.fit(
        data,
        None,
        epochs=epochs,
        initial_epoch=initial_epoch,
        validation_data=validation_data,
    )
