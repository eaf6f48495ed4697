"""Values told by what they compute."""

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest

from fer_estimators._fingerprint import describe, digest_array

HOLDS_A_SET = """
from fer_estimators._fingerprint import describe

def build(name):
    return name in {"a", "b", "c", "d"}

print(describe([build, {"x", "y", "z"}]))
"""


def run(seed):
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", HOLDS_A_SET]
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout


def test_sets_are_described_alike_in_every_process():
    assert len({run(seed) for seed in ("1", "2", "3")}) == 1


def make(value, default=1):
    def inner(x, default=default):
        return x + value + default

    return inner


class Scaler:
    def __init__(self, factor):
        self.factor = factor

    def scale(self, x):
        return x * self.factor


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (make(1), make(2)),
        (make(1), make(1, default=3)),
        (make(np.zeros(3)), make(np.ones(3))),
        (make(make(1)), make(make(2))),
        (partial(make, 1), partial(make, 2)),
        (Scaler(1), Scaler(2)),
        (Scaler(1).scale, Scaler(2).scale),
        (lambda x: x + 1, lambda x: x + 2),
        ({"a": 1}, {"a": 2}),
        (np.zeros(3), np.zeros(3, "float32")),
        (1, True),
        ("1", 1),
    ],
)
def test_what_computes_something_else_is_told_apart(one, other):
    assert describe(one) != describe(other)


@pytest.mark.parametrize("make_one", [lambda: make(1), lambda: Scaler(3), lambda: {3, 1, 2}])
def test_what_was_made_again_is_the_same(make_one):
    assert describe(make_one()) == describe(make_one())


def test_objects_may_refer_to_themselves():
    loop = Scaler(1)
    loop.me = loop
    describe(loop)


def test_arrays_are_told_by_their_content():
    images = np.arange(10_000, dtype=np.uint8).reshape(5000, 2)
    changed = images.copy()
    changed[4999, 1] += 1
    assert digest_array(images) == digest_array(images.copy())
    assert digest_array(images) != digest_array(changed)


def test_objects_without_attributes_are_told_by_what_pickle_keeps():
    first, same, other = (np.random.default_rng(seed) for seed in (0, 0, 1))
    assert describe(first) == describe(same)
    assert describe(first) != describe(other)


def test_tables_are_told_by_every_value_and_name():
    table = pd.DataFrame({"a": np.arange(1000), "b": ["x"] * 1000})
    changed = table.copy()
    changed.loc[500, "b"] = "y"
    assert describe(table) == describe(table.copy())
    others = [changed, table.rename(columns={"a": "c"}), table.astype({"a": "float64"}), table["a"]]
    assert len({describe(other) for other in [table, *others]}) == 5


def test_dates_are_digested():
    dates = np.arange("2020-01-01", "2020-02-01", dtype="datetime64[D]")
    assert digest_array(dates) == digest_array(dates.copy())
    assert digest_array(dates) != digest_array(dates + np.timedelta64(1, "D"))


def make_class(factor, n_steps):
    class Base:
        def scale(self, x):
            return x * factor

    class Scales(Base):
        steps = n_steps

    return Scales


def test_classes_are_told_by_their_bases_and_constants():
    first = describe(make_class(2, 3)())
    assert describe(make_class(2, 3)()) == first
    assert describe(make_class(4, 3)()) != first
    assert describe(make_class(2, 5)()) != first
