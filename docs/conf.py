"""Sphinx's configuration: ``python -m sphinx -W -b html docs docs/_build/html`` builds the site.

Nothing is fetched while building: no inventories of other projects, no badges, no fonts.
"""

import os

# Before TensorFlow is imported by an example: its start-up messages are no part of a page.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# Pages show drawn faces, on every machine alike.
os.environ.pop("FER2013", None)

import warnings

from sphinx_gallery.sorting import FileNameSortKey

import fer_estimators

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
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb"]
templates_path = ["_templates"]
default_role = "code"
nitpicky = False

# Pages are Markdown; docstrings and the gallery's narration are reStructuredText.
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
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
    "header_links_before_dropdown": 6,
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
    "changelog": [],
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": FileNameSortKey,
    "abort_on_example_error": True,
    "doc_module": ("fer_estimators",),
    "reference_url": {"fer_estimators": None},
    "backreferences_dir": "api/backreferences",
    "inspect_global_variables": False,
    "default_thumb_file": os.path.join(os.path.dirname(__file__), "_static", "logo.png"),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "remove_config_comments": True,
    "plot_gallery": "True",
}

# plt.show() does nothing without a screen; the gallery has already taken the figure.
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
