"""Parts of messages: the closest name, lists of names, and warnings at the user's line."""

import inspect
import reprlib
import sys
import unicodedata
import warnings
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")

#: How many faults an error message or a warning names before it says "and n more".
MAX_NAMED = 10

# scikit-learn's pipelines and searches call the library on the user's behalf.
_NOT_THE_USER = {"fer_estimators", "sklearn"}

# Shortens containers while formatting them, without formatting a large one as a whole.
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 200


def suggest(word, known):
    """Return " Did you mean 'x'?" with the known name closest to `word` in any case, or ""."""
    names = {str(name).casefold(): str(name) for name in known}
    close = get_close_matches(str(word).casefold(), names, n=1)
    return f" Did you mean {names[close[0]]!r}?" if close else ""


def find_alike(names):
    """Group names that differ only in case, spaces or Unicode form; only text is compared.

    >>> find_alike(["Not sure", "happy", "not  sure", 1])
    [['Not sure', 'not  sure']]
    """
    spellings: dict[str, set[str]] = {}
    for name in names:
        if isinstance(name, str):
            plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
            spellings.setdefault(plain, set()).add(name)
    return [sorted(group) for group in spellings.values() if len(group) > 1]


def look_up(choice, registry, *, parameter, other="a callable"):
    """Return the entry of `registry` that `choice` names, or `choice` itself if it is callable.

    Raises ValueError for an unknown name, which suggests the closest one, and TypeError for a
    choice that is neither a string nor callable. `parameter` is the argument's name in these
    errors, and `other` what may be passed instead of a name.
    """
    if isinstance(choice, str):
        if choice in registry:
            return registry[choice]
        raise ValueError(
            f"{parameter}={choice!r} is unknown; expected one of {sorted(registry)} or {other}."
            + suggest(choice, registry)
        )
    if callable(choice):
        return choice
    raise TypeError(
        f"{parameter}={choice!r} has type {type(choice).__name__}, but a name "
        f"(one of {sorted(registry)}) or {other} is expected."
    )


def warn(message, category=UserWarning):
    """Warn at the line of the user's code that called the library.

    This is the outermost call into this library or scikit-learn. Between it and the warning there
    may be calls by others, such as callbacks of Keras.
    """
    frame, depth, stacklevel = sys._getframe(), 1, 1
    while frame is not None:
        depth += 1
        if frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_USER:
            stacklevel = depth
        frame = frame.f_back
    warnings.warn(message, category, stacklevel=stacklevel)


def name_methods_alone(cls: type[T]) -> type[T]:
    """Let Python's errors about arguments say ``fit()``, not the name of a base class."""
    for name, method in vars(cls).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            method.__qualname__ = name
    return cls


def printable(path):
    """Return `path` with undecodable bytes escaped: printing a lone surrogate would raise."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def name_some(items, *, limit=MAX_NAMED, separator="; "):
    """Join the first `limit` of `items` and say how many more there are."""
    items = list(items)
    more = [f"and {len(items) - limit} more"] if len(items) > limit else []
    return separator.join([*(printable(str(item)) for item in items[:limit]), *more])


def shorten(value, *, limit=80):
    """Return the ``repr`` of `value`, cut in the middle to `limit` characters.

    >>> shorten(b"x" * 1000, limit=20)
    "b'xxxxxx...xxxxxxxx'"
    """
    if isinstance(value, (str, bytes)):
        value = value[: 4 * limit] + value[-4 * limit :] if len(value) > 8 * limit else value
        text = repr(value)
    else:
        text = _SHORT.repr(value)
    half = (limit - 3) // 2
    return text if len(text) <= limit else f"{text[:half]}...{text[len(text) - limit + 3 + half :]}"
