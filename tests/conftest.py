"""Shared fixtures: everything is drawn, nothing is downloaded."""

import os
import signal
import sys
from pathlib import Path

# Before TensorFlow is imported: its start-up messages are not part of a test's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

# Several processes run tests at once; tiny networks need no more than one thread each.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from fer_estimators.datasets import make_faces

if not hasattr(os, "mkfifo"):
    os.mkfifo = lambda path: pytest.skip("this system has no named pipes")

# Programs that tests import, too.
sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parent / "fuzz"))
# Programs that made the shipped networks; a test runs them.
sys.path.append(str(Path(__file__).parents[1] / "training"))
# The package of benchmarks.
sys.path.append(str(Path(__file__).parents[1]))
# What the code of the documentation's pages loads.
sys.path.append(str(Path(__file__).parents[1] / "docs"))


@pytest.fixture(scope="session")
def faces():
    """Drawn faces of 16 pixels, 20 of each emotion."""
    return make_faces(140, image_size=16, random_state=0)


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """Handle Ctrl-C as in a terminal; what runs in the background begins with it switched off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def figures_are_closed():
    """Close what a test drew: pyplot warns of the twenty-first figure, whichever test opens it."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
