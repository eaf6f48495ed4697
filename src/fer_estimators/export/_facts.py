"""What an exported file says of itself, as JSON inside it."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from numbers import Integral, Real
from typing import Any

import numpy as np

from fer_estimators._messages import shorten
from fer_estimators.exceptions import ModelFileError

#: Name of the entry in LiteRT's metadata and ONNX's metadata_props.
KEY = "fer_estimators"

# Text inside the record has its quotes escaped, and cannot be taken for this.
_BEFORE_DIGEST = b'"digest": "'
# What stands for the digest while it is computed.
_NO_DIGEST = "0" * 64
_DIGEST = re.compile(r"([0-9a-f]{64})?")
_FORMAT_VERSION = 1
_MAX_JSON_BYTES = 2**20
_MAX_CLASSES = 10_000
_MAX_VIEWS = 1_000
#: Limits of a network: values of all tensors, and pixels on a side of an image.
MAX_VALUES = 2**28
LARGEST_SIDE = 4096


@dataclass(frozen=True)
class Facts:
    """What is needed beside the network to answer as the original classifier does.

    Parameters
    ----------
    classes : list of str, int, float or bool
        In the order of the network's outputs.
    image_shape : tuple of int
        ``(height, width, channels)`` of the network's input, pixels in 0..255.
    handle_other_shapes : {"error", "convert"}
        What the classifier does with images of other shapes.
    tta : str or None
        Views whose average the network gives; for information, as they are part of it.
    n_views : int
        Their number, by which a batch is larger inside the network.
    quantize : str or None
        Precision of the weights; for information.
    threshold : float or None
        Smallest confidence that is answered, of an abstaining classifier.
    abstain_label : str, int or None
        What it says below.
    card, licence : str or None
        Model card (Markdown) and licence.
    digest : str
        SHA-256 of the file, in hexadecimal digits. An empty one is not checked.
    library_version : str
        Version of fer-estimators.
    format_version : int
        Version of this record.
    """

    classes: list
    image_shape: tuple[int, int, int]
    handle_other_shapes: str = "error"
    tta: str | None = None
    n_views: int = 1
    quantize: str | None = None
    threshold: float | None = None
    abstain_label: str | int | None = None
    card: str | None = None
    licence: str | None = None
    digest: str = ""
    library_version: str = version("fer-estimators")
    format_version: int = _FORMAT_VERSION

    def to_json(self) -> str:
        """Write the facts as JSON; raise a ValueError if :func:`parse_facts` would refuse them."""
        try:
            text = json.dumps(asdict(self))
        except TypeError as error:
            raise ValueError(
                f"The classifier cannot be exported: its classes {shorten(self.classes)} are not "
                "text, numbers or truth values. Fit it on such labels."
            ) from error
        fault = _find_fault(self)
        if len(text) > _MAX_JSON_BYTES:
            fault = f"a record of {len(text):,} bytes (at most {_MAX_JSON_BYTES:,}): shorten card"
        if fault:
            raise ValueError(f"The classifier cannot be exported with {fault}.")
        return text


def parse_facts(text: str | bytes, name: str) -> Facts:
    """Read what :meth:`Facts.to_json` wrote, from anybody; errors show the `name` of the file.

    Raises ModelFileError if the record is damaged, of a newer version, or states what cannot be.
    """
    if len(text) > _MAX_JSON_BYTES:
        raise refused(name, f"its record has {len(text):,} bytes; the limit is {_MAX_JSON_BYTES:,}")
    try:
        content = json.loads(text)
        if content["format_version"] > _FORMAT_VERSION:
            raise ModelFileError(
                f"{name} was written by a newer version of fer-estimators "
                f"({str(content.get('library_version'))[:40]}; this is "
                f"{version('fer-estimators')}). Upgrade: `pip install --upgrade fer-estimators`."
            )
        facts = Facts(**content | {"image_shape": tuple(content["image_shape"])})
    except ModelFileError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise damaged(name, f"its record cannot be read ({error!r:.200})") from error
    fault = _find_fault(facts)
    if fault:
        raise damaged(name, f"its record states {fault}")
    return facts


def _find_fault(facts: Facts) -> str | None:
    texts = ("tta", "quantize", "card", "licence", "library_version")
    threshold = facts.threshold
    good = {
        "classes": are_labels(facts.classes),
        "image_shape": is_image_shape(facts.image_shape),
        "handle_other_shapes": facts.handle_other_shapes in ("error", "convert"),
        "n_views": isinstance(facts.n_views, int) and 1 <= facts.n_views <= _MAX_VIEWS,
        "threshold": threshold is None or (isinstance(threshold, Real) and 0 <= threshold <= 1),
        "abstain_label": _is_abstain_label(facts),
        "digest": isinstance(facts.digest, str) and bool(_DIGEST.fullmatch(facts.digest)),
        **{name: isinstance(getattr(facts, name), (str, type(None))) for name in texts},
    }
    faults = [name for name, is_good in good.items() if not is_good]
    return f"{faults[0]}={shorten(getattr(facts, faults[0]))}" if faults else None


def _is_abstain_label(facts: Facts) -> bool:
    label = facts.abstain_label
    if label is None or facts.threshold is None:
        return label is None and facts.threshold is None
    if not are_labels(facts.classes) or isinstance(label, bool) or label in facts.classes:
        return False
    return isinstance(label, str if isinstance(facts.classes[0], str) else int)


def as_plain(labels: Any) -> Any:
    """Return labels as a list of Python's own types; leave what is not several labels as it is."""
    if isinstance(labels, (str, bytes)) or not np.iterable(labels):
        return labels
    # Not as one array, which would make text of numbers beside text.
    return [label.item() if isinstance(label, np.generic) else label for label in labels]


