"""Read mutated containers of arrays and JSON: they must raise ModelFileError or be unchanged.

    python tests/fuzz/fuzz_weights.py --inputs 10000 --seed 0

Damage must be refused or change nothing. Changed headers with a recomputed digest, as by a careful
attacker, may also be read.
"""

import json

import ml_dtypes
import numpy as np
from _fuzzing import Target, main
from _mutations import DAMAGE

from fer_estimators._files import weights
from fer_estimators._files.weights import read_weights, write_weights
from fer_estimators.exceptions import ModelFileError

ARRAYS = {
    "conv/kernel": np.linspace(-1, 1, 36, dtype=np.float32).reshape(3, 3, 1, 4),
    "conv/half": np.ones((3, 5), np.float16),
    "conv/brain": np.arange(6).astype(ml_dtypes.bfloat16),
    "step": np.array(7, np.int64),
    "none": np.zeros((0, 3), np.float32),
    "mask": np.array([True, False]),
}
METADATA = {"classes": ["angry", "très long"], "loss": [1.5, float("inf")], "epochs": 3}


def split(data):
    """Return a container's header, as parsed, and the bytes behind it."""
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def join(header, rest):
    """Undo :func:`split`; `header` may be text that is not JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + rest


def read_about(header):
    """Return what a header says about the file, with its digest."""
    return json.loads(header["__metadata__"]["fer-estimators"])


def sign(header, rest, about):
    """Return the container with a new digest, if its arrays can be read."""
    about.pop("sha256", None)
    try:
        arrays = weights._parse_arrays(join(header, rest))
        about["sha256"] = weights._digest(arrays, about)
    except Exception:
        about["sha256"] = "0" * 64
    return join({**header, "__metadata__": {"fer-estimators": json.dumps(about)}}, rest)


VALUES = (
    *(None, True, -1, 0, 1, 2**31, 2**63, 10**30, 1.5, float("nan"), "", "x", "\0", "F4", "BF16"),
    *([], {}, [-1], [2**40, 2**40], [1] * 100, [0, 0], [8, 4], [0, 10**9], [[]], "[" * 5000),
)


def places(content):
    """Yield the holder and the key of everything in parsed JSON."""
    for key in content if isinstance(content, dict) else range(len(content)):
        yield content, key
        if isinstance(content[key], (dict, list)):
            yield from places(content[key])


def edit(content, rng, values=VALUES):
    """Change one thing in parsed JSON."""
    holder, key = rng.choice(list(places(content)))
    change = rng.choice(("value", "value", "delete", "copy", "rename"))
    if change == "delete":
        del holder[key]
    elif change == "copy":
        other, other_key = rng.choice(list(places(content)))
        holder[key] = json.loads(json.dumps(other[other_key]))
    elif change == "rename" and isinstance(holder, dict):
        holder[rng.choice(("x", "__class__", "__metadata__", "é"))] = holder.pop(key)
    else:
        holder[key] = rng.choice(values)


def edit_header(data, rng):
    """Change the header without a new digest."""
    header, rest = split(data)
    for _ in range(rng.choice((1, 1, 2))):
        edit(header, rng)
    return join(header, rest)


def edit_signed(data, rng):
    """Change what is said of the arrays, or of the file, with a new digest."""
    header, rest = split(data)
    about = read_about(header)
    edit(rng.choice((header, about)), rng)
    return sign(header, rest, about)


def repeat_names(data, rng):
    """Let a name occur twice in the header."""
    header, rest = split(data)
    name = rng.choice([*header])
    text = json.dumps(header)[:-1] + f", {json.dumps(name)}: {json.dumps(header[name])}}}"
    return join(text.encode(), rest)


def claim_size(data, rng):
    """Claim another size of the header."""
    size = rng.choice((0, 1, 7, len(data) - 8, len(data), 2**31, 2**63, 2**64 - 1))
    return size.to_bytes(8, "little") + data[8:]


SIGNED = (edit_signed, edit_signed, repeat_names)
KINDS = (*DAMAGE, edit_header, claim_size, *SIGNED)


def make_target(folder):
    """Return the Target for containers."""
    good = folder / "good.fer"
    write_weights(good, ARRAYS, METADATA)

    def judge(kind, result):
        arrays, metadata = result
        same = metadata == METADATA and list(arrays) == sorted(ARRAYS)
        same = same and all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
        assert same or kind in SIGNED, "another content without a new digest"
        return "the same" if same else "read"

    return Target(
        folder / "mutated.fer",
        [good.read_bytes()],
        KINDS,
        lambda path, rng: read_weights(path),
        (ModelFileError,),
        judge,
    )


if __name__ == "__main__":
    main({"weights": make_target}, __doc__)
