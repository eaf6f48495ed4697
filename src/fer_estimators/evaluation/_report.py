"""scikit-learn's classification report, with additions for studies of emotions."""

import html
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics
from sklearn.utils.multiclass import check_classification_targets

from fer_estimators._arguments import check_choice, check_whole
from fer_estimators._frame import make_frame, warn_of_reordered_rows
from fer_estimators._labels import check_labels
from fer_estimators._messages import suggest
from fer_estimators._probabilities import refuse_sets
from fer_estimators._statistics import (
    effective_size,
    expected_calibration_error,
    score_accuracy,
    wilson_interval,
)
from fer_estimators.evaluation._groups import describe_groups, group_lines
from fer_estimators.evaluation._labels import (
    check_proba,
    check_same_kind,
    check_same_length,
    check_spelling,
    check_weights,
    find_answered,
    order_labels,
    warn_of_unknown_predictions,
)

# Keys of the dicts beside the rows: scikit-learn's, and ours.
_AVERAGES = ("accuracy", "micro avg", "macro avg", "weighted avg")
_EXTRAS = ("summary", "confusions", "groups")


class _Text(str):
    """A report that a notebook shows line by line, rather than as one line with escapes."""

    def _repr_html_(self) -> str:
        # Some pages show "pre" in the font of their text, in which columns do not line up.
        return f'<pre style="font-family: monospace">{html.escape(self)}</pre>'


