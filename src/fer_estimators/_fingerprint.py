"""Describe values by what they compute, the same in every process.

Whatever continues or reuses earlier work has to know whether it is still the same work. Python's
own ``hash`` and ``repr`` do not tell: they depend on the process, on addresses and on the order of
sets, and a function's name stays when its code changes.
"""

import functools
import hashlib
import inspect
import sysconfig
import types
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LIBRARIES = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    str(Path(__file__).parent),
)
# Those of other environments, which a path file or --system-site-packages adds to this one's.
_FOLDERS_OF_LIBRARIES = ("site-packages", "dist-packages")
_ROWS_AT_ONCE = 4096


def describe(value: Any) -> str:
    """Describe a value by its content.

    Functions are told by their code, constants, defaults, closures and the global names that they
    refer to, classes by their methods, other objects by their attributes or what pickle keeps of
    them. Tables and array-likes are told by their values, and what belongs to this or an installed
    library by its name.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
        The same for the same content, in every process of one version of Python.

    Examples
    --------
    >>> from fer_estimators._fingerprint import describe
    >>> describe({"b": 1, "a": {2, 1}})
    "{'a': {1, 2}, 'b': 1}"
    """
    return _Describer().describe(value)


def digest(value: Any) -> str:
    """Return the SHA-256 digest of :func:`describe`, in hexadecimal digits."""
    return hashlib.sha256(describe(value).encode()).hexdigest()


def digest_array(array: NDArray[Any]) -> str:
    """Describe an array by shape, dtype and the SHA-256 digest of its content.

    Parameters
    ----------
    array : ndarray or sequence of shape (n, ...)
        With ``shape``, ``dtype`` and slices. One on disk may be larger than the memory: it is read
        in parts.

    Returns
    -------
    str
    """
    array = array if np.ndim(array) else np.atleast_1d(array)
    shape = tuple(array.shape)
    if array.dtype.kind == "O":
        return f"{shape} object, SHA-256 {digest(np.asarray(array).tolist())}"
    total = hashlib.sha256()
    for start in range(0, len(array), _ROWS_AT_ONCE):
        rows = np.ascontiguousarray(array[start : start + _ROWS_AT_ONCE])
        # As bytes: dates have no buffer.
        total.update(rows.view(np.uint8) if rows.dtype.kind in "mM" else rows)
    return f"{shape} {array.dtype}, SHA-256 {total.hexdigest()}"


class _Describer:
    """One description; remembers what it is inside of, as objects may refer to themselves."""

    def __init__(self):
        self._inside = {}

    def describe(self, value):
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
            return repr(value)
        if id(value) in self._inside:
            return f"<{self._inside[id(value)]} again>"
        self._inside[id(value)] = len(self._inside)
        try:
            return self._describe_object(value)
        finally:
            del self._inside[id(value)]

    def _describe_object(self, value):
        if isinstance(value, np.ndarray):
            return digest_array(value)
        if isinstance(value, np.generic):
            return f"{value.dtype} {value!r}"
        if isinstance(value, Mapping):
            items = sorted(f"{self.describe(k)}: {self.describe(v)}" for k, v in value.items())
            return f"{{{', '.join(items)}}}"
        if isinstance(value, Set):
            return f"{{{', '.join(sorted(map(self.describe, value)))}}}"
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(map(self.describe, value))}]"
        if isinstance(value, types.ModuleType):
            return f"module {value.__name__} {getattr(value, '__version__', '')}"
        if isinstance(value, functools.partial):
            return f"partial {self.describe([value.func, value.args, value.keywords])}"
        if isinstance(value, types.MethodType):
            return f"method {self.describe([value.__func__, value.__self__])}"
        if isinstance(value, types.FunctionType):
            return self._describe_function(value)
        if isinstance(value, types.CodeType):
            return self._describe_code(value)
        if isinstance(value, type):
            return self._describe_class(value)
        return self._describe_instance(value)

    def _describe_function(self, function):
        name = f"{function.__module__}.{function.__qualname__}"
        if _is_of_a_library(function):
            return name
        found = inspect.getclosurevars(function)
        parts = [
            function.__code__,
            function.__defaults__,
            function.__kwdefaults__,
            found.nonlocals,
            found.globals,
        ]
        return f"{name} {hashlib.sha256(self.describe(parts).encode()).hexdigest()}"

    def _describe_code(self, code):
        # Names of files and numbers of lines are left out.
        return f"code {self.describe([code.co_code, code.co_names, code.co_consts])}"

    def _describe_class(self, cls):
        own = {}
        for base in reversed(cls.__mro__):
            own |= {key: value for key, value in vars(base).items() if _computes(key, value)}
        name = f"{cls.__module__}.{cls.__qualname__}"
        return f"{name} {self.describe(own)}" if own else name

    def _describe_instance(self, value):
        if isinstance(value, np.random.RandomState):
            return f"RandomState {self.describe(value.get_state(legacy=False))}"
        kind = self.describe(type(value))
        values = _find_values(value)
        if values is not None:
            return f"{kind} {self.describe(values)}"
        if hasattr(value, "get_config"):
            # Keras numbers the names of its objects within a process.
            config = {k: v for k, v in value.get_config().items() if k != "name"}
            weights = value.get_weights() if hasattr(value, "get_weights") else None
            return f"{kind} {self.describe([config, weights] if weights else config)}"
        if hasattr(value, "__dict__"):
            return f"{kind} {self.describe(vars(value))}"
        # The repr of an object may hold its address.
        shown = repr(value)
        if " at 0x" not in shown:
            return f"{kind} {shown}"
        try:
            return f"{kind} {self.describe(value.__reduce_ex__(4)[1:3])}"
        except TypeError:
            return kind


def _is_of_a_library(function):
    file = function.__code__.co_filename
    return file.startswith(_LIBRARIES) or any(name in file for name in _FOLDERS_OF_LIBRARIES)


def _find_values(value):
    """Return the values of a table, a sparse matrix or another array-like; None of other things."""
    if hasattr(value, "columns") and hasattr(value, "dtypes"):
        return [list(value.columns), list(map(str, value.dtypes)), np.asarray(value)]
    if hasattr(value, "tocoo"):
        sparse = value.tocoo()
        return [sparse.shape, *sparse.coords, sparse.data]
    if hasattr(value, "to_numpy") and hasattr(value, "dtype"):
        return [str(value.dtype), value.to_numpy()]
    if all(hasattr(value, name) for name in ("shape", "dtype", "__len__", "__getitem__")):
        return digest_array(value)
    return None


def _computes(name, value):
    """Tell the attributes of a user's class that change what it does: methods and constants."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    if isinstance(value, types.FunctionType):
        return not _is_of_a_library(value)
    plain = isinstance(value, (bool, int, float, complex, str, bytes, tuple, list, dict, set))
    return plain and not name.startswith("_")
