"""Optimizers by name."""

import keras
import pytest

from fer_estimators.classifiers._optimizers import SCHEDULES, make_optimizer


@pytest.mark.parametrize(("optimizer", "decay"), [("adamw", 0.05), ("sgd", 0.005)])
def test_weight_decay_is_on_kernels_alone(optimizer, decay):
    variables = [keras.Variable([1.0], name=name) for name in ("kernel", "bias", "gamma", "beta")]
    optimizer = make_optimizer(optimizer, 0.1, "constant", 1)
    optimizer.apply([keras.ops.zeros(1)] * 4, variables)
    kernel, *others = (float(keras.ops.squeeze(variable)) for variable in variables)
    assert kernel == pytest.approx(1 - 0.1 * decay)
    assert others == [1, 1, 1]


@pytest.mark.parametrize("n_steps", [1, 2, 7, 100])
def test_cosine_is_the_schedule_of_keras_with_a_warm_up(n_steps):
    warm_up = max(1, round(0.15 * n_steps))
    theirs = keras.optimizers.schedules.CosineDecay(
        0.1 / warm_up, max(1, n_steps - warm_up), warmup_target=0.1, warmup_steps=warm_up
    )
    ours = SCHEDULES["cosine"](0.1, n_steps)
    for step in range(n_steps + 2):
        assert float(ours(step)) == pytest.approx(float(theirs(step)), abs=1e-7)