def classification_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: ArrayLike | None = None,
    target_names: Iterable[Any] | None = None,
    sample_weight: ArrayLike | None = None,
    digits: int = 2,
    output_dict: bool = False,
    zero_division: Literal["warn"] | float = "warn",
    y_proba: ArrayLike | None = None,
    classes: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    n_confusions: int = 5,
    abstain_label: str | float | None = "not sure",
    output: Literal["text", "dict", "frame"] = "text",
) -> Any:
    """Report how well each emotion is recognised.

    A drop-in for :func:`sklearn.metrics.classification_report`: its arguments mean the same and
    its numbers are the same to the digit. Emotions are listed in FER2013 code order, each recall
    has a 95 % Wilson interval, and accuracy, balanced accuracy, macro-F1, Cohen's kappa and the
    most frequent confusions follow below the table.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, usually emotion names.

    y_pred : array-like of shape (n_samples,)
        Predicted labels, of the same kind as `y_true`, or `abstain_label`.

    labels : array-like of shape (n_labels,), default=None
        Labels to list, in this order. None lists all that occur: in FER2013 code order if all
        are emotion names, sorted otherwise.

    target_names : array-like of shape (n_labels,), default=None
        Names to show for `labels`; for the sorted labels if `labels` is None, as in
        scikit-learn. Emotion names that contradict emotion names in the labels are refused.

    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights, 0 or more. Intervals then use the effective number of faces (Kish).

    digits : int, default=2
        Digits after the point in the text.

    output_dict : bool, default=False
        If True, return exactly the dict that scikit-learn returns; `output` is then ignored.

    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value of a score whose denominator is 0; "warn" acts as 0 and warns.

    y_proba : array-like or data frame of shape (n_samples, n_classes), default=None
        Predicted probabilities, 0 to 1, each row summing to 1: adds log-loss (natural
        logarithm) and the expected calibration error over 15 bins of equal width [2]_. The
        columns of a data frame are matched by their names.

    classes : array-like of shape (n_classes,), default=None
        Class that each column of `y_proba` stands for. None stands for the names of a data
        frame's columns, and else for the sorted labels of `y_true` and `y_pred`, which is the
        order of ``predict_proba``; pass ``clf.classes_`` if some class does not occur here.

    groups : array-like of shape (n_samples,), default=None
        Slice to which each face belongs (camera, age band, ...): adds accuracy with its
        interval and balanced accuracy for each slice, and the largest gap in accuracy.

    n_confusions : int, default=5
        Greatest number of confusions to list, 0 or more.

    abstain_label : str, number or None, default="not sure"
        What `y_pred` holds where a face was left unanswered, as by
        :class:`~fer_estimators.AbstainingClassifier` (its ``abstain_label_``; -1 where the
        labels are numbers). It is not a class. None counts every prediction as an answer.

    output : {"text", "dict", "frame"}, default="text"
        Type of the result.

    Returns
    -------
    report : str, dict or pandas.DataFrame
        *text*: the table and the lines below it, which notebooks show as such. *dict*:
        scikit-learn's dict with ``"recall_low"`` and ``"recall_high"`` for each label, and the
        keys ``"summary"``, ``"confusions"`` and, with `groups`, ``"groups"``. *frame*: the table,
        one row a label or average; ``frame.attrs`` holds those three keys.

    Raises
    ------
    ValueError
        If the labels are empty, missing, of different length or kind, or differ only in case,
        spaces or Unicode form; if `y_proba` does not hold probabilities, or its columns cannot be
        matched with the labels or contradict them; if a name contradicts its label, or is a key
        of the dict for something else ("accuracy", "macro avg", "groups", ...); if a weight is
        negative.
    ImportError
        If ``output="frame"`` and pandas is not installed.

    See Also
    --------
    sklearn.metrics.confusion_matrix : Counts of every pair of labels.
    sklearn.metrics.ConfusionMatrixDisplay : The same as a picture.
    RiskCoverageDisplay : Accuracy when the least confident faces are left unanswered.

    Notes
    -----
    Accuracy, balanced accuracy, Cohen's kappa, log-loss and calibration are those of all faces;
    the rows of the table and macro-F1 are those of `labels`. The calibration error takes the
    class of highest probability as the answer, whatever `y_pred` says.

    A face that is left unanswered counts as not found, so abstaining cannot raise recall and
    accuracy. Precision, kappa and the confusions are those of the answers. The summary has
    the share of faces answered (``"coverage"``) and the accuracy among them
    (``"answered_accuracy"``), which the text shows where some face is unanswered.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical
       inference", Journal of the American Statistical Association 22, 209-212, 1927.
    .. [2] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017.

    Examples
    --------
    >>> from fer_estimators import classification_report
    >>> y_true = ["happy"] * 4 + ["fear"] * 4 + ["sad"] * 4
    >>> y_pred = ["happy"] * 4 + ["fear", "sad", "sad", "fear"] + ["sad"] * 3 + ["fear"]
    >>> print(classification_report(y_true, y_pred))
                  precision    recall  f1-score   support   recall 95 %
    <BLANKLINE>
            fear       0.67      0.50      0.57         4     0.15-0.85
           happy       1.00      1.00      1.00         4     0.51-1.00
             sad       0.60      0.75      0.67         4     0.30-0.95
    <BLANKLINE>
        accuracy                           0.75        12
       macro avg       0.76      0.75      0.75        12
    weighted avg       0.76      0.75      0.75        12
    <BLANKLINE>
    accuracy           0.75 (95 %: 0.47-0.91)
    balanced accuracy  0.75
    macro-F1           0.75
    Cohen's kappa      0.62
    <BLANKLINE>
    most frequent confusions
      fear taken for sad: 2 of 4
      sad taken for fear: 1 of 4
    <BLANKLINE>
    """
    check_choice("output", output, ("text", "dict", "frame"))
    check_whole("n_confusions", n_confusions, 0)
    warn_of_reordered_rows(
        y_true=y_true, y_pred=y_pred, y_proba=y_proba, groups=groups, sample_weight=sample_weight
    )
    refuse_sets(labels=labels, target_names=target_names, classes=classes)
    y_true, y_pred = check_labels(y_true, "y_true"), check_labels(y_pred, "y_pred")
    check_same_length(y_true=y_true, y_pred=y_pred, sample_weight=sample_weight, groups=groups)
    check_same_kind(y_true, y_pred)
    weights = check_weights(sample_weight, len(y_true))
    answered = find_answered(y_true, y_pred, abstain_label)
    row_labels, names = _resolve_names(
        y_true, y_pred[answered], labels, target_names, abstain_label
    )
    declared = np.concatenate([y_true, *(np.ravel(v) for v in (labels, classes) if v is not None)])
    warn_of_unknown_predictions(y_pred[answered], declared)
    if output_dict or output != "text":
        _check_keys(names, _AVERAGES if output_dict or output == "frame" else _AVERAGES + _EXTRAS)
    true, predicted = _encode(y_true, y_pred, row_labels)
    options = {"labels": range(len(names)), "sample_weight": weights}
    rows = metrics.classification_report(
        true, predicted, output_dict=True, zero_division=zero_division, **options
    )
    averages = {key: rows.pop(key) for key in _AVERAGES if key in rows}
    if output_dict:
        return dict(zip(names, rows.values(), strict=True)) | averages

    _add_intervals(rows.values(), true, weights)
    everyone = np.ones(len(y_true)) if weights is None else weights
    summary = score_accuracy(y_true, y_pred, answered, everyone)
    summary["macro_f1"] = float(averages["macro avg"]["f1-score"])
    summary["cohen_kappa"] = _kappa(true[answered], predicted[answered], everyone[answered])
    if y_proba is not None:
        proba, classes = check_proba(y_proba, classes, y_true, y_pred, answered)
        dtype = getattr(y_proba, "dtype", None)
        summary |= _score_probabilities(y_true, proba, classes, weights, dtype)
    extras = {
        "summary": summary,
        "confusions": _confusions(true, predicted, names, weights, n_confusions),
    }
    if groups is not None:
        extras["groups"] = describe_groups(y_true, y_pred, answered, groups, everyone)
    if output == "dict":
        return dict(zip(names, rows.values(), strict=True)) | averages | extras
    if output == "frame":
        return _to_frame([*rows.values()], names, averages, extras)
    # The dict has already given the warnings of zero_division="warn", which acts as 0.
    zero_division = 0.0 if isinstance(zero_division, str) else zero_division
    table = metrics.classification_report(
        true, predicted, target_names=names, digits=digits, zero_division=zero_division, **options
    )
    return _Text(_to_text(table, [*rows.values()], extras, digits))


