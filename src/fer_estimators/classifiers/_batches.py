"""Feed images to Keras batch by batch, in the dtype in which they came."""

import math

import keras
import numpy as np


class ImageBatches(keras.utils.PyDataset):
    """Batches of images, one-hot classes and weights, drawn from arrays that are never copied.

    The order of an epoch depends on `seed` and the epoch alone, so that training can go on from
    any epoch.

    Parameters
    ----------
    images : ndarray of shape (n_samples, height, width, channels)
        Pixels of any dtype; a memory map is read batch by batch.
    codes : ndarray of shape (n_samples,), dtype int
        Column of each image's class.
    n_classes : int
    soft : ndarray of shape (n_samples, n_classes) or None
        Probability of each class, in place of the one-hot class.
    weights : ndarray of shape (n_samples,) or None
    rows : ndarray of int or None
        The rows that belong to this set; None for all.
    batch_size : int
        Images in a batch; the last one may be smaller.
    dtype : str
        Floating dtype of the one-hot classes and weights.
    shuffle : bool, default=False
        Draw a new order for each epoch.
    seed : int, default=0
    """

    def __init__(
        self,
        images,
        codes,
        n_classes,
        *,
        soft=None,
        weights=None,
        rows=None,
        batch_size,
        dtype,
        shuffle=False,
        seed=0,
    ):
        super().__init__()
        self.images = images
        self.codes = codes
        self.soft = None if soft is None else soft.astype(dtype)
        self.weights = None if weights is None else weights.astype(dtype)
        self.rows = np.arange(len(images)) if rows is None else rows
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self._one_hot = np.eye(n_classes, dtype=dtype)
        self.set_epoch(0)

    def set_epoch(self, epoch):
        """Draw the order of an epoch."""
        if self.shuffle:
            self._order = np.random.default_rng((self.seed, epoch)).permutation(self.rows)
        else:
            self._order = self.rows

    def __len__(self):
        return math.ceil(len(self.rows) / self.batch_size)

    def __getitem__(self, index):
        rows = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        targets = self._one_hot[self.codes[rows]] if self.soft is None else self.soft[rows]
        images = self.images[rows]
        # Not every backend takes numbers of another machine's byte order.
        batch = images.astype(images.dtype.newbyteorder("="), copy=False), targets
        return batch if self.weights is None else (*batch, self.weights[rows])
