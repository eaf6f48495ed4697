"""Run one search on several engines, kill a worker in the middle, and compare the scores.

``python -m benchmarks.clusters one two processes dask hosts ray`` prints a row for each engine and
each source of the images: an array, a memory map and image files. ``one`` and ``two`` are one
process on one core and on all cores, ``processes`` is joblib's loky, and ``hosts`` is a Dask
cluster on two network namespaces with their own host names, which share a folder and a virtual
cable (this needs root and Linux). The megabytes are those sent over this cable. If the scores of
two engines differ in a single bit, the run fails. ``--output`` is a folder for ``clusters.json``
and ``clusters.md``, in which new rows replace an engine's earlier ones; ``--parts`` selects
sources, and whether to kill a worker.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import joblib
import keras
import numpy as np
from PIL import Image
from sklearn.model_selection import GridSearchCV

from fer_estimators import CNNClassifier, ImageFiles, ResumableClassifier, make_faces

GRID = {"estimator__learning_rate": [0.003, 0.01]}
SCHEDULER = "tcp://10.77.0.1:8786"
SOURCES = ("array", "memory map", "ImageFiles")
KILLED = "killed"
HEADER = """| | images | seconds | called again, s | MB over the network | calls, a worker killed |
|---|---|---:|---:|---:|---:|
"""


class KillOnce(keras.callbacks.Callback):
    """Kill the worker that starts a fit once two fits are done, and only once."""

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)

    def on_train_begin(self, logs=None):
        killed = self.folder / "killed"
        if not killed.exists() and len(list(self.folder.glob("*/fit.json"))) >= 2:
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def write_faces(folder, n_images):
    """Write faces as a memory map and as PNG files."""
    faces = make_faces(n_images, random_state=0)
    np.save(folder / "faces.npy", faces.images)
    np.save(folder / "target.npy", faces.target)
    for number, image in enumerate(faces.images):
        Image.fromarray(image).save(folder / f"{number}.png")


def read_faces(folder, source):
    """Return the images from one of the sources, and their labels."""
    target = np.load(folder / "target.npy")
    if source == "ImageFiles":
        return ImageFiles([folder / f"{number}.png" for number in range(len(target))]), target
    mode = "r" if source == "memory map" else None
    return np.load(folder / "faces.npy", mmap_mode=mode), target


def make_search(folder, architecture, *, n_jobs, kill=False):
    """Return a search of four fits that are saved in a folder."""
    folder.mkdir()
    callbacks = [KillOnce(folder)] if kill else None
    network = CNNClassifier(
        architecture, epochs=1, patience=None, callbacks=callbacks, random_state=0
    )
    clf = ResumableClassifier(network, folder)
    return GridSearchCV(clf, GRID, cv=2, n_jobs=n_jobs, refit=False, error_score="raise")


def scores(search):
    """Return the scores that must be equal to the bit."""
    return {k: v.tolist() for k, v in search.cv_results_.items() if k.endswith("test_score")}


def fit(search, X, y):
    """Return the seconds of a search, and the number of calls that it needed."""
    start = time.perf_counter()
    try:
        search.fit(X, y)
        calls = 1
    except Exception as error:
        print(f"    the engine raised {type(error).__name__}; called again")
        search.fit(X, y)
        calls = 2
    return time.perf_counter() - start, calls


@contextmanager
def on_this_process():
    yield {"n_jobs": 1}


@contextmanager
def on_processes():
    yield {"n_jobs": 2}


@contextmanager
def on_dask(address=None):
    """Use the cluster at an address, or start one with two processes."""
    from dask.distributed import Client, LocalCluster

    with ExitStack() as stack:
        cluster = address or stack.enter_context(
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        )
        client = stack.enter_context(Client(cluster))
        client.wait_for_workers(2)
        stack.enter_context(joblib.parallel_backend("dask"))
        yield {"n_jobs": -1}
        print(f"    TensorFlow's threads in each: {[*client.run(count_threads).values()]}")


@contextmanager
def on_ray():
    import ray
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    with joblib.parallel_backend("ray"):
        yield {"n_jobs": 2}
    ray.shutdown()


ENGINES = {
    "one": ("one process, one core", on_this_process),
    "two": ("one process, all cores", on_this_process),
    "processes": ("two processes (loky)", on_processes),
    "dask": ("two workers (Dask)", on_dask),
    "ray": ("two workers (Ray)", on_ray),
    "hosts": ("two hosts (Dask)", partial(on_dask, SCHEDULER)),
}


def count_threads():
    """Return the number of threads in one operation of TensorFlow; 0 stands for all cores."""
    import tensorflow as tf

    return tf.config.threading.get_intra_op_parallelism_threads()


def megabytes_moved():
    """Return the megabytes sent both ways between the hosts, or None if there are none."""
    counts = Path("/sys/class/net/fer/statistics")
    if not counts.exists():
        return None
    return sum(int((counts / name).read_text()) for name in ("rx_bytes", "tx_bytes")) / 1e6


def measure(name, faces, architecture, parts):
    """Measure each source, and kill a worker if there are several; write the results."""
    measured = {}
    with tempfile.TemporaryDirectory(dir=faces) as folder, ENGINES[name][1]() as options:
        make = partial(make_search, architecture=architecture, **options)
        folder = Path(folder)
        # Workers import the library and TensorFlow in their first fit.
        fit(make(folder / "warm"), *read_faces(faces, "array"))
        for source in filter(parts.__contains__, SOURCES):
            X, y = read_faces(faces, source)
            before = megabytes_moved()
            search = make(folder / source)
            seconds, _ = fit(search, X, y)
            moved = None if before is None else megabytes_moved() - before
            again, _ = fit(search, X, y)
            compare(faces, search)
            measured[source] = {"seconds": seconds, "again": again, "moved": moved}
        if KILLED in parts and options["n_jobs"] != 1:
            search = make(folder / KILLED, kill=True)
            _, calls = fit(search, *read_faces(faces, "array"))
            assert (folder / KILLED / "killed").exists()
            compare(faces, search)
            measured[KILLED] = calls
    (faces / f"{name}.json").write_text(json.dumps(measured))


def compare(faces, search):
    """Check that the scores equal those of the very first search to the bit."""
    path = faces / "scores.json"
    if not path.exists():
        path.write_text(json.dumps(scores(search)))
    assert scores(search) == json.loads(path.read_text())


def inside(host, command):
    """Return a command that runs on one of the two hosts, with its host name."""
    start = ["ip", "netns", "exec", host, "unshare", "--uts", "sh", "-c"]
    return [*start, f'hostname {host}; exec "$@"', "sh", *command]


@contextmanager
def two_hosts():
    """Make two network namespaces with a cable between them, and a worker in each."""
    commands = ["ip netns add fer1", "ip netns add fer2"]
    commands += ["ip link add fer netns fer1 type veth peer name fer netns fer2"]
    for number in (1, 2):
        commands += [f"ip -n fer{number} addr add 10.77.0.{number}/24 dev fer"]
        commands += [f"ip -n fer{number} link set {name} up" for name in ("lo", "fer")]
    dask = [sys.executable, "-m", "distributed.cli.dask_"]
    worker = [SCHEDULER, "--nthreads", "1", "--no-dashboard", "--host"]
    started = []
    try:
        for command in commands:
            subprocess.run(command.split(), check=True)
        for host, name, options in [
            ("fer1", "scheduler", ["--host", "10.77.0.1", "--no-dashboard"]),
            ("fer1", "worker", [*worker, "10.77.0.1"]),
            ("fer2", "worker", [*worker, "10.77.0.2"]),
        ]:
            command = [*dask[:-1], dask[-1] + name, *options]
            started.append(subprocess.Popen(inside(host, command), stderr=subprocess.DEVNULL))
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()
        for host in ("fer1", "fer2"):
            subprocess.run(["ip", "netns", "delete", host], check=False)


def run(name, faces, architecture, parts):
    """Measure one engine in a process of its own, and return what it measured."""
    command = [sys.executable, "-u", "-m", "benchmarks.clusters", name, "--faces", str(faces)]
    command += ["--architecture", architecture, "--parts", *parts]
    if name == "one":
        command = ["taskset", "--cpu-list", "0", *command]
    if name == "hosts":
        command = inside("fer1", command)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with two_hosts() if name == "hosts" else nullcontext():
        subprocess.run(command, env=environment, check=True)
    return json.loads((faces / f"{name}.json").read_text())


def write_table(measured):
    """Return a row for each engine and source, as Markdown."""
    lines = []
    for name in filter(measured.__contains__, ENGINES):
        label, calls = ENGINES[name][0], measured[name].get(KILLED, "")
        for source in filter(measured[name].__contains__, SOURCES):
            row = measured[name][source]
            moved = "" if row["moved"] is None else f"{row['moved']:.2f}"
            lines.append(
                f"| {label} | {source} | {row['seconds']:.1f} | {row['again']:.1f} | {moved} | "
                f"{calls} |\n"
            )
            label = calls = ""
    return HEADER + "".join(lines)


def main():
    """Measure the engines that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clusters", description=__doc__)
    parser.add_argument("engines", nargs="+", choices=ENGINES)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--architecture", default="compact", help="such as tiny, which is faster")
    parser.add_argument(
        "--parts", nargs="+", choices=(*SOURCES, KILLED), default=(*SOURCES, KILLED)
    )
    parser.add_argument("--output", type=Path, help="folder for the table")
    parser.add_argument("--faces", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.faces:
        measure(arguments.engines[0], arguments.faces, arguments.architecture, arguments.parts)
        return
    kept = arguments.output and arguments.output / "clusters.json"
    setting = f"{arguments.architecture}, {arguments.images} images"
    state = json.loads(kept.read_text()) if kept and kept.exists() else {}
    if state.get("setting") != setting:
        state = {"setting": setting, "scores": None, "measured": {}}
    with tempfile.TemporaryDirectory() as folder:
        faces = Path(folder)
        write_faces(faces, arguments.images)
        if state["scores"]:
            (faces / "scores.json").write_text(json.dumps(state["scores"]))
        for name in arguments.engines:
            new = run(name, faces, arguments.architecture, arguments.parts)
            state["measured"][name] = state["measured"].get(name, {}) | new
            state["scores"] = json.loads((faces / "scores.json").read_text())
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(state, indent=1) + "\n")
                kept.with_suffix(".md").write_text(write_table(state["measured"]), encoding="utf-8")
    print(write_table(state["measured"]))


if __name__ == "__main__":
    main()
