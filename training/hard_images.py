"""Measure a network on faces that are framed differently, and on images without a face.

``model_cards.py`` writes the results into the model cards.
"""

import warnings

import numpy as np
from sklearn.datasets import load_sample_images

from fer_estimators.faces._square import Square
from fer_estimators.images import resize_images

#: Share of the side by which a crop is wider (positive) or narrower than the image, and its tilt
#: in degrees.
FRAMINGS = {
    "as they are": (0.0, 0),
    "10 % too wide": (0.1, 0),
    "20 % too wide": (0.2, 0),
    "10 % too narrow": (-0.1, 0),
    "20 % too narrow": (-0.2, 0),
    "tilted by 10 degrees": (0.0, 10),
    "tilted by 20 degrees": (0.0, 20),
}


def score_framings(clf, images, target):
    """Measure the accuracy on crops that are framed differently.

    Parameters
    ----------
    clf : classifier
        A fitted classifier.
    images : ndarray of shape (n, height, width), dtype uint8
        Faces. Where a wider crop reaches beyond their edge, the pixels there are repeated.
    target : ndarray of shape (n,)
        Labels.

    Returns
    -------
    dict of str to float
        Accuracy for each of :data:`FRAMINGS`.
    """
    return {
        name: clf.score(reframe(images, wider, tilt), target)
        for name, (wider, tilt) in FRAMINGS.items()
    }


def reframe(images, wider, tilt):
    """Cut a wider or narrower, tilted square out of each image, half of them tilted each way."""
    if not wider and not tilt:
        return images
    height, width = images.shape[1:]
    side = (1 + wider) * min(height, width)
    squares = [Square((width / 2, height / 2), side, sign * tilt) for sign in (1, -1)]
    return np.stack(
        [
            squares[row % 2].cut(np.stack([image] * 3, axis=-1), (height, width))[..., 0]
            for row, image in enumerate(images)
        ]
    )


def describe_no_face(clf):
    """Count a network's answers for images without a face.

    Parameters
    ----------
    clf : classifier
        A classifier that was fitted on grey images.

    Returns
    -------
    dict of str to dict
        For each kind of image: ``n_images``, the most frequent ``answer`` and its ``share`` of the
        answers, and the mean ``probability`` of the answers.
    """
    return {
        kind: _count_answers(clf, images)
        for kind, images in _draw_no_face(clf.image_shape_[:2]).items()
    }


def _draw_no_face(shape):
    """Return blank images, noise, and squares of two photographs, a temple and a flower."""
    rng = np.random.default_rng(0)
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    return {
        "blank": np.broadcast_to(levels[:, None, None], (len(levels), *shape)),
        "noise": rng.integers(0, 256, (500, *shape), dtype=np.uint8),
        "photographs": np.concatenate(
            [
                resize_images(_tile(photo.mean(axis=2).astype(np.uint8), side), shape)
                for photo in load_sample_images().images
                for side in (48, 96, 192)
            ]
        ),
    }


def _tile(photo, side):
    n_rows, n_columns = photo.shape[0] // side, photo.shape[1] // side
    tiles = photo[: n_rows * side, : n_columns * side].reshape(n_rows, side, n_columns, side)
    return tiles.swapaxes(1, 2).reshape(-1, side, side)


def _count_answers(clf, images):
    with warnings.catch_warnings():
        # Blank images are intended here.
        warnings.filterwarnings("ignore", message=".*show no face")
        y_proba = clf.predict_proba(images)
    counts = np.bincount(y_proba.argmax(axis=1), minlength=len(clf.classes_))
    return {
        "n_images": len(images),
        "answer": str(clf.classes_[counts.argmax()]),
        "share": float(counts.max() / len(images)),
        "probability": float(y_proba.max(axis=1).mean()),
    }
