"""What the pages of the reference show otherwise than the docstrings hold it."""

import re

from sphinx.errors import ExtensionError
from sphinx.util.inspect import signature as signature_of
from sphinx.util.inspect import stringify_signature

# Classes with so many parameters that they are shown by what they are for.
GROUPED = ("fer_estimators.CNNClassifier", "fer_estimators.TransferClassifier")
GROUPS = {
    "Network": ("architecture", "backbone", "weights", "head", "image_size", "dtype_policy"),
    "Images": ("image_shape", "handle_other_shapes"),
    "Training": (
        *("epochs", "batch_size", "augmentation", "optimizer", "learning_rate"),
        *("learning_rate_schedule", "fine_tuning", "label_smoothing", "class_weight", "warm_start"),
    ),
    "Best epoch": ("validation_fraction", "patience"),
    "Prediction": ("tta",),
    "Running": ("device", "random_state", "callbacks", "verbose"),
}


def connect(app):
    """Change docstrings and signatures while Sphinx reads them."""
    # Before and after numpydoc, which has the default priority.
    app.connect("autodoc-process-docstring", adapt_docstring, priority=400)
    app.connect("autodoc-process-docstring", group_parameters, priority=600)
    app.connect("autodoc-process-signature", show_constructor)
    app.connect("autodoc-skip-member", skip_methods)


def adapt_docstring(app, what, name, obj, options, lines):
    """Let docstrings pass that were not written for this site.

    Inherited ones refer to pages of scikit-learn, and a trailing underscore in a type would be
    taken for a reference.
    """
    text = "\n".join(lines)
    text = re.sub(r":ref:`([^`<]*?)\s*<[^`>]*>`", r"\1", text)
    text = re.sub(r":ref:`[^`]*`", "the documentation of scikit-learn", text)
    text = text.replace("(n_features_in_,)", "(`n_features_in_`,)")
    lines[:] = text.split("\n")


def group_parameters(app, what, name, obj, options, lines):
    """Put the parameters of large classes in groups."""
    if what != "class" or name not in GROUPED:
        return
    text = "\n".join(lines)
    before, rest = text.split(":Parameters:\n", 1)
    # The next field, or whatever is not indented, ends them.
    described, after = re.split(r"^(?=\S)", rest, maxsplit=1, flags=re.M)
    entries = re.split(r"^(?=    \*\*)", described, flags=re.M)[1:]
    text_of = {re.search(r"\w+", entry)[0]: entry for entry in entries}
    fields = [
        f":{group}:\n\n" + "".join(text_of.pop(p) for p in members if p in text_of)
        for group, members in GROUPS.items()
    ]
    if text_of:
        raise ExtensionError(f"docs/api_pages.py: {name} has parameters of no group: {[*text_of]}")
    lines[:] = (before + "\n".join(fields) + after).split("\n")


def show_constructor(app, what, name, obj, options, signature, return_annotation):
    """Give Keras' layers the signature of their ``__init__``; a ``__new__`` of Keras hides it."""
    if what != "class" or signature != "(*args, **kwargs)":
        return None
    constructor = signature_of(obj.__init__, bound_method=True)
    return stringify_signature(constructor), return_annotation


def skip_methods(app, what, name, obj, skip, options):
    """Leave methods to pages of their own; a class's page lists them."""
    return True if what == "class" and callable(obj) else None
