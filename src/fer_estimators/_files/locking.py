"""Reserve a folder for one process, also where several machines share the file system."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, SoftFileLease

#: Name of the file that the system locks.
LOCK_FILE = "lock"
#: Seconds without a sign of life after which another process may take a lease.
LEASE_SECONDS = 60.0
# What systems answer where a file system has no locks: NFS without its lock daemon, Lustre mounted
# without flock, some network and user-space file systems.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextmanager
def locked(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold a folder's lock; the folder is made if absent.

    The lock is the system's own, which ends with the process that holds it. Where the file system
    has none, it is a file that its holder touches every few seconds.

    Raises filelock.Timeout if another process or thread holds it and `wait` is False, and OSError
    if the folder cannot be written.
    """
    lock = _acquire(folder, wait)
    try:
        yield
    finally:
        lock.release()


def _acquire(folder, wait):
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _acquire_file(folder, wait)
        except FileNotFoundError:
            continue  # somebody deleted the folder meanwhile


def _acquire_file(folder, wait):
    lock = FileLock(folder / LOCK_FILE, blocking=wait, fallback_to_soft=False)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        lock = SoftFileLease(folder / "lease", blocking=wait, lease_duration=LEASE_SECONDS)
        lock.acquire()
    return lock
