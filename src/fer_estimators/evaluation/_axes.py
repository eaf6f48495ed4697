"""Where a display draws, and in which colours. Matplotlib is imported on first use."""

# Okabe and Ito's colours for all kinds of colour vision; their lightness differs in greyscale
# too, and no display relies on colour alone.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"


def get_axes(ax, figsize):
    """Return the figure and the axes to draw on, making both if `ax` is None.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Axes of the user.
    figsize : tuple of float
        Width and height of a new figure, in inches.

    Returns
    -------
    figure : matplotlib Figure
    ax : matplotlib Axes
    """
    import matplotlib.pyplot as plt

    if ax is None:
        return plt.subplots(figsize=figsize, layout="constrained")
    return ax.figure, ax


def get_axes_row(ax, n, figsize):
    """Return the figure and `n` axes side by side.

    Parameters
    ----------
    ax : matplotlib Axes, sequence of n Axes, or None
        Axes of the user; a single one is divided.
    n : int
        Number of axes.
    figsize : tuple of float
        Width and height of a new figure, in inches.

    Returns
    -------
    figure : matplotlib Figure
    axes : list of n matplotlib Axes

    Raises
    ------
    ValueError
        If a sequence of another length is given, or a single one that cannot be divided.
    """
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is None:
        figure, axes = plt.subplots(1, n, figsize=figsize, layout="constrained", squeeze=False)
        return figure, list(axes[0])
    if not isinstance(ax, Axes):
        axes = list(ax)
        if len(axes) != n:
            raise ValueError(
                f"ax holds {len(axes)} axes, expected {n} side by side. Make them with "
                f"`plt.subplots(1, {n})`, or pass a single one to be divided."
            )
        return axes[0].figure, axes
    if n == 1:
        return ax.figure, [ax]
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            f"ax stands in no grid that could be divided (made by `Figure.add_axes`), expected {n} "
            f"axes, or one of a grid. Make it with `plt.subplots()`, or {n} with "
            f"`plt.subplots(1, {n})`."
        )
    ax.set_axis_off()
    # A layout engine finds the room that labels need by itself.
    room = 0.35 if ax.figure.get_layout_engine() is None else None
    grid = place.subgridspec(1, n, wspace=room)
    return ax.figure, [ax.figure.add_subplot(cell) for cell in grid]
