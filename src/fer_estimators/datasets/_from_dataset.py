"""Take images and labels from the data sets of other libraries, without importing these."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_estimators._image_sequence import ImageSequence
from fer_estimators._messages import shorten, warn
from fer_estimators._probabilities import column_names
from fer_estimators.exceptions import DatasetError

_EXPECTED = (
    "a data set of (image, label) is expected: of Hugging Face, tf.data, a PyDataset, a Dataset or "
    "DataLoader of PyTorch, or another sequence of pairs. Pass arrays to "
    "fit as they are."
)


def from_dataset(dataset: Any) -> tuple[ImageSequence | NDArray[Any], NDArray[Any]]:
    """Take images and labels from another library's data set of (image, label) pairs.

    Parameters
    ----------
    dataset : data set
        One of

        - a Hugging Face ``Dataset`` with one column of images and one of class labels;
        - a map-style ``Dataset`` of PyTorch, or any other sequence of pairs;
        - a ``DataLoader`` of PyTorch, a ``PyDataset`` of Keras, a ``tf.data.Dataset`` or another
          iterable of batches: it is read into memory, once, in its own order.

    Returns
    -------
    X : sequence of shape (n, height, width) or (n, height, width, channels)
        Data sets that can be indexed are read batch by batch, in their own dtype; others are read
        into an array. Channels that come first are moved to the end.
    y : ndarray of shape (n,)
        Names if the data set has them (Hugging Face's ``ClassLabel``, ``classes``,
        ``class_names``), else the labels as they are; one-hot labels as numbers. Labels that a
        ``target_transform`` changes are not named: the names are those of the numbers before.

    Raises
    ------
    TypeError
        If `dataset` is of another kind.
    DatasetError
        If it is empty, has other columns or elements than an image and a label, labels that
        are neither numbers, names nor one-hot, or a label too many or too few.

    See Also
    --------
    load_image_folder : Read a folder of image files.
    fer_estimators.ImageFiles : Image files that are read when they are asked for.

    Notes
    -----
    Random changes of a data set for training (``transforms.RandomCrop``, ``.map`` of ``tf.data``)
    become part of the images: leave them out, and let the classifier's `augmentation` make
    them. So do divisions by 255, which classifiers refuse.

    Examples
    --------
    >>> from fer_estimators.datasets import from_dataset, make_faces
    >>> faces = make_faces(6, random_state=0)
    >>> pairs = list(zip(faces.images, faces.target))  # as of a Dataset of PyTorch
    >>> X, y = from_dataset(pairs)
    >>> X.shape, y[:2].tolist()
    ((6, 48, 48), ['happy', 'disgust'])
    """
    # Arrow tables have names of columns, too.
    if hasattr(dataset, "cast_column"):
        return _from_columns(dataset)
    if hasattr(dataset, "num_batches"):
        return _from_batches(dataset, (dataset[i] for i in range(dataset.num_batches)))
    if hasattr(dataset, "element_spec"):
        elements = dataset.as_numpy_iterator()
        is_batched = _holds_batches(dataset.element_spec)
        return _from_batches(dataset, elements if is_batched else map(_as_batch, elements))
    if hasattr(dataset, "batch_sampler"):
        # A loader of batch_size=None gives one image after the other.
        is_batched = dataset.batch_sampler is not None
        return _from_batches(dataset, dataset if is_batched else map(_as_batch, dataset))
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") and _holds_pairs(dataset):
        return _from_pairs(dataset)
    raise TypeError(
        f"dataset={shorten(dataset)} has type {type(dataset).__name__}, but {_EXPECTED}"
    )


class IndexedImages(ImageSequence):
    """Images of a data set that is indexed by number; `part` is their column or place in a pair.

    The labels of pairs are compared with `labels`, if they were taken from elsewhere.
    """

    def __init__(self, dataset, n_images, part, labels=None):
        self._dataset, self._part, self._labels = dataset, part, labels
        first = _as_pixels(dataset[0][part])
        super().__init__(np.arange(n_images), first.shape, first.dtype)

    def _read(self, items):
        entries = [self._dataset[int(item)] for item in items]
        images = [_as_pixels(entry[self._part]) for entry in entries]
        for item, image in zip(items, images, strict=True):
            if image.shape != self._image_shape or image.dtype != self.dtype:
                raise DatasetError(
                    f"image {item} has shape {image.shape} and dtype {image.dtype}, and the first "
                    f"one {self._image_shape} and {self.dtype}, but one shape and one dtype are "
                    "expected. Resize or convert them in the data set."
                )
        for item, entry in zip(items, entries, strict=True):
            if self._labels is not None and not np.array_equal(entry[1], self._labels[item]):
                raise DatasetError(
                    f"image {item} has the label {entry[1]!r}, but {self._labels[item]!r} in "
                    "`targets`, from which y was taken. Set `targets` to the labels of the pairs, "
                    "or to None."
                )
        return np.stack(images)


def _from_columns(dataset):
    """Read a data set of Hugging Face."""
    if isinstance(dataset, dict):
        raise DatasetError(
            f"dataset has the splits {list(dataset)}, but one is expected. Pass "
            f"dataset[{next(iter(dataset), 'train')!r}]."
        )
    kinds = {name: type(feature).__name__ for name, feature in dataset.features.items()}
    images = [name for name, kind in kinds.items() if kind == "Image"]
    labels = [name for name, kind in kinds.items() if kind == "ClassLabel"]
    if len(images) != 1 or len(labels) != 1:
        raise DatasetError(
            f"dataset has the columns {kinds}, but one Image and one ClassLabel are expected. Drop "
            "the others with `dataset.select_columns`, or convert one with `dataset.cast_column`."
        )
    if not hasattr(dataset, "__len__"):
        raise TypeError(
            "dataset is streamed, so that nothing is known of its length. Load it without "
            "streaming=True."
        )
    names = np.array(dataset.features[labels[0]].names)
    codes = np.asarray(dataset[labels[0]][:])
    _refuse_empty(codes)
    return IndexedImages(dataset, len(codes), images[0]), _name_labels(codes, names)


def _from_pairs(dataset):
    """Read a sequence of pairs, of which PyTorch's data sets of images know their labels."""
    known, names = getattr(dataset, "targets", None), getattr(dataset, "classes", None)
    if known is not None and len(known) != len(dataset):
        raise DatasetError(
            f"dataset has {len(dataset)} images, but {len(known)} in `targets`, so that nothing "
            "tells which label belongs to which image. Filter both alike, or pass the pairs as a "
            "list."
        )
    labels = known
    may_change = getattr(dataset, "target_transform", None) is not None
    if known is None or may_change:
        labels = [dataset[i][1] for i in range(len(dataset))]
    labels = _number_rows(_as_array(labels))
    if may_change and not np.array_equal(labels, () if known is None else np.asarray(known)):
        names = None  # They are those of the numbers before the change.
    images = IndexedImages(dataset, len(labels), 0, labels=None if may_change else known)
    return images, _name_labels(labels, names)


