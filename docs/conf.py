"""Sphinx's configuration: ``python -m sphinx -W -b html docs docs/_build/html`` builds the site.

Nothing is fetched while building: no inventories of other projects, no badges, no fonts.
"""

import os
import sys
import warnings

# Before TensorFlow is imported by an example: its start-up messages do not belong on a page.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# Pages show the same faces on every machine, and nobody's own pictures.
os.environ.pop("FER2013", None)
os.environ.pop("PHOTO", None)

# The gallery looks up what the examples import, and scikit-learn hides its experimental names.
from sklearn.experimental import enable_halving_search_cv  # noqa: F401

import fer_estimators

sys.path.append(os.path.dirname(__file__))
import api_pages
import executed_code
import gallery_figures
import try_it_files

project = "fer-estimators"
author = "The fer-estimators developers"
copyright = f"2026, {author}"
release = fer_estimators.__version__
version = release

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "benchmark"]
templates_path = ["_templates"]
default_role = "code"
# Names in quotes are to be copied.
smartquotes = False
toc_object_entries_show_parents = "hide"
nitpicky = False

# Pages are Markdown; docstrings and the gallery's narration are reStructuredText.
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
# The documentation does not know where the repository is published.
viewcode_line_numbers = True
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "fer-estimators"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {
        "text": "fer-estimators",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
    },
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {
    "index": [],
    "getting_started": [],
    "responsible_use": [],
    "try_it": [],
    "changelog": [],
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "image_scrapers": ("gallery_figures.scrape_figures",),
    "doc_module": ("fer_estimators",),
    "backreferences_dir": "api/backreferences",
    "default_thumb_file": os.path.join(os.path.dirname(__file__), "_static", "logo.png"),
    "download_all_examples": False,
    "show_memory": False,
    # Its table would be drawn by a script from elsewhere.
    "write_computation_times": False,
    "show_signature": False,
    "remove_config_comments": True,
    "plot_gallery": "True",
}

# plt.show() does nothing without a screen; the gallery has already taken the figure.
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")


def setup(app):
    """Connect what the reference, the gallery and the page *Try it* need."""
    app.connect("build-finished", try_it_files.after_build)
    api_pages.connect(app)
    executed_code.connect(app)
    gallery_figures.connect(app)
