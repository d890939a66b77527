"""What a finished model is worth on rows it was not trained on: the figures that people compare models by.

Each is scikit-learn's own of the same name (`sklearn.metrics`), which the tests compare with. What pictures show of a
model is here as numbers, few enough for a file that is read at once.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spec.base import Frozen
from spec.dataset import Targets

from .boundary import Boundary, rounded
from .finished import Model
from .network import Array

Classes = npt.NDArray[np.int64]

DRAWN_CLASSES = 30
"""With more, a confusion matrix is no picture any more."""
ROC_CLASSES = 10
"""With more, curves of one class against all others are told from one another by nobody."""
ROC_POINTS = 100
BINS = 10
RESIDUALS = 1000
RESIDUAL_BINS = 20


class Roc(Frozen):
    """How many rows of a class are found, by how many of the others are taken for it, at every threshold."""

    label: str
    auc: float
    false_positive: tuple[float, ...]
    true_positive: tuple[float, ...]


class Calibration(Frozen):
    """Rows to which a like probability was given: what it was in the mean, and how often it was right."""

    told: float
    right: float
    rows: int


class Residuals(Frozen):
    """What was told beside what is right, of some rows; and of all how many errors lie between each two edges."""

    told: tuple[float, ...]
    right: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]


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
    roc: tuple[Roc, ...] = ()
    """Of two classes the second's; of a few each against all others."""
    calibration: tuple[Calibration, ...] = ()
    """Of two classes by the second's probability; of more by that of the class that was told."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """What can be drawn of it."""
        drawn = (len(self.labels) <= DRAWN_CLASSES, self.roc, self.calibration)
        return tuple(name for name, there in zip(("confusion", "roc", "calibration"), drawn, strict=True) if there)


class NumberReport(Frozen):
    """Of a model that tells numbers, in the target's own units; of several outputs the mean."""

    rows: int
    mae: float
    rmse: float
    r2: float | None
    """1 minus the share of the variance that is left; null where the targets are all the same."""
    residuals: Residuals | None = None

    @property
    def pictures(self) -> tuple[str, ...]:
        """What can be drawn of it."""
        return () if self.residuals is None else ("residuals",)


class Landscape(Frozen):
    """The loss on a square around the finished weights, in two random directions (`trainer.landscape`)."""

    span: float
    """From the middle to an edge; 1 is as long as the weights of each neuron are."""
    part: str
    """Whose rows the loss is of: validation or train."""
    rows: int
    losses: tuple[tuple[float | None, ...], ...]
    """Down the first direction, across the second; the finished weights are in the middle. Null: not finite."""


class Report(Frozen):
    """All that is told of a finished model."""

    validation: ClassReport | NumberReport | None = None
    test: ClassReport | NumberReport | None = None
    """Measured once, when all was decided; null where no test was asked for."""
    boundary: Boundary | None = None
    landscape: Landscape | None = None

    @property
    def pictures(self) -> tuple[str, ...]:
        """What can be drawn of it, by name."""
        validation = () if self.validation is None else self.validation.pictures
        test = () if self.test is None else tuple(f"test_{name}" for name in self.test.pictures)
        whole = tuple(name for name in ("boundary", "landscape") if getattr(self, name) is not None)
        return (*validation, *test, *whole)


def report(model: Model, outputs: Array, y: npt.NDArray[np.generic]) -> ClassReport | NumberReport | None:
    """On rows that the model answered [rows, outputs]; y class numbers [rows], or scaled numbers [rows, outputs]."""
    if not len(outputs):
        return None
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
        residuals=_residuals(told.reshape(-1), right.reshape(-1)),
    )