def _from_batches(dataset, batches: Iterable):
    """Read batches in order, into memory."""
    images, labels = [], []
    for batch in batches:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise DatasetError(f"dataset has batches {shorten(batch)}, but {_EXPECTED}")
        images += map(_as_pixels, batch[0])
        labels += list(_as_array(batch[1]))
    _refuse_empty(labels)
    classes = getattr(dataset, "class_names", None)
    return np.stack(images), _name_labels(_as_array(labels), classes)


def _holds_batches(spec):
    """Tell batches of a ``tf.data.Dataset`` from single pairs, by the shapes of its parts."""
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise DatasetError(f"dataset has elements {shorten(spec)}, but {_EXPECTED}")
    shape, label_shape = (getattr(part, "shape", ()) for part in spec)
    # Grey images without a channel axis: what they share with labels is the size of the batch.
    is_grey = len(shape) == 3 and len(label_shape) > 0 and shape[0] == label_shape[0]
    return len(shape) == 4 or is_grey


def _as_batch(pair):
    return tuple(np.asarray(part)[np.newaxis] for part in pair)


def _holds_pairs(dataset):
    if isinstance(dataset, Mapping) or column_names(dataset) is not None:
        return False
    _refuse_empty(dataset)
    first = dataset[0]
    return isinstance(first, (tuple, list)) and len(first) == 2


