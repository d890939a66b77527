"""Files whose rows a model is to predict: the same reading as an upload's, by what the model knows of its columns."""

import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.field_error import FieldError
from spec.images import ends
from spec.known import KnownColumns, KnownReading
from spec.reading import ReadingOptions, ReadingOrder
from spec.schema import Column, ColumnKind

from . import limits
from .columnar import previewed
from .csv import CsvFile
from .errors import RefusedError, listed, shown, some
from .kinds import kind_of
from .learning import Source
from .npz_archive import Array, features_of, is_channels_last
from .numbers import Cells, encoder
from .texts import each
from .unpacking import BROKEN

MOST = 100
"""Most faults that are told at once."""
WANTED = {
    ColumnKind.date: "must be a date such as 2026-11-25",
    ColumnKind.boolean: "must be true or false",
}


def read_known(
    file: Path,
    order: ReadingOrder,
    known: KnownColumns,
    out: Path,
    *,
    with_cells: bool,
    notes: Sequence[str] = (),
    only_rows: bool = False,
) -> KnownReading:
    """Write the numbers of a file's rows, [rows, numbers], to `out`; `notes` are warnings. Raises `RefusedError`.

    `only_rows` says that no line of a text is a title, or a note.
    """
    kind = kind_of(file, order.name)
    if kind == "npz":
        return _read_array(file, known, out)
    used = [column for column in known.columns if column.is_feature]
    if known.image is not None:
        raise RefusedError("is no image that can be read, no zip of some, and no NPZ file with X")
    if len(used) == 1 and used[0].size > 1:
        raise RefusedError("has columns, and the model takes an array: send an NPZ file with X")
    source: Source
    if kind == "parquet":
        from .parquet import ParquetFile

        source = ParquetFile(file)
    else:
        source = _text(file, order.options, used, known.encoding, notes, only_rows=only_rows)
    return _Rows(source, known, used, with_cells=with_cells).read(out)


def read_known_images(file: Path, name: str, known: KnownColumns, out: Path, *, with_cells: bool) -> KnownReading:
    """Write the numbers of image files, [images, numbers], to `out`. Raises `RefusedError`."""
    if known.image is None:
        raise RefusedError("is one of images, and the model takes other rows")
    from . import images  # it imports Pillow, which other files do not need

    if known.image[0] not in images.MODES:
        raise RefusedError(f"is one of images, and the model takes {known.image[0]} channels: send an NPZ file with X")
    names, numbers = images.read(file, name, known.image, ends(known.least, known.most))
    _save(out, numbers)
    return KnownReading(rows=len(numbers), names=["image"], cells=[[name] for name in names] if with_cells else [])


def _text(
    file: Path,
    options: ReadingOptions,
    used: Sequence[Column],
    usual: str | None,
    notes: Sequence[str],
    *,
    only_rows: bool,
) -> CsvFile:
    """A text file: with a header, unless the model knows its columns by their places."""
    names = [column.name for column in used]
    source = CsvFile(file, options, names, usual=usual, notes=notes, columns=used, only_rows=only_rows)
    by_place = all(map(str.isdecimal, names))
    if options.header is not None or (source.header if not by_place else set(names) <= set(source.names)):
        return source
    said = options.model_copy(update={"header": not by_place})
    return CsvFile(file, said, names, usual=usual, notes=notes, columns=used, only_rows=only_rows)


