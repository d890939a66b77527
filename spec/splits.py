"""How rows are divided into training, validation and test: what a job asks, what its data declare, and the rules."""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from .base import Fraction, fault

if TYPE_CHECKING:
    from .dataset import DatasetInfo
    from .job import JobSpec


class SplitBy(StrEnum):
    """What decides the split of a row."""

    random = "random"
    column = "column"
    group = "group"
    time = "time"

    @classmethod
    def declared(cls, *, column: bool, group: bool, time: bool) -> "SplitBy":
        """The split of data that have these columns."""
        if column:
            return cls.column
        if group:
            return cls.group
        return cls.time if time else cls.random


EXACT = (SplitBy.random, SplitBy.column)
"""The splits whose sizes are known before the rows are read."""

SPLIT_WORDS: Mapping[str, int] = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("validation", "valid", "val", "dev"), 1),
    **dict.fromkeys(("test", "testing", "holdout"), 2),
}
"""The words of a split column, in lower case: 0 training, 1 validation, 2 test."""


def split_sizes(rows: int, validation_fraction: Fraction, test_fraction: Fraction = 0.0) -> tuple[int, int, int]:
    """Rows of the (train, validation, test) splits; validation and test are rounded half up."""
    validation, test = (int(rows * fraction + 0.5) for fraction in (validation_fraction, test_fraction))
    return rows - validation - test, validation, test


def group_sizes(groups: int, validation_fraction: Fraction, test_fraction: Fraction) -> tuple[int, int, int]:
    """Groups of the (train, validation, test) splits; validation and test are rounded up, as GroupShuffleSplit does."""
    validation, test = (math.ceil(groups * fraction) for fraction in (validation_fraction, test_fraction))
    return groups - validation - test, validation, test


def column_sizes(spec: "JobSpec", named: tuple[int, int, int]) -> tuple[int, int, int]:
    """Rows of the splits by a split column: a split that it does not name is drawn from its training rows."""
    train, validation, test = named
    _, more_validation, more_test = split_sizes(
        train, 0.0 if validation else spec.validation_fraction, 0.0 if test else spec.test_fraction
    )
    return train - more_validation - more_test, validation + more_validation, test + more_test


def class_quotas(counts: Sequence[int], wanted: int) -> list[int]:
    """How many of `wanted` rows each class gives, in proportion to its rows, `counts` (largest remainders).

    The last row of a class stays, as long as rows of other classes are left.
    """
    rows = sum(counts)
    shares = [count * wanted / rows for count in counts]
    quotas = [math.floor(share) for share in shares]
    last = sorted(range(len(counts)), key=lambda n: (quotas[n] + 1 >= counts[n], quotas[n] - shares[n]))
    for extra in last[: wanted - sum(quotas)]:
        quotas[extra] += 1
    return quotas


def split_rows(spec: "JobSpec", info: "DatasetInfo") -> tuple[int, int, int]:
    """Rows of the (train, validation, test) splits of data like `info`.

    They are exact at random and by column. By time they are exact where all times differ. By group they are an
    estimate, as if all groups had the same size.
    """
    match spec.split_by:
        case SplitBy.column if info.split_rows is not None:
            train, validation, test = column_sizes(spec, info.split_rows)
        case SplitBy.group if info.groups is not None:
            _, *wanted = group_sizes(info.groups, spec.validation_fraction, spec.test_fraction)
            validation, test = (int(info.rows * count / info.groups + 0.5) for count in wanted)
            train = info.rows - validation - test
        case _:
            train, validation, test = split_sizes(info.rows, spec.validation_fraction, spec.test_fraction)
    if spec.folds is None:
        return train, validation, test
    if spec.split_by is SplitBy.time:  # TimeSeriesSplit
        fold = train // (spec.folds + 1)
        return train - (spec.folds - spec.fold) * fold, fold, test
    fold = train // spec.folds + (spec.fold < train % spec.folds)
    return train - fold, fold, test


def check_folds(spec: "JobSpec") -> None:
    """Raise an error of the first rule between `folds` and other fields that `spec` breaks."""
    if spec.folds is None:
        if spec.fold:
            raise fault("fold", "needs folds")
        return
    if spec.fold >= spec.folds:
        raise fault("fold", f"must be less than folds, which is {spec.folds}: the first fold is 0")
    if "validation_fraction" in spec.model_fields_set and spec.validation_fraction > 0.0:
        raise fault("validation_fraction", "must be left out with folds: the fold is the validation split")


def check_split(spec: "JobSpec", info: "DatasetInfo") -> int:
    """The most rows that the training split can have. Raises an error of the first rule that the split breaks.

    By group, the size is known after the rows are read.
    """
    _check_declared(spec, info)
    if spec.split_by is SplitBy.group and info.groups is not None:
        _check_groups(spec, info.groups)
    train, validation, test = spec.split_rows(info)
    if spec.folds is not None:
        _check_most_folds(spec, info.rows - test)
    for part, share, left in (
        ("validation", spec.validation_fraction, validation),
        ("test", spec.test_fraction, test),
    ):
        if share > 0.0 and left == 0:
            raise fault(f"{part}_fraction", f"leaves no row for {part}: the data set has {info.rows}; set it to 0")
    if train <= 0:
        larger = "test_fraction" if test > validation else "validation_fraction"
        raise fault(larger, f"leaves no row for training: the data set has {info.rows}")
    if spec.split_by is not SplitBy.group or info.groups is None:
        return train
    _, validation, test = group_sizes(info.groups, spec.validation_fraction, spec.test_fraction)
    return info.rows - max(validation, spec.folds is not None) - test


def _check_declared(spec: "JobSpec", info: "DatasetInfo") -> None:
    """Whether the data set has what `split` needs, and `split` is the only one that names a part's rows."""
    has = {
        SplitBy.column: info.split_rows is not None,
        SplitBy.group: info.groups is not None,
        SplitBy.time: info.timed,
        SplitBy.random: True,
    }
    if not has[spec.split_by]:
        name = "split" if spec.split_by is SplitBy.column else spec.split_by.value
        raise fault(
            "split",
            f"{spec.split_by} needs data with a {name} column: upload the file with {name}=COLUMN, "
            f"give inline data a list {name}, or use split: random",
        )
    if spec.split_by is not SplitBy.column or info.split_rows is None:
        return
    train, validation, test = info.split_rows
    if train == 0:
        raise fault("split", "column: the split column has no training rows; use split: random")
    if validation and spec.folds is not None:
        raise fault("folds", f"must be left out: the split column has {validation} validation rows already")
    if test and spec.test_fraction > 0.0:
        raise fault("test_fraction", f"must be left out: the split column has {test} test rows already")


def _check_groups(spec: "JobSpec", groups: int) -> None:
    train, validation, test = group_sizes(groups, spec.validation_fraction, spec.test_fraction)
    if train <= 0:
        larger = "test_fraction" if test > validation else "validation_fraction"
        raise fault(larger, f"leaves no group for training: the data set has {groups} groups")
    if spec.folds is not None and spec.folds > train:
        raise fault("folds", f"must be at most {train}, the groups that are not test")


def _check_most_folds(spec: "JobSpec", rows: int) -> None:
    by_time = spec.split_by is SplitBy.time
    most = rows - 1 if by_time else rows
    if spec.folds is not None and spec.folds > most:
        less = ", one less than" if by_time else ","
        raise fault("folds", f"must be at most {most}{less} the rows that are not test")
