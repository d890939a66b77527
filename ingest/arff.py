"""ARFF files, as Weka writes and OpenML gives them, as CSV: their attributes name the columns, and say what each is."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from spec.cells import clean, number_pattern, truth
from spec.dataset import Targets
from spec.reading import ReadingOrder
from spec.schema import Column, ColumnKind

from . import limits
from .errors import RefusedError, shown
from .headers import names_written
from .typed import TypedNumbers

BEGIN = re.compile(rb"(%[^\n]*\n|\s)*@relation\s", re.IGNORECASE)
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|[^\s{{]+)\s*(.*)", re.IGNORECASE)
_VALUE = rf"({_QUOTED}|(?!['\"])[^,]*?)\s*(?:,|$)"
_CELL = re.compile(rf"\s*{_VALUE}")
_NUMERIC = re.compile("numeric|real|integer", re.IGNORECASE)
_DATE = re.compile(rf"date\s+({_QUOTED}|\S+)", re.IGNORECASE)
_LETTERS = re.compile(r"'([^']*)'|(([A-Za-z])\3*)")
_DIRECTIVES = {
    **{"yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m", "dd": "%d", "d": "%d"},
    **{"HH": "%H", "H": "%H", "hh": "%I", "h": "%I", "mm": "%M", "ss": "%S", "SSS": "%f", "a": "%p", "Z": "%z"},
}
"""What `strptime` calls the letters of Java's format of dates."""
_WORD = re.compile(rf"{_QUOTED}|\S+")
_ENTRY = re.compile(rf"\s*(\d+)\s+{_VALUE}")
_WEIGHT = re.compile(r"\{\s*[\d.eE+-]+\s*\}")
_NUMBER = number_pattern(".", "")
_TRUTHS = ("0", "1")
"""Numbers that may be truths, too: an attribute of them is of two words."""


