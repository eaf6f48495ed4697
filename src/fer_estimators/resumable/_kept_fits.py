"""A folder of fitted classifiers, each under the fingerprint of what it was fitted on."""

import errno
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import joblib
from filelock import Timeout

from fer_estimators._files.kinds import file_digest
from fer_estimators._files.locking import LOCK_FILE, locked
from fer_estimators._files.reading import read_regular
from fer_estimators._files.writing import remove_temporaries, written_whole
from fer_estimators._messages import shorten, warn

_RECORD, _CHECKPOINT = "fit.json", "checkpoint"
_MAX_RECORD_BYTES = 2**20
# The suffix tells them apart: files of ours are loaded without running any of their code.
_OURS, _PICKLED = "fit.fer", "fit.joblib"
_IS_WINDOWS = os.name == "nt"
_NAME = re.compile(r"[0-9a-f]{32}")
# Names of the files in the folder of a fit.
_CONTENT = re.compile(r"fit\.(json|fer|joblib)|checkpoint|lock|lease|\.[0-9a-f]{16}\.tmp")
_NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}


@dataclass(frozen=True)
class KeptFit:
    """What a folder keeps of one fit.

    Parameters
    ----------
    name : str
        Name of its folder: 32 hexadecimal digits, the fingerprint.
    estimator : str
        The classifier's ``repr``, cut to 200 characters; empty if `finished` is False.
    n_samples : int
        Number of samples it was fitted on.
    seconds : float
        How long the fit took; if it was resumed, how long its last part took.
    kept_at : float
        When it last changed, in seconds since 1970.
    n_bytes : int
        Size of all its files together, bytes.
    finished : bool
        Whether it is complete. False if it is being trained, or was interrupted.

    Examples
    --------
    >>> from fer_estimators.resumable import KeptFit
    >>> fit = KeptFit("0f" * 16, "LogisticRegression()", 150, 0.1, 0.0, 2048, finished=True)
    >>> fit.n_bytes
    2048
    """

    name: str
    estimator: str
    n_samples: int
    seconds: float
    kept_at: float
    n_bytes: int
    finished: bool


class Place:
    """The folder where one fit is kept, locked by the caller if `writable`."""

    def __init__(self, path, *, writable):
        self._path = path
        self.writable = writable

    @property
    def checkpoint(self) -> Path | None:
        """Folder for the training's own state; None where nothing can be written."""
        return self._path / _CHECKPOINT if self.writable else None

    def load(self, estimator: Any, *, ours: bool) -> Any:
        """Load the fit; return None if there is none or, with a warning, if it is damaged.

        `estimator` is unfitted, with the same parameters; functions are taken from it. `ours` says
        whether :func:`fer_estimators.load` loads it.
        """
        try:
            record = _read_record(self._path)
            path = self._path / (_OURS if ours else _PICKLED)
            if file_digest(path) != record["sha256"]:
                raise ValueError("its checksum differs")
            return _load(path, estimator)
        except FileNotFoundError:
            return None
        except Exception as error:
            warn(
                f"The fit kept in {str(self._path)!r} is damaged "
                f"({type(error).__name__}: {shorten(str(error))}); it is trained again."
            )
            return None

    def keep(self, fitted: Any, *, ours: bool, n_samples: int, seconds: float) -> None:
        """Write the fit; where that fails there is a warning, and nothing is kept."""
        path = self._path / (_OURS if ours else _PICKLED)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            _save(fitted, path)
            record = {
                "name": self._path.name,
                "estimator": shorten(fitted, limit=200),
                "n_samples": n_samples,
                "seconds": seconds,
                "sha256": file_digest(path),
            }
            with written_whole(self._path / _RECORD) as file:
                file.write(json.dumps(record).encode())
        except Exception as error:  # whatever pickling raises
            warn(
                f"The fitted {type(fitted).__name__} could not be kept in "
                f"{str(self._path.parent)!r} ({shorten(str(error), limit=200)}); the fit itself "
                "is whole. It will be trained again when it is asked for again."
            )
            return
        self.drop_checkpoint()

    def drop_checkpoint(self) -> None:
        """Delete the training's own state."""
        # It may be gone, or the folder read-only since.
        with suppress(OSError):
            _delete_folder(self._path / _CHECKPOINT)


@contextmanager
def open_place(folder: str | PathLike[str], name: str) -> Iterator[Place]:
    """Wait until no other process or thread has a place, and keep it; its folder is made if absent.

    The place is not writable, with a warning, if the folder is read-only or the disk is full.
    Raises OSError if `folder` is not a folder, or cannot be reached.
    """
    path = Path(folder).expanduser() / name
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path, wait=True))
            remove_temporaries(path)
        except OSError as error:
            if not is_not_writable(error):
                raise
            warn_not_kept(folder, error)
            yield Place(path, writable=False)
        else:
            yield Place(path, writable=True)


def is_not_writable(error: OSError) -> bool:
    """Tell whether an error says that a disk is full or read-only."""
    return error.errno in _NOT_WRITABLE


