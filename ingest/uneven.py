"""Rows with more or fewer cells than the header has names, and headers that come again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spec.cells import clean

from .below import COMMENTS, RULE, Shape
from .errors import RefusedError, shown
from .headers import Record

MOST = 200_000
"""So many rows may be uneven: each is looked at by itself."""


@dataclass(frozen=True)
class _Odd:
    """A row of another width: the even rows before it, its number among all rows, and its cells."""

    before: int
    number: int
    text: str
    cells: list[str]


@dataclass
class Uneven:
    """Rows that the parser gives up, put back among the others where they are only short.

    `header` are the cells of the first row, if it has names; `skipped` are the lines before the first row.
    """

    names: list[str]
    header: Record | None
    shape: Shape
    cells_of: Callable[[str], list[str] | None]
    line_of: Callable[[int, str], int]
    """The line in the file of a row's number and text."""
    skipped: int
    may_be_short: bool = True
    """Whether the last cells of a row may be left out; between blanks, any cell may be the one."""
    fault: RefusedError | None = None
    """Why the parser was told to stop."""
    _even: int = 0
    _seen: int = 0
    _pending: list[_Odd] = field(default_factory=list)
    _first_short: _Odd | None = None
    _short_count: int = 0
    _trailing: int = 0
    """Rows that end with delimiters that the header has not."""
    _headers: int = 0
    _left_out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        header = self.header or ()
        self._place = max(range(len(header)), key=lambda at: len(header[at]), default=0)
        name = header[self._place] if len(header) > 1 else ""
        self._marks = [name, f" {name}", f"\ufeff{name}"] if name else []
        """How the longest name may stand in a row that is the header again."""

    def __call__(self, row: pa.csv.InvalidRow) -> Literal["skip", "error"]:
        """Take a row from the parser; whether it goes on."""
        cells = self.cells_of(row.text)
        before = row.number - 1 - self.skipped - self._seen
        self._seen += 1
        if cells is None or self._seen > MOST:
            return self._give_up(row)
        words = [clean(cell) for cell in cells]
        while len(words) > self.shape.width and not words[-1]:
            words.pop()
        if not any(words) or not row.text.strip(" \x1a"):
            return "skip"
        if self.header is not None and words == list(self.header):
            self._headers += 1
        elif RULE.fullmatch(row.text) or (row.text.lstrip().startswith(COMMENTS) and not self.shape.fits(words)):
            self._left_out.append(row.text)
        elif len(words) > self.shape.width or not self.may_be_short:
            return self._give_up(row)
        else:
            self._pending.append(_Odd(before, row.number, row.text, words))
        return "skip"

    def _give_up(self, row: pa.csv.InvalidRow) -> Literal["error"]:
        self.fault = self._refused(row.number, row.actual_columns, row.text)
        return "error"

    def _refused(self, number: int, width: int, text: str) -> RefusedError:
        """Why a row is no row of this table."""
        line = self.line_of(number, text)
        expected = self.shape.width
        said = f"has {width:,} {'value' if width == 1 else 'values'} in line {line}, where the header has {expected:,}"
        if width > expected:
            said += ": a cell that holds the delimiter, or a quote, must be in quotes"
        elif width < expected:
            said += f": {shown(text)}; complete the line, or take it out"
            said += "" if self.may_be_short else "; where cells have no value, write NA, or the file as CSV"
        return RefusedError(said)

    def woven(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch with the other rows among it, and without headers that come again. Raises `RefusedError`."""
        repeated = self._repeated(batch)
        first, self._even = self._even, self._even + batch.num_rows
        if not len(repeated) and not self._pending:
            return batch
        self._headers += len(repeated)
        now = [odd for odd in self._pending if odd.before < self._even]
        self._pending = self._pending[len(now) :]
        titles = {first + row for row in repeated.tolist()}
        short = [odd for odd in now if not self._is_title(odd, titles)]
        self._check(short)
        even = np.delete(np.arange(batch.num_rows), repeated)
        keys = np.array([*(2 * (odd.before - first) for odd in short), *(2 * even + 1)], dtype=np.int64)
        places = np.concatenate((batch.num_rows + np.arange(len(short)), even))
        whole = pa.Table.from_batches([batch, self._filled(short)]) if short else pa.Table.from_batches([batch])
        taken = whole.take(pa.array(places[np.argsort(keys, kind="stable")])).combine_chunks()
        return next(iter(taken.to_batches()), batch.slice(0, 0))

    def rest(self) -> Iterator[pa.RecordBatch]:
        """The other rows after the last even one. Raises `RefusedError`."""
        if self._pending:
            odd = self._pending[0]
            if not self._even and len(odd.cells) < self.shape.width:
                raise self._refused(odd.number, len(odd.cells), odd.text)
            self._check(self._pending)
            yield self._filled(self._pending)
            self._pending = []

    @property
    def notes(self) -> list[str]:
        """What is to be said of the rows that were not read as they are written."""
        said = []
        if self._headers:
            times = "once more" if self._headers == 1 else f"{self._headers:,} times more"
            said.append(f"The header comes {times} among the rows, and is no row: were files joined?")
        if self._left_out:
            count, word = len(self._left_out), shown(self._left_out[0])
            lines = f"A line, {word}, is" if count == 1 else f"{count:,} lines, such as {word}, are"
            said.append(f"{lines} among the rows, and not read.")
        if self._trailing:
            rows = "1 row ends" if self._trailing == 1 else f"{self._trailing:,} rows end"
            said.append(f"{rows} with delimiters that the header has not, which are left out.")
        if (first := self._first_short) is not None:
            rows = "1 row has" if self._short_count == 1 else f"{self._short_count:,} rows have"
            said.append(
                f"{rows} fewer cells than the header has names, the first in line "
                f"{self.line_of(first.number, first.text)}: the last ones are read as missing values."
            )
        return said

    def _repeated(self, batch: pa.RecordBatch) -> "np.typing.NDArray[np.int64]":
        """Rows that are the header again."""
        none = np.zeros(0, dtype=np.int64)
        if self.header is None or not self._marks:
            return none
        cells_of_it = batch.column(self._place)
        likes = [pc.equal(cells_of_it, mark) for mark in self._marks]  # many times as fast as one `is_in`
        if not any(pc.any(like).as_py() for like in likes):
            return none
        rows = np.flatnonzero(np.any([pc.fill_null(like, False).to_numpy(False) for like in likes], axis=0))
        found = batch.take(pa.array(rows))
        cells = [[clean(cell or "") for cell in column.to_pylist()] for column in found.columns]
        are = [list(row) == list(self.header) for row in zip(*cells, strict=True)]
        return rows[are]

    def _is_title(self, odd: _Odd, headers: set[int]) -> bool:
        """Whether a line stands right above a header that comes again."""
        if odd.before not in headers:
            return False
        self._left_out.append(odd.text)
        return True

    def _check(self, rows: list[_Odd]) -> None:
        """Raise `RefusedError` for a short row that is not one with its last cells left out."""
        short = [odd for odd in rows if len(odd.cells) < self.shape.width]
        for odd, after in zip_longest(short, short[1:]):
            if not self.shape.fits(odd.cells) or not self._is_whole(odd, after):
                raise self._refused(odd.number, len(odd.cells), odd.text)
        self._first_short = self._first_short or next(iter(short), None)
        self._short_count += len(short)
        self._trailing += len(rows) - len(short)

    def _is_whole(self, odd: _Odd, after: _Odd | None) -> bool:
        """Whether a row is no half of one that a line break divides."""
        if len([cell for cell in odd.cells if cell]) == 1 and not self.shape.values[0]:
            return False
        if after is None or after.number != odd.number + 1 or len(odd.cells) + len(after.cells) != self.shape.width + 1:
            return True
        joined = [*odd.cells[:-1], f"{odd.cells[-1]} {after.cells[0]}", *after.cells[1:]]
        return not self.shape.fits(joined)

    def _filled(self, rows: list[_Odd]) -> pa.RecordBatch:
        """Short rows with nothing in their last cells."""
        wide = [[*(cell or None for cell in odd.cells), *[None] * self.shape.width][: self.shape.width] for odd in rows]
        columns = [pa.array(list(column), pa.string()) for column in zip(*wide, strict=True)]
        return pa.RecordBatch.from_arrays(columns, self.names)
