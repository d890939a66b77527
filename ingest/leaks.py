"""Columns that tell the target exactly: if they are not known when predicting, the model is of no use.

Of classes, a column whose every value, or every gap, has one class only. Of numbers, a column with the target's order,
or on a straight line with it: the target in another unit, or its logarithm.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.schema import ColumnKind, Target

from . import limits
from .columns import Found
from .errors import shown, some
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
MOST = 10_000
"""Of more pairs of a column and a target, none is looked at."""
NEAR = 1e-3
"""A line is so near to the targets, in their deviations."""


class Leaks:
    """Looks for such columns among those of a table, batch by batch."""

    def __init__(self, names: Sequence[str], target: Target, left: "Iterable[_ByValue | _ByOrder]", cure: str) -> None:
        """`names` are those of the table's columns, in their order; `cure` leaves one out, by its name or place."""
        self._names, self._cure, self._left = names, cure, list(left)
        several = target.columns or tuple(f"{target.name}[{output}]" for output in range(target.outputs))
        self._targets = several if target.outputs > 1 else ()

    @classmethod
    def of_columns(cls, found: Sequence[Found], target: Target) -> "Leaks":
        """Among the columns of a file."""
        left: list[_ByValue | _ByOrder] = []
        for place, column in enumerate(found):
            if classes := len(target.labels):
                left += _by_value(place, column, classes)
            elif column.kind is ColumnKind.number:
                left += [_ByOrder(place, output) for output in range(target.outputs)]
        names = [one.name for one in found]
        return cls(names, target, left if len(left) <= MOST else [], "columns=-{name}")

    @classmethod
    def of_array(cls, size: int, target: Target, *, gaps: bool) -> "Leaks":
        """Among the columns of an array."""
        left: list[_ByValue | _ByOrder] = []
        classes = len(target.labels)
        if size * target.outputs <= MOST and classes:
            left += [_ByValue(place, classes, np.empty(0), most=2 * classes) for place in range(size)]
            left += [_ByValue(place, classes, None) for place in range(size) if gaps]
        elif size * target.outputs <= MOST:
            left += [_ByOrder(place, output) for place in range(size) for output in range(target.outputs)]
        return cls([f"X[{place}]" for place in range(size)], target, left, "np.delete(X, {place}, axis=1)")

    def take(self, x: Block, y: Block) -> None:
        """Add rows: features [rows, columns], and classes [rows] or numbers [rows, outputs]."""
        answers = y.reshape(len(y), -1)
        self._left = [one for one in self._left if one.take(_floats(x[:, one.place]), answers[:, one.output])]

    def notes(self) -> list[str]:
        """What is to be said; nothing of the only column."""
        if len(self._names) < 2:
            return []
        told: dict[tuple[int, bool], list[int]] = {}
        for one in self._left:
            if one.tells(len(self._names)):
                told.setdefault((one.place, one.is_of_gaps), []).append(one.output)
        return [self._note(place, outputs, is_of_gaps=gaps) for (place, gaps), outputs in told.items()]

    def _note(self, place: int, outputs: Sequence[int], *, is_of_gaps: bool) -> str:
        name = self._names[place]
        what = f"Whether column {shown(name)} has a value" if is_of_gaps else f"Column {shown(name)}"
        which = " " + some(self._targets[output] for output in outputs) if self._targets else ""
        target = f"the target{'s' if len(outputs) > 1 else ''}{which}"
        cure = self._cure.format(name=name, place=place)
        return f"{what} tells {target} exactly: leave it out, {cure}, if it is not known when predicting."


def _floats(column: Block) -> Floats:
    """Numbers whose differences may be below 0, as those of a picture's bytes are not."""
    return column.astype(np.float64, copy=False)


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

    output = 0

    def __init__(self, place: int, classes: int, known: Floats | None, *, most: int = 0) -> None:
        """Values that are not known yet are learned, up to `most` of them."""
        self.place, self.is_of_gaps, self._most = place, known is None, most
        self._known = np.empty(0) if known is None else known
        self._counts = np.zeros((len(self._known) + 2, classes), dtype=np.int64)

    def take(self, values: Block, classes: Block) -> bool:
        """Count rows; whether it still holds."""
        return self._count(values[:FEW], classes[:FEW]) and self._count(values[FEW:], classes[FEW:])

    def _count(self, values: Block, classes: Block) -> bool:
        kinds, is_gap = self._counts.shape[1], np.isnan(values)
        if self._most and not self._learn(values[~is_gap]):
            return False
        codes = np.where(is_gap, len(self._counts) - 1, np.searchsorted(self._known, values))
        self._counts += np.bincount(codes * kinds + classes, minlength=self._counts.size).reshape(-1, kinds)
        return bool(((self._counts > 0).sum(axis=1) <= 1).all())

    def _learn(self, values: Block) -> bool:
        """Whether the values are known now."""
        new = np.setdiff1d(values, self._known)
        if len(self._known) + len(new) > self._most:
            return False
        places = np.searchsorted(self._known, new)
        self._known = np.insert(self._known, places, new)
        self._counts = np.insert(self._counts, places, 0, axis=0)
        return True

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

    def __init__(self, place: int, output: int) -> None:
        self.place, self.output = place, output
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
