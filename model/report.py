"""What a finished model is worth on its validation rows: the figures that people compare models by.

Each is scikit-learn's own of the same name (`sklearn.metrics`), which the tests compare with.
"""

import numpy as np
import numpy.typing as npt

from spec.base import Frozen
from spec.dataset import Targets

from .finished import Model
from .network import Array

Classes = npt.NDArray[np.int64]


class ClassReport(Frozen):
    """Of a model that tells classes."""

    rows: int
    accuracy: float
    balanced_accuracy: float
    """The mean of the classes' recalls: a class counts as much as any other, however few its rows."""
    macro_f1: float
    log_loss: float | None
    """Null where the loss makes no probabilities."""
    roc_auc: float | None
    """Of two classes: how often a row of the second is given a higher score than one of the first."""
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows by their class (down) and by the class they were told to be (across)."""


class NumberReport(Frozen):
    """Of a model that tells numbers, in the target's own units; of several outputs the mean."""

    rows: int
    mae: float
    rmse: float
    r2: float | None
    """1 minus the share of the variance that is left; null where the targets are all the same."""


Report = ClassReport | NumberReport


def report(model: Model, features: Array, y: npt.NDArray[np.generic]) -> Report | None:
    """On these rows: features [rows, features]; y class numbers [rows], or scaled numbers [rows, outputs]."""
    if not len(features):
        return None
    outputs = model.outputs(features)
    if not np.isfinite(outputs).all():
        return None
    if model.preprocessing.output.type is Targets.numbers:
        return _of_numbers(model.preprocessing.answers(outputs), model.preprocessing.answers(np.asarray(y, float)))
    return _of_classes(model, outputs, np.asarray(y, np.int64))


def _of_numbers(told: Array, right: Array) -> NumberReport:
    errors = told - right
    left, whole = np.square(errors).sum(axis=0), np.square(right - right.mean(axis=0)).sum(axis=0)
    return NumberReport(
        rows=len(right),
        mae=float(np.abs(errors).mean()),
        rmse=float(np.sqrt(np.square(errors).mean(axis=0)).mean()),
        r2=float((1.0 - left / whole).mean()) if (whole > 0.0).all() else None,
    )


def _of_classes(model: Model, outputs: Array, right: Classes) -> ClassReport:
    labels = model.preprocessing.output.labels
    likely, probabilities = model.likely(outputs), model.probabilities(outputs)
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (right, likely), 1)
    hits, are, said = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    there, named = are > 0, (are + said) > 0
    log_loss = None
    if probabilities is not None:
        of_right = probabilities[np.arange(len(right)), right]
        log_loss = float(-np.log(np.clip(of_right, np.finfo(np.float64).eps, 1.0)).mean())
    score = outputs[:, -1] - (outputs[:, 0] if outputs.shape[1] == 2 else 0.0)
    return ClassReport(
        rows=len(right),
        accuracy=float(hits.sum() / len(right)),
        balanced_accuracy=float((hits[there] / are[there]).mean()),
        macro_f1=float((2.0 * hits[named] / (are + said)[named]).mean()),
        log_loss=log_loss,
        roc_auc=_area(score, right == 1) if len(labels) == 2 and there.all() else None,
        labels=labels,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def _area(score: Array, is_second: npt.NDArray[np.bool_]) -> float:
    """The area under the ROC curve, by the ranks of the second class's scores (Mann and Whitney 1947)."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2.0)[place]  # equal scores share the mean of their ranks
    seconds = int(is_second.sum())
    over = ranks[is_second].sum() - seconds * (seconds + 1) / 2.0
    return float(over / (seconds * (len(score) - seconds)))
