"""What displays draw on and with: axes, colours, faces in a grid.

Matplotlib is imported on first use.
"""

import numpy as np

# Okabe and Ito's colours for all kinds of colour vision; their lightness differs in greyscale
# too, and no display relies on colour alone.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
# Sizes in a grid of faces, where a face has a width of 1: its side in inches, the distance to the
# next face, the height of a line of text, and the margin around all.
_SIDE, _GAP, LINE, _MARGIN = 1.15, 0.08, 0.20, 0.04


def get_axes(ax, figsize):
    """Return the figure and the axes to draw on; make both if `ax` is None, `figsize` in inches."""
    import matplotlib.pyplot as plt

    if ax is None:
        return plt.subplots(figsize=figsize, layout="constrained")
    return ax.figure, ax


def get_axes_row(ax, n, figsize):
    """Return the figure and a list of `n` axes side by side.

    If `ax` is None, make them, with `figsize` in inches; divide a single Axes. Raises ValueError
    for a sequence of another length, or a single Axes that cannot be divided.
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


def get_grid_axes(ax, cells, pitch, *, left=-_MARGIN):
    """Return the figure and axes without a frame for a grid of faces, each one unit wide.

    Each cell is the row and column of a face; `pitch` is the distance between the upper edges of
    two rows. The picture begins at `left`, the first face at 0. Return the left and upper edge of
    each face, too.
    """
    n_rows, n_columns = (max(places) + 1 for places in zip(*cells, strict=True))
    right, bottom = n_columns * (1 + _GAP) - _MARGIN, n_rows * pitch
    figure, ax = get_axes(ax, (_SIDE * (right - left), _SIDE * bottom))
    ax.set(xlim=(left, right), ylim=(bottom, -_MARGIN))
    ax.set_aspect("equal")
    ax.set_axis_off()
    return figure, ax, [(column * (1 + _GAP), row * pitch) for row, column in cells]


def draw_face(ax, image, left, top):
    """Draw a face, grey or in colour, 0 to 255, and return its extent for `imshow`."""
    extent = (left, left + 1, top + image.shape[0] / image.shape[1], top)
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    ax.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=extent)
    return extent


def write_below(ax, text, left, bottom, **style):
    """Write lines below a face, of which `left` and `bottom` are edges."""
    place = {"horizontalalignment": "center", "verticalalignment": "top"}
    ax.text(left + 0.5, bottom + 0.03, text, fontsize=8, **place, **style)
