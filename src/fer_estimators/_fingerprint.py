"""Describe values by what they compute, the same in every process.

Whatever continues or reuses earlier work has to know whether it is still the same work. Python's
own ``hash`` and ``repr`` do not tell: they depend on the process, on addresses and on the order of
sets, and a function's name stays when its code changes.
"""

import copyreg
import dis
import functools
import hashlib
import sys
import sysconfig
import threading
import types
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_estimators._messages import shorten
from fer_estimators._parts import row_slices

_LIBRARIES = (
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
    str(Path(__file__).parent),
)
# Those of other environments, which a path file or --system-site-packages adds to this one's.
_FOLDERS_OF_LIBRARIES = ("site-packages", "dist-packages")
_CONTAINERS = (dict, list, tuple, set, frozenset)
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_WRITTEN_IN_C = (
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.BuiltinFunctionType,
)


def describe(value: Any, *, versions: bool = False) -> str:
    """Describe a value by its content, the same in every process of one version of Python.

    Functions are identified by their code, constants, defaults, closures and the global names that
    they refer to, classes by their attributes, other objects by what pickle keeps of them or by
    their attributes. Tables and array-likes are identified by their values, what has a method
    ``__fingerprint__`` by what that returns, and what belongs to this or an installed library by
    its name, with `versions` also by the version of that library.

    Raises TypeError if something inside can only be read once, such as a generator, or is hidden
    from Python.

    >>> describe({"b": 1, "a": {2, 1}})
    "{'a': {1, 2}, 'b': 1}"
    """
    return _Describer(versions).describe(value)


def digest(value: Any, *, versions: bool = False) -> str:
    """Return the SHA-256 digest of :func:`describe`, in hexadecimal digits."""
    return hashlib.sha256(describe(value, versions=versions).encode()).hexdigest()


def digest_array(array: NDArray[Any]) -> str:
    """Describe an array by shape, dtype and the SHA-256 digest of its content.

    It needs ``shape``, ``dtype`` and slices; one on disk may be larger than the memory.
    """
    array = array if len(array.shape) else np.atleast_1d(array)
    shape = tuple(array.shape)
    if getattr(array.dtype, "hasobject", False):
        return f"{shape} {array.dtype}, SHA-256 {digest(np.asarray(array).tolist())}"
    total = hashlib.sha256()
    for rows in row_slices(array):
        part = np.ascontiguousarray(array[rows])
        # As bytes: dates have no buffer.
        total.update(part.view(np.uint8) if part.dtype.kind in "mM" else part)
    return f"{shape} {array.dtype}, SHA-256 {total.hexdigest()}"


class _Describer:
    """One description; remembers what it is inside of, as objects may refer to themselves."""

    def __init__(self, versions):
        self._versions = versions
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
        if isinstance(value, np.ma.MaskedArray):
            return f"masked {self.describe([value.data, np.ma.getmaskarray(value)])}"
        if isinstance(value, np.ndarray):
            return digest_array(value)
        if isinstance(value, np.generic):
            return f"{value.dtype} {value!r}"
        if isinstance(value, (Mapping, Set, list, tuple)):
            return self._describe_container(value)
        if isinstance(value, types.ModuleType):
            return f"module {value.__name__} {getattr(value, '__version__', '')}"
        if isinstance(value, functools.partial):
            return f"partial {self.describe([value.func, value.args, value.keywords])}"
        if isinstance(value, (types.MethodType, staticmethod, classmethod)):
            return f"method {self.describe([value.__func__, getattr(value, '__self__', None)])}"
        if isinstance(value, property):
            return f"property {self.describe([value.fget, value.fset, value.fdel])}"
        if isinstance(value, types.FunctionType):
            return self._describe_function(value)
        if isinstance(value, types.BuiltinFunctionType):
            return self._describe_builtin(value)
        if isinstance(value, types.CodeType):
            # Names of files and numbers of lines are left out.
            return f"code {self.describe([value.co_code, value.co_names, value.co_consts])}"
        if isinstance(value, type):
            return self._describe_class(value)
        return self._describe_instance(value)

    def _describe_container(self, value):
        if isinstance(value, Mapping):
            items = sorted(f"{self.describe(k)}: {self.describe(v)}" for k, v in value.items())
            shown = f"{{{', '.join(items)}}}"
        elif isinstance(value, Set):
            shown = f"{{{', '.join(sorted(map(self.describe, value)))}}}"
        else:
            shown = f"[{', '.join(map(self.describe, value))}]"
        if type(value) in _CONTAINERS:
            return shown
        return (
            f"{self.describe(type(value))} {shown} {self.describe(getattr(value, '__dict__', {}))}"
        )

    def _describe_function(self, function):
        name = self._name(function)
        cells = [_content(cell) for cell in function.__closure__ or ()]
        if _is_of_a_library(function.__code__.co_filename):
            return f"{name} {self.describe(cells)}" if cells else name
        parts = [
            function.__code__,
            function.__defaults__,
            function.__kwdefaults__,
            cells,
            _find_globals(function),
            vars(function),
        ]
        return f"{name} {hashlib.sha256(self.describe(parts).encode()).hexdigest()}"

    def _describe_builtin(self, function):
        # The module of a function that is not a method.
        owner = function.__self__ if function.__module__ is None else None
        return f"{self._name(function)} {self.describe(owner)}"

    def _describe_class(self, cls):
        libraries, own = [], {}
        for base in reversed(cls.__mro__):
            if _is_of_a_library(_file_of(base)):
                libraries.append(self._name(base))
            else:
                own |= {key: value for key, value in vars(base).items() if _is_written(key, value)}
        if cls.__module__ == "builtins" or not own:
            return libraries[-1]
        return f"{self._name(cls)} {self.describe([libraries, own])}"

    def _describe_instance(self, value):
        kind = self.describe(type(value))
        if isinstance(value, _LOCKS):
            return kind
        values = _find_values(value)
        return f"{kind} {self.describe(_find_state(value) if values is None else values)}"

    def _name(self, value):
        name = f"{value.__module__}.{value.__qualname__}"
        package = sys.modules.get(str(value.__module__).partition(".")[0])
        return f"{name} {getattr(package, '__version__', '')}" if self._versions else name