def _resolve_names(
    y_true: NDArray[Any],
    answers: NDArray[Any],
    labels: ArrayLike | None,
    target_names: Iterable[Any] | None,
    abstain_label: Any,
) -> tuple[NDArray[Any], list[str]]:
    """Return the labels in the order of their rows, and the name of each row."""
    seen = np.unique(np.concatenate([y_true, answers]))
    listed = [] if labels is None else np.asarray(labels).ravel().tolist()
    check_spelling([*seen.tolist(), *listed, abstain_label], allowed=listed)
    if abstain_label is not None and abstain_label in listed:
        raise ValueError(
            f"labels={listed!r} lists {abstain_label!r}, which as abstain_label stands for no "
            "answer. Leave it out, or pass abstain_label=None if it is a class like the others."
        )
    if labels is None:
        rows = order_labels(seen)
        # As in scikit-learn, names without labels follow the sorted labels.
        named = seen
    else:
        rows = named = np.asarray(labels)
        _check_known(rows, seen)
    if target_names is None:
        return rows, [str(label) for label in rows.tolist()]
    names = [str(name) for name in target_names]
    if len(names) != len(named):
        raise ValueError(
            f"target_names has {len(names)} names, expected {len(named)}: one for each of the "
            f"labels {named.tolist()!r}. Pass `labels=` for more or fewer rows."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"target_names={names!r} repeats a name; expected a different one a row.")
    _check_contradictions(named.tolist(), names)
    name_of = dict(zip(named.tolist(), names, strict=True))
    return rows, [name_of[label] for label in rows.tolist()]


