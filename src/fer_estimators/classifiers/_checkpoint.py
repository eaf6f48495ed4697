"""Keep a training in a folder, epoch by epoch, so that it can go on after a kill."""

import hashlib
import json
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import keras
import numpy as np
from filelock import FileLock, Timeout

from fer_estimators._files.writing import written_whole
from fer_estimators._messages import warn
from fer_estimators.exceptions import CheckpointError

_FILE = "checkpoint.npz"
_LOCK = "lock"
_TEMPORARY = ".checkpoint-"
_VERSION = 1
_WEIGHTS_BEFORE = "the weights before"
# They may change from call to call: all but callbacks change nothing that is learned (a recipe is
# compared by what it sets), and the state of those is the user's own affair.
_MAY_CHANGE = {
    "verbose",
    "callbacks",
    "device",
    "warm_start",
    "tta",
    "handle_other_shapes",
    "recipe",
}


def fingerprint(estimator, *, classes, arrays, first_weights=None):
    """Describe everything on which a training depends.

    Parameters
    ----------
    estimator : BaseImageClassifier
    classes : ndarray of shape (n_classes,)
    arrays : dict of str to ndarray or None
        The images, class codes and weights.
    first_weights : list of ndarray, default=None
        Of the network that a warm start goes on from.

    Returns
    -------
    dict of str to str
    """
    described = {
        name: _describe(value)
        for name, value in estimator._settings().items()
        if name not in _MAY_CHANGE
    }
    described["estimator"] = type(estimator).__name__
    described["Keras' backend"] = keras.backend.backend()
    described["classes"] = repr(classes.tolist())
    for name, array in arrays.items():
        described[name] = "None" if array is None else _digest(array)
    if first_weights is not None:
        digests = "\n".join(_digest(np.atleast_1d(array)) for array in first_weights)
        described[_WEIGHTS_BEFORE] = hashlib.sha256(digests.encode()).hexdigest()
    return described


def _describe(value):
    if isinstance(value, keras.optimizers.Optimizer):
        return repr(value.get_config())
    if isinstance(value, np.random.RandomState):
        return "a RandomState"
    if isinstance(value, partial):
        return f"partial {_describe([value.func, value.args, value.keywords])}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_describe, value))}]"
    if isinstance(value, dict):
        return _describe([*value.items()])
    if hasattr(value, "__code__"):
        return f"{value.__module__}.{value.__qualname__} {_describe_code(value.__code__)[:12]}"
    if isinstance(value, type) or not hasattr(value, "__dict__"):
        return repr(value)
    # The repr of an instance may hold its address.
    return f"{type(value).__qualname__} {_describe(vars(value))}"


def _describe_code(code):
    """Digest what a function does, so that an edited one is told from what it was."""
    constants = [_describe_code(c) if hasattr(c, "co_code") else repr(c) for c in code.co_consts]
    return hashlib.sha256(repr((code.co_code, code.co_names, constants)).encode()).hexdigest()


def _digest(array):
    digest = hashlib.sha256()
    # In parts, as the array may be a memory map larger than the memory.
    for start in range(0, len(array), 4096):
        digest.update(np.ascontiguousarray(array[start : start + 4096]))
    return f"{array.shape} {array.dtype}, SHA-256 {digest.hexdigest()}"


@contextmanager
def open_checkpoint(folder, described):
    """Open a folder's checkpoint for one training, and keep other processes out.

    Parameters
    ----------
    folder : path-like or None
        Made if absent. None gives None.
    described : dict of str to str
        The training's fingerprint.

    Yields
    ------
    Checkpoint or None

    Raises
    ------
    CheckpointError
        If another process trains there, the file is damaged, or of another training.
    OSError
        If the folder cannot be written.
    """
    if folder is None:
        yield None
        return
    folder = Path(folder).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK)
        lock.acquire(blocking=False)
    except Timeout:
        raise CheckpointError(
            f"checkpoint={str(folder)!r} is in use by another training. Wait for it, or name "
            "another folder."
        ) from None
    except OSError as error:
        raise _not_writable(folder, error) from error
    try:
        yield Checkpoint(folder, described)
    finally:
        lock.release()


