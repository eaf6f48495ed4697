"""A photo in any of its usual forms, as an RGB array."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

Photo = "NDArray | Image.Image | str | os.PathLike | bytes"


def read_photo(photo: NDArray | Image.Image | str | os.PathLike | bytes) -> NDArray[np.uint8]:
    """Return `photo` as an upright RGB array of shape (height, width, 3), dtype uint8."""
    raise NotImplementedError
