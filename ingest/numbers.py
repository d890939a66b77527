"""How the cells of a column become numbers: themselves, days, 0 or 1, or the place of a category; NaN for none."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spec.cells import PLAIN
from spec.schema import Column, ColumnKind

from .texts import Floats, Texts, days, days_in, floats, is_text, numbers_in, plain_numbers, truth_in


@dataclass(frozen=True)
class Cells:
    """The cells of a column, some rows of it."""

    numbers: Floats
    gaps: npt.NDArray[np.bool_]
    """Where there is no value."""
    texts: Texts | None = None
    """The cells as texts, where they were looked at as such."""

    @property
    def odd(self) -> npt.NDArray[np.bool_]:
        """Where there is a value, and it is not what the column holds."""
        return np.isnan(self.numbers) & ~self.gaps

    def word(self, row: int) -> str:
        """The text of a row."""
        assert self.texts is not None  # noqa: S101 - cells that are odd are texts
        return str(self.texts.values[int(self.texts.codes[row])].as_py())


Encoder = Callable[[pa.Array], Cells]


def encoder(column: Column) -> Encoder:
    """How this column's cells become numbers."""
    match column.type:
        case ColumnKind.number:
            return _Numbers(column)
        case ColumnKind.date:
            return lambda chunk: _days(chunk, column)
        case ColumnKind.boolean:
            return lambda chunk: _truths(chunk, column)
    return _Places(column)


def _through(chunk: pa.Array, column: Column, meaning: Callable[[pa.Array], Floats]) -> Cells:
    texts = Texts.of(chunk, column.name).without(column.gap_words)
    return Cells(texts.mapped(meaning(texts.values)), texts.codes < 0, texts)


class _Numbers:
    def __init__(self, column: Column) -> None:
        self._column, self._form = column, column.format
        self._is_plain = self._form.model_copy(update={"gaps": None}) == PLAIN
        self._gaps = _gap_numbers(column)

    def __call__(self, chunk: pa.Array) -> Cells:
        kind = chunk.type
        if pa.types.is_dictionary(kind) or not (is_text(kind) or _is_number(kind)):
            return self._texts(chunk)
        if is_text(kind):
            found = plain_numbers(chunk, self._column.gap_words) if self._is_plain else None
            if found is None:
                return self._texts(chunk)
        else:
            found = floats(chunk.cast(pa.float64(), safe=False))
        if self._gaps.size:
            found = np.where(np.isin(found, self._gaps), math.nan, found)
        return Cells(found, np.isnan(found))

    def _texts(self, chunk: pa.Array) -> Cells:
        cells = _through(chunk, self._column, lambda values: numbers_in(values, self._form))
        return _without(cells, self._gaps)


class _Places:
    def __init__(self, column: Column) -> None:
        self._column = column
        self._places = {value: float(place) for place, value in enumerate(column.categories)}

    def __call__(self, chunk: pa.Array) -> Cells:
        is_number, other = _is_number(chunk.type), float(len(self._places))

        def place(values: pa.Array) -> Floats:
            found = values.to_pylist()
            if is_number:  # 1 of a column of numbers may be 1.0 of a text file
                return np.array([self._places.get(v, self._places.get(f"{v}.0", other)) for v in found], np.float64)
            return np.array([self._places.get(value, other) for value in found], dtype=np.float64)

        return _through(chunk, self._column, place)


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind))


def _days(chunk: pa.Array, column: Column) -> Cells:
    gaps = _gap_numbers(column)
    if pa.types.is_date(chunk.type) or pa.types.is_timestamp(chunk.type):
        found = days(chunk)
        return _without(Cells(found, np.isnan(found)), gaps)
    return _without(_through(chunk, column, lambda values: days_in(values, column.format)), gaps)


def _gap_numbers(column: Column) -> Floats:
    return np.array(sorted(column.gap_numbers), dtype=np.float64)


def _without(cells: Cells, gaps: Floats) -> Cells:
    """The cells, where these numbers or days are no value, however they are written."""
    is_gap = np.isin(cells.numbers, gaps)
    return replace(cells, numbers=np.where(is_gap, math.nan, cells.numbers), gaps=cells.gaps | is_gap)


def _truths(chunk: pa.Array, column: Column) -> Cells:
    return _through(chunk, column, truth_in)
