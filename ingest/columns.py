"""What a column holds, measured as what it was decided to be."""

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spec.profile import ColumnProfile, ValueCount
from spec.schema import Column, ColumnKind, Role

from . import limits
from .decision import Decision
from .errors import RefusedError, shown
from .evidence import Evidence
from .numbers import encoder
from .spread import Bins, End, Spread
from .texts import LED, Floats, Texts

SHOWN_VALUES = 20
STAND_INS = (99.0, 999.0, 9999.0, 99999.0, 999999.0)
"""Numbers that often stand for no value, and their negatives."""
NINES = (99.9, 99.99, 999.9, 999.99)
EPOCH = date(1970, 1, 1).toordinal()
FAR_DAY, LAST_DAY = (date(year, month, day).toordinal() - EPOCH for year, month, day in ((2200, 1, 1), (9999, 12, 31)))
"""Days since 1970: from the first on, a date often stands for no end, as 9999-12-31 in databases."""
FIRST_DAY = date.min.toordinal() - EPOCH
"""0001-01-01, which programs write where no date was set."""
FAR_DAYS = 3653
"""Ten years: a day so far from all others, and three times as far as those are from each other, may be none."""
FORMS_OF_DAYS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"""By the digits of a number that is a day, or a moment; shorter texts would be read by `strptime`, too."""
APART = 2.0
"""So many times as far from 0 as all others is a number that often stands for no value."""
FAR_BELOW, FAR_ABOVE = 3.0, 10.0
"""The same of any number in several rows, below or above the others."""


