"""Blanks between cells, any number of spaces or tabs, as programs for science write; and blanks before quotes."""

import re
from collections.abc import Sequence
from itertools import pairwise

from .changed import STANDS_IN
from .headers import is_short, is_value

BLANK = " "
BLANKS = "  "
"""Two or more of them, where one may stand within a cell."""
SNIFFED = 50
"""First lines by which a file's form is found."""
_EDGES = re.compile(rb"^[ \t]+|[ \t]+(?=\r?$)", re.MULTILINE)
_RUNS = re.compile(rb"[ \t]+")
_WIDE_RUNS = re.compile(rb"[ \t]*(?: {2}|\t)[ \t]*")


def squeezed(text: bytes) -> bytes:
    """Lines with one space between cells, and none around them."""
    return _RUNS.sub(b" ", _EDGES.sub(b"", text))


def parted(text: bytes) -> bytes:
    """Lines with `STANDS_IN` for two or more blanks between cells, and none around them."""
    return _WIDE_RUNS.sub(STANDS_IN.encode(), _EDGES.sub(b"", text))


def has_blanks_before_quotes(text: str, delimiter: str) -> bool:
    """Whether there are cells such as in `1, "a, b"`: only without the blank does the quote begin a cell."""
    return re.search(rf'{re.escape(delimiter)} +"', text) is not None


def without_blanks(text: bytes, delimiter: str) -> bytes:
    """Lines without the blanks between a delimiter and a quote; they may stand within quotes, before a quote of two."""
    mark = re.escape(delimiter.encode())
    return re.sub(rb'(?<=%b) +"(?!"[^%b\r\n])' % (mark, mark), b'"', text)


def are_columns(blanks: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> bool:
    """Whether blanks divide the first rows of a table into the same number of cells each, and more than `rows` have.

    `rows` are the same by the delimiter that fits best. Where it fits, too, runs of blanks decide: they align columns.
    """
    widths, most = {len(row) for row in blanks[is_short(blanks) :]}, max(map(len, rows), default=0)
    if len(widths) != 1 or max(widths) <= most:
        return False
    return most == 1 or all(any(re.search("[^ ]  +[^ ]", cell) for cell in row) for row in rows)


def are_aligned(head: str) -> bool:
    """Whether blanks may stand within cells: two or more divide all lines alike, and one does not."""
    lines = [line.strip() for line in head.splitlines()[:SNIFFED] if line.strip()]
    apart, single = ([re.split(blanks, line) for line in lines] for blanks in (r"\s{2,}|\t", r"\s+"))
    widths = {len(cells) for cells in apart[is_short(apart) :]}
    return len(lines) > 1 and len(widths) == 1 and widths.pop() > 1 and len(set(map(len, single))) > 1


def without_mark(rows: list[list[str]]) -> list[list[str]]:
    """The first rows, a header as numpy.savetxt writes it, `# a b y` above `1 2 3`, without its mark."""
    for place, (row, below) in enumerate(pairwise(rows)):
        if row[0] == "#" and len(row) == len(below) + 1 and any(map(is_value, below)):
            return [*rows[:place], row[1:], *rows[place + 1 :]]
    return rows
