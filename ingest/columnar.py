"""Files of named columns, CSV and Parquet: read once to learn what the columns are, and again to write them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from spec.dataset import Targets
from spec.profile import Profile, Reading
from spec.schema import ColumnKind, Schema

from . import target as targets
from .columns import Scan
from .encoding import encoder
from .errors import RefusedError, shown
from .parquet import check_size
from .spread import Bins
from .table import Block, write

PREVIEWED = 10
PREVIEWED_COLUMNS = 100
SHOWN_CHARACTERS = 80


class Source(Protocol):
    """A file that can be read more than once."""

    names: list[str]

    @property
    def format(self) -> str:
        """Which of the two it is."""

    @property
    def encoding(self) -> str | None:
        """Of text."""

    @property
    def delimiter(self) -> str | None:
        """Of text."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, some at a time, in order."""


def read(source: Source, *, target: str | None, task: Targets | None, out: Path) -> Reading:
    """Write the table of a file, and say what is in it. Raises `RefusedError`."""
    if target is None:
        raise RefusedError(f"is missing: name one of the columns {_listed(source.names)}", path="target")
    if target not in source.names:
        raise RefusedError(f"is no column of the file: {shown(target)}; it has {_listed(source.names)}", path="target")
    if len(source.names) == 1:
        raise RefusedError(f"has the column {shown(target)} only, and nothing to tell it from")
    scans, preview = _learn(source, {target})
    mixed = {name for name, scan in scans.items() if scan.is_mixed}
    if mixed:
        scans, preview = _learn(source, {target} | mixed)
    answer = targets.answer(scans[target], task)
    columns = tuple(scan.column() for name, scan in scans.items() if name != target)
    schema = Schema(columns=columns, target=answer.target)
    rows = scans[target].rows
    info = schema.info(rows)
    if info.features == 0:
        raise RefusedError("has no column that can be used beside the target")
    used = [column for column in columns if column.type is not ColumnKind.text]
    measured = {column.name: _bins(scans[column.name], column.type) for column in used}
    if answer.target.type is Targets.numbers:
        measured[target] = _bins(scans[target], ColumnKind.number)
    encoders = {column.name: encoder(column) for column in used}

    def blocks() -> Iterator[tuple[Block, Block]]:
        for batch in source.batches():
            numbers = {name: encode(batch.column(name)) for name, encode in encoders.items()}
            y = answer.encode(batch.column(target))
            for name, bins in measured.items():
                if bins is not None:
                    values = y[:, 0] if name == target else numbers[name]
                    bins.take(values[~np.isnan(values)])
            yield np.stack(list(numbers.values()), axis=1), y

    digest = write(out, blocks(), shape=(rows, len(used)), dtype=np.float64, schema=schema)
    kinds = {column.name: column.type for column in columns}
    profile = Profile(
        format=source.format,
        encoding=source.encoding,
        delimiter=source.delimiter,
        columns=[scans[name].profile(kind, measured.get(name)) for name, kind in kinds.items()],
        target=scans[target].profile(scans[target].kind(), measured.get(target)),
        classes=answer.classes,
        names=source.names[:PREVIEWED_COLUMNS],
        preview=preview,
        notes=[*_unused(scans, kinds), *targets.rare(answer.classes)],
    )
    return Reading(rows=rows, table=schema, profile=profile, sha256=digest)


def _learn(source: Source, counted: set[str]) -> tuple[dict[str, Scan], list[list[str | None]]]:
    """What every column holds, and the first rows as text."""
    scans = {name: Scan(name, counts_texts=name in counted) for name in source.names}
    preview: list[list[str | None]] = []
    rows = 0
    for batch in source.batches():
        rows += batch.num_rows
        check_size(rows, len(scans))
        if len(preview) < PREVIEWED:
            preview += _texts(batch.slice(0, PREVIEWED - len(preview)))
        for name, scan in scans.items():
            scan.take(batch.column(name))
    if rows == 0:
        raise RefusedError("has a header and no rows")
    return scans, preview


def _texts(batch: pa.RecordBatch) -> list[list[str | None]]:
    columns = [batch.column(name).to_pylist() for name in batch.schema.names[:PREVIEWED_COLUMNS]]
    return [
        [None if value is None else str(value)[:SHOWN_CHARACTERS] for value in row]
        for row in zip(*columns, strict=True)
    ]


def _bins(scan: Scan, kind: ColumnKind) -> Bins | None:
    if kind is ColumnKind.number:
        return Bins.over(scan.spread)
    return Bins.over(scan.days) if kind is ColumnKind.date else None


def _unused(scans: dict[str, Scan], kinds: dict[str, ColumnKind]) -> list[str]:
    """What to say about columns that do not become features."""
    notes = []
    for name, kind in kinds.items():
        if kind is ColumnKind.text and scans[name].present == 0:
            notes.append(f"Column {shown(name)} is empty, and not used.")
        elif kind is ColumnKind.text:
            notes.append(f"Column {shown(name)} is free text, and not used.")
        elif kind is ColumnKind.category and (many := scans[name].distinct or 0) > 100:
            notes.append(f"Column {shown(name)} has {many:,} categories: the 100 most frequent are told apart.")
    return notes


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20:,} more" if len(names) > 20 else "")
