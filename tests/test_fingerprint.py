"""Fingerprints identify values by what they compute."""

import os
import re
import subprocess
import sys
import threading
import types
from collections import deque
from functools import lru_cache, partial

import numpy as np
import pandas as pd
import pytest
import sklearn
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression

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


class Labelled(list):
    def __init__(self, values, label):
        super().__init__(values)
        self.label = label


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
        (lru_cache(make(1)), lru_cache(make(2))),
        (deque([1]), deque([2])),
        (Labelled([1], "x"), Labelled([1], "y")),
        (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[0, 0])),
        ([Image.new("L", (3, 3), 1)], [Image.new("L", (3, 3), 2)]),
        (re.compile("a"), re.compile("b")),
        (np.zeros(3), np.zeros(3, "float32")),
        (1, True),
        ("1", 1),
    ],
)
def test_what_computes_something_else_is_told_apart(one, other):
    assert describe(one) != describe(other)


@pytest.mark.parametrize(
    "make_one",
    [
        lambda: make(1),
        lambda: Scaler(3),
        lambda: {3, 1, 2},
        lambda: re.compile("a"),
        lambda: Image.new("L", (3, 3), 1),
        lambda: make_class(2, 3)(),
        lambda: make_transformer(2),
    ],
)
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


def test_large_integers_beside_fractions_are_told_apart():
    def table(value):
        return pd.DataFrame({"a": [value], "b": [0.5]})

    assert describe(table(2**53)) != describe(table(2**53 + 1))


def test_categories_are_told_in_their_order():
    def column(*categories):
        return pd.Series(pd.Categorical(["x", "y"], categories))

    first, other = column("x", "y"), column("y", "x")
    assert describe(first) != describe(other)
    assert describe(first.to_frame()) != describe(other.to_frame())


STEP = 1


def with_inner_functions():
    return [(lambda i: i * STEP)(i) for i in range(3)]


def test_names_that_inner_functions_refer_to_are_followed(monkeypatch):
    before = describe(with_inner_functions)
    monkeypatch.setattr(f"{__name__}.STEP", 2)
    assert describe(with_inner_functions) != before


def make_module(n_steps):
    inner = types.ModuleType("own_package.inner")
    inner.__file__, inner.step = "/home/me/inner.py", make(n_steps)
    module = types.ModuleType("own_package")
    module.__file__, module.inner, inner.own_package = "/home/me/own_package.py", inner, module
    return module


MODULE = make_module(1)


def with_a_module(x):
    return MODULE.inner.step(x)


def test_what_a_function_takes_from_modules_of_the_user_is_followed(monkeypatch):
    before = describe(with_a_module)
    monkeypatch.setattr(f"{__name__}.MODULE", make_module(1))
    assert describe(with_a_module) == before
    monkeypatch.setattr(f"{__name__}.MODULE", make_module(2))
    assert describe(with_a_module) != before


def test_what_an_optimizer_does_not_shrink_is_told_apart():
    import keras

    def make_optimizer(name):
        optimizer = keras.optimizers.AdamW()
        optimizer.exclude_from_weight_decay(var_names=[name])
        return optimizer

    assert describe(make_optimizer("bias")) == describe(make_optimizer("bias"))
    assert describe(make_optimizer("bias")) != describe(make_optimizer("gamma"))


def test_tensors_are_told_by_their_content():
    import keras

    first, other = (keras.ops.convert_to_tensor([1.0, value]) for value in (2, 3))
    assert describe(first) == describe(first + 0)
    assert describe(first) != describe(other)


def test_a_part_of_an_array_on_disk_is_read_at_a_time(monkeypatch):
    images = np.arange(400, dtype=np.uint8).reshape(100, 4)
    sizes = []

    class OnDisk:
        shape, dtype = images.shape, images.dtype

        def __len__(self):
            return len(images)

        def __getitem__(self, rows):
            sizes.append(len(images[rows]))
            return images[rows]

    monkeypatch.setattr("fer_estimators._parts.PART_BYTES", 40)
    assert digest_array(OnDisk()) == digest_array(images)
    assert sizes == [10] * 10


@pytest.mark.parametrize("value", [(i for i in "abc"), memoryview(b"")])
def test_what_hides_its_content_is_refused(value):
    with pytest.raises(TypeError, match="is hidden"):
        describe({"a": [value]})


def test_locks_compute_nothing():
    assert describe(threading.Lock()) == describe(threading.Lock())


def test_another_version_of_a_library_may_count(monkeypatch):
    before = [describe(LogisticRegression(), versions=versions) for versions in (False, True)]
    monkeypatch.setattr(sklearn, "__version__", "99")
    after = [describe(LogisticRegression(), versions=versions) for versions in (False, True)]
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_dates_are_digested():
    dates = np.arange("2020-01-01", "2020-02-01", dtype="datetime64[D]")
    assert digest_array(dates) == digest_array(dates.copy())
    assert digest_array(dates) != digest_array(dates + np.timedelta64(1, "D"))


def make_class(factor, n_steps, hidden=1, table=(), default=0):
    class Base:
        def scale(self, x):
            return x * factor

        @property
        def default(self):
            return default

    class Scales(Base):
        steps = n_steps
        _hidden = hidden
        weights = np.array(table)

    return Scales


@pytest.mark.parametrize(
    "changed",
    [{"factor": 4}, {"n_steps": 5}, {"hidden": 2}, {"table": (1,)}, {"default": 1}],
    ids=lambda changed: next(iter(changed)),
)
def test_classes_are_told_by_their_bases_and_attributes(changed):
    arguments = {"factor": 2, "n_steps": 3}
    assert describe(make_class(**arguments)()) != describe(make_class(**arguments | changed)())


def make_transformer(factor):
    class Times(TransformerMixin, BaseEstimator):
        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return X * factor

    return Times()


def test_methods_that_a_library_wrapped_are_told_by_their_code():
    assert describe(make_transformer(2)) != describe(make_transformer(3))


def test_attributes_of_functions_count():
    def scale(x):
        return x * scale.factor

    scale.factor = 1
    before = describe(scale)
    assert describe(scale) == before
    scale.factor = 2
    assert describe(scale) != before
