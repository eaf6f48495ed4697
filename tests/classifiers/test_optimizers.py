"""Optimizers by name."""

import keras
import pytest

from fer_estimators.classifiers._optimizers import make_optimizer


@pytest.mark.parametrize(("optimizer", "decay"), [("adamw", 0.05), ("sgd", 0.005)])
def test_weight_decay_is_on_kernels_alone(optimizer, decay):
    variables = [keras.Variable([1.0], name=name) for name in ("kernel", "bias", "gamma", "beta")]
    optimizer = make_optimizer(optimizer, 0.1, "constant", 1)
    optimizer.apply([keras.ops.zeros(1)] * 4, variables)
    kernel, *others = (float(keras.ops.squeeze(variable)) for variable in variables)
    assert kernel == pytest.approx(1 - 0.1 * decay)
    assert others == [1, 1, 1]