def warn_not_kept(folder: str | PathLike[str], error: OSError) -> None:
    """Warn that nothing is kept."""
    warn(
        f"folder={str(folder)!r} cannot be written ({error.strerror}): training continues, but "
        "is not kept. Free space there, or name another folder."
    )


def list_fits(folder: str | PathLike[str]) -> list[KeptFit]:
    """List what a folder of :class:`~fer_estimators.ResumableClassifier` keeps.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    list of KeptFit
        The oldest first. Their sizes are in ``n_bytes``.

    Raises
    ------
    OSError
        If there is no such folder.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fer_estimators import ResumableClassifier
    >>> from fer_estimators.resumable import clear_fits, list_fits
    >>> folder = tempfile.TemporaryDirectory()
    >>> clf = ResumableClassifier(LogisticRegression(max_iter=500), folder.name)
    >>> _ = clf.fit(*load_iris(return_X_y=True))
    >>> [(fit.estimator, fit.n_samples) for fit in list_fits(folder.name)]
    [('LogisticRegression(max_iter=500)', 150)]
    >>> clear_fits(folder.name)
    1
    >>> folder.cleanup()
    """
    return sorted(map(_describe, _places(folder)), key=lambda fit: fit.kept_at)


def clear_fits(folder: str | PathLike[str], *, older_than: float = 0) -> int:
    """Delete what a folder of :class:`~fer_estimators.ResumableClassifier` keeps.

    Parameters
    ----------
    folder : path-like
        Nothing else in it is touched.
    older_than : float, default=0
        Days. Later fits stay.

    Returns
    -------
    int
        Number of fits deleted. Those that are being trained are left, with a warning.

    Raises
    ------
    OSError
        If there is no such folder, or a file cannot be deleted.
    """
    before = time.time() - older_than * 86400
    old = [path for path in _places(folder) if _describe(path).kept_at <= before]
    deleted = [_delete_unless_used(path) for path in old]
    if not all(deleted):
        warn(f"{deleted.count(False)} fits in {str(folder)!r} are in use, and were not deleted.")
    return sum(deleted)


def _places(folder):
    paths = Path(folder).expanduser().iterdir()
    return [path for path in paths if _NAME.fullmatch(path.name) and _is_place(path)]


def _is_place(path):
    """Tell the folder of a fit from those of others, such as a cache of joblib's."""
    if path.is_symlink() or not path.is_dir():
        return False
    try:
        names = [entry.name for entry in path.iterdir()]
    except FileNotFoundError:
        return False
    # A fit that failed may leave an empty folder.
    return not names or any(map(_CONTENT.fullmatch, names))


def _delete_unless_used(path):
    try:
        with locked(path, wait=False):
            _delete_folder(path, but=LOCK_FILE if _IS_WINDOWS else None)
    except Timeout:
        return False
    if _IS_WINDOWS:
        # Nobody can delete an open file there: a lock that another process has taken stays.
        with suppress(OSError):
            (path / LOCK_FILE).unlink(missing_ok=True)
            path.rmdir()
    return True


def _describe(path):
    states = list(_states(path))
    n_bytes = sum(state.st_size for state in states)
    changed = max((state.st_mtime for state in states), default=0.0)
    try:
        record = _read_record(path)
    except (OSError, ValueError, RecursionError):
        return KeptFit(path.name, "", 0, 0.0, changed, n_bytes, finished=False)
    return KeptFit(
        path.name,
        record["estimator"],
        record["n_samples"],
        record["seconds"],
        changed,
        n_bytes,
        finished=True,
    )


def _states(path):
    for file in path.rglob("*"):
        # Another process that trains there replaces and deletes files.
        with suppress(FileNotFoundError):
            if file.is_file():
                yield file.stat()


def _read_record(path):
    try:
        record = json.loads(read_regular(path / _RECORD, limit=_MAX_RECORD_BYTES))
    except RecursionError as error:
        raise ValueError(f"{_RECORD} is not what this library writes") from error
    if not isinstance(record, dict) or record.keys() != {
        "name",
        "estimator",
        "n_samples",
        "seconds",
        "sha256",
    }:
        raise ValueError(f"{_RECORD} is not what this library writes")
    if record["name"] != path.name:
        raise ValueError(f"its files are those of {shorten(record['name'])}")
    return record


def _save(fitted, path):
    if path.name == _OURS:
        from fer_estimators.persistence import save

        save(fitted, path)
        return
    # Also what is defined in a notebook or a worker, where pickle finds no names.
    portable = joblib.wrap_non_picklable_objects(fitted, keep_wrapper=False)
    with written_whole(path) as file:
        joblib.dump(portable, file)


def _load(path, estimator):
    if path.name == _OURS:
        from fer_estimators.persistence import load

        return load(path, **estimator.get_params(deep=False))
    return joblib.load(path)


def _delete_folder(path, *, but=None):
    """Delete a folder of files, and the folders of files in it; `but` one file, which stays."""
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            _delete_folder(entry)
        elif entry.name != but:
            entry.unlink()
    if but is None:
        path.rmdir()