def _residuals(told: Array, right: Array) -> Residuals | None:
    errors = told - right
    low, high = errors.min(), errors.max()
    if not np.isfinite(high - low):
        return None
    if not high - low > 1e-9 * max(abs(low), abs(high)):  # all alike: one bin around them
        low, high = low - 0.5 * max(abs(low), 1.0), high + 0.5 * max(abs(high), 1.0)
    scale = max(float(np.abs(right).max()), float(high - low))
    counts, edges = np.histogram(errors, bins=RESIDUAL_BINS, range=(low, high))
    some = _spread(len(told), RESIDUALS)
    return Residuals(
        told=rounded(told[some], scale),
        right=rounded(right[some], scale),
        edges=rounded(edges, scale),
        counts=tuple(counts.tolist()),
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
    scores = score[None] if len(labels) == 2 else (outputs if probabilities is None else probabilities).T
    roc = _rocs(labels, scores, right) if len(labels) <= ROC_CLASSES else ()
    return ClassReport(
        rows=len(right),
        accuracy=float(hits.sum() / len(right)),
        balanced_accuracy=float((hits[there] / are[there]).mean()),
        macro_f1=float((2.0 * hits[named] / (are + said)[named]).mean()),
        log_loss=log_loss,
        roc_auc=roc[0].auc if len(labels) == 2 and roc else None,
        labels=labels,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        roc=roc,
        calibration=() if probabilities is None else _calibration(probabilities, right, likely),
    )


def _rocs(labels: Sequence[str], scores: Array, right: Classes) -> tuple[Roc, ...]:
    """A curve for each class that has rows and is not alone: scores [classes, rows], of two classes the second's."""
    classes = np.arange(len(labels))[-len(scores) :]
    order = np.argsort(-scores, axis=1)
    ordered = np.take_along_axis(scores, order, axis=1)
    found = np.cumsum(right[order] == classes[:, None], axis=1)
    passed = np.ones(scores.shape, dtype=bool)
    passed[:, :-1] = ordered[:, :-1] != ordered[:, 1:]  # rows of equal scores pass together
    return tuple(
        _roc(labels[number], np.flatnonzero(ends), hits)
        for number, ends, hits in zip(classes.tolist(), passed, found, strict=True)
        if 0 < hits[-1] < len(right)
    )


def _roc(label: str, ends: Classes, hits: Classes) -> Roc:
    """The corners of the curve, from (0, 0) to (1, 1), and the area under it."""
    true, false = np.zeros((2, len(ends) + 1), dtype=np.int64)
    true[1:] = hits[ends]
    false[1:] = 1 + ends - true[1:]
    up, along = true[1:] - true[:-1], false[1:] - false[:-1]
    corner = np.ones(len(true), dtype=bool)
    corner[1:-1] = up[1:] * along[:-1] != up[:-1] * along[1:]
    corners = np.flatnonzero(corner)
    some = corners[_spread(len(corners), ROC_POINTS)]
    return Roc(
        label=label,
        auc=float((true[1:] + true[:-1]) @ along) / (2.0 * float(true[-1]) * float(false[-1])),
        false_positive=rounded(false[some] / false[-1], 1.0),
        true_positive=rounded(true[some] / true[-1], 1.0),
    )


def _calibration(probabilities: Array, right: Classes, likely: Classes) -> tuple[Calibration, ...]:
    """Ten equal bins of probability, those that have rows (`sklearn.calibration.calibration_curve`)."""
    if probabilities.shape[1] == 2:
        told, hit = probabilities[:, 1], right == 1
    else:
        told, hit = probabilities.max(axis=1), right == likely
    place = np.searchsorted(np.linspace(0.0, 1.0, BINS + 1)[1:-1], told)
    rows, hits, sums = (np.bincount(place, weights=each, minlength=BINS) for each in (None, hit, told))
    return tuple(
        Calibration(told=float(sums[one] / rows[one]), right=float(hits[one] / rows[one]), rows=int(rows[one]))
        for one in np.flatnonzero(rows)
    )


def _spread(count: int, most: int) -> Classes:
    """Up to `most` places of `count`, evenly spread, the ends among them."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)
