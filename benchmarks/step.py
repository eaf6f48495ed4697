"""Show what a training step spends its time on: ``python -m benchmarks.step residual bfloat16``.

The table lists the operations in TensorFlow's profile on one thread, without a GPU, in milliseconds
per step and as shares of the total. On a busy machine, compare only the shares.
"""

import argparse
import os
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

_BATCH_SIZE = 128
_STEPS = 10
# The first key that an operation's name contains decides its kind.
_KINDS = {
    "Conv2DBackpropFilter": "convolutions, gradient of the weights",
    "Conv2DBackpropInput": "convolutions, gradient of the pixels",
    "Conv2D": "convolutions",
    "FusedBatchNormGrad": "batch normalisation, gradient",
    "FusedBatchNorm": "batch normalisation (with relu)",
    "ReluGrad": "relu, gradient",
    "Relu": "relu on its own",
    "Pool": "pooling, both ways",
    "Cast": "casts",
    "sgd": "optimizer",
    "Iterator": None,
}


def train(network, policy):
    """Return a function that runs one training step, prepared as ``fit`` prepares it."""
    from fer_estimators._backends.process_state import dtype_policy
    from fer_estimators.architectures import ARCHITECTURES
    from fer_estimators.classifiers._optimizers import make_optimizer
    from fer_estimators.classifiers._training import compile_training

    with dtype_policy(policy):
        model = ARCHITECTURES[network]((48, 48, 1), 7)
    compile_training(model, make_optimizer("sgd", 0.01, "constant", _STEPS), label_smoothing=0.0)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (_BATCH_SIZE, 48, 48, 1), dtype=np.uint8)
    targets = np.eye(7, dtype="float32")[generator.integers(0, 7, _BATCH_SIZE)]
    return lambda: model.train_function(iter([(images, targets)]))


def read_profile(folder):
    """Return the milliseconds of each operation in a profile."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    milliseconds = Counter()
    for plane in space.planes:
        names = {number: data.name for number, data in plane.event_metadata.items()}
        for line in plane.lines:
            for event in line.events:
                # Operations are named "place:type"; other events contain operations.
                if ":" in names[event.metadata_id] and "/" in names[event.metadata_id]:
                    milliseconds[names[event.metadata_id]] += event.duration_ps / 1e9
    return milliseconds


def main():
    """Profile some steps, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step", description=__doc__)
    parser.add_argument("network")
    parser.add_argument("precision", choices=["float32", "bfloat16"])
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    import tensorflow as tf

    import fer_estimators  # noqa: F401, it sets up TensorFlow before it starts
    from fer_estimators._backends.device import device_scope, resolve_device
    from fer_estimators._backends.memory import freed_memory_kept

    policy = "float32" if arguments.precision == "float32" else "mixed_bfloat16"
    with device_scope(resolve_device("cpu")), freed_memory_kept():
        step = train(arguments.network, policy)
        for _ in range(3):
            step()
        with tempfile.TemporaryDirectory() as folder:
            with tf.profiler.experimental.Profile(folder):
                for _ in range(_STEPS):
                    step()
            operations = read_profile(folder)
    kinds = Counter()
    for name, milliseconds in operations.items():
        kind = next((kind for sign, kind in _KINDS.items() if sign in name), "all others")
        kinds[kind] += milliseconds / _STEPS
    kinds.pop(None, None)
    total = sum(kinds.values())
    print("| | ms | share |\n|---|---|---|")
    for kind, milliseconds in kinds.most_common():
        print(f"| {kind} | {milliseconds:.2f} | {milliseconds / total:.1%} |")


if __name__ == "__main__":
    main()
