"""The rows of a job's parts by class, as far as they are known before training: those of inline and of shipped data.

Chance decides which rows a part has, and not how many of each class: `trainer/splits.py` divides them in this way.
A job that breaks a rule here is refused when it is submitted, and not when it is trained.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from .base import fault
from .checks import batch_norm_fault
from .classes import label_of
from .dataset import DatasetInfo, Inline, Shipped, Targets
from .field_error import FieldError
from .splits import EXACT, SplitBy, class_quotas, column_sizes, split_sizes

if TYPE_CHECKING:
    from .job import JobSpec

Counts = Mapping[float, int]
"""Rows by class."""

_SHIPPED: Mapping[str, Sequence[int]] = {"iris": (50, 50, 50), "wine": (59, 71, 48)}
"""Rows of each class where there are fewer than the most folds."""


def rows_fault(spec: "JobSpec") -> FieldError | None:
    """The first rule that the rows in `spec`, or of shipped data, are known to break; None: there is none."""
    try:
        check_rows(spec)
    except PydanticCustomError as error:
        return FieldError(path=(error.context or {})["path"], message=error.message())
    return None


def check_rows(spec: "JobSpec") -> None:
    """Raise an error of the first rule that the rows in `spec`, or of shipped data, are known to break."""
    data, info = spec.dataset, spec.info
    if info is None:
        return
    if isinstance(data, Shipped) and spec.folds is not None:
        _check_folds(spec, _drawn(dict(enumerate(_SHIPPED.get(data.name, ()))), spec.split_rows(info)[2])[0])
    if not isinstance(data, Inline):
        return
    if spec.split_by is SplitBy.time:
        _check_times(spec, data)
    _check_weights(spec, data, info)
    if info.targets is Targets.numbers:
        _check_spread(spec, data, info)
    elif spec.split_by is SplitBy.group:
        _check_folds(spec, Counter(_classes(data)))  # which groups are the test is known when the rows are divided
    elif spec.folds is not None or spec.class_weight == "balanced" or spec.monitored == "val_roc_auc":
        train, validation, _ = counts_by_class(spec, data)
        if spec.split_by is not SplitBy.time:
            _check_folds(spec, train)
        _check_classes(spec, train, validation, sorted(set(_classes(data))))


def counts_by_class(spec: "JobSpec", data: Inline) -> tuple[Counts, Counts, Counts]:
    """The rows of each class in each part of data whose targets are classes; folds are all in training, but by time."""
    y = _classes(data)
    if (known := _row_numbers(spec, data)) is not None:
        train, validated, tested = (Counter(y[row] for row in rows) for rows in known)
        return train, validated, tested
    if spec.split_by is SplitBy.random:
        named = [Counter(y), Counter[float](), Counter[float]()]
        _, validation, test = split_sizes(len(y), spec.validation_fraction, spec.test_fraction)
    else:
        numbered = list(zip(y, data.split_numbers or (), strict=True))
        named = [Counter(value for value, own in numbered if own == part) for part in range(3)]
        sizes = named[0].total(), named[1].total(), named[2].total()
        _, validation, test = column_sizes(spec, sizes)
    left, more_validation = _drawn(named[0], validation - named[1].total())
    left, more_test = _drawn(left, test - named[2].total())
    return left, named[1] + Counter(more_validation), named[2] + Counter(more_test)


def _classes(data: Inline) -> list[float]:
    """The targets, which are classes: one number each."""
    return [value for value in data.y if not isinstance(value, tuple)]


def _drawn(counts: Counts, wanted: int) -> tuple[Counts, Counts]:
    """What is left of these rows, and the drawn ones: each class by its share."""
    if not sum(counts.values()) or not wanted:
        return counts, {}
    names = sorted(counts)
    chosen = dict(zip(names, class_quotas([counts[name] for name in names], wanted), strict=True))
    return {name: counts[name] - chosen[name] for name in names}, chosen


def _check_folds(spec: "JobSpec", counts: Counts) -> None:
    most = max(counts.values(), default=spec.folds or 0)
    if spec.folds is not None and spec.folds > most:
        raise fault("folds", f"must be at most {most}, the rows of the largest class that are not test")


def _check_classes(spec: "JobSpec", train: Counts, validation: Counts, classes: Sequence[float]) -> None:
    """Check what needs rows of each class in training, or in validation; folds may lack those of few rows."""
    if spec.folds is not None and spec.split_by is not SplitBy.time:
        return
    lacking = next((name for name in classes if not train.get(name)), None)
    if spec.class_weight == "balanced" and lacking is not None:
        raise fault(
            "class_weight",
            f"balanced needs training rows of each class, and {label_of(lacking)!r} has none: "
            "add rows of it, make validation_fraction and test_fraction smaller, or name the weights",
        )
    if spec.monitored == "val_roc_auc" and sum(1 for count in validation.values() if count) < 2:
        raise fault(
            "monitor",
            "val_roc_auc needs validation rows of both classes: use val_loss, or a larger validation_fraction",
        )


def _check_spread(spec: "JobSpec", data: Inline, info: DatasetInfo) -> None:
    """Check that the coefficient of determination is defined: it compares with the variance of validation targets."""
    if spec.monitored != "val_r2":
        return
    targets = [value if isinstance(value, tuple) else (value,) for value in data.y]
    known = _row_numbers(spec, data)
    rows: Sequence[int] = range(info.rows) if known is None else known[1]
    constant = any(len({targets[row][output] for row in rows}) < 2 for output in range(info.outputs))
    if constant or (spec.split_by in EXACT and spec.split_rows(info)[1] == 1):
        raise fault(
            "monitor",
            "val_r2 is undefined where all validation rows have the same target: "
            "use val_loss, or a larger validation_fraction",
        )


def _check_weights(spec: "JobSpec", data: Inline, info: DatasetInfo) -> None:
    """Check that each part can have a row that counts."""
    if (weight := data.weight) is None:
        return
    known = _row_numbers(spec, data)
    for rows, name in zip(known or (), ("training", "validation", "test"), strict=False):
        if rows and not any(weight[row] for row in rows):
            raise fault("dataset.weight", f"must be above 0 for at least one {name} row")
    above, parts = sum(one > 0.0 for one in weight), sum(count > 0 for count in spec.split_rows(info))
    if above < parts:
        raise fault("dataset.weight", f"must be above 0 for a row of each of the {parts} parts, and {above} are")


def _row_numbers(spec: "JobSpec", data: Inline) -> Sequence[Sequence[int]] | None:
    """The rows of each part where no chance decides: by time, and by a column that names them all."""
    if spec.split_by is SplitBy.time:
        order, (first, last, end) = _times(spec, data)
        return order[:first], order[first:last], order[end:]
    if spec.split_by is not SplitBy.column or (split := data.split_numbers) is None or spec.folds is not None:
        return None
    named = [[row for row, own in enumerate(split) if own == part] for part in range(3)]
    sizes = len(named[0]), len(named[1]), len(named[2])
    return named if column_sizes(spec, sizes) == sizes else None


def _check_times(spec: "JobSpec", data: Inline) -> None:
    """Check that parts by time have rows, where rows of one time are not divided."""
    _, (first, last, end) = _times(spec, data)
    reason = "rows of one time are not divided"
    if not first:
        raise fault("split" if spec.folds is None else "folds", f"leaves no row for training: {reason}")
    if spec.validates and last <= first:
        field = "validation_fraction" if spec.folds is None else "folds"
        raise fault(field, f"leaves no row for validation: {reason}")
    if spec.test_fraction > 0.0 and end >= len(data.x):
        raise fault("test_fraction", f"leaves no row for test: {reason}")
    if wrong := batch_norm_fault(spec, first):
        raise fault("batch_size", wrong)


def _times(spec: "JobSpec", data: Inline) -> tuple[list[int], tuple[int, int, int]]:
    """The rows by time, and the places where validation begins, where it ends, and where the test begins."""
    time = data.time or ()
    order = sorted(range(len(time)), key=time.__getitem__)
    train, validation, _ = split_sizes(len(time), spec.validation_fraction, spec.test_fraction)

    def begin(place: int) -> int:
        """The first place with the time of this one."""
        while 0 < place < len(time) and time[order[place - 1]] == time[order[place]]:
            place -= 1
        return place

    end = begin(train + validation)
    if spec.folds is None:
        return order, (begin(train), end, end)
    if spec.folds >= end:
        raise fault("folds", f"must be less than {end}, the rows that are not test: rows of one time are not divided")
    size = end // (spec.folds + 1)  # TimeSeriesSplit
    first = end - (spec.folds - spec.fold) * size
    return order, (begin(first), begin(first + size), end)
