"""The division of rows into training, validation and test, by chance, by column, by group or by time; and folds.

Groups and folds are scikit-learn's (`sklearn.model_selection`), with `random_state` the split seed modulo 2^32.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.job import JobSpec
from spec.splits import SplitBy, class_quotas, column_sizes, group_sizes, split_sizes

from .digests import Purpose, mix
from .errors import BadDataError

Numbers = npt.NDArray[np.int64]
Division = tuple[Numbers, Numbers, Numbers]
"""Row numbers of (train, validation, test), each in order."""


@dataclass(frozen=True)
class RowRoles:
    """What a data set says of its rows besides features and targets, [rows] each."""

    split: Numbers | None = None
    """0 training, 1 validation, 2 test"""
    group: Numbers | None = None
    """Groups, numbered in the order of their first rows."""
    time: npt.NDArray[np.float64] | None = None
    weight: npt.NDArray[np.float64] | None = None


NO_ROLES = RowRoles()


def divide(spec: JobSpec, rows: int, classes: Numbers | None, roles: RowRoles) -> Division:
    """Divide so many rows, of these classes if there are any. Raises `BadDataError`."""
    match spec.split_by:
        case SplitBy.column:
            division = _by_column(spec, classes, _needed(roles.split, "split"))
        case SplitBy.group:
            division = _by_group(spec, classes, _needed(roles.group, "group"))
            _check(spec, division, "rows of one group are not divided")
        case SplitBy.time:
            division = _by_time(spec, _needed(roles.time, "time"))
            _check(spec, division, "rows of one time are not divided")
        case SplitBy.random:
            sizes = split_sizes(rows, spec.validation_fraction, spec.test_fraction)
            division = _drawn(spec, np.arange(rows), classes, sizes)
    train, validation, test = (np.sort(part) for part in division)
    return train, validation, test


def _needed(values: npt.NDArray[Any] | None, name: str) -> npt.NDArray[Any]:
    if values is None:
        raise BadDataError(f"split: the data set has no {name} column: use split: random.")
    return values


def _check(spec: JobSpec, division: Division, reason: str) -> None:
    """Raise an error if a part that must have rows has none, which is known for groups and times only here."""
    train, validation, test = division
    if not len(train):
        raise BadDataError(f"split: no rows are left for training: {reason}.")
    if spec.validates and not len(validation):
        field = "validation_fraction" if spec.folds is None else "folds"
        raise BadDataError(f"{field}: no rows are left for validation: {reason}.")
    if spec.test_fraction > 0.0 and not len(test):
        raise BadDataError(f"test_fraction: no rows are left for the test: {reason}.")


# --- at random, and by column -----------------------------------------------------------------------------------------


def _by_column(spec: JobSpec, classes: Numbers | None, split: Numbers) -> Division:
    named = tuple(np.flatnonzero(split == part) for part in range(3))
    train, *others = named
    _, *sizes = column_sizes(spec, (len(named[0]), len(named[1]), len(named[2])))
    validation, test = (size - len(rows) for size, rows in zip(sizes, others, strict=True))
    drawn = _drawn(spec, train, classes, (len(train) - validation - test, validation, test))
    return drawn[0], np.concatenate([named[1], drawn[1]]), np.concatenate([named[2], drawn[2]])


def _drawn(spec: JobSpec, rows: Numbers, classes: Numbers | None, sizes: tuple[int, int, int]) -> Division:
    """Divide these rows by chance; each class keeps its share of all parts.

    The validation rows are drawn first: they are the same whether or not others are set aside for a test. With folds,
    the test rows are drawn first, and are the same for all folds.
    """
    left = rows[np.random.default_rng(mix(spec.split_seed, Purpose.split)).permutation(len(rows))]
    parts = []
    for count in sizes[1:]:
        chosen = _chosen(left, classes, count)
        parts.append(chosen)
        left = left[~np.isin(left, chosen)]
    if spec.folds is None:
        return left, parts[0], parts[1]
    train, validation = _fold(spec, np.sort(left), classes)
    return train, validation, parts[1]


def _chosen(shuffled: Numbers, classes: Numbers | None, wanted: int) -> Numbers:
    """The first `wanted` of these rows, each class in proportion to its size (largest remainders)."""
    if classes is None or wanted == 0:
        return shuffled[:wanted]
    theirs = classes[shuffled]
    quotas = class_quotas(np.bincount(theirs).tolist(), wanted)
    return np.concatenate([shuffled[theirs == number][:quota] for number, quota in enumerate(quotas)])


# --- by group ---------------------------------------------------------------------------------------------------------


def _by_group(spec: JobSpec, classes: Numbers | None, groups: Numbers) -> Division:
    """Divide whole groups: GroupShuffleSplit for the validation rows, then among the others for the test rows."""
    _, validations, tests = group_sizes(int(groups.max()) + 1, spec.validation_fraction, spec.test_fraction)
    left, validation = _whole_groups(spec, np.arange(len(groups)), groups, validations)
    left, test = _whole_groups(spec, left, groups, tests)
    if spec.folds is not None:
        left, validation = _fold(spec, left, classes, groups)
    return left, validation, test


def _whole_groups(spec: JobSpec, rows: Numbers, groups: Numbers, count: int) -> tuple[Numbers, Numbers]:
    """These rows without those of `count` groups, and those."""
    from sklearn.model_selection import GroupShuffleSplit

    if count == 0:
        return rows, rows[:0]
    splitter = GroupShuffleSplit(n_splits=1, test_size=count, random_state=_state(spec))
    left, chosen = next(splitter.split(rows, groups=groups[rows]))
    return rows[left], rows[chosen]


# --- by time ----------------------------------------------------------------------------------------------------------


def _by_time(spec: JobSpec, time: npt.NDArray[np.float64]) -> Division:
    """Divide the rows in order of time: a part begins with all rows of its first time."""
    from sklearn.model_selection import TimeSeriesSplit

    order = np.argsort(time, kind="stable")
    times = time[order]

    def begin(place: int) -> int:
        """The first place with the time of this one."""
        return int(np.searchsorted(times, times[place])) if place < len(times) else len(times)

    train, validation, _ = split_sizes(len(time), spec.validation_fraction, spec.test_fraction)
    end = begin(train + validation)
    first, last = begin(train), end
    if spec.folds is not None:
        if spec.folds >= end:
            raise BadDataError(f"folds: must be less than {end}, the rows that are not test.")
        places = list(TimeSeriesSplit(spec.folds).split(order[:end]))[spec.fold][1]
        first, last = begin(int(places[0])), begin(int(places[-1]) + 1)
    return order[:first], order[first:last], order[end:]


# --- folds ------------------------------------------------------------------------------------------------------------


def _fold(
    spec: JobSpec, rows: Numbers, classes: Numbers | None, groups: Numbers | None = None
) -> tuple[Numbers, Numbers]:
    """The training and the validation rows of the spec's fold, among these rows."""
    if classes is not None and (most := int(np.bincount(classes[rows]).max(initial=0))) < (spec.folds or 0):
        raise BadDataError(f"folds: must be at most {most}, the rows of the largest class that are not test.")
    y = None if classes is None else classes[rows]
    with warnings.catch_warnings():
        # A class with fewer rows than folds is missing from some of them.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = list(_folds(spec, rows, y, None if groups is None else groups[rows]))
    train, validation = folds[spec.fold]
    return rows[train], rows[validation]


def _folds(
    spec: JobSpec, rows: Numbers, y: Numbers | None, groups: Numbers | None
) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    if groups is None:
        splitter = KFold if y is None else StratifiedKFold
    else:
        splitter = GroupKFold if y is None else StratifiedGroupKFold
    found = splitter(n_splits=spec.folds, shuffle=True, random_state=_state(spec)).split(rows, y, groups)
    return iter(found)


def _state(spec: JobSpec) -> int:
    """The seed of scikit-learn's generators, which has 32 bits."""
    return spec.split_seed % 2**32
