"""Files in another form, as CSV, or images as NPZ: what is read after that is the same for all."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from spec.reading import ReadingOrder
from spec.schema import Column

from . import arff, json, sheets
from .errors import RefusedError
from .unpacking import are_images, names_in

HEAD = 1 << 16


@dataclass(frozen=True)
class Converted:
    """A file that is read as it is, with the order to read it by, and what is to be said of its form."""

    file: Path
    order: ReadingOrder
    notes: tuple[str, ...] = ()
    form: str | None = None
    """What the file was, where it is not read as it is: xlsx, xls, ods, json or images; None of ARFF, which is text."""
    only_rows: bool = False
    """Whether its form says what its rows are, as that of JSON and ARFF does: no line is a title, or a note."""


Converter = Callable[[Path, ReadingOrder, TextIO, Sequence[Column]], tuple[dict[str, Any], list[str]]]
"""Writes the rows of a file as CSV; the options by which that is read, and notes. Raises `RefusedError`.

Numbers are written as the columns of a model read them, if it is to predict the rows.
"""


@contextmanager
def converted(file: Path, order: ReadingOrder, folder: Path, columns: Sequence[Column] = ()) -> Iterator[Converted]:
    """A file and its order, or its rows in another file and what its form says of them. Raises `RefusedError`.

    That file lies in `folder` until the context ends, or the process does. `columns` are those of the model that is to
    predict the rows.
    """
    form, convert = _form(file)
    if order.options.sheet is not None and convert is not sheets.write:
        raise RefusedError("is said of a file that is no workbook: leave it out", path="sheet")
    if order.options.image_size is not None and form != "images":
        raise RefusedError("is said of a file that is no zip of images: leave it out", path="image_size")
    if form == "images":
        with _as_npz(file, order, folder) as made:
            yield made
        return
    if convert is None:
        yield Converted(file, order)
        return
    with tempfile.TemporaryFile("w", encoding="utf-8", errors="surrogateescape", newline="", dir=folder) as copy:
        said, notes = convert(file, order, copy, columns)
        copy.flush()
        said_of = order.model_copy(
            update={"name": "", "options": order.options.model_copy(update={"delimiter": ",", **said})}
        )
        yield Converted(Path(f"/dev/fd/{copy.fileno()}"), said_of, tuple(notes), form, only_rows="header" in said)


@contextmanager
def _as_npz(file: Path, order: ReadingOrder, folder: Path) -> Iterator[Converted]:
    """A zip of images as NPZ."""
    from . import images  # it imports Pillow, which other files do not need

    if order.target not in ((), ("y",)):
        raise RefusedError("of images is the name of their folder: leave it out", path="target")
    with tempfile.TemporaryFile("w+b", dir=folder) as copy:
        notes = images.write(file, order.options.image_size, copy)
        copy.flush()
        options = order.options.model_copy(update={"image_size": None})
        said_of = order.model_copy(update={"name": "", "options": options})
        yield Converted(Path(f"/dev/fd/{copy.fileno()}"), said_of, tuple(notes), "images")


def _form(file: Path) -> tuple[str | None, Converter | None]:
    """What a file is, and what writes it as CSV; None of one that is read as it is, and of images."""
    with file.open("rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(sheets.OLD):
        return "xls", sheets.write
    if head.startswith(b"PK"):
        members = names_in(file)
        if (form := sheets.form_of(members)) is not None:
            return form, sheets.write
        return ("images" if are_images(members) else None), None
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe").replace(b"\0", b"")  # also that of UTF-16
    if json.BEGIN.match(text):
        return "json", json.write
    if arff.BEGIN.match(text):
        return None, arff.write
    return None, None