def _is_of_a_library(file):
    return file.startswith(_LIBRARIES) or any(name in file for name in _FOLDERS_OF_LIBRARIES)


def _file_of(cls):
    """Return the file that defines a class; built-in modules count as part of Python's library."""
    if cls.__module__ in sys.builtin_module_names:
        return _LIBRARIES[0]
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or ""


def _is_written(name, value):
    """Tell what a user wrote into a class from what Python adds to it."""
    if name.startswith("__") and name.endswith("__"):
        return isinstance(value, (types.FunctionType, staticmethod, classmethod))
    return name != "_abc_impl" and not isinstance(value, _WRITTEN_IN_C)


def _content(cell):
    """Return what a closure holds in a cell; an inner function may not be there yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _find_globals(function):
    """Return the global names that a function refers to, in inner functions, too.

    For a module that is not part of a library, return also what the function may take from it:
    everything with one of the names in its code.
    """
    found, codes, names = {}, [function.__code__], set()
    for code in codes:
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        names.update(code.co_names)
        for instruction in dis.get_instructions(code):
            name = instruction.argval
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") and name in function.__globals__:
                found[name] = function.__globals__[name]
    modules = list(filter(_is_own_module, found.values()))
    for module in modules:
        taken = {name: vars(module)[name] for name in sorted(names & vars(module).keys())}
        found |= {f"{module.__name__}.{name}": value for name, value in taken.items()}
        modules += [value for value in taken.values() if _is_own_module(value, but=modules)]
    return found


def _is_own_module(value, but=()):
    """Tell the modules that users write, which have no version, from those of libraries."""
    file = getattr(value, "__file__", None)
    is_own = isinstance(value, types.ModuleType) and file and not _is_of_a_library(file)
    return bool(is_own) and value not in but


def _find_values(value):
    """Return the values of a table, a sparse matrix or another array-like; None of other things."""
    if hasattr(value, "__fingerprint__"):
        return value.__fingerprint__()
    if hasattr(value, "columns") and hasattr(value, "dtypes"):
        return [list(value.columns), *_find_columns(value)]
    if hasattr(value, "tocoo"):
        sparse = value.tocoo()
        return [sparse.shape, *sparse.coords, sparse.data]
    if hasattr(value, "to_numpy") and hasattr(value, "dtype"):
        categories = getattr(value.dtype, "categories", None)
        in_order = categories.to_numpy() if hasattr(categories, "to_numpy") else None
        return [str(value.dtype), in_order, value.to_numpy()]
    if all(hasattr(value, name) for name in ("shape", "dtype", "__len__", "__getitem__")):
        return digest_array(value)
    return None


def _find_columns(table):
    """Return the columns of a table, or one array if they have one dtype."""
    dtypes = set(map(str, table.dtypes))
    if len(dtypes) == 1 and "category" not in dtypes:
        return [dtypes, np.asarray(table)]
    # One array would make floating numbers of large integers.
    if hasattr(table, "iter_columns"):
        return list(table.iter_columns())
    return [column for _, column in table.items()]


def _names_not_decayed(optimizer):
    """Return the names that an optimizer excludes from weight decay, which its config lacks."""
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    # Keras joins them in the order of a set, which differs between processes.
    return sorted(pattern.pattern.split("|")) if pattern else []


def _find_state(value):
    """Return what pickle would keep of an object, or its attributes; TypeError without either."""
    if hasattr(value, "get_config"):
        # Keras numbers the names of its objects within a process.
        config = {k: v for k, v in value.get_config().items() if k != "name"}
        weights = value.get_weights() if hasattr(value, "get_weights") else None
        return [config, _names_not_decayed(value), weights]
    try:
        reduce = copyreg.dispatch_table.get(type(value))
        reduced = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception:
        if not hasattr(value, "__dict__") or isinstance(value, types.GeneratorType):
            raise TypeError(
                f"{shorten(value)} cannot be distinguished from another {type(value).__name__}: "
                "its content is hidden. Pass something that can be pickled."
            ) from None
        return vars(value)
    if isinstance(reduced, str):
        return [getattr(value, "__module__", None), reduced, getattr(value, "__dict__", {})]
    make, arguments, state, items, pairs, *_ = (*reduced, None, None, None)
    return [make, arguments, state, list(items or ()), list(pairs or ())]
