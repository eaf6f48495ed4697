r"""Train the FER+ networks on a GPU in calls of a few minutes, with the JAX backend.

``KERAS_BACKEND=jax python training/on_gpu.py ferplus-base FER2013 VOTES --output runs/gpu --minutes
9`` trains until the time is up and writes its state. Run it again to resume, until
``runs/gpu/ferplus-base/weights.npz`` holds the averaged weights. Then the smaller network can learn
from the larger one::

    KERAS_BACKEND=jax python training/on_gpu.py ferplus-compact FER2013 VOTES --output runs/gpu \
        --minutes 9 --teacher ferplus-base

All images are kept on the device as uint8, an epoch is one compiled loop, networks compute in
bfloat16, and teacher and student see the same augmented images [1].

``--images 1000 --epochs 2`` makes a rehearsal that is short enough for a CPU.

[1] Beyer, L. et al. (2022). "Knowledge distillation: a good teacher is patient and consistent."
CVPR.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import jax
import keras
import numpy as np
from jax import numpy as jnp

from fer_estimators._files.writing import written_whole
from fer_estimators.architectures import ARCHITECTURES
from fer_estimators.augmentation import make_augmentation
from fer_estimators.classifiers._data import ImageBatches
from fer_estimators.classifiers._optimizers import make_optimizer, take_average
from fer_estimators.datasets import load_fer2013
from fer_estimators.evaluation import vote_scores
from ferplus import NETWORKS, rehearsed

BATCH_SIZE = 512
EPOCHS = 300
# The batch size is four times that of NETWORKS, and the learning rate twice as high.
LEARNING_RATE = 0.2
# The teacher's share of the student's targets; the rest are the votes.
TEACHER_SHARE = 0.7
_SECONDS_BETWEEN_CHECKPOINTS = 60


class Run:
    """The compiled training loop of a network, and the state that it updates.

    Parameters
    ----------
    network : keras.Model
    teacher : keras.Model or None
    images : ndarray of shape (n, 48, 48, 1), dtype uint8
    targets : ndarray of shape (n, n_classes), dtype float32
    optimizer : keras.optimizers.Optimizer
    batch_size : int
    """

    def __init__(self, network, teacher, images, targets, *, optimizer, batch_size):
        self.network = network
        self._augmentation = make_augmentation("wide")
        self._augmentation.build(images.shape)
        self._teacher = teacher
        self._images, self._targets = jnp.asarray(images), jnp.asarray(targets)
        self._batch_size = batch_size
        self.optimizer = optimizer
        optimizer.build(network.trainable_variables)
        self._owners = (
            network.trainable_variables,
            network.non_trainable_variables,
            optimizer.variables,
            self._augmentation.non_trainable_variables,
        )
        self.state = [[variable.value for variable in owner] for owner in self._owners]

    def train_epoch(self, epoch):
        """Train on all images once, in an order that depends only on the epoch's number."""
        order = np.random.default_rng((0, epoch)).permutation(len(self._images))
        n_steps = max(1, len(order) // self._batch_size)
        rows = order[: n_steps * self._batch_size].reshape(n_steps, -1)
        self.state, losses = self._epoch(self.state, self._images, self._targets, jnp.asarray(rows))
        return float(losses.mean())

    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def _epoch(self, state, images, targets, rows):
        def step(state, batch):
            return self._step(state, images[batch].astype("float32"), targets[batch])

        return jax.lax.scan(step, state, rows)

    def _step(self, state, images, targets):
        trainable, statistics, slots, seeds = state
        images, seeds = self._augmentation.stateless_call([], seeds, images, training=True)
        if self._teacher is not None:
            taught = self._teacher(images, training=False)
            targets = TEACHER_SHARE * taught + (1 - TEACHER_SHARE) * targets

        def loss_of(trainable):
            probabilities, changed = self.network.stateless_call(
                trainable, statistics, images, training=True
            )
            losses = keras.losses.categorical_crossentropy(targets, probabilities)
            return losses.mean(), changed

        (loss, statistics), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable)
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        return [trainable, statistics, slots, seeds], loss

    def finish(self):
        """Give the network its averaged weights."""
        self._assign()
        self.network.optimizer = self.optimizer
        images = np.asarray(self._images)
        codes = np.asarray(self._targets).argmax(axis=1)
        n_classes = self._targets.shape[1]
        options = {"batch_size": self._batch_size, "dtype": "float32", "shuffle": True}
        take_average(self.network, ImageBatches(images, codes, n_classes, **options))

    def predict(self, images):
        """Return probabilities; call `finish` first, which puts the weights into the network."""
        return np.concatenate(
            [np.asarray(self._infer(images[i : i + 1024])) for i in range(0, len(images), 1024)]
        )

    def _infer(self, images):
        return self.network(images.astype("float32"), training=False)

    def _assign(self):
        for owner, values in zip(self._owners, self.state, strict=True):
            for variable, value in zip(owner, values, strict=True):
                variable.assign(value)

    def write(self, path, progress):
        """Write the state, the settings and the curve so far."""
        arrays = {
            f"{part}/{number}": np.asarray(value)
            for part, values in enumerate(self.state)
            for number, value in enumerate(values)
        }
        with written_whole(path) as file:
            np.savez(file, progress=json.dumps(progress), **arrays)

    def read(self, path):
        """Read what `write` wrote, and return the settings and the curve."""
        with np.load(path, allow_pickle=False) as members:
            self.state = [
                [jnp.asarray(members[f"{part}/{number}"]) for number in range(len(values))]
                for part, values in enumerate(self.state)
            ]
            return json.loads(str(members["progress"]))


