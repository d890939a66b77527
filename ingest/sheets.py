"""Workbooks of Excel (.xlsx, .xlsm, .xlsb, .xls) and OpenDocument (.ods): one sheet, as CSV."""

import csv
import re
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, TextIO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from spec.cells import clean
from spec.reading import ReadingOptions, ReadingOrder
from spec.schema import Column

from . import limits
from .errors import RefusedError, first_words, shown, some
from .titles import MOST
from .typed import TypedNumbers
from .unpacking import BROKEN

OLD = b"\xd0\xcf\x11\xe0"
"""How an .xls file begins, and a workbook with a password."""
LOCKED = "EncryptedPackage".encode("utf-16-le")
"""What such a file holds where Excel has encrypted a workbook ([MS-OFFCRYPTO] 2.3.4.4)."""
PROTECTED = "is protected by a password: save it without one"
CELLS = 30_000_000
"""Cells that a sheet may span, from A1 on: each takes 80 bytes while it is read."""
EXACT = float(1 << 53)
"""Whole numbers below are exact."""
BLOCK = 1 << 20
_ROW = re.compile(rb'<(?:\w+:)?row [^>]*?\br="(\d+)"')
_CELL = re.compile(rb'<(?:\w+:)?c [^>]*?\br="([A-Z]{1,3})\d')
_FORMULA = re.compile(
    rb"<(?:\w+:)?c ([^>]*)>\s*<(?:\w+:)?f(?:>|\s[^>]*>)(?:[^<]*</(?:\w+:)?f>)?\s*(?:<(?:\w+:)?v>([^<]*)<)?"
)
_ERROR = re.compile(rb'<(?:\w+:)?c [^>]*?\bt="e"')
_SHEET = re.compile(rb'<(?:\w+:)?sheet\s[^>]*?\b\w+:id="([^"]+)"')
_HIDDEN_ROW = re.compile(rb'<(?:\w+:)?row [^>]*?\bhidden="(?:1|true)"[^>]*[^>/]>')
_HIDDEN_COLUMNS = re.compile(rb'<(?:\w+:)?col [^>]*?\bhidden="(?:1|true)"[^>]*>')
_RECALCULATED = re.compile(rb'\bfullCalcOnLoad="(?:1|true)"')
Cell = str | float | bool | date | time | timedelta


def form_of(members: Collection[str]) -> str | None:
    """What a zip archive of these members is: xlsx, ods, or None where it is no workbook."""
    if any(name.startswith("xl/") for name in members):
        return "xlsx"
    return "ods" if "content.xml" in members else None


