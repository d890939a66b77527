"""Numbers that a workbook, JSON or ARFF holds as numbers: written as text that their column reads, mark and unit."""

import math
from collections.abc import Collection, Sequence
from decimal import Decimal

from spec.cells import CREDIT_DEBIT, CellFormat, clean
from spec.reading import ReadingOptions
from spec.schema import Column, ColumnKind

from .headers import has_header, names_of
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
        self._header = options.header
        self._are_seconds = are_seconds
        self._columns = {column.name: column for column in columns}
        are_places = all(map(str.isdecimal, self._columns))
        self._by_place = {int(name): column for name, column in self._columns.items()} if are_places else {}
        self._at = dict[int, Column]()
        self._rows_left = MOST + 1 if columns else 0

    def name_columns(self, names: Sequence[str]) -> None:
        """Learn the names of the columns, where the file says which they are."""
        self._rows_left, self._at = 0, self._named(names)

    def row(self, cells: Sequence[str], numbers: Collection[int]) -> list[str]:
        """The next row of a file whose first rows may have the names; at the places `numbers` it holds numbers."""
        if self._rows_left and any(cells):
            self._rows_left -= 1
            plain = [self._plain(cell) if place in numbers else cell for place, cell in enumerate(cells)]
            has_all = self._columns.keys() == {column.name for column in self._named(plain).values()}
            may_be_by_place = bool(self._by_place) and max(self._by_place) < len(cells)
            if has_all and (not may_be_by_place or self._is_header(plain)):
                self.name_columns(plain)
                return plain
            if may_be_by_place:  # a later row such as 1, 0 is none of names
                self._rows_left, self._at = 0, self._by_place
        return [self.text(cell, place) if place in numbers else cell for place, cell in enumerate(cells)]

    def _named(self, row: Sequence[str]) -> dict[int, Column]:
        names, _, _ = names_of([[clean(cell) for cell in row]], has_header=True, named=self._columns)
        return {place: self._columns[name] for place, name in enumerate(names) if name in self._columns}

    def _is_header(self, row: Sequence[str]) -> bool:
        """Whether a row that numbers the columns is read as one of names, as in a text file."""
        return has_header([[clean(cell) for cell in row]], self._columns) if self._header is None else self._header

    def text(self, number: str, place: int) -> str:
        """A number, as programs write it, as the text of the column at a place."""
        column = self._at.get(place)
        if column is None:
            return self._plain(number)
        if column.type is ColumnKind.category:
            words = (number, number.replace(".", ","))
            return next((word for word in words if word in column.categories), self._plain(number))
        if column.type is not ColumnKind.number:
            return self._plain(number)
        if number in column.gap_words:
            return number
        return self._in_form(number, column.format)

    def _plain(self, number: str) -> str:
        return number.replace(".", self._mark)

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
    minutes, rest = divmod(round(Decimal(repr(abs(seconds))), 9), 60)
    sign, (whole, _, part) = "-" if seconds < 0 else "", f"{rest:.9f}".partition(".")
    fraction = f".{part.rstrip('0')}" if part.strip("0") else ""
    return f"{sign}{int(minutes) // 60}:{int(minutes) % 60:02}:{int(whole):02}{fraction}"