def _check_known(labels: NDArray[Any], seen: NDArray[Any]) -> None:
    if len(set(labels.ravel().tolist())) < labels.size:
        raise ValueError(f"labels={labels.tolist()!r} repeats a label; list each one once.")
    if labels.ndim != 1 or not set(labels.tolist()) & set(seen.tolist()):
        first = labels.ravel().tolist()[:1]
        raise ValueError(
            f"labels={labels.tolist()!r} does not name a label that occurs, expected some of "
            f"{seen.tolist()!r}." + (suggest(first[0], seen) if first else "")
        )


def _check_contradictions(labels: list[Any], names: list[str]) -> None:
    """Refuse names in code order for sorted labels: rows would get wrong names."""
    known = set(map(str, labels))
    wrong = [
        f"{label!r} as {name!r}"
        for label, name in zip(labels, names, strict=True)
        if isinstance(label, str) and name != label and name in known
    ]
    if wrong:
        raise ValueError(
            f"target_names={names!r} would show {', '.join(wrong)}: without `labels`, names "
            f"follow the sorted labels {labels!r}. Leave target_names out: the labels are names."
        )


def _check_keys(names: list[str], keys: tuple[str, ...]) -> None:
    """Refuse names of rows under which a dict or table holds something else."""
    taken = [name for name in names if name in keys]
    if taken:
        raise ValueError(
            f"The row {taken[0]!r} cannot be distinguished from the entry of that name, which "
            f"holds an average or a part of the report ({list(keys)!r}). Show the label under "
            "another name with `target_names`, or take output='text'."
        )