@dataclass
class Measure:
    """Numbers or days of one column, learned batch by batch."""

    column: Column
    forced: bool = False
    """Whether it was asked to be what it is: then a zero before a number is no sign of an id."""
    rows: int = 0
    missing: int = 0
    first_missing: int | None = None
    infinite: int = 0
    first_infinite: int | None = None
    beyond: int | None = None
    """Row of the first whole number that has more digits than a number keeps."""
    failed: bool = False
    """Whether a cell is not what it was decided to be by those before it."""
    spread: Spread = field(default_factory=Spread)
    high: End = field(default_factory=End)
    low: End = field(default_factory=End)
    """The largest negatives."""
    _is_count: bool = True
    values: Counter[float] = field(default_factory=Counter)
    uncounted: bool = False

    def __post_init__(self) -> None:
        self._encode = encoder(self.column)

    def take(self, chunk: pa.Array) -> None:
        """Learn from the next rows."""
        if self.failed:
            return
        cells = self._encode(chunk)
        if cells.odd.any() or (self.column.type is ColumnKind.number and not self.forced and _is_zero_led(cells.texts)):
            self.failed = True
            return
        if cells.gaps.any():
            self.missing += int(cells.gaps.sum())
            if self.first_missing is None:
                self.first_missing = self.rows + int(cells.gaps.argmax()) + 1
        self._measure(cells.numbers, chunk)
        self.rows += len(chunk)

    def _measure(self, numbers: Floats, chunk: pa.Array) -> None:
        endless = np.isinf(numbers)
        if endless.any():
            self.infinite += int(endless.sum())
            if self.first_infinite is None:
                self.first_infinite = self.rows + int(endless.argmax()) + 1
        finite = numbers[np.isfinite(numbers)]
        self.spread.take(finite)
        self.high.take(finite)
        self.low.take(-finite)
        if self.column.type is ColumnKind.number:
            rows = np.arange(self.rows, self.rows + len(numbers))
            self._is_count &= self.spread.least in (0.0, 1.0) and bool((numbers == rows + self.spread.least).all())
        if self.beyond is None and finite.size and np.abs(finite).max() >= 2.0**53:
            self._look_beyond(numbers, chunk)
        if not self.uncounted and self.column.type is ColumnKind.number:
            found, many = np.unique(finite, return_counts=True)
            self.values.update(dict(zip(found.tolist(), many.tolist(), strict=True)))
            if len(self.values) > limits.CLASSES:
                self.values.clear()
                self.uncounted = True

    def _look_beyond(self, numbers: Floats, chunk: pa.Array) -> None:
        """Find a whole number that is written with more digits than a float64 keeps."""
        for row in np.flatnonzero(np.abs(numbers) >= 2.0**53).tolist():
            value = chunk[row].as_py()
            if isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+\s*", value)):
                self.beyond = self.rows + row + 1
                return

    @property
    def counts_rows(self) -> bool:
        """Whether its numbers are 0, 1, 2 ... or 1, 2, 3 ... from row to row, and nobody asked for them."""
        return self.column.type is ColumnKind.number and self._is_count and not self.forced

    @property
    def notes(self) -> tuple[str, ...]:
        """What its numbers may mean that are read as they are."""
        name, least, most = self.column.name, self.spread.least, self.spread.most
        if self.column.type is ColumnKind.date and self.spread.count and most >= FAR_DAY > least:
            day = date.fromordinal(min(int(most), LAST_DAY) + EPOCH)
            return (f"Column {shown(name)} ends at {day}: if that stands for no value, na_values={day} says so.",)
        if self.column.type is ColumnKind.date and self.spread.count and least == FIRST_DAY < most:
            return (f"Column {shown(name)} begins at 0001-01-01: if that stands for no value, na_values says so.",)
        if self.column.type is ColumnKind.date and self.spread.count and not self.forced:
            return self._far_day
        if self.column.type is not ColumnKind.number or self.forced or not self.spread.count:
            return ()
        if (said := self._stand_in) is not None:
            end = "begins" if said < 0.0 else "ends"
            return (
                f"Column {shown(name)} {end} at {said:.12g}: if that stands for no value, na_values={said:.12g} says "
                "so.",
            )
        if (form := _form_of_days(least)) is not None and form == _form_of_days(most):
            return (
                f"Column {shown(name)} has numbers such as {least:.0f}: if they are dates, types={name}=date and "
                f"date_format={form} read them so.",
            )
        if len(self.values) > 2 and all(map(_is_month, self.values)) and most - least > 12.0:
            return (
                f"Column {shown(name)} has numbers such as {least:.0f}: if they are months, types={name}=date and "
                "date_format=%Y%m read them so.",
            )
        return ()

    @property
    def _far_day(self) -> tuple[str, ...]:
        """What to say of the first or the last day, if it is far from all others, as 1900-01-01 of databases is."""
        least, most = -self.low.value, self.high.value
        for word, day, next_day in (("begins", least, -self.low.next), ("ends", most, self.high.next)):
            gap = abs(day - next_day)
            others = most - least - gap
            if math.isfinite(gap) and others > 0.0 and gap > max(FAR_DAYS, FAR_BELOW * others):
                said = date.fromordinal(min(max(math.floor(day), FIRST_DAY), LAST_DAY) + EPOCH)
                return (
                    f"Column {shown(self.column.name)} {word} at {said}, far from all other dates: if that stands for "
                    f"no value, na_values={said} says so.",
                )
        return ()

    @property
    def _stand_in(self) -> float | None:
        """The least or the largest number, if it looks as if it stood for no value."""
        least, most = -self.low.value, self.high.value
        if -least in STAND_INS and most > least:
            return least
        if self.high.next in (-math.inf, least):  # two different numbers, or one
            return None
        if least < 0.0 <= -self.low.next and most > 1.0 and self.low.count > 1:
            return least
        below = abs(least) / max(abs(self.low.next), abs(most))
        above = abs(most) / (max(abs(self.high.next), abs(least)) or math.inf)
        if below >= FAR_BELOW and self.low.count > 1:
            return least
        far = APART if most in STAND_INS or round(most, 2) in NINES else FAR_ABOVE
        return most if above >= far and self.high.count > 1 else None

    def check(self, path: str = "file") -> None:
        """Raise `RefusedError` for numbers that cannot be trained on."""
        name = shown(self.column.name)
        if self.infinite:
            raise RefusedError(
                f"has {self.infinite:,} infinite numbers in column {name}, the first in row "
                f"{self.first_infinite}: write a number, or leave the cell empty",
                path=path,
            )
        if self.beyond is not None:
            raise RefusedError(
                f"has whole numbers beyond 2^53 in column {name}, the first in row {self.beyond}: as "
                f"numbers they lose digits. Is it an id? Leave it out, columns=-{self.column.name}, or say "
                f"types={self.column.name}=category",
                path=path,
            )
        check_range(self.spread, f"column {name}", path)


