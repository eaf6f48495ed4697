"""The gallery's figures: each for the light and for the dark theme, and thumbnails without words.

An example draws a figure once. Its dark copy has light ink on no background; pictures in it, and
what is drawn on them, stay as they are.
"""

import pickle
import re
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from sphinx_gallery.scrapers import matplotlib_scraper

# What black and white become: text and background of the theme.
INK, PAPER = (0.81, 0.84, 0.87), (0.08, 0.09, 0.12)
# The colours of each kind of artist.
COLOURS = {
    Line2D: ("color", "markeredgecolor", "markerfacecolor"),
    Patch: ("edgecolor", "facecolor"),
    Collection: ("edgecolor", "facecolor"),
    Text: ("color",),
}
# Width and height of a thumbnail, inches at 100 dots; cards show it at less than half the size.
THUMBNAIL = (4.0, 2.8)


def scrape_figures(block, block_vars, gallery_conf):
    """Save the figures that a block of an example has drawn; return what shows them."""
    figures = [plt.figure(number) for number in plt.get_fignums()]
    rst = matplotlib_scraper(block, block_vars, gallery_conf)
    paths = block_vars["image_path_iterator"].paths
    wanted = block_vars["file_conf"].get("thumbnail_number", 1)
    for number in range(len(paths) - len(figures), len(paths)):
        figure, path = figures.pop(0), Path(paths[number])
        save_dark(pickle.loads(pickle.dumps(figure)), path.with_stem(f"{path.stem}_dark"))
        if number + 1 == wanted:
            save_thumbnail(figure, path.with_name(re.sub(r"\d{3}\.png$", "icon.png", path.name)))
    return re.sub(r"^ *\.\. image-sg::.*?:class: \S+$", for_both_themes, rst, flags=re.M | re.S)


def for_both_themes(match):
    """Show one of two pictures."""
    light = f"{match[0]} only-light"
    dark = f"{match[0].replace('.png', '_dark.png')} only-dark"
    return f"{light}\n\n{dark}"


def save_dark(figure, path):
    """Draw a figure on no background with light ink."""
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
    figure.savefig(path, transparent=True)


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
    return artist in (*ax.lines, *ax.collections, *ax.patches)


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


def save_thumbnail(figure, path):
    """Draw the largest axes alone, with thick lines and without words."""
    figure.canvas.draw()
    ax = max(figure.axes, key=lambda ax: ax.get_window_extent().size.prod())
    for other in (*figure.axes, *figure.legends, *figure.texts):
        other.set_visible(other is ax)
    for artist in ax.findobj():
        if isinstance(artist, Text | Legend):
            artist.set_visible(False)
        elif isinstance(artist, Line2D):
            artist.set_linewidth(2.5 * artist.get_linewidth())
            artist.set_markersize(2 * artist.get_markersize())
    if len(ax.images) > 0:
        show_corner(ax)
    figure.set_layout_engine("none")
    figure.set_size_inches(THUMBNAIL)
    ax.set_position((0.03, 0.04, 0.94, 0.92))
    figure.savefig(path, dpi=100)


def show_corner(ax):
    """Show the upper left corner of many faces, or the left of a wide picture."""
    left, _, bottom, top = ax.images[0].get_extent()
    n_rows = 1 if len(ax.images) == 1 else 2.2
    height = n_rows * (bottom - top)
    width = min(height * THUMBNAIL[0] / THUMBNAIL[1], ax.get_xlim()[1] - left)
    ax.set(xlim=(left, left + width), ylim=(top + height, top))


def use_thumbnails(app):
    """Put the thumbnails in the place of those that the gallery has made of whole figures."""
    for icon in Path(app.srcdir, "auto_examples", "images").glob("*_icon.png"):
        name = icon.name.replace("_icon", "_thumb")
        shutil.copyfile(icon, icon.parent / "thumb" / name)
