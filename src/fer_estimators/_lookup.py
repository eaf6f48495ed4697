"""Find what a name stands for, or say which names there are."""

from difflib import get_close_matches


def suggest(word, known):
    """Return a closing question with the name closest to `word` in any case, or nothing.

    Parameters
    ----------
    word : object
        What was received; shown as text.
    known : iterable
        What is expected, shown as text.

    Returns
    -------
    str
        ``" Did you mean 'x'?"``, to be put behind a full stop, or an empty string.
    """
    names = {str(name).casefold(): str(name) for name in known}
    close = get_close_matches(str(word).casefold(), names, n=1)
    return f" Did you mean {names[close[0]]!r}?" if close else ""


def look_up(choice, registry, *, parameter, other="a callable"):
    """Return the entry of `registry` that `choice` names, or `choice` itself if it is callable.

    Parameters
    ----------
    choice : str or callable
        What the user passed.
    registry : dict
        Names and what they stand for.
    parameter : str
        The parameter's name, for the error.
    other : str, default="a callable"
        What may be passed in place of a name, for the error.

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
