"""Test-time augmentation: several views of each image, whose probabilities are averaged."""

import numpy as np

from fer_estimators._arguments import check_choice

# Fraction of the side: two pixels of FER2013's 48.
_SHIFT = 1 / 24


def _flipped(batch):
    yield batch
    yield batch[:, :, ::-1]


def _crops(batch):
    """Cut the image and its four corners out of the image with a repeated border."""
    rows, columns = (max(1, round(_SHIFT * side)) for side in batch.shape[1:3])
    padded = np.pad(batch, ((0, 0), (rows, rows), (columns, columns), (0, 0)), mode="edge")
    height, width = batch.shape[1:3]
    for top, left in ((1, 1), (0, 0), (0, 2), (2, 0), (2, 2)):
        top, left = top * rows, left * columns
        yield from _flipped(padded[:, top : top + height, left : left + width])


# Each takes a batch and yields batches of the same shape and dtype.
VIEWS = {"flip": _flipped, "crops": _crops}


def average_over_views(infer, batch, tta):
    """Average the probabilities that `infer` returns for several views of each image of a batch.

    "flip" views the image and its mirror image; "crops" views those two, and the same of the image
    shifted by a twenty-fourth of its side towards each corner, ten in all [1]_; None views the
    image alone. Raises ValueError for another `tta`.

    References
    ----------
    .. [1] Krizhevsky, A., Sutskever, I. and Hinton, G. (2012). "ImageNet classification with deep
       convolutional neural networks." NeurIPS.
    """
    if tta is None:
        return infer(batch)
    # It may have been set after `fit`, which checks all parameters.
    check_choice("tta", tta, (None, *VIEWS))
    outputs = [infer(view) for view in VIEWS[tta](batch)]
    return np.mean(outputs, axis=0)
