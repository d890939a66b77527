"""ARFF files, as Weka writes and OpenML gives them, as CSV: their attributes name the columns, and say what each is."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from spec.cells import clean, number_pattern, truth
from spec.dataset import Targets
from spec.reading import ReadingOrder
from spec.schema import Column, ColumnKind

from .errors import RefusedError, shown
from .headers import names_written
from .typed import TypedNumbers

BEGIN = re.compile(rb"(%[^\n]*\n|\s)*@relation\s", re.IGNORECASE)
_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|[^\s{{]+)\s*(.*)", re.IGNORECASE)
_CELL = re.compile(rf"\s*({_QUOTED}|(?!['\"])[^,]*?)\s*(?:,|$)")
_NUMERIC = re.compile("numeric|real|integer", re.IGNORECASE)
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
    words, attributes, notes = dict[str, list[str]](), list[tuple[str, str]](), list[str]()
    are_numbers, writer = list[int](), csv.writer(copy, lineterminator="\n")
    is_data = False
    for number, raw in enumerate(lines, 1):
        line = raw.strip().removeprefix("\ufeff")
        if not line or line.startswith("%"):
            continue
        if is_data:
            cells = _row(line, number, len(attributes))
            for place in are_numbers:
                if _NUMBER.fullmatch(cells[place]):
                    cells[place] = numbers.text(cells[place], place)
            writer.writerow(cells)
        elif (found := _ATTRIBUTE.match(line)) is not None:
            attributes.append((clean(_plain(found[1])), found[2]))
        elif line.lower().startswith("@data"):
            is_data = True
            names, notes = names_written([name for name, _ in attributes], named=target)
            words = {
                name: _cells(kind.strip("{} "))
                for name, (_, kind) in zip(names, attributes, strict=True)
                if kind.startswith("{")
            }
            are_numbers = [place for place, (_, kind) in enumerate(attributes) if _NUMERIC.match(kind)]
            numbers.name_columns(names)
            writer.writerow(names)
    if not is_data or not attributes:
        raise RefusedError("is an ARFF file without attributes, or without @data")
    return words, notes


def _row(line: str, number: int, width: int) -> list[str]:
    if line.startswith("{"):
        raise RefusedError("is a sparse ARFF file: write it as CSV, as Weka's filter SparseToNonSparse and CSVSaver do")
    cells = _cells(line)
    if len(cells) != width:
        raise RefusedError(
            f"has {len(cells):,} values in line {number}, where the header has {width:,}: {shown(line)}; correct "
            "the line"
        )
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


def _are_words(words: list[str]) -> bool:
    """Whether an attribute is of words, and not of yes and no, which any column may have."""
    return any(truth(word) is None or word in _TRUTHS for word in words)
