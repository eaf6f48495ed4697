"""Run the code of the guide's pages, and show below each block what it prints and draws.

The pages stay plain Markdown: nothing is written into them. A build without the gallery
(``-D plot_gallery=0``) leaves this out, too.
"""

import contextlib
import io
import re
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from dark_figures import save_dark
from page_data import write_page_data
from PIL import Image
from skimage.data import astronaut
from sphinx.errors import ExtensionError

# Where the pictures go, below the folder of the pages.
PICTURES = "auto_outputs"
BLOCK = re.compile(r"^```python\n(.*?)^```$\n", re.M | re.S)


def connect(app):
    """Change the pages while Sphinx reads them."""
    app.connect("source-read", show_outputs)


def show_outputs(app, docname, source):
    """Add outputs to the text of a page."""
    is_run = docname.startswith("guide/") or docname == "getting_started"
    if not is_run or str(app.config.plot_gallery) in ("0", "False"):
        return
    folder = Path(app.srcdir, PICTURES)
    folder.mkdir(exist_ok=True)
    page = folder / docname.replace("/", "_")
    outputs = iter(run_blocks(docname, BLOCK.findall(source[0]), page))
    source[0] = BLOCK.sub(lambda match: match[0] + next(outputs), source[0])


def run_blocks(docname, blocks, page):
    """Yield what each block of a page shows, as Markdown."""
    namespace = {"__name__": "page"}
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        warnings.catch_warnings(action="ignore"),
    ):
        write_page_data(Path(folder), Image.fromarray(astronaut()).crop((60, 0, 380, 320)))
        for number, block in enumerate(blocks):
            printed = io.StringIO()
            try:
                with contextlib.redirect_stdout(printed):
                    exec(compile(block, f"{docname}, block {number}", "exec"), namespace)
            except Exception as error:
                raise ExtensionError(f"{docname}: block {number} fails: {error!r}") from error
            yield show_text(printed.getvalue()) + "".join(save_figures(f"{page}_{number}"))


def show_text(text):
    """Return a block of what was printed."""
    return (
        f"\n```{{code-block}} text\n:class: page-output\n\n{text.rstrip()}\n```\n" if text else ""
    )


def save_figures(stem):
    """Save the figures that a block has drawn, for both themes; yield what shows them."""
    for number in plt.get_fignums():
        figure = plt.figure(number)
        light, dark = Path(f"{stem}_{number}.png"), Path(f"{stem}_{number}_dark.png")
        figure.savefig(light)
        save_dark(figure, dark)
        for path, theme in ((light, "only-light"), (dark, "only-dark")):
            yield f"\n```{{image}} /{PICTURES}/{path.name}\n:alt: What the code draws\n"
            yield f":class: page-picture {theme}\n```\n"
    plt.close("all")
