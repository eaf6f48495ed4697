"""Intervals, effective sizes and calibration: published and worked values."""

import numpy as np
import pytest

from fer_estimators._statistics import (
    effective_size,
    expected_calibration_error,
    gap_interval,
    wilson_interval,
)


def test_wilson_interval_equals_published_values():
    # Newcombe, Statistics in Medicine 17, 857-872, 1998, table I: 81/263, 15/148, 0/20, 1/29.
    for successes, n, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert wilson_interval(successes / n, n) == pytest.approx((low, high), abs=6e-5)
    assert np.isnan(wilson_interval(0.5, 0)).all()
    assert wilson_interval(1.0, 5)[1] == 1.0


def test_gap_interval_equals_published_values():
    # Newcombe, Statistics in Medicine 17, 873-890, 1998, table II: 56/70 - 48/80, method 10.
    first, second = ((k / n, *wilson_interval(k / n, n)) for k, n in ((56, 70), (48, 80)))
    assert gap_interval(first, second) == pytest.approx((0.0524, 0.3339), abs=6e-5)


def test_effective_size_of_equal_weights_is_their_number():
    assert effective_size(np.full(9, 0.3)) == pytest.approx(9)
    assert effective_size(np.array([1.0, 0, 0])) == 1
    assert effective_size(np.zeros(3)) == 0
    assert effective_size(np.full(9, 1e-200)) == pytest.approx(9)
    assert effective_size(np.full(9, 1e200)) == pytest.approx(9)


def test_calibration_error_is_the_mean_distance_of_confidence_and_accuracy():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, False, True, True])
    assert expected_calibration_error(correct, confidence) == pytest.approx(0.45)
    weighted = expected_calibration_error(correct, confidence, sample_weight=[1, 0, 0, 0])
    assert weighted == pytest.approx(0.05)
    assert expected_calibration_error(np.array([True]), np.array([1.0])) == 0
