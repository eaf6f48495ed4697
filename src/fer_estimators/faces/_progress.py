"""Progress bars, on the standard error stream."""

import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import TypeVar

T = TypeVar("T")


def show_progress(
    items: Iterable[T], what: str, *, shown: bool, total: float | None = None
) -> Iterator[T]:
    """Yield items, and show how many of them, named `what`, are done.

    `total` is their number; None takes their length where they have one.
    """
    if not shown:
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    # Not the standard output, on which tables go. Without ipywidgets, rich would show no bar in a
    # notebook, but a warning to install it.
    in_notebooks = None if find_spec("ipywidgets") else False
    # A notebook's stream claims to be a terminal, but keeps each state of the bar as a line.
    terminal = False if "ipykernel" in sys.modules else None
    console = Console(stderr=True, force_jupyter=in_notebooks, force_terminal=terminal)
    yield from track(items, what, total=total, console=console)
