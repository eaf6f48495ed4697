"""scikit-learn's classification report, and what a study of emotions needs besides."""

import numbers

import numpy as np
from sklearn import metrics

from fer_estimators._frame import make_frame
from fer_estimators._messages import suggest
from fer_estimators.evaluation._groups import describe_groups, group_lines
from fer_estimators.evaluation._labels import (
    check_labels,
    check_proba,
    check_same_kind,
    check_same_length,
    order_labels,
)
from fer_estimators.evaluation._statistics import (
    as_weights,
    effective_size,
    expected_calibration_error,
    most_frequent_confusions,
    score_accuracy,
    wilson_interval,
)

_OUTPUTS = ("text", "dict", "frame")


def classification_report(
    y_true,
    y_pred,
    *,
    labels=None,
    target_names=None,
    sample_weight=None,
    digits=2,
    output_dict=False,
    zero_division="warn",
    y_proba=None,
    classes=None,
    groups=None,
    n_confusions=5,
    output="text",
):
    """Report how well each emotion is recognised.

    A drop-in for :func:`sklearn.metrics.classification_report`: its arguments mean the same and
    its numbers are the same to the digit. Emotions stand in FER2013 code order, each recall has
    a 95 % Wilson interval, and below the table stand accuracy, balanced accuracy, macro-F1,
    Cohen's kappa and the most frequent confusions.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels, usually emotion names.

    y_pred : array-like of shape (n_samples,)
        Predicted labels, of the same kind as `y_true`.

    labels : array-like of shape (n_labels,), default=None
        Labels to list, in this order. None lists all that occur: in FER2013 code order if all
        are emotion names, sorted otherwise.

    target_names : array-like of shape (n_labels,), default=None
        Names to show for `labels`; for the sorted labels if `labels` is None, as in
        scikit-learn. Emotion names that contradict emotion names in the labels are refused.

    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights. Intervals then use the effective number of faces (Kish).

    digits : int, default=2
        Digits after the point in the text.

    output_dict : bool, default=False
        If True, return exactly the dict that scikit-learn returns; `output` is then ignored.

    zero_division : {"warn", 0.0, 1.0, np.nan}, default="warn"
        Value of a score whose denominator is 0; "warn" acts as 0 and warns.

    y_proba : array-like of shape (n_samples, n_classes), default=None
        Predicted probabilities, 0 to 1, each row summing to 1: adds log-loss (natural
        logarithm) and the expected calibration error over 15 bins of equal width [2]_.

    classes : array-like of shape (n_classes,), default=None
        Class that each column of `y_proba` stands for. None stands for the sorted labels of
        `y_true` and `y_pred`, which is the order of ``predict_proba``; pass ``clf.classes_``
        if some class does not occur here.

    groups : array-like of shape (n_samples,), default=None
        Slice to which each face belongs (camera, age band, ...): adds accuracy with its
        interval and balanced accuracy for each slice, and the largest gap in accuracy.

    n_confusions : int, default=5
        Greatest number of confusions to list, 0 or more.

    output : {"text", "dict", "frame"}, default="text"
        What to return.

    Returns
    -------
    report : str, dict or pandas.DataFrame
        *text*: the table and the lines below it. *dict*: scikit-learn's dict with
        ``"recall_low"`` and ``"recall_high"`` for each label, and the keys ``"summary"``,
        ``"confusions"`` and, with `groups`, ``"groups"``. *frame*: the table, one row a label
        or average; ``frame.attrs`` holds those three keys.

    Raises
    ------
    ValueError
        If the labels are empty, missing, of different length or kind, if `y_proba` holds no
        probabilities or its columns cannot be matched with labels, or if a name contradicts
        its label.
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
    _check_options(output, n_confusions)
    y_true, y_pred = check_labels(y_true, "y_true"), check_labels(y_pred, "y_pred")
    check_same_length(y_true=y_true, y_pred=y_pred, sample_weight=sample_weight, groups=groups)
    check_same_kind(y_true, y_pred)
    labels, target_names = _resolve_names(y_true, y_pred, labels, target_names)
    options = {"labels": labels, "target_names": target_names, "sample_weight": sample_weight}
    report = metrics.classification_report(
        y_true, y_pred, output_dict=True, zero_division=zero_division, **options
    )
    if output_dict:
        return report

    _add_intervals(report, y_true, labels, target_names, sample_weight)
    report["summary"] = _summarise(y_true, y_pred, report["macro avg"]["f1-score"], sample_weight)
    if y_proba is not None:
        proba, classes = check_proba(y_proba, classes, y_true, y_pred)
        dtype = np.asarray(y_proba).dtype
        report["summary"] |= _score_probabilities(y_true, proba, classes, sample_weight, dtype)
    report["confusions"] = _confusions(
        y_true, y_pred, labels, target_names, sample_weight, n_confusions
    )
    if groups is not None:
        report["groups"] = describe_groups(y_true, y_pred, groups, sample_weight)
    if output == "dict":
        return report
    if output == "frame":
        return _to_frame(report)
    # The dict has already given the warnings of zero_division="warn", which acts as 0.
    table = metrics.classification_report(
        y_true,
        y_pred,
        digits=digits,
        zero_division=0.0 if isinstance(zero_division, str) else zero_division,
        **options,
    )
    return _to_text(table, report, target_names, digits)


def _check_options(output, n_confusions):
    if output not in _OUTPUTS:
        raise ValueError(
            f"output={output!r} is unknown, expected one of {list(_OUTPUTS)!r}."
            + suggest(output, _OUTPUTS)
        )
    if isinstance(n_confusions, bool) or not isinstance(n_confusions, numbers.Integral):
        raise TypeError(
            f"n_confusions={n_confusions!r} is a {type(n_confusions).__name__}; "
            "pass a whole number, 0 or more."
        )
    if n_confusions < 0:
        raise ValueError(f"n_confusions={n_confusions!r} is negative; pass 0 or more.")


def _resolve_names(y_true, y_pred, labels, target_names):
    """Return the labels in the order of their rows, and the name of each row."""
    seen = np.unique(np.concatenate([y_true, y_pred]))
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


def _check_known(labels, seen):
    if labels.ndim != 1 or not set(labels.tolist()) & set(seen.tolist()):
        first = labels.ravel().tolist()[:1]
        raise ValueError(
            f"labels={labels.tolist()!r} names no label that occurs, expected some of "
            f"{seen.tolist()!r}." + (suggest(first[0], seen) if first else "")
        )


def _check_contradictions(labels, names):
    """Refuse names in code order for sorted labels: each row would bear a wrong name."""
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


def _add_intervals(report, y_true, labels, names, sample_weight):
    weights = as_weights(sample_weight, len(y_true))
    for label, name in zip(labels, names, strict=True):
        n = effective_size(weights[y_true == label])
        row = report[name]
        row["recall_low"], row["recall_high"] = wilson_interval(row["recall"], n)


def _summarise(y_true, y_pred, macro_f1, sample_weight):
    # Kappa is 0 / 0 where only one label occurs.
    several = len(set(y_true.tolist()) | set(y_pred.tolist())) > 1
    kappa = (
        metrics.cohen_kappa_score(y_true, y_pred, sample_weight=sample_weight)
        if several
        else np.nan
    )
    return {
        **score_accuracy(y_true, y_pred, sample_weight),
        "macro_f1": float(macro_f1),
        "cohen_kappa": float(kappa),
    }


def _score_probabilities(y_true, proba, classes, sample_weight, dtype):
    # log_loss takes its columns in sorted order, whatever `labels` says, and clips a probability
    # of 0 at the resolution of its type.
    order = np.argsort(classes)
    kept = dtype if dtype in (np.float16, np.float32) else np.float64
    loss = metrics.log_loss(
        y_true, proba[:, order].astype(kept), labels=classes[order], sample_weight=sample_weight
    )
    error = expected_calibration_error(
        classes[proba.argmax(axis=1)] == y_true, proba.max(axis=1), sample_weight=sample_weight
    )
    return {"log_loss": float(loss), "expected_calibration_error": error}


def _confusions(y_true, y_pred, labels, names, sample_weight, n_confusions):
    name_of = dict(zip(labels.tolist(), names, strict=True))
    pairs = most_frequent_confusions(
        y_true, y_pred, labels.tolist(), sample_weight=sample_weight, n_confusions=n_confusions
    )
    return [
        {"true": name_of[i], "predicted": name_of[j], "count": c.item(), "support": s.item()}
        for i, j, c, s in pairs
    ]


def _to_frame(report):
    extras = {key: report.pop(key) for key in ("summary", "confusions", "groups") if key in report}
    if "accuracy" in report:
        support = report["macro avg"]["support"]
        report["accuracy"] = {"f1-score": report["accuracy"], "support": support}
    columns = ["precision", "recall", "f1-score", "support", "recall_low", "recall_high"]
    rows = [[row.get(column, np.nan) for column in columns] for row in report.values()]
    frame = make_frame(rows, index=list(report), columns=columns)
    frame.attrs.update(extras)
    return frame


def _to_text(table, report, names, digits):
    lines = table.rstrip("\n").split("\n")
    lines[0] += f"{'recall 95 %':>14}"
    for i, name in enumerate(names):
        interval = _interval(report[name]["recall_low"], report[name]["recall_high"], digits)
        lines[i + 2] += f"{interval:>14}"
    lines += ["", *_summary_lines(report["summary"], digits)]
    if report["confusions"]:
        lines += ["", "most frequent confusions"]
        lines += [
            f"  {c['true']} taken for {c['predicted']}: {c['count']:g} of {c['support']:g}"
            for c in report["confusions"]
        ]
    if "groups" in report:
        lines += ["", *group_lines(report["groups"], digits)]
    return "\n".join(lines) + "\n"


def _interval(low, high, digits):
    return f"{low:.{digits}f}-{high:.{digits}f}"


def _summary_lines(summary, digits):
    accuracy_interval = _interval(summary["accuracy_low"], summary["accuracy_high"], digits)
    shown = {
        "accuracy": f"{summary['accuracy']:.{digits}f} (95 %: {accuracy_interval})",
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
