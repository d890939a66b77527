"""The report on a finished model: its metrics on validation and test rows, and the data of its pictures.

Each metric is the one of the same name in `sklearn.metrics`; tests compare them. The names of the fields are those of
`report.json` and stay: in it, `told` is a predicted value and `right` the true one.
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

DRAWN_CLASSES = 100
"""Maximum number of classes of a confusion matrix as a picture."""
ROC_CLASSES = 10
"""Maximum number of classes of a picture with ROC curves, one class against all others."""
ROC_POINTS = 100
BINS = 10
RESIDUALS = 1000
RESIDUAL_BINS = 20
LEAST_EXPONENT = -1000
"""Powers of two below are no divisors: what is divided by them may be infinite."""
DRAWN_TARGETS = 12
"""Maximum number of targets that are reported one by one."""


class Roc(Frozen):
    """The ROC curve of a class: true-positive rate by false-positive rate."""

    label: str
    auc: float
    false_positive: tuple[float, ...]
    true_positive: tuple[float, ...]


class Calibration(Frozen):
    """A bin of the calibration curve: mean predicted probability, share of true ones, and rows."""

    told: float
    right: float
    rows: int


class Residuals(Frozen):
    """Predicted and true values of some rows, and a histogram of all errors."""

    told: tuple[float, ...]
    right: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]


class TargetReport(Frozen):
    """Metrics of one of several targets, in its units."""

    target: str
    mae: float
    rmse: float
    r2: float | None
    residuals: Residuals | None = None


class ClassReport(Frozen):
    """Metrics of a classification."""

    rows: int
    accuracy: float
    balanced_accuracy: float
    """Mean recall of the classes, each with equal weight."""
    macro_f1: float
    log_loss: float | None
    """Null if the loss gives no probabilities."""
    roc_auc: float | None
    """For two classes: the probability that a row of the second scores above one of the first."""
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows by true class (down) and predicted class (across)."""
    roc: tuple[Roc, ...] = ()
    """For two classes the second's curve; for a few, each class against all others."""
    calibration: tuple[Calibration, ...] = ()
    """For two classes by the second's probability; for more by that of the predicted class."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of its pictures."""
        drawn = (len(self.labels) <= DRAWN_CLASSES, self.roc, self.calibration)
        return tuple(name for name, there in zip(("confusion", "roc", "calibration"), drawn, strict=True) if there)

    @property
    def left_out(self) -> str | None:
        """Which pictures there are none of because of its many classes."""
        count, limits = len(self.labels), {"confusion matrices": DRAWN_CLASSES, "ROC curves": ROC_CLASSES}
        missed = [f"{what} for up to {most}" for what, most in limits.items() if count > most]
        return f"The target has {count} classes: there are {' and '.join(missed)} only." if missed else None


class NumberReport(Frozen):
    """Metrics of a regression, in the target's units; the mean for several targets."""

    rows: int
    mae: float
    rmse: float
    r2: float | None
    """Coefficient of determination; null if all targets are equal."""
    residuals: Residuals | None = None
    """Of all targets together."""
    targets: tuple[TargetReport, ...] = ()
    """Each target, if there are several and not too many."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of its pictures."""
        return () if self.residuals is None else ("residuals",)


class Landscape(Frozen):
    """The loss landscape: the loss on a square around the weights of the model, in two random directions."""

    span: float
    """Distance from the middle to an edge; 1 is the norm of each neuron's weights."""
    part: str
    """The split of the loss: validation or train."""
    rows: int
    losses: tuple[tuple[float | None, ...], ...]
    """Losses down the first direction and across the second, the model in the middle. Null: not finite."""