class _Rows:
    """The rows of a file of columns."""

    def __init__(self, source: Source, known: KnownColumns, used: Sequence[Column], *, with_cells: bool) -> None:
        self._source, self._used, self._with_cells = source, used, with_cells
        names = set(source.names)
        if missing := [column.name for column in used if column.name not in names]:
            raise RefusedError(f"has no column {some(missing)}, which the model needs; it has {listed(source.names)}")
        allowed = {column.name for column in known.columns} | set(known.target)
        extra = [name for name in source.names if name not in allowed and name not in source.index]
        self._warnings = [f"The model does not know, and does not use: {some(extra)}."] if extra else []
        self._faults: list[FieldError] = []
        self._unknown: dict[str, list[str]] = {}
        self._rows = 0

    def read(self, out: Path) -> KnownReading:
        """Write the numbers, and say what was found."""
        encoders = [(column, encoder(column)) for column in self._used]
        blocks, cells = list[npt.NDArray[np.float64]](), list[list[str | None]]()
        for batch in self._source.batches():
            numbers = []
            for column, encode in encoders:
                found = _given(column, encode(batch.column(column.name)))
                self._look(column, found)
                numbers.append(found.numbers)
            blocks.append(np.stack(numbers, axis=1))
            self._rows += batch.num_rows
            limits.check_size(self._rows, len(self._source.names))
            if self._with_cells:
                columns = [previewed(batch.column(name)) for name in self._source.names]
                cells += [list(row) for row in zip(*columns, strict=True)]
            if len(self._faults) >= MOST:
                break
        if not self._rows:
            raise RefusedError("has no rows")
        if not self._faults:
            _save(out, np.concatenate(blocks))
        return KnownReading(
            rows=self._rows,
            faults=self._faults[:MOST],
            unknown=self._unknown,
            warnings=[*self._source.remarks, *self._warnings],
            names=self._source.names if self._with_cells else [],
            cells=cells,
        )

    def _look(self, column: Column, cells: Cells) -> None:
        """Note cells that cannot be, and words that nobody knows."""
        for row in np.flatnonzero(cells.odd)[:MOST].tolist():
            is_number = column.type is ColumnKind.number
            wanted = (
                column.format.number_wanted(cells.word(row))
                if is_number
                else WANTED.get(column.type, "is not what it was")
            )
            self._fault(column, row, f"{wanted}; it is {shown(cells.word(row))}")
        endless = np.flatnonzero(np.isinf(cells.numbers))[:MOST].tolist()
        for row in endless:
            self._fault(column, row, "must be a finite number")
        if cells.gaps.any() and not column.gaps:
            for row in np.flatnonzero(cells.gaps)[:MOST].tolist():
                self._fault(column, row, "has no value, and in training every row had one")
        if column.type is ColumnKind.category and cells.texts is not None:
            other = np.flatnonzero(cells.numbers == len(column.categories))
            words = dict.fromkeys(cells.word(row) for row in other[: limits.COUNTED].tolist())
            known = self._unknown.get(column.name, [])
            merged = [*known, *(word for word in words if word not in known)]
            if merged:
                self._unknown[column.name] = merged[: limits.NAMED]

    def _fault(self, column: Column, row: int, said: str) -> None:
        self._faults.append(FieldError(path=f"rows.{self._rows + row}.{column.name}", message=said))


def _given(column: Column, cells: Cells) -> Cells:
    """The cells, also those that are written in another way than the upload's, and leave no doubt."""
    meaning = {ColumnKind.number: column.format.number_given, ColumnKind.date: column.format.days_given}
    if cells.texts is None or column.type not in meaning or not cells.odd.any():
        return cells
    found = cells.texts.mapped(each(cells.texts.values, meaning[column.type]))
    return replace(cells, numbers=np.where(cells.odd, found, cells.numbers))


def _read_array(file: Path, known: KnownColumns, out: Path) -> KnownReading:
    """The rows of the array X."""
    used = [column for column in known.columns if column.is_feature]
    try:
        with zipfile.ZipFile(file) as archive:
            x = features_of(archive)
            blocks = [np.asarray(block, dtype=np.float64) for block in _blocks(x, used, known.image)]
    except BROKEN as error:
        raise RefusedError(f"is an NPZ archive that is broken or cut short ({error})") from error
    numbers = np.concatenate(blocks)
    if np.isinf(numbers).any() or (np.isnan(numbers).any() and not used[0].gaps and known.image is None):
        row = int((~np.isfinite(numbers)).any(axis=1).argmax())
        raise RefusedError(f"must have finite numbers in X; row {row + 1} has others")
    _save(out, numbers)
    return KnownReading(rows=len(numbers))


def _blocks(x: Array, used: Sequence[Column], image: tuple[int, int, int] | None) -> Iterator[npt.NDArray[Any]]:
    size = sum(column.size for column in used)
    if len(x.shape) < 2 or 0 in x.shape or math.prod(x.shape[1:]) != size:
        raise RefusedError(f"has X of shape {x.shape}, and the model takes {size:,} numbers a row")
    last = is_channels_last(x.shape)
    if image is not None and len(x.shape) == 4:
        shape = (x.shape[3], x.shape[1], x.shape[2]) if last else x.shape[1:]
        if shape != image:
            raise RefusedError(f"has X of shape {x.shape}, and the model takes images of shape {image}")
    for block in x.blocks():
        turned = block.transpose(0, 3, 1, 2) if last else block
        yield turned.reshape(len(block), -1)


def _save(out: Path, numbers: npt.NDArray[np.float64]) -> None:
    with out.open("wb") as stream:  # a name would be given an ending
        np.save(stream, numbers, allow_pickle=False)
