"""What a column holds, learned batch by batch."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spec.cells import FALSE, TRUE
from spec.profile import ColumnProfile, ValueCount
from spec.schema import Column, ColumnKind

from . import limits
from .errors import RefusedError, shown
from .spread import Bins, Spread
from .texts import Floats, Texts, as_numbers, days, days_in, floats, numbers_in, truth_in

MOSTLY = 0.9
"""A column with so large a share of numbers is a column of numbers, and what is none in it is a mistake."""
SHOWN_VALUES = 20


@dataclass
class Scan:
    """All that is learned of one column in the first reading."""

    name: str
    counts_texts: bool = False
    """Whether texts are counted even where all are numbers: the target's, and those of a column that is mixed."""
    rows: int = 0
    missing: int = 0
    first_missing: int | None = None
    infinite: int = 0
    first_infinite: int | None = None
    numbers: int = 0
    first_other: tuple[int, str] | None = None
    """Row and value of the first that is no number."""
    beyond: int | None = None
    """Row of the first whole number that has more digits than a number keeps."""
    dates: int = 0
    truths: int = 0
    typed: ColumnKind | None = None
    """What the file says it is, where it says so."""
    spread: Spread = field(default_factory=Spread)
    days: Spread = field(default_factory=Spread)
    texts: Counter[str] = field(default_factory=Counter)
    values: Counter[float] = field(default_factory=Counter)
    took_numbers: bool = False
    """Whether a batch was taken as numbers without a look at its texts."""
    uncounted: bool = False

    def take(self, chunk: pa.Array) -> None:
        """Learn from the next rows."""
        if pa.types.is_null(chunk.type):
            self._miss(np.ones(len(chunk), dtype=bool))
        elif pa.types.is_boolean(chunk.type):
            self.typed = ColumnKind.boolean
            self._take_texts(chunk.cast(pa.string()))
        elif pa.types.is_date(chunk.type) or pa.types.is_timestamp(chunk.type):
            self.typed = ColumnKind.date
            found = days(chunk)
            self._miss(np.isnan(found))
            self._take_days(found)
        elif pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type):
            direct = None if self.counts_texts else as_numbers(chunk)
            if direct is None:
                self._take_texts(chunk)
            else:
                self.took_numbers = True
                self._take_numbers(direct, chunk)
        elif pa.types.is_dictionary(chunk.type):
            self._take_texts(chunk)
        else:
            self.typed = ColumnKind.number
            self._take_numbers(floats(chunk.cast(pa.float64(), safe=False)), chunk)
        self.rows += len(chunk)

    def _miss(self, where: npt.NDArray[np.bool_]) -> None:
        if where.any():
            self.missing += int(where.sum())
            if self.first_missing is None:
                self.first_missing = self.rows + int(where.argmax()) + 1

    def _take_numbers(self, numbers: Floats, chunk: pa.Array) -> None:
        self._miss(np.isnan(numbers))
        self._measure(numbers, chunk)
        if not self.uncounted:
            found, many = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
            self._count(self.values, dict(zip(found.tolist(), many.tolist(), strict=True)), limits.CLASSES)

    def _measure(self, numbers: Floats, chunk: pa.Array) -> None:
        """Numbers of all rows, NaN where there is none."""
        endless = np.isinf(numbers)
        if endless.any():
            self.infinite += int(endless.sum())
            if self.first_infinite is None:
                self.first_infinite = self.rows + int(endless.argmax()) + 1
        finite = numbers[np.isfinite(numbers)]
        self.numbers += finite.size
        self.spread.take(finite)
        if self.beyond is None and finite.size and np.abs(finite).max() >= 2.0**53:
            self._look_beyond(numbers, chunk)

    def _look_beyond(self, numbers: Floats, chunk: pa.Array) -> None:
        """Find a whole number that is written with more digits than a float64 keeps."""
        for row in np.flatnonzero(np.abs(numbers) >= 2.0**53).tolist():
            value = chunk[row].as_py()
            if isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+\s*", value)):
                self.beyond = self.rows + row + 1
                return

    def _take_days(self, numbers: Floats) -> None:
        there = numbers[~np.isnan(numbers)]
        self.dates += there.size
        self.days.take(there)

    def _take_texts(self, chunk: pa.Array) -> None:
        texts = Texts.of(chunk, self.name)
        self._miss(texts.codes < 0)
        numbers = numbers_in(texts.values)
        self._measure(texts.mapped(numbers), chunk)
        if self.first_other is None:
            others = (texts.codes >= 0) & np.isnan(texts.mapped(numbers))
            if others.any():
                row = int(others.argmax())
                self.first_other = (self.rows + row + 1, texts.values[int(texts.codes[row])].as_py())
        if not self.uncounted:
            self._count(self.texts, texts.counts(), limits.COUNTED)
        if self.first_other is not None:
            self._take_days(texts.mapped(days_in(texts.values)))
            if len(texts.values) <= 2 * (len(TRUE) + len(FALSE)):
                self.truths += int(np.isfinite(texts.mapped(truth_in(texts.values))).sum())

    def _count(self, counter: Counter[Any], found: dict[Any, int], most: int) -> None:
        counter.update(found)
        if len(counter) > most:  # ten thousand columns that all counted on would take the memory there is
            counter.clear()
            self.uncounted = True

    # --- what it is -----------------------------------------------------------------------------------------------

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    @property
    def distinct(self) -> int | None:
        """Different values; None when there were too many to count."""
        return None if self.uncounted else len(self.texts) or len(self.values)

    @property
    def is_mixed(self) -> bool:
        """Whether some batches were taken as numbers and others were not: then its texts are to be counted anew."""
        return self.took_numbers and self.first_other is not None

    def kind(self) -> ColumnKind:
        """What the column is. Raises `RefusedError` for a column of numbers with something else in it."""
        if self.typed is not None:
            return self.typed
        if self.present == 0:
            return ColumnKind.text
        if self.first_other is None:
            return ColumnKind.number
        if self.numbers >= MOSTLY * self.present:
            row, value = self.first_other
            raise RefusedError(
                f"has {shown(value)} in row {row} of column {shown(self.name)}, which is a column of numbers: "
                "correct it, or leave the cell empty"
            )
        if self.dates == self.present:
            return ColumnKind.date
        if self.truths == self.present:
            return ColumnKind.boolean
        if self.distinct is None or (self.distinct > 50 and self.distinct > self.present // 2):
            return ColumnKind.text
        if any(len(value) > limits.NAME for value in self.texts):
            return ColumnKind.text
        return ColumnKind.category

    def column(self) -> Column:
        """The column as features. Raises `RefusedError` for numbers that cannot be trained on."""
        kind = self.kind()
        if kind is ColumnKind.number:
            self.check_numbers()
        categories: tuple[str, ...] = ()
        if kind is ColumnKind.category:
            frequent = sorted(self.texts.items(), key=lambda item: (-item[1], item[0]))[: limits.CATEGORIES]
            categories = tuple(sorted(value for value, _ in frequent))
        return Column(name=self.name, type=kind, gaps=self.missing > 0, categories=categories)

    def check_numbers(self) -> None:
        """Raise `RefusedError` for numbers that cannot be trained on."""
        if self.infinite:
            raise RefusedError(
                f"has {self.infinite:,} infinite numbers in column {shown(self.name)}, the first in row "
                f"{self.first_infinite}: write a number, or leave the cell empty"
            )
        if self.beyond is not None:
            raise RefusedError(
                f"has whole numbers beyond 2^53 in column {shown(self.name)}, the first in row {self.beyond}: as "
                "numbers they lose digits. Is it an id? Leave the column out"
            )

    def profile(self, kind: ColumnKind, bins: Bins | None) -> ColumnProfile:
        """The column as people see it."""
        spread = self.days if kind is ColumnKind.date else self.spread
        measured = kind in (ColumnKind.number, ColumnKind.date) and spread.count > 0
        return ColumnProfile(
            name=self.name,
            type=kind,
            missing=self.missing,
            distinct=None if kind is ColumnKind.date and self.typed else self.distinct,
            min=spread.least if measured else None,
            max=spread.most if measured else None,
            mean=spread.mean if measured else None,
            deviation=spread.deviation if measured else None,
            histogram=bins.view() if bins is not None else None,
            values=[
                ValueCount(value=value, count=count)
                for value, count in self.texts.most_common(SHOWN_VALUES)
                if kind in (ColumnKind.category, ColumnKind.boolean)
            ],
        )
