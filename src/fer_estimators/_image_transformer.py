"""The base class of transformers that return images."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags


class ImageTransformer(TransformerMixin, BaseEstimator):
    """Base of transformers that return images, which have no columns."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # scikit-learn would put images into the columns of a data frame.
        super().__init_subclass__(**{**kwargs, "auto_wrap_output_keys": None})

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Name the output, so that later steps of a pipeline can name theirs.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Not used.

        Returns
        -------
        ndarray of shape (1,), dtype object
            The class name in lower case and ``0``, such as ``"imagereader0"``. Images of shape
            (height, width[, channels]) have no columns; the names of the columns that a later
            step makes of them, such as `BackboneFeatures`, do not depend on it.
        """
        return np.array([f"{type(self).__name__.lower()}0"], dtype=object)

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Accept the setting of a whole pipeline, but still return arrays.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Not used: images fit into no data frame.

        Returns
        -------
        self : object
        """
        return self

    def __sklearn_tags__(self) -> Tags:
        """Describe the transformer to scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags
