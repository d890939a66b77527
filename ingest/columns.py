"""What a column holds: learned batch by batch, then written as numbers."""

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spec.cells import DATE, FALSE, NUMBER, TRUE
from spec.profile import ColumnProfile, Histogram, ValueCount
from spec.schema import Column, ColumnKind

from . import limits
from .errors import RefusedError, shown

Floats = npt.NDArray[np.float64]

MOSTLY = 0.9
"""A column with so large a share of numbers is a column of numbers, and what is none in it is a mistake."""
BINS = 10
SHOWN_VALUES = 20
DAY_S = 86_400.0


@dataclass(frozen=True)
class Texts:
    """A batch of texts: each different one once, and which of them each row has (-1: none)."""

    values: pa.Array
    codes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, chunk: pa.Array, name: str) -> "Texts":
        """The texts of a batch, trimmed. Raises `RefusedError` for one that is no cell but a document."""
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        raw = coded.dictionary
        longest = pc.max(pc.binary_length(raw)).as_py() or 0
        if longest > limits.CELL_BYTES:
            raise RefusedError(
                f"has a value of {longest:,} bytes in column {shown(name)}; at most {limits.CELL_BYTES:,} are read"
            )
        codes = pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
        values = pc.utf8_trim_whitespace(raw.cast(pa.string()))
        says = pc.fill_null(pc.not_equal(values, ""), False).to_numpy(zero_copy_only=False)
        if not says.all():  # blanks are no value
            codes = np.where((codes >= 0) & says[codes], codes, -1)
        return cls(values, codes)

    def counts(self) -> Counter[str]:
        """How many rows have each text."""
        many = np.bincount(self.codes + 1, minlength=len(self.values) + 1)[1:]
        found: Counter[str] = Counter()
        for value, count in zip(self.values.to_pylist(), many.tolist(), strict=True):
            if count:
                found[value] += count
        return found

    def mapped(self, numbers: Floats) -> Floats:
        """What each row has, given what each different text is; NaN where it has none."""
        return np.append(numbers, math.nan)[self.codes]


def numbers_in(values: pa.Array) -> Floats:
    """Texts as numbers; NaN where one is none."""
    try:
        return _floats(values.cast(pa.float64()))
    except pa.ArrowInvalid:
        fits = pc.match_substring_regex(values, NUMBER)
        return _floats(pc.utf8_trim_whitespace(pc.if_else(fits, values, None)).cast(pa.float64()))


def days_in(values: pa.Array) -> Floats:
    """Texts as days since 1970; NaN where one is no date (ISO 8601: 2026-11-25, 2026-11-25 08:30)."""
    plain = pc.utf8_rtrim(pc.if_else(pc.match_substring_regex(values, DATE), values, None), characters="Z")
    try:
        return _days(plain.cast(pa.timestamp("us")))
    except pa.ArrowInvalid:  # the 31st of June
        return _floats(pa.nulls(len(values), pa.float64()))


def truth_in(values: pa.Array) -> Floats:
    """Texts as 0 or 1; NaN where one is neither yes nor no."""
    words = [(value or "").lower() for value in values.to_pylist()]
    return np.array([1.0 if word in TRUE else 0.0 if word in FALSE else math.nan for word in words])


def _floats(array: pa.Array) -> Floats:
    found: Floats = pc.fill_null(array, math.nan).to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return found


def _days(array: pa.Array) -> Floats:
    return _floats(array.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64(), safe=False)) / (DAY_S * 1e6)


@dataclass
class Spread:
    """Least, most, mean and deviation of numbers that come in batches."""

    count: int = 0
    least: float = math.inf
    most: float = -math.inf
    mean: float = 0.0
    _squares: float = 0.0

    def take(self, numbers: npt.NDArray[Any]) -> None:
        """Add finite numbers (Chan's way of merging, which loses no digits)."""
        if not numbers.size:
            return
        count, mean = numbers.size, float(numbers.mean(dtype=np.float64))
        apart, total = mean - self.mean, self.count + count
        self._squares += float(np.square(numbers - mean, dtype=np.float64).sum())
        self._squares += apart * apart * self.count * count / total
        self.mean += apart * count / total
        self.count = total
        self.least, self.most = min(self.least, float(numbers.min())), max(self.most, float(numbers.max()))

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0


@dataclass
class Bins:
    """A histogram over a range that is known."""

    edges: Floats
    counts: npt.NDArray[np.int64]

    @classmethod
    def over(cls, spread: Spread) -> "Bins | None":
        """Empty bins over the range; None where there is none."""
        if not spread.count or not math.isfinite(spread.most - spread.least):
            return None
        edges = np.histogram_bin_edges(np.array([spread.least, spread.most]), bins=BINS)
        return cls(edges, np.zeros(BINS, dtype=np.int64))

    def take(self, numbers: npt.NDArray[Any]) -> None:
        """Count these."""
        self.counts += np.histogram(numbers, bins=self.edges)[0]

    def view(self) -> Histogram:
        """As people see it."""
        return Histogram(edges=self.edges.tolist(), counts=self.counts.tolist())


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
            self._take_days(_days(chunk))
        elif pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type):
            direct = None if self.counts_texts else _cast(chunk)
            if direct is None:
                self._take_texts(chunk)
            else:
                self.took_numbers = True
                self._take_numbers(direct, chunk)
        elif pa.types.is_dictionary(chunk.type):
            self._take_texts(chunk)
        else:
            self.typed = ColumnKind.number
            self._take_numbers(_floats(chunk.cast(pa.float64(), safe=False)), chunk)
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
            self._count(self.values, dict(zip(found.tolist(), many.tolist(), strict=True)))

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

    def _take_days(self, days: Floats) -> None:
        self._miss(np.isnan(days))
        there = days[~np.isnan(days)]
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
            self._count(self.texts, texts.counts())
        if self.first_other is not None:
            days = texts.mapped(days_in(texts.values))
            there = days[~np.isnan(days)]
            self.dates += there.size
            self.days.take(there)
            if len(texts.values) <= 2 * (len(TRUE) + len(FALSE)):
                self.truths += int(np.isfinite(texts.mapped(truth_in(texts.values))).sum())

    def _count(self, counter: Counter[Any], found: dict[Any, int]) -> None:
        counter.update(found)
        if len(counter) > limits.COUNTED:
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
                ValueCount(value=value[:200], count=count)
                for value, count in self.texts.most_common(SHOWN_VALUES)
                if kind in (ColumnKind.category, ColumnKind.boolean)
            ],
        )


def _cast(chunk: pa.Array) -> Floats | None:
    """Texts as numbers, when all of them are."""
    try:
        return _floats(chunk.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None


def encoder(column: Column) -> Callable[[pa.Array], Floats]:
    """How this column's cells become numbers: themselves, days, 0 or 1, or the place of a category; NaN for none."""
    match column.type:
        case ColumnKind.number:
            return _encode_numbers
        case ColumnKind.date:
            return _encode_days
        case ColumnKind.boolean:
            return lambda chunk: _through(chunk, column.name, truth_in)
    places = {value: float(place) for place, value in enumerate(column.categories)}
    other = float(len(places))

    def place(values: pa.Array) -> Floats:
        return np.array([places.get(value, other) for value in values.to_pylist()], dtype=np.float64)

    return lambda chunk: _through(chunk, column.name, place)


def _through(chunk: pa.Array, name: str, numbers: Callable[[pa.Array], Floats]) -> Floats:
    if pa.types.is_null(chunk.type):
        return np.full(len(chunk), math.nan)
    if pa.types.is_boolean(chunk.type):
        chunk = chunk.cast(pa.string())
    texts = Texts.of(chunk, name)
    return texts.mapped(numbers(texts.values))


def _encode_numbers(chunk: pa.Array) -> Floats:
    if pa.types.is_dictionary(chunk.type):
        return _through(chunk, "", numbers_in)
    if pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type):
        direct = _cast(chunk)
        return numbers_in(chunk) if direct is None else direct
    return _floats(chunk.cast(pa.float64(), safe=False))


def _encode_days(chunk: pa.Array) -> Floats:
    if pa.types.is_date(chunk.type) or pa.types.is_timestamp(chunk.type):
        return _days(chunk)
    return _through(chunk, "", days_in)
