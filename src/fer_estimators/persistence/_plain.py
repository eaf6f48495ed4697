"""Plain Python and NumPy values as JSON and back, their types kept."""

import re
from pathlib import Path, PurePath

import numpy as np

_SCALARS = (type(None), bool, int, float, str)
_DTYPES = re.compile(r"[<>|](b1|[iu][1248]|f[248]|U[0-9]{1,6})|object")
_MAX_ARRAY_BYTES = 2**26


def encode(value):
    """Turn a plain value into what JSON can hold; raise a TypeError for any other value.

    Plain are None, bool, int, float, str, paths, NumPy scalars and 1-D arrays, and lists, tuples
    and dicts of such values.

    >>> encode((48, -1)), decode(encode((48, -1)))
    ({'tuple': [48, -1]}, (48, -1))
    """
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) in _SCALARS:
        return value
    if type(value) is list:
        return [encode(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    if type(value) is dict:
        # Pairs: the keys of a JSON object are text only, but labels are numbers, too.
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    if isinstance(value, PurePath):
        return {"path": str(value)}
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    raise TypeError(f"{type(value).__name__} is not a plain value")


def _encode_array(array):
    dtype = "object" if array.dtype == object else array.dtype.str
    encoded = {"array": [encode(item) for item in array.tolist()], "dtype": dtype}
    try:
        decode(encoded)
    except ValueError as error:
        raise TypeError(f"an array of dtype {array.dtype} is not a plain value: {error}") from error
    return encoded


def decode(encoded):
    """Undo :func:`encode`, for values from a JSON file that is not to be trusted.

    Raises ValueError if :func:`encode` cannot have made it.
    """
    if type(encoded) in _SCALARS:
        return encoded
    if type(encoded) is list:
        return [decode(item) for item in encoded]
    kinds = set(encoded)
    if kinds == {"tuple"}:
        return tuple(map(decode, encoded["tuple"]))
    if kinds == {"dict"}:
        return {decode(key): decode(item) for key, item in encoded["dict"]}
    if kinds == {"path"}:
        return Path(encoded["path"])
    if kinds == {"array", "dtype"}:
        return _decode_array(encoded["array"], encoded["dtype"])
    raise ValueError(f"unknown kinds of value: {sorted(kinds)}")


def _decode_array(values, dtype):
    if not isinstance(dtype, str) or not _DTYPES.fullmatch(dtype):
        raise ValueError(f"dtype {str(dtype)[:40]!r} is not supported")
    if not all(type(value) in _SCALARS for value in values):
        raise ValueError("an array of anything but text and numbers is not supported")
    if np.dtype(dtype).itemsize * len(values) > _MAX_ARRAY_BYTES:
        raise ValueError(f"an array of more than {_MAX_ARRAY_BYTES:,} bytes is not supported")
    array = np.array(values, dtype=dtype)
    if array.tolist() != values:
        raise ValueError(f"the values are not of dtype {dtype}")
    return array
