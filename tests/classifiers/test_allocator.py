"""The allocator is tuned for a training, and restored whatever happens in it."""

import platform
import subprocess
import sys

import numpy as np
import pytest

from fer_estimators.classifiers import _allocator


class FakeLibc:
    def __init__(self):
        self.values = {}
        self.trimmed = 0

    def mallopt(self, parameter, value):
        self.values[parameter] = value
        return 1

    def malloc_trim(self, pad):
        self.trimmed += 1


def test_values_are_restored_after_an_error(monkeypatch):
    libc = FakeLibc()
    monkeypatch.setattr(_allocator, "_glibc", lambda: libc)

    def fail():
        with _allocator.freed_memory_kept():
            assert libc.values[_allocator._TRIM_THRESHOLD] > 1 << 30
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert libc.values[_allocator._TRIM_THRESHOLD] == 128 << 10
    assert libc.trimmed == 1


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    with _allocator.freed_memory_kept():
        assert np.zeros(3).sum() == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_pages_are_reused():
    code = (
        "import numpy, resource, sys\n"
        "from contextlib import nullcontext\n"
        "from fer_estimators.classifiers._allocator import freed_memory_kept\n"
        "with freed_memory_kept() if sys.argv[1] == 'kept' else nullcontext():\n"
        "    for _ in range(50):\n"
        "        blocks = [numpy.ones(500_000) for _ in range(10)]\n"
        "        del blocks\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)"
    )
    faults = {
        mode: int(subprocess.check_output([sys.executable, "-c", code, mode], text=True))
        for mode in ("kept", "given_back")
    }
    assert faults["kept"] < faults["given_back"] / 2
