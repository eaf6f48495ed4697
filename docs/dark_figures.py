"""Copies of figures for the dark theme.

A figure is drawn once. Its dark copy has light ink on no background; pictures in it, and what is
drawn on them, stay as they are.
"""

import pickle

from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

# What black and white become: text and background of the theme.
INK, PAPER = (0.81, 0.84, 0.87), (0.08, 0.09, 0.12)
# The colours of each kind of artist.
COLOURS = {
    Line2D: ("color", "markeredgecolor", "markerfacecolor"),
    Patch: ("edgecolor", "facecolor"),
    Collection: ("edgecolor", "facecolor"),
    Text: ("color",),
}


def save_dark(figure, path):
    """Save a copy of a figure with light ink on no background."""
    figure = pickle.loads(pickle.dumps(figure))
    figure.canvas.draw()
    for ax in figure.axes:
        pictures = [image.get_window_extent() for image in ax.images]
        pictures += [mesh.get_window_extent() for mesh in ax.collections if is_mesh(mesh)]
        for artist in ax.findobj():
            if not lies_on(artist, ax, pictures):
                lighten(artist)
    for artist in (*figure.texts, *figure.legends):
        for part in artist.findobj():
            lighten(part)
    figure.savefig(path, transparent=True, pil_kwargs={"optimize": True})


def is_mesh(artist):
    """Tell a strip of coloured cells."""
    return isinstance(artist, QuadMesh)


def lies_on(artist, ax, pictures):
    """Tell whether an artist is part of a picture or drawn over one."""
    if not pictures or artist in (ax.patch, *ax.spines.values()):
        return False
    if isinstance(artist, Text):
        box = artist.get_window_extent()
        middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        return any(picture.contains(*middle) for picture in pictures)
    return artist in (*ax.lines, *ax.collections)


def lighten(artist):
    """Exchange black and white; colours stay."""
    for kind, names in COLOURS.items():
        if isinstance(artist, kind):
            for name in names:
                colours = getattr(artist, f"get_{name}")()
                if kind is Collection:
                    getattr(artist, f"set_{name}")([exchange(colour) for colour in colours])
                elif not (isinstance(colours, str) and colours in ("none", "auto")):
                    getattr(artist, f"set_{name}")(exchange(colours))


def exchange(colour):
    """Return the colour of the dark theme for one of the light theme."""
    red, green, blue, alpha = to_rgba(colour)
    if not red == green == blue:
        return colour
    return *(ink + red * (paper - ink) for ink, paper in zip(INK, PAPER, strict=True)), alpha
