"""Compare one prediction, small fits and loading with an earlier version of the library, in turns.

    git worktree add ../before v0.1.0
    python -m benchmarks.earlier ../before

Each measurement is the fastest of several calls, in a process of its own that imports one of the
two versions. The median over the rounds is printed. TensorFlow uses one thread.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

HERE = Path(__file__).parents[1]


def one_image(folder):
    """Return the milliseconds of a prediction for one image."""
    from fer_estimators import load_pretrained, make_faces

    clf, face = load_pretrained("fer2013-compact"), make_faces(1, random_state=0).images
    return 1e3 * _fastest(partial(clf.predict_proba, face), 2000, perf_counter)


def loading_files(folder):
    """Return the CPU seconds of loading a folder."""
    from fer_estimators.datasets import load_fer2013

    return _fastest(partial(load_fer2013, folder / "faces"), 3, process_time)


def loading_zip(folder):
    """Return the CPU seconds of loading a zip."""
    from fer_estimators.datasets import load_fer2013

    return _fastest(partial(load_fer2013, folder / "faces.zip"), 3, process_time)


def loading_csv(folder):
    """Return the CPU seconds of loading a csv."""
    from fer_estimators.datasets import load_fer2013

    return _fastest(partial(load_fer2013, folder / "fer2013.csv"), 3, process_time)


def small_fit(folder):
    """Return the CPU seconds of one of ten fits of 280 faces of 16 pixels, as in a search."""
    from benchmarks._data import load
    from fer_estimators import CNNClassifier

    images, target = (array[:280] for array in load(folder))
    clf = CNNClassifier("tiny", epochs=2, random_state=0)

    def fit_ten():
        for number in range(10):
            clf.set_params(learning_rate=1e-3 * (1 + number)).fit(images[:, ::3, ::3], target)

    return _fastest(fit_ten, 2, process_time) / 10


ROWS = {
    "one image, ms": one_image,
    "one of many small fits, s": small_fit,
    "loading files, s": loading_files,
    "loading a zip, s": loading_zip,
    "loading a csv, s": loading_csv,
}


def _fastest(function, times, clock):
    function()
    return min(_time(function, clock) for _ in range(times))


def _time(function, clock):
    start = clock()
    function()
    return clock() - start


def write_csv(folder):
    """Write the prepared images as a csv in FER2013's format."""
    from benchmarks._data import load

    codes = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    with open(folder / "fer2013.csv", "w", encoding="ascii") as table:
        table.write("emotion,pixels,Usage\n")
        for image, emotion in zip(*load(folder), strict=True):
            pixels = " ".join(map(str, image.ravel()))
            table.write(f"{codes.index(emotion)},{pixels},Training\n")


def measure(row, checkout, folder):
    """Measure a row with the version in a checkout."""
    command = [sys.executable, "-m", "benchmarks.earlier", str(checkout), "--row", row]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{checkout / 'src'}{os.pathsep}{HERE}",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }
    finished = subprocess.run(
        [*command, "--folder", str(folder)], stdout=subprocess.PIPE, env=environment, check=True
    )
    return float(finished.stdout.split()[-1])


def main():
    """Measure all rows, or one of them in this process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.earlier", description=__doc__)
    parser.add_argument("checkout", type=Path, help="folder of the earlier version")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(ROWS[arguments.row](arguments.folder))
        return
    from benchmarks._data import prepare

    with tempfile.TemporaryDirectory() as folder:
        print(prepare(Path(folder), arguments.images))
        write_csv(Path(folder))
        for row in arguments.rows:
            before, now = [], []
            for _ in range(arguments.rounds):
                before.append(measure(row, arguments.checkout.resolve(), Path(folder)))
                now.append(measure(row, HERE, Path(folder)))
            ratios = [after / first for first, after in zip(before, now, strict=True)]
            print(
                f"{row}: {statistics.median(before):.3f} before, {statistics.median(now):.3f} now, "
                f"ratio {statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
