"""Make the files that the page *Try it* runs: two networks, and onnxruntime-web from npm.

Nothing of it is kept in the repository: onnxruntime-web is large, and the networks are those of the
library. Without npm the page says that nothing can be tried.
"""

import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from sphinx.util import logging

RUNTIME = "onnxruntime-web@1.30.0"
RUNTIME_FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
# At this confidence, the network answers for 87 % of the images of FER+'s validation data, and
# agrees with most people on 91 % of these; without a threshold it agrees on 86 % of all.
THRESHOLD = 0.5
logger = logging.getLogger(__name__)


def make_files(folder: Path) -> None:
    """Write everything into a folder, unless it is there from an earlier build."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "facts.json").exists():
        export_networks(folder)
    if not all((folder / name).exists() for name in RUNTIME_FILES):
        try:
            fetch_runtime(folder)
        except (OSError, subprocess.CalledProcessError) as error:
            logger.info(
                "onnxruntime-web is not available, so the page Try it does not work: %s", error
            )


def export_networks(folder: Path) -> None:
    """Export the detector and the smaller classifier to ONNX."""
    from sklearn.frozen import FrozenEstimator

    from fer_estimators import (
        AbstainingClassifier,
        ExportedClassifier,
        load_pretrained,
        make_faces,
    )
    from fer_estimators.export import export_classifier, export_detector

    faces = make_faces(14, random_state=0)
    frozen = FrozenEstimator(load_pretrained("ferplus-compact"))
    clf = AbstainingClassifier(frozen, threshold=THRESHOLD).fit(faces.images, faces.target)
    options = {"format": "onnx", "overwrite": True}
    export_classifier(clf, folder / "classifier.onnx", quantize="int8", **options)
    export_detector(folder / "detector.onnx", quantize="float16", **options)
    # A page cannot read the record in the file.
    exported = ExportedClassifier(folder / "classifier.onnx")
    facts = {
        "classes": exported.classes_.tolist(),
        "image_shape": exported.image_shape_,
        "threshold": exported.threshold_,
        "abstain_label": exported.abstain_label_,
    }
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def fetch_runtime(folder: Path) -> None:
    """Take the files of onnxruntime-web that a page needs out of its npm package."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run(
            [npm, "pack", "--silent", RUNTIME], cwd=temporary, check=True, capture_output=True
        )
        (package,) = Path(temporary).glob("*.tgz")
        with tarfile.open(package) as archive:
            for name in RUNTIME_FILES:
                with archive.extractfile(f"package/dist/{name}") as source:
                    (folder / name).write_bytes(source.read())


def after_build(app, error) -> None:
    """Make the files of a site that was built."""
    if error is None and app.builder.name == "html":
        make_files(Path(app.outdir) / "_static" / "try_it")