def check_range(spread: Spread, where: str, path: str = "file") -> None:
    """Raise `RefusedError` for numbers so large that their squares are none."""
    if spread.count and not (math.isfinite(spread.deviation) and math.isfinite(spread.mean)):
        raise RefusedError(
            f"has numbers from {spread.least:.6g} to {spread.most:.6g} in {where}, too large for their deviation to be "
            "a number: write them in a larger unit",
            path=path,
        )


def _form_of_days(number: float) -> str | None:
    """The format by which a number is a day from 1900 to 2100, YYYYMMDD, or a moment of one; None if it is none."""
    form = FORMS_OF_DAYS.get(len(text := f"{number:.0f}")) if number.is_integer() else None
    if form is None:
        return None
    try:
        day = datetime.strptime(text, form)  # noqa: DTZ007
    except ValueError:
        return None
    return form if 1900 <= day.year <= 2100 else None


def _is_month(number: float) -> bool:
    """Whether a number is a month from 1900 to 2100 as YYYYMM."""
    return 190_000.0 < number < 210_100.0 and number.is_integer() and 1 <= int(number) % 100 <= 12


def _is_zero_led(texts: Texts | None) -> bool:
    if texts is None:
        return False
    return bool(pc.any(pc.match_substring_regex(texts.values, LED)).as_py())


@dataclass(frozen=True)
class Found:
    """One column of a file: what it is, and what it holds."""

    name: str
    role: Role
    rows: int
    decision: Decision
    evidence: Evidence | None = None
    measure: Measure | None = None

    @property
    def kind(self) -> ColumnKind:
        """What it is."""
        return self.decision.kind

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.measure.missing if self.measure is not None else self.decision.missing

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of it."""
        return self.decision.notes if self.measure is None else (*self.decision.notes, *self.measure.notes)

    @property
    def first_missing(self) -> int | None:
        """The first of them."""
        if self.measure is not None:
            return self.measure.first_missing
        found = () if self.evidence is None else (self.evidence.first_gap, self.evidence.first_mark)
        return min((row for row in found if row is not None), default=None)

    @property
    def distinct(self) -> int | None:
        """Different values; None when there were too many to count."""
        if self.measure is not None:
            return None if self.measure.uncounted or self.kind is ColumnKind.date else len(self.measure.values)
        if self.evidence is None or self.evidence.uncounted:
            return None
        return self.decision.distinct if self.decision.distinct is not None else len(self.evidence.texts)

    def column(self) -> Column:
        """The column as features. Raises `RefusedError` for numbers that cannot be trained on."""
        if self.measure is not None and self.role is not Role.unused:
            self.measure.check()
        return Column(
            name=self.name,
            type=self.kind,
            gaps=self.missing > 0,
            categories=self.decision.categories if self.role is Role.feature else (),
            role=self.role,
            format=self.decision.form,
        )

    def bins(self) -> Bins | None:
        """Empty bins for its numbers."""
        return None if self.measure is None else Bins.over(self.measure.spread)

    def values(self) -> list[ValueCount]:
        """Its most frequent words."""
        if self.evidence is None or self.kind not in (ColumnKind.category, ColumnKind.boolean):
            return []
        gaps = self.decision.form.gap_words(among_words=self.kind is ColumnKind.category)
        words = Counter({word: count for word, count in self.evidence.texts.items() if word not in gaps})
        words.update({word: count for word, count in self.evidence.gaps.items() if word not in gaps})
        return [ValueCount(value=word, count=count) for word, count in words.most_common(SHOWN_VALUES)]

    def profile(self, bins: Bins | None) -> ColumnProfile:
        """The column as people see it."""
        spread = self.measure.spread if self.measure is not None else Spread()
        return ColumnProfile(
            name=self.name,
            type=self.kind,
            missing=self.missing,
            distinct=self.distinct,
            min=_finite(spread.least) if spread.count else None,
            max=_finite(spread.most) if spread.count else None,
            mean=_finite(spread.mean) if spread.count else None,
            deviation=_finite(spread.deviation) if spread.count else None,
            histogram=bins.view() if bins is not None else None,
            values=self.values(),
            role=self.role,
            format=self.decision.form,
        )


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
