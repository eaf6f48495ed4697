"""Load the pretrained classifiers and their model cards."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fer_estimators._files.kinds import check_published
from fer_estimators._messages import suggest

if TYPE_CHECKING:
    from fer_estimators.classifiers import CNNClassifier


_FOLDER = Path(__file__).parent

# The SHA-256 digest of each network's weights.
PRETRAINED = {
    "fer2013-base": "c23784f05a8a0185ab33e1eec79908eae1ee47a22ba752ebcb8186df0f8ee6bc",
    "fer2013-compact": "94915bad5b54d0934b3175d7bbb7f73490cf4dc3dd9ad388026e7d2d09604f9d",
    "ferplus-base": "30265d6bbdd13cf901d1d6df3790e7b51b6b8c7bd07ee1a8dba6f1f2ede566de",
    "ferplus-compact": "55e0ac6bbe40cd49cc624cc852f9bf91103354654d97f1992543a54f8455a1ae",
}


def load_pretrained(name: str) -> CNNClassifier:
    """Load a classifier of this library that was trained on FER2013's photographs.

    Nothing is downloaded: the weights are part of the package.

    Parameters
    ----------
    name : {"fer2013-base", "fer2013-compact", "ferplus-base", "ferplus-compact"}
        The "ferplus" networks predict what most of ten people see in a face. Choose one of them
        for photos of people: they lose little accuracy on faces that are tilted or cropped more
        widely. The "fer2013" networks predict FER2013's labels, which are less certain. "base" is
        more accurate and "compact" faster; the model cards say by how much.

    Returns
    -------
    CNNClassifier
        A fitted classifier of FER2013's seven emotions, or of these and contempt. Its
        probabilities were calibrated on validation data. Faces
        that are not 48 x 48 grey pixels are converted: colour to grey (Pillow's ``L``), then the
        size, with Pillow's antialiased bilinear filter. Cut the face out first, as FER2013's
        faces are.

    Raises
    ------
    ValueError
        If no network has this name; the nearest one is suggested.
    ModelFileError
        If the installed file is missing or damaged.

    See Also
    --------
    load_model_card : What it was trained on, how good it is, and what it must not be used for.

    Notes
    -----
    ``fit`` and :func:`sklearn.base.clone`, which searches and ensembles call, begin without these
    weights, as scikit-learn's convention is, and warn of it. To continue from them, set
    ``warm_start=True`` and a low ``learning_rate``; to use them as they are inside another
    estimator, wrap the classifier in :class:`sklearn.frozen.FrozenEstimator`.

    Examples
    --------
    >>> from fer_estimators import load_pretrained, make_faces
    >>> clf = load_pretrained("ferplus-compact")
    >>> clf.predict(make_faces(3, random_state=0).images).shape
    (3,)
    """
    from fer_estimators.persistence import load

    path = _find(name, ".fer")
    check_published(path, PRETRAINED[name])
    return load(path)


class ModelCard(str):
    """Text in Markdown that notebooks show as such."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        # Some pages show "pre" in the font of their text, in which columns do not line up.
        return re.sub(
            r"^```\w*\n(.*?)^```$",
            lambda block: (
                f'<pre style="font-family: monospace">{html.escape(block[1], quote=False)}</pre>'
            ),
            self,
            flags=re.M | re.S,
        )


def load_model_card(name: str) -> ModelCard:
    """Load the model card of a pretrained classifier.

    Parameters
    ----------
    name : {"fer2013-base", "fer2013-compact", "ferplus-base", "ferplus-compact"}

    Returns
    -------
    ModelCard
        A string in Markdown, which notebooks show as such: data and split, the command that made
        it, versions, accuracy, macro-F1 and recalls with intervals, calibration, speed, limits,
        and what it must not be used for.

    Raises
    ------
    ValueError
        If no network has this name; the nearest one is suggested.

    Examples
    --------
    >>> from fer_estimators.pretrained import load_model_card
    >>> print(load_model_card("fer2013-compact").splitlines()[0])
    # fer2013-compact
    """
    return ModelCard(_find(name, ".md").read_text(encoding="utf-8"))


def _find(name, suffix):
    if name not in PRETRAINED:
        raise ValueError(
            f"name={name!r} is not a pretrained classifier; expected one of {sorted(PRETRAINED)}."
            + suggest(name, PRETRAINED)
        )
    return _FOLDER / f"{name}{suffix}"