def write(
    file: Path, order: ReadingOrder, copy: TextIO, columns: Sequence[Column] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Write the rows as CSV; the options by which that is read, and notes. Raises `RefusedError`.

    `columns` are those of the model that is to predict them.
    """
    with file.open(encoding="utf-8", errors="surrogateescape") as lines:
        words, notes = _written(lines, copy, order.target, TypedNumbers(order.options, columns))
    numbers = order.target if order.task is Targets.numbers else ()
    types = {name: ColumnKind.category for name, of in words.items() if name not in numbers and _are_words(of)}
    return {"header": True, "types": types | order.options.types}, notes


def _written(
    lines: TextIO, copy: TextIO, target: Sequence[str], numbers: TypedNumbers
) -> tuple[dict[str, list[str]], list[str]]:
    """Write the rows as CSV; the words that each attribute may have, if it names them, and notes."""
    attributes, rows, header, notes = list[tuple[str, str]](), 0, None, list[str]()
    writer = csv.writer(copy, lineterminator="\n")
    for number, raw in enumerate(lines, 1):
        line = raw.strip().removeprefix("\ufeff")
        if not line or line.startswith("%"):
            continue
        if header is not None:
            rows += 1
            writer.writerow(header.sparse(line, rows, number) if line.startswith("{") else header.dense(line, number))
        elif (found := _ATTRIBUTE.match(line)) is not None:
            attributes.append((clean(_plain(found[1])), found[2]))
        elif line.lower().startswith("@data"):
            names, notes = names_written([name for name, _ in attributes], named=target)
            numbers.name_columns(names)
            header = _Header(tuple(names), tuple(kind for _, kind in attributes), numbers)
            writer.writerow(names)
    if header is None or not attributes:
        raise RefusedError("is an ARFF file without attributes, or without @data")
    return header.words, notes


@dataclass(frozen=True)
class _Header:
    """The attributes of a file: what their columns are called, and what each has after its name."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    numbers: TypedNumbers

    @cached_property
    def words(self) -> dict[str, list[str]]:
        """The words that attributes may have, by their names; numbers and texts have any."""
        listed = zip(self.names, self.kinds, strict=True)
        return {name: _cells(kind.strip("{} ")) for name, kind in listed if kind.startswith("{")}

    @cached_property
    def _numeric(self) -> set[int]:
        return {place for place, kind in enumerate(self.kinds) if _NUMERIC.match(kind)}

    @cached_property
    def _dates(self) -> dict[int, str]:
        """The formats of dates that are said, for `strptime`, by their places."""
        said = ((place, _DATE.match(kind)) for place, kind in enumerate(self.kinds))
        forms = ((place, _date_format(_plain(found[1]))) for place, found in said if found is not None)
        return {place: form for place, form in forms if form is not None}

    @cached_property
    def _left_out(self) -> list[str]:
        """What a sparse row has where it says nothing: 0, or the first word; nothing where that is not known."""
        first = [self.words.get(name, [""])[0] for name in self.names]
        return [self._text("0", place) if place in self._numeric else word for place, word in enumerate(first)]

    @cached_property
    def _of_texts(self) -> set[int]:
        """Where a sparse row must say a value."""
        return {place for place, name in enumerate(self.names) if place not in self._numeric and name not in self.words}

    def _text(self, cell: str, place: int) -> str:
        """A cell as its column reads it; a date as in ISO 8601."""
        if (form := self._dates.get(place)) is not None:
            try:
                return datetime.strptime(cell, form).isoformat(sep=" ")  # noqa: DTZ007
            except ValueError:
                return cell
        is_number = place in self._numeric and _NUMBER.fullmatch(cell)
        return self.numbers.text(cell, place) if is_number else cell

    def dense(self, line: str, number: int) -> list[str]:
        """The cells of a line. Raises `RefusedError`."""
        if "," not in line and len(self.names) > 1:  # blanks and tabs divide values, too
            cells = [_plain(cell) if cell != "?" else "" for cell in _WORD.findall(line)]
        else:
            cells = _cells(line)
        if len(cells) == len(self.names) + 1 and _WEIGHT.fullmatch(cells[-1]):
            raise RefusedError(
                f"has the weight of a row behind it in line {number}, {shown(cells[-1])}: write weights as an "
                "attribute, and name it as the column of weights"
            )
        if len(cells) != len(self.names):
            raise RefusedError(
                f"has {len(cells):,} values in line {number}, where the header has {len(self.names):,}: "
                f"{shown(line)}; correct the line"
            )
        return [self._text(cell, place) for place, cell in enumerate(cells)]

    def sparse(self, line: str, rows: int, number: int) -> list[str]:
        """The cells of `{1 x, 4 2.5}`, which says the values that are not 0 or the first word, by their places.

        It is one of so many `rows`, each of which is far shorter than its cells. Raises `RefusedError`.
        """
        if rows * len(self.names) > limits.SPARSE_CELLS:
            raise RefusedError(
                f"is a sparse ARFF file of more than {limits.SPARSE_CELLS:,} values with its zeros: write the table as "
                "NPZ, or leave out attributes"
            )
        cells, unsaid, inner, at = list(self._left_out), set(self._of_texts), line[1:].rstrip("}").strip(), 0
        while at < len(inner):
            found = _ENTRY.match(inner, at)
            if found is None or int(found[1]) >= len(cells) or not line.endswith("}"):
                raise RefusedError(f"has a sparse row in line {number} that is none: {shown(line)}; correct the line")
            place = int(found[1])
            cells[place] = "" if found[2] == "?" else self._text(_plain(found[2]), place)
            unsaid.discard(place)
            at = found.end()
        if unsaid:
            name = shown(self.names[min(unsaid)])
            raise RefusedError(f"is a sparse ARFF file, and line {number} has no value of {name}, which is no number")
        return cells


def _cells(line: str) -> list[str]:
    """The cells of a line; nothing for `?`, a missing value."""
    if "'" not in line and '"' not in line:
        return ["" if cell == "?" else cell for cell in map(str.strip, line.split(","))]
    cells, at = list[str](), 0
    while at <= len(line):
        found = _CELL.match(line, at)
        if found is None:
            raise RefusedError(f"has a quote that is never closed, before {shown(line[at:])}")
        cells.append("" if found[1] == "?" else _plain(found[1]))
        at = found.end() + (found.end() == len(line) and not found[0].endswith(","))
    return cells


def _plain(text: str) -> str:
    """A text without its quotes."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _date_format(java: str) -> str | None:
    """Java's format of dates as one of `strptime`; None where that has no such letters, or no year."""
    found = [part for part in _LETTERS.finditer(java) if part[2]]
    if any(part[2] not in _DIRECTIVES for part in found) or not any(part[3] == "y" for part in found):
        return None
    return _LETTERS.sub(lambda part: _DIRECTIVES[part[2]] if part[2] else part[1], java.replace("%", "%%"))


def _are_words(words: list[str]) -> bool:
    """Whether an attribute is of words, and not of yes and no, which any column may have."""
    return any(truth(word) is None or word in _TRUTHS for word in words)
