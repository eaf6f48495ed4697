"""The rebuilt network gives the same output as the original."""

import os
import random
from pathlib import Path

import keras
import numpy as np
import pytest

import blazeface
from fer_estimators.faces import _blazeface
from fer_estimators.faces._blazeface import anchor_centres, load_blazeface, start_blazeface

# Of the original, on `pixels()`: each 100th anchor's logit and first four numbers.
REFERENCE = Path(__file__).with_name("blazeface_reference.npy")


def pixels():
    return np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3)).astype(np.float32)


def run(inputs):
    return keras.ops.convert_to_numpy(load_blazeface()(inputs))


def test_raw_output_is_that_of_the_original():
    output = run(pixels())
    np.testing.assert_allclose(output[0, ::100, :5], np.load(REFERENCE), atol=1e-3)


def test_loading_neither_uses_nor_changes_the_process_state():
    policy, state = keras.config.dtype_policy(), random.getstate()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = load_blazeface.__wrapped__()
    finally:
        keras.config.set_dtype_policy(policy)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert random.getstate() == state


def test_published_file_gives_the_same_numbers_where_there_is_one():
    if "BLAZEFACE" not in os.environ:
        pytest.skip("set BLAZEFACE to face_detection_short_range.tflite")
    pytest.importorskip("ai_edge_litert")
    original = blazeface.run_original(blazeface.open_interpreter(os.environ["BLAZEFACE"]), pixels())
    np.testing.assert_allclose(run(pixels()), original, atol=1e-3)


@pytest.mark.parametrize("size", [(128, 128), (96, 128), (16, 48)])
def test_anchors_are_as_many_as_outputs(size):
    output = run(np.zeros((1, *size, 3), dtype=np.float32))
    assert output.shape[1] == len(anchor_centres(*size))


@pytest.mark.parametrize("shape", [(1, 128, 128, 3), (2, 64, 96, 3)])
def test_litert_gives_the_same_numbers_as_keras(monkeypatch, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    on_litert = start_blazeface()(images)
    monkeypatch.setattr(_blazeface, "find_spec", lambda name: None)
    np.testing.assert_allclose(on_litert, start_blazeface()(images), atol=0.01)
