"""The allocator is tuned while networks train, and always reset afterwards."""

import platform
import subprocess
import sys

import pytest

from fer_estimators._backends import memory


class FakeLibc:
    def __init__(self):
        self.values = {}
        self.trimmed = 0

    def mallopt(self, parameter, value):
        self.values[parameter] = value
        return 1

    def malloc_trim(self, pad):
        self.trimmed += 1


TRIM_THRESHOLD = -1  # as in glibc's malloc.h


@pytest.fixture
def libc(monkeypatch):
    libc = FakeLibc()
    monkeypatch.setattr(memory, "_load_glibc", lambda: libc)
    return libc


def test_values_are_set_back_after_an_error(libc):
    def fail():
        with memory.freed_memory_kept():
            assert libc.values[TRIM_THRESHOLD] > 1 << 30
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert libc.values[TRIM_THRESHOLD] == 128 << 10
    assert libc.trimmed == 1


def test_concurrent_fits_keep_freed_memory_until_the_last_ends(libc):
    with memory.freed_memory_kept():
        with memory.freed_memory_kept():
            pass
        assert libc.values[TRIM_THRESHOLD] > 1 << 30
        assert libc.trimmed == 0
    assert libc.values[TRIM_THRESHOLD] == 128 << 10
    assert libc.trimmed == 1


@pytest.mark.parametrize(
    "setting", [("MALLOC_TOP_PAD_", "1000"), ("GLIBC_TUNABLES", "glibc.malloc.arena_max=2")]
)
def test_settings_of_the_user_are_left_alone(monkeypatch, setting):
    monkeypatch.setenv(*setting)
    assert memory._load_glibc() is None


def test_other_systems_are_left_alone(monkeypatch):
    for name in (*memory._MALLOPT, "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert memory._load_glibc() is None
    with memory.freed_memory_kept():
        assert memory._n_training == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_pages_are_reused():
    code = (
        "import numpy, resource, sys\n"
        "from contextlib import nullcontext\n"
        "from fer_estimators._backends.memory import freed_memory_kept\n"
        "def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "before = faults()\n"
        "with freed_memory_kept() if sys.argv[1] == 'kept' else nullcontext():\n"
        "    for _ in range(50):\n"
        "        blocks = [numpy.ones(500_000) for _ in range(10)]\n"
        "        del blocks\n"
        "print(faults() - before)"
    )
    faults = {
        mode: int(subprocess.check_output([sys.executable, "-c", code, mode], text=True))
        for mode in ("kept", "given_back")
    }
    assert faults["kept"] < faults["given_back"] / 2
