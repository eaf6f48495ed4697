"""Train one network for a few epochs, with the library or with a loop in PyTorch or JAX alone.

``python -m benchmarks._training_loops ours compact bfloat16 --seconds cpu`` prints the images per
second of the fastest epoch, without validation or augmentation; ``KERAS_BACKEND`` chooses what the
library runs on. Each measurement has a process of its own, because the threads of two libraries
would slow each other down.
"""

import argparse
import operator
import os
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec

import numpy as np

from benchmarks import _jax_loop
from benchmarks._measure import Comparison, in_turns

LOOPS = ("ours", "pytorch", "jax")
NETWORKS = ("compact", "residual")
PRECISIONS = ("float32", "bfloat16")
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}

_N_IMAGES = 1280
_BATCH_SIZE = 128
_EPOCHS = 4
_LEARNING_RATE = 0.01
_FILTERS = {"compact": (32, 64, 128), "residual": (48, 96, 192)}
_STEM = 24
_SIDE = 2048
_PRODUCTS = 10
# JAX reads NPROC, TensorFlow and PyTorch the other.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "NPROC": "1"}


def train_ours(images, codes, network, precision, clock):
    """Return the seconds of each epoch of ``CNNClassifier.fit``."""
    import keras

    from fer_estimators import CNNClassifier

    starts, ends = [], []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: starts.append(clock()),
        on_epoch_end=lambda *_: ends.append(clock()),
    )
    CNNClassifier(
        network,
        augmentation=None,
        optimizer="sgd",
        learning_rate=_LEARNING_RATE,
        learning_rate_schedule="constant",
        label_smoothing=0.0,
        epochs=_EPOCHS,
        batch_size=_BATCH_SIZE,
        validation_fraction=None,
        patience=None,
        dtype_policy="float32" if precision == "float32" else "mixed_bfloat16",
        callbacks=[watch],
        random_state=0,
    ).fit(images, codes)
    return np.subtract(ends, starts)


def train_pytorch(images, codes, network, precision, clock):
    """Return the seconds of each epoch of a loop as in PyTorch's guides."""
    import torch

    torch.manual_seed(0)
    model = _build(network).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        model.parameters(), _LEARNING_RATE, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    loss = torch.nn.CrossEntropyLoss()
    pixels, labels = torch.from_numpy(images)[:, None], torch.from_numpy(codes)
    seconds = []
    for _ in range(_EPOCHS):
        start = clock()
        for rows in torch.randperm(len(pixels)).split(_BATCH_SIZE):
            batch = pixels[rows].to(memory_format=torch.channels_last).float() / 64 - 2
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                error = loss(model(batch), labels[rows])
            error.backward()
            optimizer.step()
        seconds.append(clock() - start)
    return np.array(seconds)


def train_jax(images, codes, network, precision, clock):
    """Return the seconds of each epoch of a loop in JAX."""
    if (network, precision) != ("compact", "float32"):
        raise SystemExit("The loop in JAX trains compact in float32 alone.")
    return _jax_loop.train(images, codes, _EPOCHS, _BATCH_SIZE, _LEARNING_RATE, clock)


def _build(network):
    """Build one of the library's networks in PyTorch."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, *steps):
            super().__init__()
            self.steps = nn.Sequential(*steps)

        def forward(self, x):
            return nn.functional.relu(x + self.steps(x))

    def convolution(n_inputs, filters, stride=1, relu=True):
        layers = [
            nn.Conv2d(n_inputs, filters, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(filters, eps=1e-3),
        ]
        return nn.Sequential(*layers, *[nn.ReLU(inplace=True)] * relu)

    first, *others = _FILTERS[network]
    is_residual = network == "residual"
    blocks = [convolution(1, _STEM)] if is_residual else []
    blocks += [convolution(_STEM if is_residual else 1, first, 2), convolution(first, first)]
    before = first
    for filters in others:
        second = convolution(filters, filters)
        if is_residual:
            second = Residual(second, convolution(filters, filters, relu=False))
        blocks += [nn.MaxPool2d(2), convolution(before, filters), second]
        before = filters
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2 * is_residual)
    return nn.Sequential(*blocks, *head, nn.Linear(before, 7))


def product_rate(precision, clock):
    """Return the GFLOP/s of large matrix products in PyTorch, the limit of the machine."""
    import torch

    matrix = torch.randn(_SIDE, _SIDE, dtype=getattr(torch, precision))
    seconds = []
    for _ in range(_PRODUCTS):
        start = clock()
        matrix @ matrix
        seconds.append(clock() - start)
    return 2 * _SIDE**3 / min(seconds) / 1e9


def main():
    """Measure one loop, and print one number."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("loop", choices=[*LOOPS, "products"])
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("precision", choices=PRECISIONS)
    parser.add_argument("--seconds", choices=CLOCKS, default="wall", help="clock to use")
    arguments = parser.parse_args()
    clock = CLOCKS[arguments.seconds]
    if arguments.loop == "products":
        print(product_rate(arguments.precision, clock))
        return
    train = {"ours": train_ours, "pytorch": train_pytorch, "jax": train_jax}[arguments.loop]
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (_N_IMAGES, 48, 48), dtype=np.uint8)
    codes = generator.integers(0, 7, _N_IMAGES)
    print(_N_IMAGES / min(train(images, codes, arguments.network, arguments.precision, clock)))


def training_compact(folder, rounds):
    """Compare training ``compact`` with PyTorch's own loop, if PyTorch is installed."""
    yield from _compare("compact", rounds)


def training_residual(folder, rounds):
    """Compare training ``residual`` with PyTorch's own loop, if PyTorch is installed."""
    yield from _compare("residual", rounds)


def training_backends(folder, rounds):
    """Compare training with Keras on PyTorch and on JAX with a loop in each, where installed."""
    for backend, loop in (("torch", "pytorch"), ("jax", "jax")):
        if find_spec(backend) is not None:
            name = f"training compact on {backend}, float32, one thread / a loop in it"
            yield _compare_loops(name, "compact", "float32", loop, rounds, backend=backend)


def _compare(network, rounds):
    if find_spec("torch") is None:
        return
    for precision in PRECISIONS:
        rate = _run_alone("products", network, precision)
        yield _compare_loops(
            f"training {network}, {precision}, one thread / PyTorch's loop",
            network,
            precision,
            "pytorch",
            rounds,
            note=f"matrix products: {rate:,.0f} GFLOP/s",
        )


def _compare_loops(name, network, precision, loop, rounds, *, backend="tensorflow", note=""):
    ours, peer = in_turns(
        partial(_run_alone, "ours", network, precision, backend),
        partial(_run_alone, loop, network, precision),
        rounds=rounds,
        warm_up=False,
        measure=operator.call,
    )
    rates = {"unit": "images/CPU s", "reach": 1.0, "higher_is_better": True}
    return Comparison(name, ours, peer, note=note, **rates)


def _run_alone(loop, network, precision, backend="tensorflow"):
    command = [sys.executable, "-m", "benchmarks._training_loops", loop, network, precision]
    environment = {**os.environ, **_ONE_THREAD, "KERAS_BACKEND": backend}
    finished = subprocess.run(
        [*command, "--seconds", "cpu"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        check=True,
    )
    return float(finished.stdout)


if __name__ == "__main__":
    main()
