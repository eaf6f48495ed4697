"""A lock has one holder at a time, and is never held for ever."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from filelock import Timeout

from fer_estimators._files import locking

fcntl = pytest.importorskip("fcntl")

HOLD = """
import errno, os, sys, time, fcntl
from pathlib import Path
from fer_estimators._files import locking

def fail(*arguments):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

if sys.argv[2] == "without":
    fcntl.flock = fail
locking.LEASE_SECONDS = 2.0
with locking.locked(Path(sys.argv[1]), wait=True):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["with", "without"])
def of_the_system(request, monkeypatch):
    """Whether the file system has locks."""
    if request.param == "without":

        def fail(*arguments):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(fcntl, "flock", fail)
    monkeypatch.setattr(locking, "LEASE_SECONDS", 2.0)
    return request.param


def hold(folder, of_the_system):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder, of_the_system], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def is_free(folder):
    try:
        with locking.locked(folder, wait=False):
            return True
    except Timeout:
        return False


def test_a_lock_has_one_holder(tmp_path, of_the_system):
    with locking.locked(tmp_path / "new", wait=True):
        assert not is_free(tmp_path / "new")
    assert is_free(tmp_path / "new")


def test_a_killed_holder_lets_go_at_once(tmp_path, of_the_system):
    with hold(tmp_path, of_the_system) as process:
        assert not is_free(tmp_path)
        process.kill()
        process.wait()
        with locking.locked(tmp_path, wait=True):
            assert not is_free(tmp_path)


@pytest.mark.parametrize("of_the_system", ["without"], indirect=True)
def test_a_holder_without_a_sign_of_life_loses_it(tmp_path, of_the_system):
    with hold(tmp_path, of_the_system) as process:
        time.sleep(3)
        assert not is_free(tmp_path)
        # To others like a machine that was lost: it is there, and never heard of again.
        process.send_signal(signal.SIGSTOP)
        try:
            with locking.locked(tmp_path, wait=True):
                assert not is_free(tmp_path)
        finally:
            process.kill()


def test_a_folder_that_is_deleted_while_others_wait_is_made_again(tmp_path, of_the_system):
    taken = threading.Event()

    def wait():
        with locking.locked(tmp_path / "fit", wait=True):
            taken.set()

    thread = threading.Thread(target=wait)
    with locking.locked(tmp_path / "fit", wait=True):
        thread.start()
        time.sleep(0.2)
        shutil.rmtree(tmp_path / "fit")
    thread.join(10)
    assert taken.is_set()
