"""Raw rows, as people have them, as the numbers that a table holds of them."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from spec.cells import DATE, FALSE, MISSING, NUMBER, TRUE
from spec.schema import ColumnKind
from spec.views import FieldError

from .errors import RowsError
from .preprocessing import Array, Input, Preprocessing

MOST = 100
"""Most faults that are told at once."""
SHOWN = 50


class _CellError(ValueError):
    """A cell is not what its column holds."""


def numbers_of(rows: Sequence[Any], prepared: Preprocessing) -> Array:
    """The rows' numbers, [rows, numbers], as training saw them. Raises `RowsError`.

    A row is an object with a value for each column; the target and columns that are not used may be there or not. Where
    the columns have no names of their own, a row is a list of numbers.
    """
    used = prepared.used
    allowed = {column.name for column in prepared.inputs} | {prepared.output.name}
    faults: list[FieldError] = []
    found = []
    for place, row in enumerate(rows):
        if isinstance(row, list) and len(used) == 1:
            row = {used[0].name: row if len(row) != 1 else row[0]}  # noqa: PLW2901 - the same row, in full
        if not isinstance(row, Mapping):
            faults.append(FieldError(path=f"rows.{place}", message=f"must be an object with {_names(used)}"))
        else:
            found.append(_numbers(row, f"rows.{place}.", used, allowed, faults))
        if len(faults) >= MOST:
            break
    if faults:
        raise RowsError(faults[:MOST])
    return np.array(found, dtype=np.float64).reshape(len(rows), -1)


def _numbers(
    row: Mapping[str, Any], path: str, used: Sequence[Input], allowed: set[str], faults: list[FieldError]
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
            numbers += _cell(column, row[column.name])
        except _CellError as error:
            faults.append(FieldError(path=path + column.name, message=str(error)))
    return numbers


def _cell(column: Input, value: Any) -> list[float]:
    """The numbers of one cell; NaN for a gap."""
    if column.size > 1:
        return _many(column, value)
    if value is None or (isinstance(value, str) and value.strip() in MISSING):
        if not column.gaps:
            raise _CellError("has no value, and in training every row had one")
        return [math.nan]
    match column.type:
        case ColumnKind.number:
            return [_number(value)]
        case ColumnKind.boolean:
            return [_truth(value)]
        case ColumnKind.date:
            return [_days(value)]
    text = str(value).lower() if isinstance(value, bool) else str(value).strip()
    return [float(column.categories.index(text)) if text in column.categories else float(len(column.categories))]


def _many(column: Input, value: Any) -> list[float]:
    try:
        numbers = np.asarray(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise _CellError(f"must be {column.size} numbers") from error
    if numbers.size != column.size:
        raise _CellError(f"must be {column.size} numbers; it has {numbers.size}")
    if np.isinf(numbers).any() or (np.isnan(numbers).any() and not column.gaps):
        raise _CellError("must be finite numbers")
    listed: list[float] = numbers.tolist()
    return listed


def _number(value: Any) -> float:
    if isinstance(value, str) and re.match(NUMBER, value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _CellError(f"must be a number; it is {_short(value)}")
    return float(value)


def _truth(value: Any) -> float:
    word = str(value).strip().lower()
    if word in TRUE | FALSE:
        return float(word in TRUE)
    raise _CellError(f"must be true or false; it is {_short(value)}")


def _days(value: Any) -> float:
    try:
        if isinstance(value, str) and re.match(DATE, value):
            moment = datetime.fromisoformat(value).replace(tzinfo=UTC)
            return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() / 86_400.0
    except ValueError:  # the 31st of June
        pass
    raise _CellError(f"must be a date such as 2026-11-25; it is {_short(value)}")


def _names(columns: Sequence[Input]) -> str:
    names = ", ".join(column.name for column in columns[:20])
    return names + (f" and {len(columns) - 20} more" if len(columns) > 20 else "")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
