"""What rows have that the training rows had not: categories, and numbers far outside their range."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from spec.schema import ColumnKind

from .preprocessing import Array, Input, Preprocessing

FAR = 1.0
"""Far is further outside than the range is wide, so many times."""
MOST = 20
"""Most columns of which something is said."""
SHOWN = 5


def warnings_of(prepared: Preprocessing, x: Array, words: Mapping[str, Sequence[str]]) -> list[str]:
    """Sentences about rows, [rows, numbers] as a table holds them; `words` are those that no category has."""
    said, at = list[str](), 0
    for column in prepared.used:
        part = x[:, at : at + column.size]
        at += column.size
        if column.type is ColumnKind.category:
            said += _unseen(column, part[:, 0], words.get(column.name, ()))
        elif column.type in (ColumnKind.number, ColumnKind.date):
            said += _far(column, part)
    return said if len(said) <= MOST else [*said[:MOST], f"{len(said) - MOST:,} more columns have such values."]


def _unseen(column: Input, codes: Array, words: Sequence[str]) -> list[str]:
    there = np.where(np.isnan(codes), -1, codes).astype(np.int64)
    strange = np.append(~np.array(column.seen, dtype=bool), [True, False])[there]  # the last is of gaps, -1
    if not strange.any():
        return []
    known = [column.categories[code] for code in np.unique(there[strange]).tolist() if code < len(column.categories)]
    names = ", ".join(repr(word) for word in [*known, *words][:SHOWN])
    more = " ..." if len(known) + len(words) > SHOWN else ""
    return [
        f"Column {column.name!r} has {names or 'values'}{more} in {_rows(strange)}, which the training rows do "
        "not have: it is treated as `other`."
    ]


def _far(column: Input, values: Array) -> list[str]:
    if column.range is None:
        return []
    least, most = column.range
    width = (most - least) * FAR
    far: npt.NDArray[np.bool_] = np.any((values < least - width) | (values > most + width), axis=1)
    if not far.any():
        return []
    cells = values[int(far.argmax())]
    value = float(cells[int(np.argmax((cells < least - width) | (cells > most + width)))])
    found, low, high = (_shown(column, number) for number in (value, least, most))
    return [
        f"Column {column.name!r} has {found} in {_rows(far)}, far outside the training rows' range, {low} to {high}: "
        "the prediction may be far off."
    ]


def _shown(column: Input, number: float) -> str:
    if column.type is ColumnKind.date:
        return str(np.datetime64("1970-01-01") + np.timedelta64(round(number * 86_400), "s"))
    return f"{number:.6g}"


def _rows(where: npt.NDArray[np.bool_]) -> str:
    first, count = int(where.argmax()) + 1, int(where.sum())
    return f"row {first}" if count == 1 else f"{count:,} rows, the first row {first}"