class Checkpoint:
    """The state of one training, written whole or not at all.

    Parameters
    ----------
    folder : pathlib.Path
        Locked by the caller.
    described : dict of str to str
        The training's fingerprint.

    Attributes
    ----------
    state : dict or None
        Plain values, as they were last written.
    arrays : dict of str to list of ndarray
        Weights and other variables, in the order of the lists that were written.

    Raises
    ------
    CheckpointError
        If the file that is there is damaged, or of another training.
    """

    def __init__(self, folder, described):
        self._folder = folder
        self._described = described
        self._may_fail = False
        self.state, self.arrays = None, {}
        for left_by_a_kill in folder.glob(f"{_TEMPORARY}*"):
            left_by_a_kill.unlink()
        path = folder / _FILE
        if path.exists():
            written, self.state, self.arrays = _read(path)
            self._compare(written)
            # There is a whole one already: a full disk need not end the training.
            self._may_fail = True

    def restore(self, name, variables):
        """Assign one list of arrays to variables, and let go of it.

        Parameters
        ----------
        name : str
        variables : list of keras.Variable

        Raises
        ------
        CheckpointError
            If they are not those that were written.
        """
        values = self.arrays.pop(name, [])
        if [tuple(v.shape) for v in variables] != [v.shape for v in values]:
            raise CheckpointError(
                f"checkpoint={str(self._folder)!r} holds {len(values)} arrays of the {name}, but "
                f"this training has {len(variables)} of other shapes. Name another folder."
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def write(self, state, arrays):
        """Replace what the folder holds.

        Parameters
        ----------
        state : dict
            Plain values.
        arrays : dict of str to list of ndarray

        Raises
        ------
        OSError
            If the first one cannot be written. The failure of a later one is a warning: training
            goes on, and the last whole checkpoint stays.
        """
        text = json.dumps({"version": _VERSION, "fingerprint": self._described, **state})
        members = {"state": np.frombuffer(text.encode(), dtype=np.uint8)}
        for name, values in arrays.items():
            members |= {f"{name}/{index:05d}": value for index, value in enumerate(values)}
        try:
            with written_whole(self._folder / _FILE, prefix=_TEMPORARY) as file:
                np.savez(file, **members)
        except OSError as error:
            if not self._may_fail:
                raise _not_writable(self._folder, error) from error
            warn(
                f"checkpoint={str(self._folder)!r} could not be written ({error.strerror}); "
                "training goes on, and the last whole checkpoint stays. Free space there."
            )
        self._may_fail = True

    def _compare(self, written):
        names = sorted(written.keys() | self._described.keys())
        changed = [name for name in names if written.get(name) != self._described.get(name)]
        if not changed:
            return
        if changed == [_WEIGHTS_BEFORE]:
            raise CheckpointError(
                f"checkpoint={str(self._folder)!r} is of a training that began with other weights. "
                "Call fit on the classifier as it was then (a copy, a saved file, or a new one), "
                "or name another folder to go on from the weights that it has now."
            )
        name = changed[0]
        was, now = (_shorten(d.get(name)) for d in (written, self._described))
        raise CheckpointError(
            f"checkpoint={str(self._folder)!r} is of another training: {', '.join(changed)} "
            f"changed ({name} was {was}, now {now}). Fit with the same parameters and data to go "
            "on, or name another folder to begin anew."
        )


def _shorten(text):
    return text if text is None or len(text) <= 40 else f"{text[:37]}..."


def _read(path):
    # An error of opening is no fault of the file.
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as members:
                state = json.loads(members["state"].tobytes())
                version, written = state.pop("version"), state.pop("fingerprint")
                arrays = {}
                for name in sorted(set(members.files) - {"state"}):
                    arrays.setdefault(name.partition("/")[0], []).append(members[name])
        except Exception as error:  # NumPy and zipfile raise a dozen kinds for a damaged file
            raise CheckpointError(
                f"{str(path)!r} is damaged or no checkpoint ({error}). Delete it to begin anew."
            ) from error
    if version != _VERSION:
        raise CheckpointError(
            f"{str(path)!r} is of version {version}, but this library reads version {_VERSION}. "
            "Go on with the version that wrote it, or name another folder to begin anew."
        )
    return written, state, arrays


def _not_writable(folder, error):
    return type(error)(
        error.errno,
        f"checkpoint={str(folder)!r} cannot be written ({error.strerror}). Free space there, or "
        "name another folder",
    )
