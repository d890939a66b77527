"""Rows to predict, as a user has them: objects, lists, an array or a frame; sent as plain JSON values."""

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from spec.field_error import FieldError

from ..errors import WrongUseError
from .frames import is_frame

MOST_ROWS = 10_000
"""Most rows in one request."""
MOST_CELLS = 500_000
"""Most values in one request, which holds 32 MiB."""

_NARROWER: Mapping[str, str] = {
    **{"datetime64[ns]": "datetime64[us]", "timedelta64[ns]": "timedelta64[us]"},
    **dict.fromkeys(("float128", "float96", "longdouble"), "float64"),
}
"""Types of NumPy that Python does not have, and what they become."""


def rows_of(data: Any) -> list[Any]:
    """The rows of a frame, an array [rows, columns], or a sequence of rows; one object is one row.

    A gap is None. Raises `WrongUseError` for anything else.
    """
    if is_frame(data):
        return [_plain(row) for row in _records(data)]
    if isinstance(data, Mapping):
        return [_plain(data)]
    if hasattr(data, "tolist"):
        if data.ndim < 2:
            raise WrongUseError(f"An array of rows has two axes or more, [rows, columns]; this one has {data.ndim}.")
        return [_plain(row) for row in _listed(data)]
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return [_plain(row) for row in data]
    raise WrongUseError(f"Rows are a list of rows, an array or a frame, not {type(data).__name__}.")


def some_rows_of(data: Any) -> list[Any]:
    """As `rows_of`; also raises `WrongUseError` where there is no row."""
    if rows := rows_of(data):
        return rows
    raise WrongUseError("There are no rows to predict.")


def index_of(data: Any) -> Any:
    """The index of a frame of pandas; None of anything else."""
    return data.index if is_frame(data) and not hasattr(data, "to_dicts") else None


def chunks(rows: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    """The rows in parts that one request may hold, each with the place of its first row."""
    width = max((_cells(row) for row in rows), default=1)
    count = max(1, min(MOST_ROWS, MOST_CELLS // max(width, 1)))
    for at in range(0, len(rows), count):
        yield at, rows[at : at + count]


def shifted(errors: Sequence[FieldError], by: int) -> list[FieldError]:
    """Errors of a part of the rows, with the places that the rows have among all."""
    found = []
    for error in errors:
        kind, place, *rest = [*error.path.split(".", 2), ""]
        is_row = kind == "rows" and place.isdigit()
        path = ".".join(part for part in (kind, str(int(place) + by), rest[0]) if part) if is_row else error.path
        found.append(FieldError(path=path, message=error.message))
    return found


def _records(frame: Any) -> Any:
    if hasattr(frame, "to_dicts"):  # polars
        return frame.to_dicts()
    return frame.astype(object).where(frame.notna(), None).rename(columns=str).to_dict("records")


def _plain(value: Any) -> Any:
    """A value as JSON has it: a gap as null, a date as text, a duration in seconds."""
    if isinstance(value, float):
        return None if math.isnan(value) else str(value) if math.isinf(value) else float(value)
    if isinstance(value, Decimal):  # as a text it would be read by the marks of the uploaded file
        return _plain(float(value))
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if hasattr(value, "tolist"):  # NumPy
        return _plain(_listed(value))
    if hasattr(value, "total_seconds"):
        return _plain(value.total_seconds())
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else str(value)


def _listed(value: Any) -> Any:
    """A scalar or an array of NumPy as Python has it, which has neither nanoseconds nor longer doubles."""
    narrower = _NARROWER.get(str(getattr(value, "dtype", "")))
    return (value if narrower is None else value.astype(narrower)).tolist()


def _cells(row: Any) -> int:
    values = row.values() if isinstance(row, Mapping) else row
    return sum(map(_cells, values)) if isinstance(row, Mapping | list) else 1