def _encode(
    y_true: NDArray[Any], y_pred: NDArray[Any], labels: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return labels as numbers: first those of the rows, then others and the abstain label."""
    check_classification_targets(y_true)
    check_classification_targets(y_pred)
    found, inverse = np.unique(np.concatenate([y_true, y_pred]), return_inverse=True)
    codes = {label: code for code, label in enumerate(labels.tolist())}
    lookup = np.array([codes.setdefault(label, len(codes)) for label in found.tolist()])
    return lookup[inverse[: len(y_true)]], lookup[inverse[len(y_true) :]]


def _add_intervals(
    rows: Iterable[dict[str, float]],
    true: NDArray[np.intp],
    weights: NDArray[np.float64] | None,
) -> None:
    for code, row in enumerate(rows):
        own = true == code
        n = own.sum() if weights is None else effective_size(weights[own])
        row["recall_low"], row["recall_high"] = wilson_interval(row["recall"], n)


def _kappa(
    true: NDArray[np.intp], predicted: NDArray[np.intp], weights: NDArray[np.float64]
) -> float:
    # Kappa is 0 / 0 where only one label occurs.
    present = weights > 0
    if len(np.union1d(true[present], predicted[present])) < 2:
        return float("nan")
    # It multiplies sums of weights, which may leave the range of numbers.
    weights = weights / weights.max()
    return float(metrics.cohen_kappa_score(true, predicted, sample_weight=weights))


def _score_probabilities(
    y_true: NDArray[Any],
    proba: NDArray[np.float64],
    classes: NDArray[Any],
    weights: NDArray[np.float64] | None,
    dtype: Any,
) -> dict[str, float]:
    order = np.argsort(classes)
    classes, proba = classes[order], proba[:, order]
    true = np.searchsorted(classes, y_true)
    # log_loss clips a probability of 0 at the resolution of its type.
    kept = dtype if dtype in (np.float16, np.float32) else np.float64
    shares = (proba / proba.sum(axis=1, keepdims=True)).astype(kept)
    loss = metrics.log_loss(true, shares, labels=range(len(classes)), sample_weight=weights)
    error = expected_calibration_error(
        proba.argmax(axis=1) == true, np.minimum(proba.max(axis=1), 1), sample_weight=weights
    )
    return {"log_loss": float(loss), "expected_calibration_error": error}


def _confusions(
    true: NDArray[np.intp],
    predicted: NDArray[np.intp],
    names: list[str],
    weights: NDArray[np.float64] | None,
    n_confusions: int,
) -> list[dict[str, Any]]:
    """List the pairs of labels that are most often taken for each other, the most frequent first.

    Only those of rows, each with its count and the support of the true label; ties are in the order
    of the rows.
    """
    n_rows = len(names)
    size = max(true.max(), predicted.max(), n_rows - 1) + 1
    counts = np.bincount(true * size + predicted, weights, minlength=size**2).reshape(size, size)
    support = counts.sum(axis=1)
    counts = counts[:n_rows, :n_rows].copy()
    np.fill_diagonal(counts, 0)
    ranked = np.argsort(-counts, axis=None, kind="stable")[:n_confusions]
    return [
        {
            "true": names[i],
            "predicted": names[j],
            "count": counts[i, j].item(),
            "support": support[i].item(),
        }
        for i, j in (divmod(place, n_rows) for place in ranked.tolist())
        if counts[i, j] > 0
    ]


def _to_frame(
    rows: list[dict[str, float]],
    names: list[str],
    averages: dict[str, Any],
    extras: dict[str, Any],
) -> Any:
    averages = dict(averages)
    if "accuracy" in averages:
        support = averages["macro avg"]["support"]
        averages["accuracy"] = {"f1-score": averages["accuracy"], "support": support}
    columns = ["precision", "recall", "f1-score", "support", "recall_low", "recall_high"]
    cells = [[row.get(column, np.nan) for column in columns] for row in (*rows, *averages.values())]
    frame = make_frame(cells, index=[*names, *averages], columns=columns)
    frame.attrs.update(extras)
    return frame


def _to_text(table: str, rows: list[dict[str, float]], extras: dict[str, Any], digits: int) -> str:
    lines = table.rstrip("\n").split("\n")
    lines[0] += f"{'recall 95 %':>14}"
    for i, row in enumerate(rows):
        lines[i + 2] += f"{_interval(row, 'recall', digits):>14}"
    lines += ["", *_summary_lines(extras["summary"], digits)]
    if extras["confusions"]:
        lines += ["", "most frequent confusions"]
        lines += [
            f"  {c['true']} taken for {c['predicted']}: {c['count']:g} of {c['support']:g}"
            for c in extras["confusions"]
        ]
    if "groups" in extras:
        lines += ["", *group_lines(extras["groups"], digits)]
    return "\n".join(lines) + "\n"


def _interval(scores: dict[str, float], name: str, digits: int) -> str:
    return f"{scores[f'{name}_low']:.{digits}f}-{scores[f'{name}_high']:.{digits}f}"


def _summary_lines(summary: dict[str, float], digits: int) -> list[str]:
    def with_interval(name: str) -> str:
        return f"{summary[name]:.{digits}f} (95 %: {_interval(summary, name, digits)})"

    shown = {}
    if summary["coverage"] < 1:
        shown["faces answered"] = with_interval("coverage")
        shown["accuracy of the answers"] = with_interval("answered_accuracy")
        shown["accuracy of all faces"] = with_interval("accuracy")
    else:
        shown["accuracy"] = with_interval("accuracy")
    shown |= {
        "balanced accuracy": f"{summary['balanced_accuracy']:.{digits}f}",
        "macro-F1": f"{summary['macro_f1']:.{digits}f}",
        "Cohen's kappa": f"{summary['cohen_kappa']:.{digits}f}",
    }
    if "log_loss" in summary:
        shown["log-loss"] = f"{summary['log_loss']:.{digits}f}"
        error = summary["expected_calibration_error"]
        shown["expected calibration error"] = f"{error:.{digits}f} (15 bins)"
    width = max(map(len, shown))
    return [f"{name:<{width}}  {value}" for name, value in shown.items()]
