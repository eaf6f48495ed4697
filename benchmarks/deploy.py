"""Measure the size and speed of each way to deploy a classifier.

``python -m benchmarks.deploy FOLDER`` creates environments in FOLDER with only the packages that
each way needs, measures in them, and writes ``deploy.md``. Environments that exist already are
reused. To measure on one core, start it with ``taskset -c 0``.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import venv
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
EXPORTED = ROOT / "src" / "fer_estimators" / "export"
#: Packages needed after `pip install --no-deps fer-estimators`.
PACKAGES = {
    "litert": ["ai-edge-litert", "scikit-learn", "pillow", "lazy-loader"],
    "onnx": ["onnxruntime", "scikit-learn", "pillow", "lazy-loader"],
}
FIRST_ANSWER = """
import numpy as np
from fer_estimators import ExportedClassifier
face = np.random.default_rng(0).integers(0, 256, (1, 48, 48), np.uint8)
ExportedClassifier({path!r}).predict_proba(face)
"""
FIRST_ANSWER_OF_KERAS = """
import numpy as np
from fer_estimators import load_pretrained
face = np.random.default_rng(0).integers(0, 256, (1, 48, 48), np.uint8)
load_pretrained("fer2013-compact").predict_proba(face)
"""
COLUMNS = {
    "installed_mb": ("installed, MB", ",.0f"),
    "file_kb": ("file, kB", ",.0f"),
    "first_answer_s": ("first answer, s", ".2f"),
    "interpreter_ms": ("interpreter alone, ms", ".3f"),
    "one_image_ms": ("one image, ms", ".3f"),
    "faces_per_second": ("faces a second", ",.0f"),
    "searched_frame_ms": ("frame searched, ms", ".1f"),
    "followed_frame_ms": ("frame followed, ms", ".1f"),
}


def make_environment(folder, kind):
    """Create an environment without Keras unless it exists, and return its Python."""
    python = folder / kind / "bin" / "python"
    if not python.exists():
        venv.create(folder / kind, with_pip=False)
        install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        subprocess.run([*install, *PACKAGES[kind]], check=True)
        subprocess.run([*install, "--no-deps", ROOT], check=True)
    return python


def megabytes(folder):
    """Return the size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def first_answer(python, code, rounds=5):
    """Return the median seconds of a new process that makes one prediction."""
    times = []
    for _ in range(rounds):
        start = perf_counter()
        subprocess.run([python, "-c", code], check=True, capture_output=True)
        times.append(perf_counter() - start)
    return statistics.median(times)


def measure(python, path, photo=""):
    """Return what `_deployed` measures in an environment."""
    command = [python, ROOT / "benchmarks" / "_deployed.py", path, photo]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout) | {"file_kb": Path(path).stat().st_size / 1e3}


def without_keras(folder, kind, path, photo):
    """Measure a file in the environment that runs its kind."""
    python = make_environment(folder, kind)
    return {
        "installed_mb": megabytes(folder / kind / "lib"),
        "first_answer_s": first_answer(python, FIRST_ANSWER.format(path=str(path))),
        **measure(python, path, photo),
    }


def prepare(folder):
    """Create the ONNX file and the photo unless they exist."""
    from PIL import Image
    from skimage import data

    folder.mkdir(parents=True, exist_ok=True)
    photo, onnx = folder / "photo.png", folder / "fer2013-compact.onnx"
    if not photo.exists():
        Image.fromarray(data.astronaut()).save(photo)
    if not onnx.exists():
        from fer_estimators import load_pretrained
        from fer_estimators.export import export_classifier

        clf = load_pretrained("fer2013-compact")
        export_classifier(clf, onnx, format="onnx", quantize="int8")
    return photo, onnx


def in_browser(site):
    """Measure the page *Try it* of a built site, in headless Chromium."""
    sys.path.insert(0, str(ROOT / "docs"))
    import check_try_it

    folder = site / "_static" / "try_it"
    return {
        "installed_mb": megabytes(folder),
        "file_kb": (folder / "classifier.onnx").stat().st_size / 1e3,
        "followed_frame_ms": check_try_it.measure(site),
    }


def write_table(rows):
    """Make the table of the documentation."""
    lines = [
        f"One core, {platform.system()}, Python {platform.python_version()}.",
        "",
        "| | " + " | ".join(title for title, _ in COLUMNS.values()) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for name, row in rows.items():
        cells = [format(row[key], form) if key in row else "" for key, (_, form) in COLUMNS.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def main():
    """Measure every way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deploy", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the environments")
    parser.add_argument("--site", type=Path, help="built documentation, to measure its page Try it")
    parser.add_argument(
        "--fer", type=Path, help="emotion_model_quantized.tflite of the package fer"
    )
    parser.add_argument("--output", type=Path, default=Path("benchmark"))
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    photo, onnx = prepare(folder)
    rows = {}
    for name in ("fer2013-compact", "ferplus-compact"):
        path = EXPORTED / f"{name}.tflite"
        rows[f"LiteRT, `{name}`, int8"] = without_keras(folder, "litert", path, photo)
    if arguments.fer:
        python = make_environment(folder, "litert")
        rows["LiteRT, the file of `fer`, int8"] = measure(python, arguments.fer)
    rows["ONNX, `fer2013-compact`, int8 weights"] = without_keras(folder, "onnx", onnx, photo)
    if arguments.site:
        rows["Browser, page *Try it*"] = in_browser(arguments.site)
    seconds = first_answer(sys.executable, FIRST_ANSWER_OF_KERAS, rounds=3)
    rows["Keras, `load_pretrained`"] = {"first_answer_s": seconds}
    table = write_table(rows)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "deploy.md").write_text(table, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