class Report(Frozen):
    """The report on a finished model."""

    validation: ClassReport | NumberReport | None = None
    test: ClassReport | NumberReport | None = None
    """Measured once, on the finished model; null without a test split."""
    boundary: Boundary | None = None
    landscape: Landscape | None = None

    @property
    def left_out(self) -> str | None:
        """Which pictures there are none of, and why."""
        parts = [part for part in (self.validation, self.test) if isinstance(part, ClassReport)]
        return parts[0].left_out if parts else None

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of its pictures."""
        validation = () if self.validation is None else self.validation.pictures
        test = () if self.test is None else tuple(f"test_{name}" for name in self.test.pictures)
        whole = tuple(name for name in ("boundary", "landscape") if getattr(self, name) is not None)
        return (*validation, *test, *whole)


def report(model: Model, outputs: Array, y: npt.NDArray[np.generic]) -> ClassReport | NumberReport | None:
    """The metrics of outputs [rows, outputs]; `y` holds class indices [rows] or scaled numbers [rows, outputs]."""
    if not len(outputs):
        return None
    if not np.isfinite(outputs).all():
        return None
    if model.preprocessing.output.type is Targets.numbers:
        predicted, true = (model.preprocessing.answers(values) for values in (outputs, np.asarray(y, float)))
        with np.errstate(over="ignore", invalid="ignore"):  # numbers near the largest there are have no difference
            if not np.isfinite(predicted - true).all():
                return None
        return of_numbers(predicted, true, model.preprocessing.output.names)
    labels, probabilities = model.preprocessing.output.labels, model.probabilities(outputs)
    score = outputs[:, -1] - (outputs[:, 0] if outputs.shape[1] == 2 else 0.0)
    scores = score[None] if len(labels) == 2 else (outputs if probabilities is None else probabilities).T
    return of_classes(labels, model.predicted_class(outputs), probabilities, scores, np.asarray(y, np.int64))


def of_numbers(predicted: Array, true: Array, names: Sequence[str] = ()) -> NumberReport:
    """The metrics of predicted numbers beside the true ones, [rows, outputs] each; `names` of the outputs."""
    errors = predicted - true
    unit = _unit(errors.reshape(-1))
    return NumberReport(
        rows=len(true),
        mae=float(np.abs(errors / unit).mean() * unit),
        rmse=rmse(predicted, true),
        r2=_r2(errors, true),
        residuals=_residuals(predicted.reshape(-1), true.reshape(-1)),
        targets=tuple(
            _of_target(name, predicted[:, [at]], true[:, [at]], RESIDUALS // len(names))
            for at, name in enumerate(names)
        )
        if 1 < len(names) <= DRAWN_TARGETS
        else (),
    )


def rmse(predicted: Array, true: Array) -> float:
    """The RMSE of predicted numbers beside the true ones, [rows, outputs] each; of several outputs their mean."""
    errors = predicted - true
    unit = _unit(errors)
    return float((np.sqrt(np.square(errors / unit).mean(axis=0)) * unit).mean())


def _r2(errors: Array, true: Array) -> float | None:
    """The coefficient of determination, the mean of the outputs; None where it is not defined, or no number."""
    varies = (true != true[0]).any(axis=0)  # the mean of equal numbers may differ from them in the last digit
    size = _unit(true)
    apart = true / size - (true / size).mean(axis=0)
    spread = _unit(apart)  # numbers that are large may differ by little
    with np.errstate(over="ignore"):
        residual = np.square(errors / (size * spread)).sum(axis=0)
        total = np.square(apart / spread).sum(axis=0)
    if not varies.all() or not (total > 0.0).all() or not np.isfinite(residual).all():
        return None
    return float((1.0 - residual / total).mean())


def _unit(values: Array) -> Array:
    """For each column, a power of two near its largest number: in it, squares and sums are neither infinite nor 0.

    Powers of two change no digit.
    """
    exponents = np.frexp(np.abs(values).max(axis=0))[1]
    unit: Array = np.ldexp(1.0, np.maximum(exponents - 1, LEAST_EXPONENT))
    return unit


def _of_target(name: str, predicted: Array, true: Array, most: int) -> TargetReport:
    one = of_numbers(predicted, true)
    residuals = _residuals(predicted[:, 0], true[:, 0], most)
    return TargetReport(target=name, mae=one.mae, rmse=one.rmse, r2=one.r2, residuals=residuals)


def _residuals(predicted: Array, true: Array, most: int = RESIDUALS) -> Residuals | None:
    errors = predicted - true
    low, high = errors.min(), errors.max()
    if not np.isfinite(high - low):
        return None
    if not high - low > 1e-9 * max(abs(low), abs(high)):  # all equal: one bin around them
        low, high = low - 0.5 * max(abs(low), 1.0), high + 0.5 * max(abs(high), 1.0)
    scale = max(float(np.abs(true).max()), float(high - low))
    counts, edges = np.histogram(errors, bins=RESIDUAL_BINS, range=(low, high))
    some = _evenly_spaced(len(predicted), most)
    return Residuals(
        told=rounded(predicted[some], scale),
        right=rounded(true[some], scale),
        edges=rounded(edges, scale),
        counts=tuple(counts.tolist()),
    )


def of_classes(
    labels: tuple[str, ...], predicted: Array, probabilities: Array | None, scores: Array, true: Classes
) -> ClassReport:
    """The metrics of predicted classes [rows] beside the true ones.

    `probabilities` are [rows, classes]; `scores`, which are ranked, [classes, rows], of two classes the second's only.
    """
    confusion = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(confusion, (true, predicted), 1)
    hits, of_class, of_prediction = np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    has_rows, occurs = of_class > 0, (of_class + of_prediction) > 0
    log_loss = None
    if probabilities is not None:
        of_true = probabilities[np.arange(len(true)), true]
        log_loss = float(-np.log(np.clip(of_true, np.finfo(np.float64).eps, 1.0)).mean())
    roc = _rocs(labels, scores, true) if len(labels) <= ROC_CLASSES else ()
    return ClassReport(
        rows=len(true),
        accuracy=float(hits.sum() / len(true)),
        balanced_accuracy=float((hits[has_rows] / of_class[has_rows]).mean()),
        macro_f1=float((2.0 * hits[occurs] / (of_class + of_prediction)[occurs]).mean()),
        log_loss=log_loss,
        roc_auc=roc[0].auc if len(labels) == 2 and roc else None,
        labels=labels,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        roc=roc,
        calibration=() if probabilities is None else _calibration(probabilities, true, predicted),
    )


def _rocs(labels: Sequence[str], scores: Array, true: Classes) -> tuple[Roc, ...]:
    """The curve of each class that has rows, and not all; scores [classes, rows], for two classes the second's."""
    classes = np.arange(len(labels))[-len(scores) :]
    order = np.argsort(-scores, axis=1)
    ordered = np.take_along_axis(scores, order, axis=1)
    found = np.cumsum(true[order] == classes[:, None], axis=1)
    passed = np.ones(scores.shape, dtype=bool)
    passed[:, :-1] = ordered[:, :-1] != ordered[:, 1:]  # rows of equal scores pass together
    return tuple(
        _roc(labels[number], np.flatnonzero(ends), hits)
        for number, ends, hits in zip(classes.tolist(), passed, found, strict=True)
        if 0 < hits[-1] < len(true)
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
    some = corners[_evenly_spaced(len(corners), ROC_POINTS)]
    return Roc(
        label=label,
        auc=float((true[1:] + true[:-1]) @ along) / (2.0 * float(true[-1]) * float(false[-1])),
        false_positive=rounded(false[some] / false[-1], 1.0),
        true_positive=rounded(true[some] / true[-1], 1.0),
    )


def _calibration(probabilities: Array, true: Classes, predicted: Classes) -> tuple[Calibration, ...]:
    """Ten equal bins of probability, without empty ones (`sklearn.calibration.calibration_curve`)."""
    if probabilities.shape[1] == 2:
        given, hit = probabilities[:, 1], true == 1
    else:
        given, hit = probabilities.max(axis=1), true == predicted
    place = np.searchsorted(np.linspace(0.0, 1.0, BINS + 1)[1:-1], given)
    rows, hits, sums = (np.bincount(place, weights=each, minlength=BINS) for each in (None, hit, given))
    return tuple(
        Calibration(told=float(sums[one] / rows[one]), right=float(hits[one] / rows[one]), rows=int(rows[one]))
        for one in np.flatnonzero(rows)
    )


def _evenly_spaced(count: int, most: int) -> Classes:
    """Up to `most` of `count` indices, evenly spaced, both ends included."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)