def are_labels(classes: Any) -> bool:
    """Tell whether these are different labels of one kind: text, numbers or truth values."""
    if not isinstance(classes, list) or not 2 <= len(classes) <= _MAX_CLASSES:
        return False
    kinds = {type(label) for label in classes}
    is_one_kind = len(kinds) == 1 and kinds <= {str, int, float, bool}
    # NaN is not equal to itself.
    is_each_once = is_one_kind and len(set(classes)) == len(classes)
    return is_each_once and all(label == label for label in classes)


def is_image_shape(shape: Iterable) -> bool:
    """Tell whether a shape is that of images which a network may take."""
    sides = tuple(shape)
    return (
        len(sides) == 3
        and all(isinstance(side, Integral) and 1 <= side <= LARGEST_SIDE for side in sides)
        and sides[2] in (1, 3)
    )


def with_digest(write: Callable[[str], bytes], facts: Facts) -> bytes:
    """Write a file whose record holds the digest of the whole file.

    `write` returns the file that holds a text as its record.
    """
    content = write(replace(facts, digest=_NO_DIGEST).to_json())
    start = content.index(_digest_entry(_NO_DIGEST)) + len(_BEFORE_DIGEST)
    digest = _digest_around(content, start).encode()
    return content[:start] + digest + content[start + len(digest) :]


def check_digest(facts: Facts, content: bytes, name: str) -> None:
    """Refuse a file that differs from what was written in a single bit.

    Weights, record and graph count: a bit of a scale or a stride changes answers, too.
    """
    if not facts.digest:
        return
    entry = content.find(_digest_entry(facts.digest))
    if entry < 0 or _digest_around(content, entry + len(_BEFORE_DIGEST)) != facts.digest:
        raise damaged(name, "its content is not what was exported")


def _digest_entry(digest):
    return _BEFORE_DIGEST + digest.encode()


def _digest_around(content, start):
    """Return the SHA-256 digest of a file, without the digest that stands in it."""
    parts = memoryview(content)
    digest = hashlib.sha256(parts[:start])
    digest.update(_NO_DIGEST.encode())
    digest.update(parts[start + len(_NO_DIGEST) :])
    return digest.hexdigest()


def check_sizes(sizes: dict[str, tuple[int, int]], name: str) -> None:
    """Refuse a file that is larger than any network of this kind.

    `sizes` gives the number of each thing that is counted, and its limit.
    """
    for what, (number, limit) in sizes.items():
        if not 0 <= number <= limit:
            raise refused(name, f"it has {number:,} {what}; the limit is {limit:,}")


def count(shape: Iterable[int]) -> int:
    """Count the values of a tensor; unknown sides count as one."""
    return math.prod(max(int(side), 1) for side in shape)


def damaged(name: str, what: str) -> ModelFileError:
    """Make the error for a file that is not as it was written."""
    return ModelFileError(
        f"{name} is damaged or incomplete: {what}. Copy or download it again, or export the "
        "classifier again."
    )


def refused(name: str, what: str) -> ModelFileError:
    """Make the error for what no exported classifier holds."""
    return ModelFileError(
        f"{name} was refused, and nothing in it was run: {what}. Only networks that classify "
        "images are run; do not trust where the file came from."
    )
