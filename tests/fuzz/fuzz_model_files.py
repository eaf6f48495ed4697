"""Load mutated model files: refused as ModelFileError, or the same model, and nothing else.

    python tests/fuzz/fuzz_model_files.py --inputs 10000 --seed 0

Two kinds of mutations are tried. Damage and clumsy changes must be refused or change nothing.
Changes with checksums made anew, as by a careful attacker, may also give another model.
"""

import copy
import hashlib
import io
import json
import os
import warnings
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _fuzzing import Target, main
from _mutations import DAMAGE, blank, cut, flip, insert, truncate

from fer_estimators import CNNClassifier
from fer_estimators.datasets import make_faces
from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence import load, save

MANIFEST = "manifest.json"


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


def _flip_directory(data, rng):
    start = data.rfind(b"PK\1\2", 0, rng.randrange(len(data) // 2, len(data)))
    start = max(start, data.find(b"PK\1\2"))
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        changed[min(start + rng.randrange(60), len(data) - 1)] = rng.choice((0, 1, 127, 255))
    return bytes(changed)


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
    change = rng.choice((flip, truncate, cut, insert, blank, _npy_header, _npy_header))
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


ATTACKS = (_edit_signed, _edit_signed, _weights_signed)
KINDS = (
    *(*DAMAGE, _flip_directory, _swap_members, _reshape_archive, _edit_unsigned),
    *ATTACKS,
)


def fit_model():
    """Fit a small classifier; return it and images to predict."""
    faces = make_faces(35, image_size=16, random_state=0)
    clf = CNNClassifier("tiny", augmentation=None, epochs=1, validation_fraction=None)
    return clf.fit(faces.images, faces.target), faces.images[:4]


def make_target(folder, clf, images):
    """Return the Target for model files, of which the good one holds `clf`."""
    good = folder / "model.fer"
    save(clf, good)
    expected = clf.predict_proba(images)

    def judge(kind, loaded):
        outcome = _compare(loaded, clf, images, expected)
        # Without new checksums, nothing that changes the model may be loaded.
        assert kind in ATTACKS or outcome == "the same model", outcome
        return outcome

    return Target(
        folder / "mutated.fer",
        [good.read_bytes()],
        KINDS,
        lambda path, rng: load(path),
        (ModelFileError,),
        judge,
        lambda error: f"ModelFileError {_reason(str(error))}",
    )


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


TARGETS = {"model": lambda folder: make_target(folder, *fit_model())}

if __name__ == "__main__":
    main(TARGETS, __doc__)
