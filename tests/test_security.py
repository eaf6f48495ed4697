"""Files that hold code, and the library's source, which has no way to run it."""

import ast
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

import fer_estimators
from fer_estimators import CNNClassifier
from fer_estimators.datasets import load_image_folder
from fer_estimators.exceptions import CheckpointError

# Whatever runs a text or a file as code, starts a program, or opens a connection.
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {"system", "popen", "execv", "spawnv", "get_file", "load_model"}
FORBIDDEN_MODULES = {
    *("pickle", "marshal", "shelve", "runpy", "code", "subprocess", "multiprocessing"),
    *("dill", "cloudpickle", "socket", "urllib", "http", "ftplib", "requests", "tarfile", "shutil"),
}


class Code:
    """Leaves a trace where it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def sources():
    root = Path(fer_estimators.__file__).parent
    return sorted(root.rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_source_has_no_way_to_run_what_it_reads(path):
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [a.name for a in node.names if a.name.split(".")[0] in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found += [node.module] * (node.module.split(".")[0] in FORBIDDEN_MODULES)
        elif isinstance(node, ast.Call):
            found += {getattr(node.func, "id", "")} & (FORBIDDEN_CALLS | FORBIDDEN_METHODS)
            found += {getattr(node.func, "attr", "")} & FORBIDDEN_METHODS
            found += [
                "allow_pickle"
                for keyword in node.keywords
                if keyword.arg == "allow_pickle" and getattr(keyword.value, "value", True)
            ]
    assert found == []


def test_checkpoint_that_holds_a_pickle_is_refused_and_not_run(faces, tmp_path):
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, random_state=0)
    code = np.array([Code(tmp_path / "trace")], dtype=object)
    with open(tmp_path / "checkpoint.safetensors", "wb") as file:
        np.savez(file, state=code)
    with pytest.raises(CheckpointError, match="is not a checkpoint that can be resumed"):
        clf.fit(faces.images, faces.target, checkpoint=tmp_path)
    assert not (tmp_path / "trace").exists()


def test_cache_entry_that_is_a_pickle_is_replaced_and_not_run(tmp_path, faces):
    from PIL import Image

    (tmp_path / "set/a").mkdir(parents=True)
    Image.fromarray(faces.images[0]).save(tmp_path / "set/a/1.png")
    first = load_image_folder(tmp_path / "set", cache=tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(pickle.dumps(Code(tmp_path / "trace")))
    again = load_image_folder(tmp_path / "set", cache=tmp_path / "cache")
    np.testing.assert_array_equal(first.images, again.images)
    assert not (tmp_path / "trace").exists()
