"""Raw rows, as people have them, as the numbers that a table holds of them."""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spec.cells import clean, truth
from spec.field_error import FieldError
from spec.schema import ColumnKind

from .errors import RowsError
from .preprocessing import Array, Input, Preprocessing

MOST = 100
"""Most faults that are told at once."""
SHOWN = 50
LARGEST = sys.float_info.max


class _CellError(ValueError):
    """A cell is not what its column holds."""


def numbers_of(rows: Sequence[Any], prepared: Preprocessing) -> Array:
    """The rows' numbers, [rows, numbers], as training saw them. Raises `RowsError`.

    A row is an object with a value for each column; the target and columns that are not used may be there or not. Or
    it is a list with the values of the used columns, in their order; of an image it may be nested as its axes are.
    """
    used = prepared.used
    allowed = {column.name for column in prepared.inputs} | {prepared.output.name, *prepared.output.sources}
    faults: list[FieldError] = []
    found = []
    for place, row in enumerate(rows):
        named = _named(row, prepared)
        if named is None:
            many = f", or a list of their {len(used)} values" if len(used) > 1 else ""
            faults.append(FieldError(path=f"rows.{place}", message=f"must be an object with {_names(used)}{many}"))
        else:
            found.append(_numbers(named, f"rows.{place}.", used, allowed, faults, prepared.image))
        if len(faults) >= MOST:
            break
    if faults:
        raise RowsError(faults[:MOST])
    return np.array(found, dtype=np.float64).reshape(len(rows), sum(column.size for column in used))


def unknown_words(rows: Sequence[Any], prepared: Preprocessing, x: Array) -> dict[str, list[str]]:
    """The words of columns of categories that no category has, a few of each; `x` are the rows' numbers."""
    found: dict[str, list[str]] = {}
    at = 0
    for column in prepared.used:
        if column.type is ColumnKind.category:
            strange = np.flatnonzero(x[:, at] == len(column.categories))[:MOST].tolist()
            named = (_named(rows[place], prepared) or {} for place in strange)
            words = [clean(str(row[column.name])) for row in named]
            found |= {column.name: list(dict.fromkeys(words))} if words else {}
        at += column.size
    return found


def _named(row: Any, prepared: Preprocessing) -> Mapping[str, Any] | None:
    """The row's values by column, whose names are read as in a file; None of what is no row."""
    if isinstance(row, Mapping):
        named = {clean(str(name)): cell for name, cell in row.items()}
        return named if len(named) == len(row) else row  # two that would be one are told
    if not isinstance(row, list):
        return None
    used = prepared.used
    if len(used) == 1:
        return {used[0].name: row if len(row) != 1 else row[0]}
    values = row if prepared.image is None else np.array(row, dtype=object).reshape(-1).tolist()
    return (
        {column.name: value for column, value in zip(used, values, strict=True)} if len(values) == len(used) else None
    )


def _numbers(
    row: Mapping[str, Any],
    path: str,
    used: Sequence[Input],
    allowed: set[str],
    faults: list[FieldError],
    image: tuple[int, int, int] | None,
) -> list[float]:
    faults += [
        FieldError(path=path + name[:SHOWN], message=f"is no column of the model: it has {_names(used)}")
        for name in row
        if name not in allowed
    ]
    numbers: list[float] = []
    for column in used:
        if column.name not in row:
            faults.append(FieldError(path=path + column.name, message="is missing"))
            continue
        try:
            numbers += _cell(column, row[column.name], image)
        except _CellError as error:
            faults.append(FieldError(path=path + column.name, message=str(error)))
    return numbers


def _cell(column: Input, value: Any, image: tuple[int, int, int] | None) -> list[float]:
    """The numbers of one cell; NaN for a gap."""
    if column.size > 1:
        return _many(column, value, image)
    value = clean(value) if isinstance(value, str) else value
    number = math.nan if _is_gap(column, value) else _meaning(column, value)
    if column.format.gaps and number in column.gap_numbers:
        number = math.nan
    if math.isnan(number) and not column.takes_gaps:
        raise _CellError("has no value, and in training every row had one")
    return [number]


