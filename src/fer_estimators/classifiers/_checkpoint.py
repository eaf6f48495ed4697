"""Checkpoints, from which a training run resumes after being killed."""

from contextlib import ExitStack, contextmanager
from pathlib import Path

import keras
import numpy as np
from filelock import Timeout

from fer_estimators import __version__
from fer_estimators._files.locking import locked
from fer_estimators._files.weights import read_weights, write_weights
from fer_estimators._files.writing import remove_temporaries
from fer_estimators._fingerprint import describe, digest, digest_array
from fer_estimators._messages import warn
from fer_estimators.exceptions import CheckpointError, ModelFileError

_FILE = "checkpoint.safetensors"
_WEIGHTS_BEFORE = "the weights before"
# May change between calls: all but callbacks do not affect training, and the state of callbacks is
# not part of a checkpoint.
_MAY_CHANGE = {
    "verbose",
    "callbacks",
    "device",
    "warm_start",
    "tta",
    "handle_other_shapes",
}


def fingerprint(estimator, data, *, first_weights=None):
    """Describe everything on which a training run depends, by name.

    `first_weights` are those of the network from which a warm start continues.
    """
    described = {
        name: describe(value)
        for name, value in vars(estimator).items()
        # This includes parameters of a base class that a subclass does not expose.
        if name not in _MAY_CHANGE and not name.startswith("_") and not name.endswith("_")
    }
    if isinstance(estimator.random_state, np.random.RandomState):
        # Each fit draws from it. The checkpoint holds the seed that was drawn.
        described["random_state"] = "a RandomState"
    described["estimator"] = type(estimator).__name__
    described["fer-estimators"] = __version__
    described["Keras' backend"] = keras.backend.backend()
    described["classes"] = repr(data.classes.tolist())
    for name, array in data.arrays().items():
        described[name] = "None" if array is None else digest_array(array)
    if first_weights is not None:
        described[_WEIGHTS_BEFORE] = digest(list(first_weights))
    return described


@contextmanager
def open_checkpoint(folder, described):
    """Open the checkpoint in a folder for one training run, and keep other processes out.

    The folder is created if it does not exist; `described` is the fingerprint of the training run.
    Raises CheckpointError if another process uses the folder, or the file is damaged or belongs to
    another training run, and OSError if the folder cannot be written.
    """
    folder = Path(folder).expanduser()
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder, wait=False))
        except Timeout:
            raise CheckpointError(
                f"checkpoint={str(folder)!r} is in use by another training run. Wait for it, or "
                "pass another folder."
            ) from None
        except OSError as error:
            raise _not_writable(folder, error) from error
        yield Checkpoint(folder, described)


class Checkpoint:
    """The state of one training run, written whole or not at all.

    The caller locks the folder; `described` is the fingerprint of the training run. `state` holds
    plain values as last written, None at first, and `arrays` lists of weights and other variables.
    Raises CheckpointError if the existing file is damaged or belongs to another training run.
    """

    def __init__(self, folder, described):
        self._folder = folder
        self._described = described
        self._may_fail = False
        self.state, self.arrays = None, {}
        remove_temporaries(folder)
        if (folder / _FILE).exists():
            written, self.state, self.arrays = _read(folder / _FILE)
            self._compare(written)
            # A valid checkpoint exists, so a full disk does not have to end the training.
            self._may_fail = True

    def restore(self, name, variables):
        """Assign one list of arrays to variables, and release the list.

        Raises CheckpointError if their number or shapes differ from what was written.
        """
        values = self.arrays.pop(name, [])
        if [tuple(v.shape) for v in variables] != [v.shape for v in values]:
            raise CheckpointError(
                f"checkpoint={str(self._folder)!r} holds {len(values)} arrays of the {name}, but "
                f"this training run has {len(variables)} of other shapes. Pass another folder."
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def write(self, state, arrays):
        """Replace the content of the folder by plain values and lists of arrays, both by name.

        Raises OSError if the first checkpoint cannot be written. If a later one fails, there is a
        warning, training continues, and the last valid checkpoint is kept.
        """
        numbered = {
            f"{name}/{index:05d}": value
            for name, values in arrays.items()
            for index, value in enumerate(values)
        }
        metadata = {"fingerprint": self._described, "state": state}
        try:
            # It may have been deleted in the meantime.
            self._folder.mkdir(parents=True, exist_ok=True)
            write_weights(self._folder / _FILE, numbered, metadata, kind="checkpoint")
        except OSError as error:
            if not self._may_fail:
                raise _not_writable(self._folder, error) from error
            warn(
                f"checkpoint={str(self._folder)!r} could not be written ({error.strerror}); "
                "training continues, and the last valid checkpoint is kept. Free some space."
            )
        self._may_fail = True

    def _compare(self, written):
        names = sorted(written.keys() | self._described.keys())
        changed = [name for name in names if written.get(name) != self._described.get(name)]
        if not changed:
            return
        if changed == [_WEIGHTS_BEFORE]:
            raise CheckpointError(
                f"checkpoint={str(self._folder)!r} belongs to a training run that began with other "
                "weights. Call fit on the classifier as it was then (a copy, a saved file or a new "
                "one), or pass another folder to continue from its present weights."
            )
        name = changed[0]
        was, now = (_shorten(d.get(name)) for d in (written, self._described))
        raise CheckpointError(
            f"checkpoint={str(self._folder)!r} belongs to another training run: "
            f"{', '.join(changed)} changed ({name} was {was}, now {now}). Fit with the same "
            "parameters and data to resume, or pass another folder to start again."
        )


def _shorten(text):
    return text if text is None or len(text) <= 40 else f"{text[:37]}..."


def _read(path):
    try:
        numbered, metadata = read_weights(path, kind="checkpoint")
        written, state = metadata["fingerprint"], metadata["state"]
    except (ModelFileError, KeyError) as error:
        raise CheckpointError(
            f"{str(path)!r} is not a checkpoint that can be resumed: {error} Delete it to start "
            "again."
        ) from error
    arrays = {}
    for name, values in numbered.items():
        arrays.setdefault(name.partition("/")[0], []).append(values)
    return written, state, arrays


def _not_writable(folder, error):
    return type(error)(
        error.errno,
        f"checkpoint={str(folder)!r} cannot be written ({error.strerror}). Free some space, or "
        "pass another folder",
    )