def _refuse_empty(values):
    if not len(values):
        raise DatasetError("dataset is empty. Check its path, its split, or what filters it.")


def _as_pixels(image):
    """Return one image with its channels last, as an array."""
    if hasattr(image, "getbands") and image.mode not in ("L", "RGB"):
        raise DatasetError(
            f"dataset holds images of mode {image.mode!r}, whose numbers are not grey levels or "
            "RGB. Convert them in the data set: image.convert('L') or image.convert('RGB')."
        )
    found, image = image, np.asarray(image)
    if image.ndim not in (2, 3) or image.dtype.kind not in "buif":
        raise DatasetError(
            f"dataset holds {shorten(found)} in place of an image. Leave such rows out; a column "
            "of Hugging Face is decoded with dataset.cast_column('image', datasets.Image())."
        )
    if image.ndim == 3 and image.shape[0] in (1, 3) and image.shape[2] not in (1, 3):
        return np.moveaxis(image, 0, -1)
    return image


def _as_array(labels):
    """Return labels as an array, of objects where numbers stand among names: NumPy makes text."""
    from fer_estimators._labels import as_plain_text

    labels = as_plain_text(labels) if isinstance(labels, (list, tuple)) else labels
    array = np.asarray(labels)
    is_mixed = array.dtype.kind == "U" and not all(isinstance(label, str) for label in labels)
    return np.asarray(labels, dtype=object) if is_mixed else array


def _number_rows(labels):
    """Return the numbers that one-hot rows, or rows of a single number, stand for."""
    if labels.ndim != 2:
        return labels
    if labels.shape[1] == 1:
        # As Keras gives the labels of two classes, in floating-point numbers.
        column = labels[:, 0]
        is_whole = column.dtype.kind == "f" and (column == np.rint(column)).all()
        return column.astype(np.int64) if is_whole else column
    one_hot = ((labels == 1).sum(axis=1) == 1) & ((labels != 0).sum(axis=1) == 1)
    return labels.argmax(axis=1) if one_hot.all() else labels


def _name_labels(labels, names):
    """Return one label for each image: its name where names are known."""
    labels = _number_rows(labels)
    missing = [row for row, label in enumerate(labels.tolist()) if label is None]
    if missing:
        raise DatasetError(
            f"dataset has no label for {len(missing)} of {len(labels)} images, the first is number "
            f"{missing[0]}. Drop them in the data set."
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iuUSO":
        raise DatasetError(
            f"dataset has labels of shape {labels.shape} and dtype {labels.dtype}, but one number, "
            "name or one-hot row for each image is expected. Pass shares of votes to "
            "fit(..., y_proba=...)."
        )
    if names is None or labels.dtype.kind not in "iu":
        return labels
    if labels.min() < 0 or labels.max() >= len(names):
        raise DatasetError(
            f"dataset has labels from {labels.min()} to {labels.max()}, but only {len(names)} "
            f"classes: {shorten(list(names))}. Drop the images without a label."
        )
    if len(set(names)) < len(names):
        raise DatasetError(
            f"dataset repeats names of classes, which would become one: {shorten(list(names))}. "
            "Rename them in the data set."
        )
    if len(names) > 2 and labels.min() == 1 and labels.max() == len(names) - 1:
        warn(
            f"dataset has labels from 1 to {labels.max()}, and none of class 0, {names[0]!r}. If "
            f"they count from 1, so that 1 stands for {names[0]!r}, subtract 1 in the data set."
        )
    return np.asarray(names)[labels]
