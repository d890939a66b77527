"""How the cells of a column become numbers: themselves, days, 0 or 1, or the place of a category; NaN for none."""

import math
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from spec.schema import Column, ColumnKind

from .texts import Floats, Texts, as_numbers, days, days_in, floats, numbers_in, truth_in


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
        direct = as_numbers(chunk)
        return numbers_in(chunk) if direct is None else direct
    return floats(chunk.cast(pa.float64(), safe=False))


def _encode_days(chunk: pa.Array) -> Floats:
    if pa.types.is_date(chunk.type) or pa.types.is_timestamp(chunk.type):
        return days(chunk)
    return _through(chunk, "", days_in)
