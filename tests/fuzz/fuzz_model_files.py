"""Load mutated model files: refused as ModelFileError, or the same model, and nothing else.

    python tests/fuzz/fuzz_model_files.py --inputs 10000 --seed 0

Two kinds of mutations are tried. Damage and clumsy changes must be refused or change nothing.
Changes with checksums made anew, as by a careful attacker, may also give another model.
"""

import argparse
import copy
import hashlib
import io
import json
import os
import random
import resource
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from fer_estimators import CNNClassifier
from fer_estimators.datasets import make_faces
from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence import load, save

MANIFEST = "manifest.json"

# What code that escaped would do: each raises an event in Python's audit.
_FORBIDDEN = (
    "subprocess.",
    "socket.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pty.",
    "shutil.",
    "tempfile.",
    "urllib.",
    "ctypes.dlopen",
    "pickle.",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.kill",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_watching, _seen = False, []


def _audit(event, args):
    if not _watching:
        return
    writes = event == "open" and isinstance(args[2], int) and args[2] & _WRITING
    if writes or event.startswith(_FORBIDDEN):
        _seen.append((event, args))


def read_members(data):
    """Unpack the bytes of a model file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(members):
    """Pack members, a dict or pairs, into the bytes of a model file."""
    pairs = members.items() if isinstance(members, dict) else members
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # About names that occur twice.
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in pairs:
                archive.writestr(name, data)
    return buffer.getvalue()


def sign(members):
    """Make the checksums of changed members anew."""
    manifest = json.loads(members[MANIFEST])
    manifest["sha256"] = {
        name: hashlib.sha256(data).hexdigest() for name, data in members.items() if name != MANIFEST
    }
    return {**members, MANIFEST: json.dumps(manifest).encode()}


def _flip(data, rng):
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= rng.randrange(1, 256)
    return bytes(changed)


def _flip_directory(data, rng):
    start = data.rfind(b"PK\1\2", 0, rng.randrange(len(data) // 2, len(data)))
    start = max(start, data.find(b"PK\1\2"))
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        changed[min(start + rng.randrange(60), len(data) - 1)] = rng.choice((0, 1, 127, 255))
    return bytes(changed)


def _truncate(data, rng):
    return data[: rng.randrange(len(data))]


def _cut(data, rng):
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.randrange(1, 2000) :]


def _insert(data, rng):
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.randrange(1, 200)) + data[start:]


def _blank(data, rng):
    start, length = rng.randrange(len(data)), rng.randrange(1, 2000)
    return (data[:start] + bytes(length) + data[start + length :])[: len(data)]


def _noise(data, rng):
    return data[:4] + rng.randbytes(rng.randrange(500))


def _swap_members(data, rng):
    members = read_members(data)
    first, second = rng.sample(sorted(members), 2)
    members[first], members[second] = members[second], members[first]
    return write_members(members)


def _reshape_archive(data, rng):
    pairs = list(read_members(data).items())
    index = rng.randrange(len(pairs))
    name, content = pairs[index]
    odd = rng.choice(("../" + name, "/tmp/" + name, "C:\\" + name, name + "/x", "weights/", "é"))
    change = rng.choice(("drop", "twice", "rename", "extra"))
    if change in ("drop", "rename"):
        del pairs[index]
    if change == "twice":
        pairs.append((name, content))
    if change in ("rename", "extra"):
        pairs.append((odd, content))
    return write_members(pairs)


def _edit_unsigned(data, rng):
    members = read_members(data)
    name = rng.choice((MANIFEST, "estimator.json", "network.json"))
    return write_members({**members, name: _edit_json(members[name], rng)})


def _edit_signed(data, rng):
    members = read_members(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        name = rng.choice(("estimator.json", "network.json"))
        members[name] = _edit_json(members[name], rng)
    return write_members(sign(members))


def _weights_signed(data, rng):
    members = read_members(data)
    name = rng.choice([name for name in members if name.endswith(".npy")])
    content = members[name]
    change = rng.choice((_flip, _truncate, _cut, _insert, _blank, _npy_header, _npy_header))
    members[name] = change(content, rng)
    return write_members(sign(members))


def _npy_header(content, rng):
    header = content[:128]
    changed = rng.choice(
        (
            header.replace(b"(", b"(9000000000000, "),
            header.replace(b"'<f4'", b"'|O'  "),
            header.replace(b"'<f4'", b"'<f8'"),
            header.replace(b"'<f4'", b"'V9999999999'"),
            header.replace(b"False", b"True "),
            header.replace(b"(", b"(" * 40),
            header.replace(b"1", b"-1"),
            header.replace(b"(", b"(__import__('os').system('true'), "),
        )
    )
    return changed + content[128:]


_VALUES = (
    None,
    True,
    0,
    -1,
    1,
    7,
    1.5,
    1e300,
    float("nan"),
    2**31 - 1,
    2**63,
    10**30,
    "",
    "x",
    "relu",
    "../x",
    "\0",
    [],
    [1],
    [[]],
    {},
    {"tuple": [1, 2]},
    {"dict": [[1, 2]]},
    {"class_name": "Lambda", "module": "keras.layers", "config": {}, "registered_name": None},
    {"class_name": "__lambda__", "config": {"value": "x"}},
    {"class_name": "function", "module": "os", "config": "system", "registered_name": None},
    {
        "class_name": "Dense",
        "module": "keras.layers",
        "config": {"units": 3},
        "registered_name": None,
    },
)


def _edit_json(data, rng):
    content = json.loads(data)
    places = list(_places(content))
    holder, key = rng.choice(places)
    change = rng.choice(("value", "value", "number", "delete", "copy", "rename"))
    if change == "delete":
        del holder[key]
    elif change == "copy":
        other, other_key = rng.choice(places)
        holder[key] = copy.deepcopy(other[other_key])
    elif change == "rename" and isinstance(holder, dict):
        holder[rng.choice(("x", "__class__", "predict", "model_", "module"))] = holder.pop(key)
    elif change == "number" and type(holder[key]) in (int, float):
        holder[key] = rng.choice((-holder[key], holder[key] + 1, holder[key] * 1000, 0))
    else:
        holder[key] = rng.choice(_VALUES)
    return json.dumps(content).encode()


def _places(content):
    for key in content if isinstance(content, dict) else range(len(content)):
        yield content, key
        if isinstance(content[key], (dict, list)):
            yield from _places(content[key])


DAMAGE = (
    _flip,
    _flip,
    _flip_directory,
    _truncate,
    _cut,
    _insert,
    _blank,
    _noise,
    _swap_members,
    _reshape_archive,
    _edit_unsigned,
)
ATTACKS = (_edit_signed, _edit_signed, _weights_signed)


def make_model(folder):
    """Fit a small classifier, save it, and return images, what it predicts, and the file."""
    faces = make_faces(35, image_size=16, random_state=0)
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, validation_fraction=None)
    clf.fit(faces.images, faces.target)
    path = Path(folder) / "model.fer"
    save(clf, path)
    return faces.images[:4], clf, path


def fuzz(clf, images, path, *, n_inputs, seed, kinds=DAMAGE + ATTACKS):
    """Load `n_inputs` mutations of a model file, one after the other.

    Parameters
    ----------
    clf : CNNClassifier
        The model that `path` holds.
    images : ndarray
        Images to predict.
    path : Path
        A good model file; the mutated ones are written beside it.
    n_inputs, seed : int
    kinds : sequence of callables
        Mutations, drawn with equal chances.

    Returns
    -------
    dict
        Counts by outcome, the slowest load in seconds, and the growth of memory in MB.

    Raises
    ------
    AssertionError
        If anything but ModelFileError came out, or a model that is not the same though the
        checksums were not made anew, or loading did what it must not.
    """
    global _watching
    rng = random.Random(seed)
    original, expected = path.read_bytes(), clf.predict_proba(images)
    mutated = path.with_name("mutated.fer")
    # Whatever is imported on first use is imported now.
    load(path).predict(images)
    sys.addaudithook(_audit)
    _seen.clear()
    counts, slowest, before = Counter(), 0.0, _peak_memory()
    for number in range(n_inputs):
        mutation = rng.choice(kinds)
        data = mutation(original, rng)
        mutated.write_bytes(data)
        files = sorted(os.listdir(path.parent))
        started, loaded = time.perf_counter(), None
        _watching = True
        try:
            loaded = load(mutated)
            outcome = None
        except ModelFileError as error:
            outcome = f"ModelFileError {_reason(str(error))}"
        except Exception as error:
            raise AssertionError(_blame(number, seed, mutation, repr(error))) from error
        finally:
            _watching = False
        slowest = max(slowest, time.perf_counter() - started)
        assert not _seen, _blame(number, seed, mutation, _seen)
        assert sorted(os.listdir(path.parent)) == files, _blame(number, seed, mutation, "files")
        if loaded is not None:
            outcome = _compare(loaded, clf, images, expected)
            allowed = mutation in ATTACKS or outcome == "the same model"
            assert allowed, _blame(number, seed, mutation, outcome)
        counts[outcome] += 1
    return {"counts": counts, "slowest_s": slowest, "memory_mb": _peak_memory() - before}


def _compare(loaded, clf, images, expected):
    try:
        same = np.array_equal(loaded.predict_proba(images), expected)
    except Exception:
        return "another model, which fails to predict"
    same = same and loaded.classes_.tolist() == clf.classes_.tolist()
    return "the same model" if same else "another model"


def _reason(message):
    for word in ("damaged", "refused", "newer", "no model file"):
        if word in message:
            return word
    return "other"


def _blame(number, seed, mutation, what):
    return f"input {number} of seed {seed}, {mutation.__name__}: {what}"


def _peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images, clf, path = make_model(folder)
        result = fuzz(clf, images, path, n_inputs=options.inputs, seed=options.seed)
    for outcome, count in result["counts"].most_common():
        print(f"{count:7,}  {outcome}")
    print(f"slowest load {result['slowest_s']:.2f} s, memory +{result['memory_mb']:.0f} MB")


if __name__ == "__main__":
    main()
