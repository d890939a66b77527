"""Files that are tables in another form, as CSV: what is read after that is the same for all."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from spec.reading import ReadingOrder

from . import arff, json, sheets
from .errors import RefusedError

HEAD = 1 << 16


@dataclass(frozen=True)
class Converted:
    """A file that is read as it is, with the order to read it by, and what is to be said of its form."""

    file: Path
    order: ReadingOrder
    notes: tuple[str, ...] = ()
    form: str | None = None
    """What the file was, where it is not read as it is, and its text says nothing: xlsx, xls, ods or json."""


Converter = Callable[[Path, ReadingOrder, TextIO], tuple[dict[str, Any], list[str]]]
"""Writes the rows of a file as CSV; the options by which that is read, and notes. Raises `RefusedError`."""


@contextmanager
def converted(file: Path, order: ReadingOrder, folder: Path) -> Iterator[Converted]:
    """A file and its order, or its rows as CSV and what its form says of them. Raises `RefusedError`.

    The CSV lies in `folder` until the context ends, or the process does.
    """
    form, convert = _form(file)
    if order.options.sheet is not None and convert is not sheets.write:
        raise RefusedError("is said of a file that is no workbook: leave it out", path="sheet")
    if convert is None:
        yield Converted(file, order)
        return
    with tempfile.TemporaryFile("w", encoding="utf-8", errors="surrogateescape", newline="", dir=folder) as copy:
        said, notes = convert(file, order, copy)
        copy.flush()
        said_of = order.model_copy(
            update={"name": "", "options": order.options.model_copy(update={"delimiter": ",", **said})}
        )
        yield Converted(Path(f"/dev/fd/{copy.fileno()}"), said_of, tuple(notes), form)


def _form(file: Path) -> tuple[str | None, Converter | None]:
    """What a file is, and what writes it as CSV; None of a file that is read as it is."""
    with file.open("rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(sheets.OLD):
        return "xls", sheets.write
    if head.startswith(b"PK"):
        form = sheets.form_of(_members(file))
        return form, None if form is None else sheets.write
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\0", b"")  # also that of UTF-16
    if json.BEGIN.match(text):
        return "json", json.write
    if arff.BEGIN.match(text):
        return None, arff.write
    return None, None


def _members(file: Path) -> list[str]:
    """The names in a zip archive; none of a broken one, of which `kinds` says so."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []
