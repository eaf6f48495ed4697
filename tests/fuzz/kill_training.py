"""Kill a training run repeatedly, resume it, and compare it with an uninterrupted run.

``python tests/fuzz/kill_training.py --kills 20`` trains the smallest network in a process of its
own, which is killed (SIGKILL) at random moments, every other time while a checkpoint is written.
The last process finishes the run. Its weights must equal, bit for bit, those of an uninterrupted
run without a checkpoint.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from count_cases import write_counts

EPOCHS = 12
MOST_MISSED = 4


def train(checkpoint=None):
    """Train, and return the weights."""
    from fer_estimators import CNNClassifier
    from fer_estimators.architectures import build_tiny
    from fer_estimators.datasets import make_faces

    faces = make_faces(140, image_size=16, random_state=0)
    clf = CNNClassifier(
        partial(build_tiny, dropout=0.2),
        augmentation="standard",
        epochs=EPOCHS,
        batch_size=8,
        random_state=0,
    )
    return clf.fit(faces.images, faces.target, checkpoint=checkpoint).model_.get_weights()


def kill_and_resume(folder, n_kills, rng):
    """Return the resumed training's weights, and for each kill whether it was in a write.

    Ctrl-C ends the killing: what was killed so far is resumed, and counts.
    """
    kills, n_missed = [], 0
    with suppress(KeyboardInterrupt):
        while len(kills) < n_kills:
            n_missed = 0 if _kill_one(folder, kills, rng) else n_missed + 1
            if n_missed == MOST_MISSED:
                raise RuntimeError(
                    f"{n_missed} runs in a row ended before the moment to kill them: "
                    "is the checkpoint written in place, where no write can be seen?"
                )
    result = folder / "weights.npz"
    subprocess.run([sys.executable, __file__, "--train", str(folder)], check=True)
    with np.load(result) as weights:
        return [weights[name] for name in weights.files], kills


def _kill_one(folder, kills, rng):
    """Tell whether the moment came."""
    # A session of its own: Ctrl-C is not for it.
    command = [sys.executable, __file__, "--train", str(folder)]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        in_a_write = _wait(process, folder, len(kills), rng)
    finally:
        process.kill()
        process.wait()
    if process.returncode == -signal.SIGKILL:
        kills.append(in_a_write)
        return True
    if process.returncode:
        raise RuntimeError(f"a resumed training ended with {process.returncode}")
    # Begin again, and kill that one.
    (folder / "checkpoint.safetensors").unlink()
    return False


def _wait(process, folder, kill, rng):
    """Wait for a random moment, at every second kill for a file that is being written.

    Returns whether one was.
    """
    for left_by_the_last in folder.glob(".*.tmp"):
        left_by_the_last.unlink(missing_ok=True)
    in_a_write = bool(kill % 2)
    if in_a_write:
        n_writes = rng.randint(1, 3)
        while n_writes and process.poll() is None:
            if list(folder.glob(".*.tmp")):
                n_writes -= 1
                while n_writes and list(folder.glob(".*.tmp")):
                    time.sleep(0.0002)
            time.sleep(0.0002)
    else:
        before = _written(folder)
        while _written(folder) == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
    return in_a_write


def _written(folder):
    path = folder / "checkpoint.safetensors"
    return path.stat().st_mtime_ns if path.exists() else None


def main():
    """Run the comparison, or one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", action="store_true", help="write the counts for the page")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        np.savez(arguments.train / "weights.npz", *train(arguments.train))
        return
    with tempfile.TemporaryDirectory() as folder:
        rng = random.Random(arguments.seed)
        resumed, kills = kill_and_resume(Path(folder), arguments.kills, rng)
    expected = train()
    equal = all(np.array_equal(a, b) for a, b in zip(resumed, expected, strict=True))
    print(f"{len(kills)} kills, {sum(kills)} of them in a write; equal weights: {equal}")
    if arguments.record and kills:
        counts = {"tried": len(kills), "survived": len(kills) * equal}
        write_counts({"tests/fuzz/kill_training.py": counts})
    sys.exit(not equal)


if __name__ == "__main__":
    main()
