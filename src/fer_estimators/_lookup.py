"""Find what a name stands for, or say which names there are."""

from difflib import get_close_matches


def look_up(choice, registry, *, parameter):
    """Return the entry of `registry` that `choice` names, or `choice` itself if it is callable.

    Parameters
    ----------
    choice : str or callable
        What the user passed.
    registry : dict
        Names and what they stand for.
    parameter : str
        The parameter's name, for the error.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If `choice` is a string, but no name in `registry`; the closest one is suggested.
    TypeError
        If `choice` is neither a string nor callable.
    """
    if isinstance(choice, str):
        if choice in registry:
            return registry[choice]
        close = get_close_matches(choice, registry, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"{parameter}={choice!r} is unknown; expected one of {sorted(registry)} or a callable."
            + hint
        )
    if callable(choice) and not isinstance(choice, type):
        return choice
    raise TypeError(
        f"{parameter}={choice!r} has type {type(choice).__name__}, but a name "
        f"(one of {sorted(registry)}) or a callable is expected."
    )
