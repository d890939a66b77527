"""Columns that tell the target exactly: if they are not known when predicting, the model is of no use.

Of classes, a column whose every value, or every gap, has one class only. Of numbers, a column with the target's order,
or on a straight line with it: the target in another unit, or its logarithm.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.schema import ColumnKind

from . import limits
from .columns import Found
from .errors import shown
from .texts import Floats

Block = npt.NDArray[Any]

REPEATS = 5
"""Rows of each value, on average: an id, which is in one row, tells nothing of others."""
CHANCE = 1e-6
"""What chance does less often than this, in any of the columns, is no chance."""
LEAST_ROWS = 20
LEAST_VALUES = 10
"""Different targets, so that their order says something."""
FEW = 1_000
"""Rows of a batch that are looked at first, and remembered: most columns tell nothing already there."""
SAMPLES = 50
NEAR = 1e-3
"""A line is so near to the targets, in their deviations."""


class Leaks:
    """Looks for such columns among `found`, those of a table in their order, batch by batch."""

    def __init__(self, found: Sequence[Found], classes: int, outputs: int) -> None:
        """`classes` is 0 where targets are numbers, of which each row has `outputs`."""
        self._found = found
        self._left: list[_ByValue | _ByOrder] = []
        for place, column in enumerate(found):
            if classes:
                self._left += _by_value(place, column, classes)
            elif outputs == 1 and column.kind is ColumnKind.number:
                self._left.append(_ByOrder(place))

    def take(self, x: Block, y: Block) -> None:
        """Add rows: features [rows, columns], and classes [rows] or numbers [rows, outputs]."""
        answers = y.reshape(len(y), -1)[:, 0]
        self._left = [one for one in self._left if one.take(x[:, one.place], answers)]

    def notes(self) -> list[str]:
        """What is to be said; nothing of the only column."""
        if len(self._found) < 2:
            return []
        said = []
        for one in self._left:
            if one.tells(len(self._found)):
                name = self._found[one.place].name
                what = f"Whether column {shown(name)} has a value" if one.is_of_gaps else f"Column {shown(name)}"
                said.append(
                    f"{what} tells the target exactly: leave it out, columns=-{name}, if it is not known when "
                    "predicting."
                )
        return said


def _by_value(place: int, column: Found, classes: int) -> Iterator["_ByValue"]:
    """What the values of a column, or its gaps, may tell of classes."""
    if column.missing:
        yield _ByValue(place, classes, None)
    distinct = column.distinct or limits.CLASSES
    if column.kind is ColumnKind.number and column.measure is not None and distinct <= 2 * classes:
        yield _ByValue(place, classes, np.array(sorted(column.measure.values)))
    elif column.kind in (ColumnKind.category, ColumnKind.boolean) and distinct <= limits.CATEGORIES:
        yield _ByValue(place, classes, np.arange(max(2.0, distinct)))


class _ByValue:
    """A column whose every one of the values `known` has one class only, so far; or its gaps, without them."""

    def __init__(self, place: int, classes: int, known: Floats | None) -> None:
        self.place, self.is_of_gaps = place, known is None
        self._known = np.empty(0) if known is None else known
        self._counts = np.zeros((len(self._known) + 2, classes), dtype=np.int64)

    def take(self, values: Block, classes: Block) -> bool:
        """Count rows; whether it still holds."""
        return self._count(values[:FEW], classes[:FEW]) and self._count(values[FEW:], classes[FEW:])

    def _count(self, values: Block, classes: Block) -> bool:
        kinds, is_gap = self._counts.shape[1], np.isnan(values)
        codes = np.where(is_gap, len(self._counts) - 1, np.searchsorted(self._known, values))
        self._counts += np.bincount(codes * kinds + classes, minlength=self._counts.size).reshape(-1, kinds)
        return bool(((self._counts > 0).sum(axis=1) <= 1).all())

    def tells(self, columns: int) -> bool:
        """Whether it is no chance: classes that are dealt to the rows, where each value may have any class."""
        values, by_class = int(self._counts.any(axis=1).sum()), self._counts.sum(axis=0)
        rows, classes = int(by_class.sum()), int((by_class > 0).sum())
        if values < 2 or values * REPEATS > rows:
            return False
        deals = math.lgamma(rows + 1.0) - sum(math.lgamma(count + 1.0) for count in by_class.tolist())
        return deals - values * math.log(classes) > math.log(columns / CHANCE)


class _ByOrder:
    """A column of numbers that has the target's order, or is on a line with it, so far."""

    is_of_gaps = False

    def __init__(self, place: int) -> None:
        self.place = place
        self._rows = self._all = 0
        self._is_sorted = self._is_even = self._is_ordered = True
        self._line: tuple[float, float, float] | None = None
        self._samples: list[tuple[Floats, Floats]] = []

    def take(self, values: Floats, targets: Floats) -> bool:
        """Look at rows; whether it still holds."""
        has = ~np.isnan(values)
        x, y = (values, targets) if has.all() else (values[has], targets[has])
        if not self._rows:
            self._line = _line(x[:FEW], y[:FEW])
        if not (self._holds(x[:FEW], y[:FEW]) and self._holds(x, y)):
            return False
        steps = np.diff(x)
        self._is_sorted &= not (steps < 0.0).any() or not (steps > 0.0).any()
        self._is_even &= not len(steps) or float(np.ptp(steps)) <= NEAR * float(np.abs(steps).max())
        self._rows, self._all = self._rows + len(x), self._all + len(values)
        if len(self._samples) < SAMPLES:
            self._samples.append((x[:FEW], y[:FEW]))
        return True

    def _holds(self, x: Floats, y: Floats) -> bool:
        self._is_ordered = self._is_ordered and _have_one_order(x, y)
        if self._line is not None:
            slope, height, most = self._line
            if (np.abs(slope * x + height - y) > most).any():
                self._line = None
        return self._is_ordered or self._line is not None

    def tells(self, columns: int) -> bool:
        """Whether it is no chance, and no row number or time with which the target rises from row to row."""
        x, y = (np.concatenate(part) for part in zip(*self._samples, strict=True))
        if self._rows < max(LEAST_ROWS, self._all // 2) or len(np.unique(y)) < LEAST_VALUES:
            return False
        if self._is_sorted:
            return self._line is not None and not self._is_even
        return self._line is not None or _have_one_order(x, y)


def _have_one_order(x: Floats, y: Floats) -> bool:
    """Whether `y` rises, or falls, with `x`, and is the same where `x` is."""
    by = np.argsort(x, kind="stable")
    more, then = np.diff(x[by]) > 0.0, np.diff(y[by])
    return bool(((then != 0.0) == more).all() and ((then >= 0.0).all() or (then <= 0.0).all()))


def _line(x: Floats, y: Floats) -> tuple[float, float, float] | None:
    """Slope and height of the line through points, and how far from it a target may be; None if it is no line."""
    if len(x) < 2 or np.ptp(x) == 0.0:
        return None
    apart = x - x.mean()
    slope = float((apart * (y - y.mean())).sum() / np.square(apart).sum())
    return slope, float(y.mean() - slope * x.mean()), NEAR * float(y.std())
