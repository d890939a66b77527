"""Lines below a table: sources, notes, counts of rows, totals; as `titles` has those above it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .headers import Record, is_gap, is_value
from .suspects import TOTAL

TAIL = 1 << 16
"""Bytes at a file's end that are looked at."""
RULE = re.compile(r"[-+=|_~*\s]*[-+=|_~*]{3}[-+=|_~*\s]*")
"""A line of dashes, as databases print between header and rows."""
COMMENTS = ("#", "%", "//")
_REMARK = re.compile(r"[(\[*©]|.*[\s:]")
"""What a remark begins with or has, which a name in the first column may lack."""


@dataclass(frozen=True)
class Shape:
    """How wide a table is, and which of its columns hold nothing but numbers, dates and gaps."""

    width: int
    values: tuple[bool, ...]

    @classmethod
    def of(cls, records: Sequence[Record], width: int) -> "Shape":
        """The shape by the first half of some rows: lines below the table may be among the others."""
        half = [record for record in records if len(record) == width][: (len(records) + 1) // 2]
        columns = [[cell for cell in column if not is_gap(cell)] for column in zip(*half, strict=True)]
        return cls(width, tuple(bool(column) and all(map(is_value, column)) for column in columns) or (False,) * width)

    def fits(self, record: Record) -> bool:
        """Whether cells can be the first ones of a row."""
        cells = zip(record, self.values, strict=False)
        return all(not is_number or is_gap(cell) or is_value(cell) for cell, is_number in cells)


@dataclass(frozen=True)
class Below:
    """The lines below a table, and where it ends in the file."""

    end: int
    lines: tuple[str, ...] = ()


def lines_below(file: Path, encoding: str, shape: Shape, cells_of: Callable[[str], list[str] | None]) -> Below | None:
    """The last lines of a file that are no rows; None where there are none, as in nearly every file.

    `cells_of` divides a line, and gives None for one that may be a part of a row.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        stream.seek(max(0, size - TAIL))
        tail = stream.read()
    end, lines = size, list[str]()
    left = size  # lines from here on are looked at, and those from `end` on are below the table
    candidates = list[str]()
    raw = tail.splitlines(keepends=True)
    for line in reversed(raw if len(tail) == size else raw[1:]):
        text = line.decode(encoding, "replace").strip("\r\n\x1a")
        record = cells_of(text)
        if record is None:
            break
        left -= len(line)
        if not text.strip():
            if candidates:  # what comes after a blank line, and is no row
                end, lines, candidates = left, [*lines, *candidates], []
            continue
        if _is_below(record, text, shape):
            end, lines, candidates = left, [*lines, *candidates, text], []
        elif len(record) != shape.width or not shape.fits(record):
            candidates.append(text)
        else:
            break
    return Below(end, tuple(reversed(lines))) if end < size and lines else None


def _is_below(record: Record, text: str, shape: Shape) -> bool:
    """Whether a line can be no row, whatever is above it."""
    filled = [cell for cell in record if cell]
    if not filled or (RULE.fullmatch(text) and len(record) != shape.width):
        return True
    is_odd = not shape.fits(record)
    if text.startswith(COMMENTS):
        return is_odd or len(record) != shape.width
    if TOTAL.fullmatch(filled[0].strip(" :*")):
        return is_odd
    is_alone = len(filled) == 1 and bool(record[0]) and shape.width > min(2, len(record))
    return is_alone and not is_value(filled[0]) and _REMARK.match(filled[0]) is not None