def write(
    file: Path, order: ReadingOrder, copy: TextIO, columns: Sequence[Column] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Write a sheet's rows as CSV; the options by which that is read, and notes. Raises `RefusedError`.

    `columns` are those of the model that is to predict them.
    """
    parts = _Parts.of(file)
    try:
        with file.open("rb") as stream, CalamineWorkbook.from_filelike(stream) as book:
            sheet, notes = _chosen(book, parts, order)
            notes += _of_merged(sheet)
            _write_rows(sheet, _Texts(order.options, columns), copy)
    except PasswordError as error:
        raise RefusedError(PROTECTED) from error
    except CalamineError as error:
        if _is_locked(file):
            raise RefusedError(PROTECTED) from error
        raise RefusedError(f"is no workbook that can be read, or broken or cut short ({first_words(error)})") from error
    except BaseException as error:
        if (
            type(error).__name__ != "PanicException"
        ):  # which the library raises of some broken .xls files, and exports not
            raise
        raise RefusedError(f"is a workbook that is broken ({first_words(error)})") from error
    return {"encoding": "utf-8"}, notes


def _is_locked(file: Path) -> bool:
    """Whether Excel has encrypted the workbook; the file is searched where it lies, for it may be large."""
    with file.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as content:
        return content[: len(OLD)] == OLD and content.find(LOCKED) >= 0


# --- which sheet ------------------------------------------------------------------------------------------------------


def _chosen(book: CalamineWorkbook, parts: "_Parts", order: ReadingOrder) -> tuple[CalamineSheet, list[str]]:
    """The sheet that is read, and notes: the first with the target in its first rows, or else with a table."""
    kinds = [
        (place, one.visible) for place, one in enumerate(book.sheets_metadata) if one.typ is SheetTypeEnum.WorkSheet
    ]
    places = [place for place, visible in kinds if visible is SheetVisibleEnum.Visible] or [place for place, _ in kinds]
    if (wanted := order.options.sheet) is not None:
        if wanted not in book.sheet_names:
            raise RefusedError(
                f"is no sheet of the file: {shown(wanted)}; it has {some(book.sheet_names)}", path="sheet"
            )
        places = [book.sheet_names.index(wanted)]
    chosen: tuple[CalamineSheet, _Found] | None = None
    for place in places:
        found = parts.found(place)
        sheet = book.get_sheet_by_index(place)
        if not _has_table(sheet):
            continue
        if _names(sheet, order.target):
            chosen = sheet, found
            break
        chosen = chosen or (sheet, found)
    if chosen is None:
        searched = some(book.sheet_names[place] for place in places)
        raise RefusedError(f"has no table in its sheets, {searched}: a row of names, and rows below it")
    sheet, found = chosen
    parts.refuse_unsaved(found)
    others = [name for name in book.sheet_names if name != sheet.name]
    notes = (
        [f"The sheet {shown(sheet.name)} is read, and {some(others)} not: the option sheet names another."]
        if others
        else []
    )
    if found.errors:
        cells = "1 cell with an error" if found.errors == 1 else f"{found.errors:,} cells with errors"
        notes.append(f"The sheet has {cells}, such as #N/A or #DIV/0!: each is read as a missing value.")
    notes += _of_hidden(found)
    return sheet, notes


def _has_table(sheet: CalamineSheet) -> bool:
    return sheet.height > 1 and (sheet.width > 1 or sheet.height > MOST)


def _names(sheet: CalamineSheet, named: Collection[str]) -> bool:
    """Whether one of the first rows has these names, and no number or date."""
    rows = ([cell for cell in row if isinstance(cell, str)] for row in sheet.to_python(nrows=MOST + 1))
    return any(len(texts) == sheet.width and set(named) <= set(map(clean, texts)) for texts in rows)


def _of_merged(sheet: CalamineSheet) -> list[str]:
    """What to say of cells that are merged over rows: those of a title are merged over columns only."""
    merged = [begin for begin, end in sheet.merged_cell_ranges or () if end[0] > begin[0]]
    if not merged:
        return []
    where = some(f"{_letters(column)}{row + 1}" for row, column in merged)
    return [f"Cells are merged over rows, from {where} on: only the first has the value, and the others have none."]


def _of_hidden(found: "_Found") -> list[str]:
    """What to say of rows and columns that somebody hid, or a filter: no program leaves them out of a file."""
    filled = {_number(letters) for letters in found.columns}
    columns = sorted(one for one in filled if any(first <= one <= last for first, last in found.hidden_columns))
    hidden = [f"{found.hidden_rows:,} row{'s' * (found.hidden_rows > 1)}"] if found.hidden_rows else []
    if columns:
        hidden.append(f"the column{'s' * (len(columns) > 1)} {some(_letters(column - 1) for column in columns)}")
    if not hidden:
        return []
    return [
        f"The sheet hides {' and '.join(hidden)}, such as by a filter: they are read like the others. "
        "To leave them out, copy what is visible into a new file."
    ]


def _letters(column: int) -> str:
    """The name of a column: A, B ... Z, AA ..."""
    return (_letters(column // 26 - 1) if column >= 26 else "") + chr(ord("A") + column % 26)


# --- what a sheet says that the library does not tell -----------------------------------------------------------------


@dataclass
class _Found:
    """What is in the XML of a sheet."""

    rows: int = 0
    columns: set[bytes] = field(default_factory=set)
    errors: int = 0
    formulas: int = 0
    unsaved: list[str] = field(default_factory=list)
    """Cells with a formula and no value."""
    is_zero: bool = True
    """Whether all formulas have the value 0."""
    hidden_rows: int = 0
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)
    """The first and the last of each range, from 1 on; they may lie beyond the table."""


class _Parts:
    """The XML of an .xlsx file's sheets, which is looked through before they are read; other files have none."""

    def __init__(self, file: Path, sheets: list[str], *, is_recalculated: bool) -> None:
        self._file, self._sheets, self._is_recalculated = file, sheets, is_recalculated

    @classmethod
    def of(cls, file: Path) -> "_Parts":
        """Those of a file. Raises `RefusedError` where they unpack to more than is read."""
        if not zipfile.is_zipfile(file):
            return cls(file, [], is_recalculated=False)
        try:
            with zipfile.ZipFile(file) as archive:
                size, unpacked = file.stat().st_size, sum(member.file_size for member in archive.infolist())
                most = min(limits.UNPACKED_BYTES, max(limits.RATIO * size, limits.UNPACKED_SMALL))
                if unpacked > most:
                    raise RefusedError(f"unpacks to {unpacked:,} bytes, from {size:,}; at most {most:,} are read")
                if "xl/workbook.xml" not in archive.namelist():
                    return cls(file, [], is_recalculated=False)
                book = archive.read("xl/workbook.xml")
                targets = _targets(archive.read("xl/_rels/workbook.xml.rels"))
        except (*BROKEN, KeyError, RuntimeError) as error:
            raise RefusedError(f"is a workbook that is broken or cut short ({first_words(error)})") from error
        sheets = [targets.get(one, "") for one in _SHEET.findall(book)]
        return cls(file, sheets, is_recalculated=_RECALCULATED.search(book) is not None)

    def found(self, place: int) -> _Found:
        """What is in the sheet at a place. Raises `RefusedError` where that is more than is read."""
        found = _Found()
        if place >= len(self._sheets) or not self._sheets[place]:
            return found
        try:
            for text in self._blocks(self._sheets[place]):
                _look(text, found)
        except (*BROKEN, KeyError, RuntimeError) as error:
            raise RefusedError(f"is a workbook that is broken or cut short ({first_words(error)})") from error
        width = max((_number(letters) for letters in found.columns), default=0)
        if found.rows * width > CELLS:
            last = f"{_letters(width - 1)}{found.rows}"
            raise RefusedError(
                f"has a sheet that ends at {last}, {found.rows * width:,} cells; at most {CELLS:,} are read: delete "
                "the rows and columns beyond the table, or save it as CSV"
            )
        return found

    def refuse_unsaved(self, found: _Found) -> None:
        """Raise `RefusedError` where formulas have no values."""
        cure = "open the file in Excel or LibreOffice and save it there, and they are"
        if found.unsaved:
            raise RefusedError(f"has formulas whose values are not saved, such as in {some(found.unsaved)}: {cure}")
        if found.formulas and found.is_zero and self._is_recalculated:
            raise RefusedError(f"has formulas, and 0 for the value of each, which a program wrote: {cure}")

    def _blocks(self, member: str) -> Iterator[bytes]:
        """The XML of a sheet, cut between its rows."""
        rest = b""
        with zipfile.ZipFile(self._file) as archive, archive.open(member) as stream:
            while block := stream.read(BLOCK):
                whole, end, rest = (rest + block).rpartition(b"row>")
                yield whole + end
        yield rest


def _look(text: bytes, found: _Found) -> None:
    """Count what is in some rows of a sheet."""
    found.rows = max([found.rows, *map(int, _ROW.findall(text))])
    found.columns.update(_CELL.findall(text))
    if b't="e"' in text:
        found.errors += len(_ERROR.findall(text))
    if b"hidden=" in text:
        found.hidden_rows += len(_HIDDEN_ROW.findall(text))
        for column in _HIDDEN_COLUMNS.findall(text):
            said = dict(re.findall(rb'\b(min|max)="(\d+)"', column))
            found.hidden_columns.append((int(said.get(b"min", 0)), int(said.get(b"max", 0))))
    if b"f>" not in text and b"<f " not in text:
        return
    for says, value in _FORMULA.findall(text):
        found.formulas += 1
        found.is_zero = found.is_zero and value == b"0"
        if not value and b't="str"' not in says:  # "" is a text, too
            place = re.search(rb'\br="(\w+)"', says)
            found.unsaved.append(place[1].decode() if place is not None else "a cell")


def _targets(relations: bytes) -> dict[bytes, str]:
    """The member that each id of a workbook's relations stands for."""
    found = dict[bytes, str]()
    for one in re.findall(rb"<(?:\w+:)?Relationship\s[^>]*>", relations):
        said = dict(re.findall(rb'(\w+)="([^"]*)"', one))
        target = said.get(b"Target", b"").decode(errors="replace")
        found[said.get(b"Id", b"")] = target[1:] if target.startswith("/") else f"xl/{target}"
    return found


def _number(letters: bytes) -> int:
    """The number of a column, of A 1."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - ord("A") + 1
    return number


# --- rows -------------------------------------------------------------------------------------------------------------


def _write_rows(sheet: CalamineSheet, texts: "_Texts", copy: TextIO) -> None:
    """Write the rows from the first column with a value to the last; a row without one is an empty line."""
    empty = list(range(sheet.width))
    for row in sheet.iter_rows():
        empty = [place for place in empty if row[place] == ""]
    filled = set(range(sheet.width)).difference(empty)
    first, end = min(filled, default=0), max(filled, default=-1) + 1
    writer = csv.writer(copy, lineterminator="\n")
    for row in sheet.iter_rows():
        cells = texts.of(row[first:end])
        if any(cells):
            writer.writerow(cells)
        else:
            copy.write("\n")


class _Texts:
    """Cells as the CSV of the same table has them, in the form that the options say of it, or a model's columns."""

    def __init__(self, options: ReadingOptions, columns: Sequence[Column]) -> None:
        self._numbers = TypedNumbers(options, columns)
        form = options.date_format
        self._date_format = form if form is not None and "%" in form else None

    def of(self, row: Sequence[Cell]) -> list[str]:
        """The cells of a row."""
        numbers = {place for place, cell in enumerate(row) if isinstance(cell, float)}
        return self._numbers.row([self._text(cell) for cell in row], numbers)

    def _text(self, cell: Cell) -> str:
        if isinstance(cell, str):
            return cell.replace("\0", "")  # between letters of an .xls file that were read as bytes
        if isinstance(cell, float):
            whole = cell.is_integer() and abs(cell) < EXACT
            return str(int(cell)) if whole else repr(cell)
        if isinstance(cell, date):
            return self._day(cell)
        if isinstance(cell, timedelta):
            return _lasting(cell)
        return str(cell)

    def _day(self, day: date) -> str:
        if self._date_format is not None:
            return day.strftime(self._date_format)
        if isinstance(day, datetime) and day.time() == time():
            return str(day.date())
        return str(day)


def _lasting(duration: timedelta) -> str:
    """A duration as h:mm:ss, with milliseconds where it has some: a sheet keeps no more."""
    thousandths = round(duration.total_seconds() * 1000)
    seconds, part = divmod(abs(thousandths), 1000)
    sign, fraction = "-" if thousandths < 0 else "", f".{part:03}" if part else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"
