"""A picture of a training run: accuracy and loss after each epoch."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from fer_estimators._frame import by_position, make_frame
from fer_estimators.evaluation._axes import BLUE, ORANGE, get_axes_row

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_PANELS = ("accuracy", "loss")


class TrainingCurvesDisplay:
    """Accuracy and loss of training and validation after each epoch.

    Make it with :meth:`from_estimator` or :meth:`from_history`. Curves that diverge
    show over-fitting; if both still improve, train for more epochs.

    Parameters
    ----------
    history : dict of array-like of shape (n_epochs,)
        Values after each epoch: ``"loss"``, and where known ``"accuracy"``, ``"val_loss"``,
        ``"val_accuracy"`` and others, which are kept for :meth:`frame` but not drawn.

    best_epoch : int, default=None
        Epoch whose weights were kept, counted from 1; None if it is not known.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One for each curve that `history` holds: accuracy, loss. Set by :meth:`plot`.
    figure_ : matplotlib Figure
        Figure that holds the axes. Set by :meth:`plot`.

    See Also
    --------
    classification_report : How well each emotion is recognised.

    Examples
    --------
    >>> from fer_estimators.evaluation import TrainingCurvesDisplay
    >>> history = {"loss": [1.9, 1.2, 0.7], "val_loss": [1.8, 1.5, 1.6]}
    >>> display = TrainingCurvesDisplay.from_history(history, best_epoch=2)
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['loss']
    >>> display.frame().loc[2].to_dict()
    {'loss': 1.2, 'val_loss': 1.5}
    """

    axes_: list[Axes]
    figure_: Figure

    def __init__(self, history: Mapping[str, ArrayLike], *, best_epoch: int | None = None) -> None:
        self.history: dict[str, Any] = {
            name: by_position(values) for name, values in history.items()
        }
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | Sequence[Axes] | None = None) -> Self:
        """Draw the training curves of a fitted classifier.

        Parameters
        ----------
        estimator : CNNClassifier, TransferClassifier or Pipeline that ends with one
            Fitted estimator with ``history_`` and, where it has one, ``best_epoch_``.

        ax : matplotlib Axes or sequence of 2 Axes, default=None
            Where to draw; see :meth:`plot`.

        Returns
        -------
        TrainingCurvesDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator has no ``history_`` yet.
        """
        final = estimator
        while isinstance(final, Pipeline):
            final = final.steps[-1][1]
        if not hasattr(final, "history_"):
            raise NotFittedError(
                f"This {type(final).__name__} has no history_, expected that of a training run. "
                "Call `fit` first; for a search, pass `search.best_estimator_`."
            )
        return cls.from_history(
            final.history_, best_epoch=getattr(final, "best_epoch_", None), ax=ax
        )

    @classmethod
    def from_history(
        cls,
        history: Mapping[str, ArrayLike],
        *,
        best_epoch: int | None = None,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> Self:
        """Draw training curves that are given as numbers.

        Parameters
        ----------
        history : dict of array-like of shape (n_epochs,)
            Values after each epoch; ``"loss"`` is needed. ``model.fit(...).history`` of Keras
            is such a dict.

        best_epoch : int, default=None
            Epoch whose weights were kept, counted from 1.

        ax : matplotlib Axes or sequence of 2 Axes, default=None
            Where to draw; see :meth:`plot`.

        Returns
        -------
        TrainingCurvesDisplay

        Raises
        ------
        TypeError
            If `history` is not a dict.
        ValueError
            If `history` is empty, has no loss or curves of different length, or if
            `best_epoch` is not one of its epochs.
        """
        history = _check_history(history)
        _check_best_epoch(best_epoch, len(history["loss"]))
        return cls(history, best_epoch=best_epoch).plot(ax=ax)

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of Axes, default=None
            One Axes for each curve, or a single one that is divided. None makes a new figure.

        Returns
        -------
        TrainingCurvesDisplay
            This display, with ``axes_`` and ``figure_`` set.
        """
        panels = [panel for panel in _PANELS if panel in self.history]
        self.figure_, self.axes_ = get_axes_row(ax, len(panels), (4.4 * len(panels), 3.4))
        for panel, axes in zip(panels, self.axes_, strict=True):
            self._plot_panel(panel, axes)
        return self

    def _plot_panel(self, panel, ax):
        from matplotlib.ticker import MaxNLocator

        epochs = np.arange(1, len(self.history["loss"]) + 1)
        # A single epoch does not make a line, so only its marker is visible.
        marker = "s" if len(epochs) == 1 else None
        ax.plot(epochs, self.history[panel], color=BLUE, marker=marker, label="training")
        kept = panel
        if f"val_{panel}" in self.history:
            kept = f"val_{panel}"
            ax.plot(
                epochs,
                self.history[kept],
                color=ORANGE,
                linestyle="--",
                marker="o",
                markersize=4,
                markevery=max(1, len(epochs) // 15),
                label="validation",
            )
        if self.best_epoch is not None:
            ax.axvline(self.best_epoch, color="0.45", linestyle=":", zorder=0)
            ax.plot(
                self.best_epoch,
                self.history[kept][self.best_epoch - 1],
                linestyle="none",
                marker="*",
                markersize=13,
                color="black",
                label=f"kept epoch ({self.best_epoch})",
            )
        ax.set(xlabel="epoch", ylabel=panel)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(alpha=0.3)
        ax.legend()

    def frame(self) -> pandas.DataFrame:
        """Return the curves as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each epoch, counted from 1, and one column for each curve.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        frame = make_frame(self.history, index=range(1, len(self.history["loss"]) + 1))
        return frame.rename_axis("epoch")


def _check_history(history):
    """Return the curves as float arrays of equal length."""
    if not hasattr(history, "items"):
        raise TypeError(
            f"history is a {type(history).__name__}, expected a dict of curves such as "
            "`clf.history_`. Of Keras' History, pass its attribute `history`."
        )
    if "loss" not in history or len(history["loss"]) == 0:
        raise ValueError(
            f"history has the curves {list(history)!r}, expected 'loss' with at least 1 epoch. "
            "Pass `clf.history_` of a fitted classifier."
        )
    curves = {name: np.asarray(values, dtype=float) for name, values in history.items()}
    lengths = {name: len(values) for name, values in curves.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"history has curves of different length {lengths!r}, expected one value per epoch "
            "in each. Pass one training run at a time."
        )
    return curves


def _check_best_epoch(best_epoch, n_epochs):
    if best_epoch is None:
        return
    if not isinstance(best_epoch, numbers.Integral) or not 1 <= best_epoch <= n_epochs:
        raise ValueError(
            f"best_epoch={best_epoch!r} is not one of the {n_epochs} epochs, which count from 1. "
            "Pass `clf.best_epoch_`, or None."
        )
