"""The library's own errors."""

import pickle
import subprocess
import sys

import pytest

from fer_estimators import exceptions

ERRORS = [
    value
    for value in vars(exceptions).values()
    if isinstance(value, type) and issubclass(value, Exception)
]
AFTER_TBLIB = """
import pickle

import tblib.pickling_support

from fer_estimators import exceptions

tblib.pickling_support.install()
for name in {names!r}:
    error = pickle.loads(pickle.dumps(getattr(exceptions, name)("what", "why")))
    assert error.args == ("what", "why"), name
"""


@pytest.mark.parametrize("error", ERRORS)
def test_errors_survive_pickling(error):
    copied = pickle.loads(pickle.dumps(error("what", "why")))
    assert type(copied) is error
    assert copied.args == ("what", "why")


def test_errors_survive_the_pickling_of_dask():
    pytest.importorskip("tblib")
    program = AFTER_TBLIB.format(names=[error.__name__ for error in ERRORS])
    subprocess.run([sys.executable, "-c", program], check=True)