def main(arguments=None):
    """Train one network until it is done or the time is up."""
    start = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(NETWORKS))
    parser.add_argument("fer2013", help="folder, zip or csv of FER2013's images")
    parser.add_argument("votes", help="FER+'s votes, as load_fer2013(..., fer_plus=) takes them")
    parser.add_argument("--teacher", choices=sorted(NETWORKS), help="a network in the same output")
    parser.add_argument("--images", type=int, help="number of images to train on, for a rehearsal")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args(arguments)
    if keras.backend.backend() != "jax":
        parser.error("this script is for the JAX backend: set KERAS_BACKEND=jax")
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(0)

    options = {"fer_plus": arguments.votes}
    train = load_fer2013(arguments.fer2013, split="train", ties="first", **options)
    val = load_fer2013(arguments.fer2013, split="val", **options)
    rows = rehearsed(train.target, arguments.images)
    images, targets = train.images[rows, ..., None], train.soft_labels.to_numpy("float32")[rows]
    classes = train.soft_labels.columns.to_numpy(dtype=str)

    teacher = None
    if arguments.teacher:
        teacher = build(arguments.teacher, images, classes)
        teacher.set_weights(read_weights(arguments.output / arguments.teacher))
    batch_size = min(BATCH_SIZE, len(images))
    n_steps = arguments.epochs * max(1, len(images) // batch_size)
    optimizer = make_optimizer(
        NETWORKS[arguments.name]["optimizer"], LEARNING_RATE, "cosine", n_steps
    )
    run = Run(
        build(arguments.name, images, classes),
        teacher,
        images,
        targets,
        optimizer=optimizer,
        batch_size=batch_size,
    )
    folder = arguments.output / arguments.name
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"epochs": arguments.epochs, "images": len(images), "teacher": arguments.teacher}
    if not train_until(run, folder / "state.npz", settings, start + 60 * arguments.minutes):
        return
    run.finish()
    with written_whole(folder / "weights.npz") as file:
        np.savez(file, *run.network.get_weights())
    y_proba = run.predict(val.images[..., None])
    accuracy = (classes[y_proba.argmax(axis=1)] == val.target).mean()
    scores = vote_scores(val.soft_labels, y_proba, classes=classes)
    (folder / "scores.json").write_text(json.dumps({"accuracy": accuracy, **scores}, indent=1))
    print(f"done: accuracy {accuracy:.4f}, {scores}")


def build(name, images, classes):
    """Build a network of `NETWORKS`."""
    return ARCHITECTURES[NETWORKS[name]["architecture"]](images.shape[1:], len(classes))


def read_weights(folder):
    """Return the weights of a network whose training is done."""
    with np.load(folder / "weights.npz", allow_pickle=False) as members:
        return [members[f"arr_{number}"] for number in range(len(members.files))]


def train_until(run, path, settings, deadline):
    """Resume from the last state, and return whether all epochs are done."""
    progress = run.read(path) if path.exists() else {"settings": settings, "losses": []}
    if progress["settings"] != settings:
        raise SystemExit(
            f"{path} is the state of a run with {progress['settings']}, but this run has "
            f"{settings}. Pass another --output, or remove the file."
        )
    losses, epochs = progress["losses"], settings["epochs"]
    written = time.monotonic()
    for epoch in range(len(losses), epochs):
        began = time.monotonic()
        losses.append(run.train_epoch(epoch))
        now = time.monotonic()
        print(f"epoch {epoch + 1}/{epochs}: loss {losses[-1]:.4f}, {now - began:.1f} s", flush=True)
        # The next epoch will take about as long as this one, and writing a few seconds.
        is_last = len(losses) == epochs or now + (now - began) + 10 > deadline
        if is_last or now - written > _SECONDS_BETWEEN_CHECKPOINTS:
            run.write(path, progress)
            written = now
        if is_last:
            break
    return len(losses) == epochs


if __name__ == "__main__":
    main()