def _is_gap(column: Input, value: Any) -> bool:
    """Whether a cell is a missing value by its text, which a number has too."""
    if value is None or value == "":
        return True
    if isinstance(value, str):
        return value in column.gap_words
    return bool(column.format.gaps) and not column.gap_words.isdisjoint(_words(value))


def _meaning(column: Input, value: Any) -> float:
    """The number of a cell that has a value."""
    match column.type:
        case ColumnKind.number:
            return _number(column, value)
        case ColumnKind.boolean:
            return _truth(value)
        case ColumnKind.date:
            return _days(column, value)
    return float(category_of(column, value))


def category_of(column: Input, value: Any) -> int:
    """The place of a value among the categories of its column; their number for one that nobody knows."""
    places = (column.categories.index(word) for word in _words(value) if word in column.categories)
    return next(places, len(column.categories))


def _words(value: Any) -> list[str]:
    """The texts that a value may have in a file: 1.0 of a program may be 1 there, 1 may be 1.0, true TRUE."""
    if isinstance(value, bool):
        word = str(value)
        return [word.lower(), word, word.upper()]
    words = [clean(str(value))]
    if isinstance(value, float) and value.is_integer():
        words.append(str(int(value)))
    elif isinstance(value, int):
        words.append(f"{value}.0")
    return words


def _many(column: Input, value: Any, image: tuple[int, int, int] | None) -> list[float]:
    try:
        given = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _CellError(f"must be {column.size} numbers") from error
    except OverflowError as error:  # an integer that no float holds
        raise _CellError("must be finite numbers") from error
    if given.size != column.size:
        raise _CellError(f"must be {column.size} numbers; it has {given.size}")
    if image is not None:
        given = _planes(column, given, image)
    numbers = given.reshape(-1)
    if np.isinf(numbers).any() or (np.isnan(numbers).any() and not column.takes_gaps and image is None):
        raise _CellError("must be finite numbers")
    listed: list[float] = numbers.tolist()
    return listed


def _planes(column: Input, given: Array, image: tuple[int, int, int]) -> Array:
    """An image channel by channel: its shape tells where its channels are; flat numbers have the file's order."""
    channels, height, width = image
    shapes = {False: image, True: (height, width, channels)}
    axes = _axes(given.shape)
    for last in (column.channels_last, not column.channels_last):  # the file's order first: both may fit
        if len(axes) < 2 or axes == _axes(shapes[last]):
            return given.reshape(shapes[True]).transpose(2, 0, 1) if last else given
    raise _CellError(f"must be an image of shape {shapes[False]} or {shapes[True]}; its shape is {given.shape}")


def _axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The lengths of axes that are more than one."""
    return tuple(length for length in shape if length > 1)


def _number(column: Input, value: Any) -> float:
    number = column.format.number_given(value) if isinstance(value, str) else value
    if isinstance(number, int) and abs(number) > LARGEST:
        raise _CellError("must be a number up to 1.8e308")
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise _CellError(f"{column.format.number_wanted(str(value))}; it is {_short(value)}")
    return float(number)


def _truth(value: Any) -> float:
    found = truth(clean(str(value)))
    if found is None:
        raise _CellError(f"must be true or false; it is {_short(value)}")
    return found


def _days(column: Input, value: Any) -> float:
    found = column.format.days_given(value) if isinstance(value, str) else None
    if found is None:
        raise _CellError(f"must be a date such as 2026-11-25; it is {_short(value)}")
    return found


def _names(columns: Sequence[Input]) -> str:
    names = ", ".join(column.name for column in columns[:20])
    return names + (f" and {len(columns) - 20} more" if len(columns) > 20 else "")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
