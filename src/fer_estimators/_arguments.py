"""Check arguments of functions: one of several values, or a whole number in a range."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from fer_estimators._messages import suggest


def check_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise ValueError if an argument has none of the values that it may have."""
    if value not in choices:
        *others, last = map(repr, choices)
        raise ValueError(
            f"{name}={value!r} is unknown; expected {', '.join(others)} or {last}."
            + suggest(value, [choice for choice in choices if choice])
        )


def check_whole(name: str, value: Any, lowest: int, highest: int | None = None) -> None:
    """Raise TypeError for an argument of another kind, and ValueError for one out of range."""
    expected = f"{lowest} or more" if highest is None else f"from {lowest} to {highest}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(
            f"{name}={value!r} is a {type(value).__name__}; pass a whole number, {expected}."
        )
    if value < lowest or (highest is not None and value > highest):
        raise ValueError(f"{name}={value!r} is out of range; pass a whole number, {expected}.")
