"""Go through images part by part, so that those on disk need not fit into memory."""

import math
from collections.abc import Iterator
from typing import Any

#: Most bytes of one part; a part has at least one row.
PART_BYTES = 16 * 2**20


def row_slices(array: Any) -> Iterator[slice]:
    """Cut an array of shape (n, ...) into slices of rows that take at most 16 MiB each.

    It needs ``shape`` and ``dtype``; nothing of it is read.

    >>> import numpy as np
    >>> [rows.stop - rows.start for rows in row_slices(np.zeros((5, 1024, 1024)))]
    [2, 2, 1]
    """
    row_bytes = math.prod(array.shape[1:]) * getattr(array.dtype, "itemsize", 8)
    step = max(1, PART_BYTES // max(1, row_bytes))
    for start in range(0, len(array), step):
        yield slice(start, min(start + step, len(array)))
