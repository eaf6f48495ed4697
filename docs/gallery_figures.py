"""The gallery's figures and thumbnails for the light and for the dark theme."""

import re
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
from dark_figures import save_dark
from docutils import nodes
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text
from sphinx_gallery.scrapers import matplotlib_scraper

# Width and height of a thumbnail, inches at 100 dots; cards show it at less than half the size.
THUMBNAIL = (4.0, 2.8)


def connect(app):
    """Show figures on pages beside the gallery, and thumbnails."""
    app.connect("source-read", show_on_pages)
    # After the gallery.
    app.connect("builder-inited", use_thumbnails, priority=900)
    app.connect("builder-inited", clean_notebooks, priority=900)
    # Before Sphinx collects the pictures of a page.
    app.connect("doctree-read", show_dark_thumbnails, priority=400)


def show_on_pages(app, docname, source):
    """Show the dark copy of each figure that a page in Markdown shows, where there is one."""
    names = r"\S*/sphx_glr_\S+" if not docname.startswith("model_cards/") else r"\S+"
    pattern = rf"^```\{{(?:figure|image)\}} {names}\.png$.*?^```$"
    source[0] = re.sub(pattern, show_on_page, source[0], flags=re.M | re.S)


def show_on_page(match):
    """Write a directive twice, each for one theme."""
    light, dark = match[0], match[0].replace(".png", "_dark.png", 1)
    return f"{add_class(light, 'only-light')}\n\n{add_class(dark, 'only-dark')}"


def add_class(directive, name):
    """Give the picture of a directive one more class."""
    if "\n:class: " in directive:
        return re.sub(r"\n(:class: .+)", rf"\n\1 {name}", directive, count=1)
    return directive.replace("\n", f"\n:class: {name}\n", 1)


def scrape_figures(block, block_vars, gallery_conf):
    """Save the figures that a block of an example has drawn; return what shows them."""
    figures = [plt.figure(number) for number in plt.get_fignums()]
    rst = matplotlib_scraper(block, block_vars, gallery_conf)
    paths = block_vars["image_path_iterator"].paths
    wanted = block_vars["file_conf"].get("thumbnail_number", 1)
    for number in range(len(paths) - len(figures), len(paths)):
        figure, path = figures.pop(0), Path(paths[number])
        save_dark(figure, path.with_stem(f"{path.stem}_dark"))
        if number + 1 == wanted:
            save_thumbnail(figure, path.with_name(re.sub(r"\d{3}\.png$", "icon.png", path.name)))
    # Of several classes, image-sg writes only the first.
    rst = re.sub(r"^ *:srcset: .*\n", "", rst.replace(".. image-sg::", ".. image::"), flags=re.M)
    return re.sub(r"^ *\.\. image::.*?:class: \S+$", for_both_themes, rst, flags=re.M | re.S)


def for_both_themes(match):
    """Show one of two pictures."""
    light = f"{match[0]} only-light"
    dark = f"{match[0].replace('.png', '_dark.png')} only-dark"
    return f"{light}\n\n{dark}"


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
    ax.set_anchor("C")
    figure.savefig(path, dpi=100)
    save_dark(figure, path.with_stem(f"{path.stem}_dark"))


def show_corner(ax):
    """Show the upper left corner of many faces, or the left or the top of one picture."""
    left, _, bottom, top = ax.images[0].get_extent()
    n_rows = 1 if len(ax.images) == 1 else 2.2
    height = n_rows * (bottom - top)
    width = min(height * THUMBNAIL[0] / THUMBNAIL[1], ax.get_xlim()[1] - left)
    if len(ax.images) == 1:
        height = width * THUMBNAIL[1] / THUMBNAIL[0]
    ax.set(xlim=(left, left + width), ylim=(top + height, top))


def use_thumbnails(app):
    """Put the thumbnails in the place of those that the gallery has made of whole figures."""
    for icon in Path(app.srcdir, "auto_examples", "images").glob("*_icon*.png"):
        name = icon.name.replace("_icon", "_thumb")
        shutil.copyfile(icon, icon.parent / "thumb" / name)


def clean_notebooks(app):
    """Leave out Sphinx's roles, such as ``:class:``, which notebooks would show."""
    for path in Path(app.srcdir, "auto_examples").glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r":[a-z]+:`~?/?([^`<]+?)(?: <[^`]+>)?`", r"`\1`", text)
        path.write_text(text, encoding="utf-8")


def show_dark_thumbnails(app, doctree):
    """Show the dark copy of each thumbnail in the dark theme."""
    for thumbnail in [*doctree.findall(nodes.image)]:
        uri = thumbnail["uri"].replace("_thumb.png", "_thumb_dark.png")
        if uri != thumbnail["uri"] and Path(app.srcdir, uri.lstrip("/")).is_file():
            dark = thumbnail.deepcopy()
            dark["uri"] = uri
            thumbnail["classes"].append("only-light")
            dark["classes"].append("only-dark")
            thumbnail.parent.insert(thumbnail.parent.index(thumbnail) + 1, dark)
