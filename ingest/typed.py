"""Numbers that a workbook or JSON holds as numbers: written as text that their column reads, with its mark and unit."""

import math
from collections.abc import Sequence
from decimal import Decimal

from spec.cells import CREDIT_DEBIT, CellFormat, clean
from spec.reading import ReadingOptions
from spec.schema import Column, ColumnKind

from .headers import names_of
from .titles import MOST

LONGEST_S = 9999 * 3600.0
"""So long may a duration be that is written as h:mm:ss."""


class TypedNumbers:
    """How the numbers of a file are written.

    `columns` are those of a model, by which rows to predict are read: a number needs no mark there, and its column may
    have any. Of an upload there are none, and the options say how all are written.
    """

    def __init__(self, options: ReadingOptions, columns: Sequence[Column] = (), *, are_seconds: bool = False) -> None:
        """`are_seconds` says whether a number in a column of times is its seconds."""
        self._mark = options.decimal or ("," if options.thousands == "." else ".")
        self._are_seconds = are_seconds
        self._columns = {column.name: column for column in columns}
        by_place = all(map(str.isdecimal, self._columns))
        self._at = {int(name): column for name, column in self._columns.items()} if by_place else {}
        self._rows_left = MOST + 1 if columns else 0

    def name_columns(self, row: Sequence[str]) -> None:
        """Look at a row, which may have the names of the columns; the first one that has them all does."""
        if not self._rows_left:
            return
        self._rows_left -= 1
        names, _, _ = names_of([[clean(cell) for cell in row]], has_header=True, named=self._columns)
        if self._columns.keys() <= set(names):
            self._rows_left = 0
            self._at = {place: self._columns[name] for place, name in enumerate(names) if name in self._columns}

    def text(self, number: str, place: int) -> str:
        """A number, as programs write it, as the text of the column at a place."""
        column = self._at.get(place)
        if column is None or column.type is not ColumnKind.number:
            return number.replace(".", self._mark)
        if number in column.gap_words:
            return number
        return self._in_form(number, column.format)

    def _in_form(self, number: str, form: CellFormat) -> str:
        if form.is_clock:
            return _clock(float(number)) or number if self._are_seconds else number
        if form.unit == "%" and math.isfinite(value := float(number)):
            number = f"{100 * Decimal(repr(value)):f}%"
        if form.unit == CREDIT_DEBIT:
            number = f"{number.removeprefix('-')} {'DR' if number.startswith('-') else 'CR'}"
        return number.replace(".", form.decimal)


def _clock(seconds: float) -> str | None:
    """Seconds as h:mm:ss; None of more than that says."""
    if not abs(seconds) < LONGEST_S:
        return None
    minutes, rest = divmod(Decimal(repr(abs(seconds))), 60)
    sign, (whole, _, part) = "-" if seconds < 0 else "", f"{rest:.9f}".partition(".")
    fraction = f".{part.rstrip('0')}" if part.strip("0") else ""
    return f"{sign}{int(minutes) // 60}:{int(minutes) % 60:02}:{int(whole):02}{fraction}"
