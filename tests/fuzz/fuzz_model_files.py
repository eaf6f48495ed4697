"""Load mutated model files: each must raise ModelFileError or give the same model.

    python tests/fuzz/fuzz_model_files.py --inputs 10000 --seed 0

Two kinds of mutations are tried. Damage and clumsy changes must be refused or change nothing.
Changes with a recomputed digest, as by a careful attacker, may also give another model.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from _fuzzing import Target, main
from _mutations import DAMAGE
from fuzz_weights import VALUES, claim_size, edit, edit_header, read_about, sign, split

from fer_estimators import CNNClassifier
from fer_estimators.datasets import make_faces
from fer_estimators.exceptions import ModelFileError
from fer_estimators.persistence import load, save

_VALUES = (
    *VALUES,
    *("relu", "../x", "os.system", {"tuple": [1, 2]}, {"dict": [[1, 2]]}, {"path": "/etc/passwd"}),
    {"array": ["a", "b"], "dtype": "<U1"},
    {"class_name": "Lambda", "module": "keras.layers", "config": {}, "registered_name": None},
    {"class_name": "__lambda__", "config": {"value": "x"}},
    {"class_name": "function", "module": "os", "config": "system", "registered_name": None},
)


def _edit_signed(data, rng):
    header, rest = split(data)
    about = read_about(header)
    for _ in range(rng.choice((1, 1, 2, 3))):
        edit(about["metadata"], rng, _VALUES)
    return sign(header, rest, about)


def _weights_signed(data, rng):
    header, rest = split(data)
    start = rng.randrange(len(rest) // 4) * 4
    value = rng.choice((np.nan, np.inf, -1e30, 0.0, 1e-30, rng.gauss(0, 1)))
    rest = rest[:start] + np.float32(value).tobytes() + rest[start + 4 :]
    return sign(header, rest, read_about(header))


def _names_signed(data, rng):
    header, rest = split(data)
    names = [name for name in header if name != "__metadata__"]
    first, second = rng.sample(names, 2)
    change = rng.choice(("swap", "rename", "shape"))
    if change == "swap":
        header[first], header[second] = header[second], header[first]
    elif change == "rename":
        header[rng.choice(("x", "99999 x", f"{first}x"))] = header.pop(first)
    else:
        header[first]["shape"] = [1, *header[first]["shape"]]
    return sign(header, rest, read_about(header))


ATTACKS = (_edit_signed, _edit_signed, _weights_signed, _names_signed)
KINDS = (*DAMAGE, edit_header, claim_size, *ATTACKS)


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
        # Without a new digest, nothing that changes the model may be loaded.
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
    for word in ("damaged", "refused", "newer", "is not a model file", "was"):
        if word in message:
            return word
    return "other"


TARGETS = {"model": lambda folder: make_target(folder, *fit_model())}

if __name__ == "__main__":
    main(TARGETS, __doc__)
