"""Open an exported file: what kind it is, whether it may be run, and what runs it."""

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_estimators._files.kinds import recognise
from fer_estimators._files.reading import read_regular
from fer_estimators.exceptions import ModelFileError
from fer_estimators.export import _litert, _onnx
from fer_estimators.export._extras import require
from fer_estimators.export._facts import Facts, are_labels, damaged, refused

_MAX_FILE_BYTES = 2**30
# What is between the layers fits into the processor's caches; more images at once are slower.
_BATCH = 32


@dataclass(frozen=True)
class NetworkFile:
    """A file that may be run: its bytes, what it says of itself, and its kind."""

    content: bytes
    name: str
    kind: str
    facts: Facts | None

    def start(self, n_threads: int) -> _litert.LiteRTNetwork | _onnx.ONNXNetwork:
        """Return what maps pixels (n, height, width, channels) to probabilities.

        Raises ModelFileError if it cannot be run, or is not what it says of itself.
        """
        kinds: dict[str, type[_litert.LiteRTNetwork] | type[_onnx.ONNXNetwork]]
        kinds = {"litert": _litert.LiteRTNetwork, "onnx": _onnx.ONNXNetwork}
        network = kinds[self.kind](self.content, self.name, n_threads)
        facts = self.facts
        if facts is not None and (network.image_shape, network.n_classes) != (
            facts.image_shape,
            len(facts.classes),
        ):
            raise damaged(
                self.name,
                f"it maps {network.image_shape} to {network.n_classes} outputs, but says "
                f"{facts.image_shape} and {len(facts.classes)} classes",
            )
        return network


def read_network_file(path: str | os.PathLike[str]) -> NetworkFile:
    """Read a LiteRT or ONNX file, and refuse what should not be run.

    Raises FileNotFoundError if there is no such file, ImportError if the package that runs
    files of its kind is not installed, and ModelFileError if it is of another kind, damaged,
    newer than this library, or refused.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelFileError(
            f"{str(path)!r} is a folder (a SavedModel?), but a .tflite or .onnx file is expected. "
            "Run a SavedModel with TensorFlow."
        )
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file {str(path)!r} (looked in {Path.cwd()}). Export a classifier with "
            "`export_classifier`, or take a shipped one: "
            "`ExportedClassifier.from_pretrained('fer2013-compact')`."
        )
    try:
        content = read_regular(path, limit=_MAX_FILE_BYTES)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EFBIG):
            raise
        raise refused(repr(str(path)), f"it is {error.strerror}") from error
    return check_content(content, repr(str(path)))


def check_content(content: bytes, name: str) -> NetworkFile:
    """Refuse the content of a file that should not be run, as :func:`read_network_file` does."""
    other = recognise(content[:512])
    if len(content) < 16 or other:
        found = other or f"{len(content)} bytes"
        raise ModelFileError(
            f"{name} is {found}, but a .tflite or .onnx file is expected. Export a classifier "
            "with `export_classifier`."
        )
    if content[4:8] == _litert.MAGIC:
        require("litert")
        return NetworkFile(content, name, "litert", _litert.check(content, name))
    # Protocol buffers have no mark of their own; ONNX begins with its version.
    if content[0] != 0x08:
        raise ModelFileError(
            f"{name} is neither a LiteRT nor an ONNX file: it begins with {content[:8]!r}. Export "
            "a classifier with `export_classifier`."
        )
    require("onnx")
    return NetworkFile(content, name, "onnx", _onnx.check(content, name))


class OpenedNetwork:
    """A file, what it says, and what runs it; safe to use from several threads.

    `classes` are the labels in the order of the outputs, of a file that does not contain them;
    `facts` has them sorted, as the columns of the probabilities are. Raises ModelFileError if the
    file cannot be run, or is not what it says of itself, and ValueError if `classes` are missing,
    wrong in number, or differ from those in the file.
    """

    def __init__(self, file: NetworkFile, *, classes: list | None = None, n_threads: int = 1):
        self.file = file
        self._network = file.start(n_threads)
        facts = _complete(file, self._network, classes)
        # scikit-learn's tools take the columns of probabilities for those of the sorted classes.
        self._columns = sorted(range(len(facts.classes)), key=facts.classes.__getitem__)
        self.facts = replace(facts, classes=[facts.classes[column] for column in self._columns])
        self._one_at_a_time = Lock()

    def run(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the probabilities (n, n_classes), float32, in the order of the sorted classes.

        The images (n, height, width, channels) have the network's own shape and pixels in 0..255.
        """
        probabilities = np.empty((len(images), len(self.facts.classes)), np.float32)
        step = max(1, _BATCH // self.facts.n_views)
        for start in range(0, len(images), step):
            batch = images[start : start + step]
            with self._one_at_a_time:
                probabilities[start : start + step] = self._network(batch)
        if self.facts.quantize == "int8":
            # A softmax of 256 steps misses one by a percent.
            probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities[:, self._columns]


def _complete(file, network, classes):
    """Return what a file says of itself, or what it is said to be."""
    if file.facts is not None:
        if classes is not None and classes != file.facts.classes:
            raise ValueError(
                f"classes={classes!r:.200} differ from those in {file.name}, "
                f"{file.facts.classes!r:.200}. Leave classes out: the file contains them."
            )
        return file.facts
    if classes is None:
        raise ValueError(
            f"{file.name} does not contain its classes: it was not written by `export_classifier`. "
            f"Pass classes=, the labels of its {network.n_classes} outputs in their order; its "
            "network must take pixels in 0..255 and return probabilities."
        )
    if not are_labels(classes) or len(classes) != network.n_classes:
        raise ValueError(
            f"classes={classes!r:.200} is not a list of {network.n_classes} different labels, all "
            f"text or all numbers, but {file.name} has as many outputs. Pass one for each output, "
            "in their order."
        )
    return Facts(classes=classes, image_shape=network.image_shape)
