"""Parquet as batches of columns: only types that can become numbers, and its size checked before a row is read."""

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spec.cells import clean

from . import limits
from .csv import check_names
from .errors import RefusedError, printable, shown
from .texts import is_text

ROWS_AT_A_TIME = 65_536
TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
"""Of durations, in a second."""


class ParquetFile:
    """A Parquet file that can be read more than once."""

    format = "parquet"
    encoding = None
    delimiter = None
    header = None
    is_typed = True
    remarks: list[str] = []

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._metadata = pq.read_metadata(file)
            schema = self._metadata.schema.to_arrow_schema()
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise RefusedError(_sentence(error)) from error
        known = [field for field in schema if _is_known(field.type)]
        self._columns = [field.name for field in known]
        self.names = [clean(name) for name in self._columns]
        self._check(schema, len(known))
        self.index = [clean(name) for name in _index(schema) if name in self._columns]
        self.notes = [
            f"Column {shown(name)} is pandas' index, and not used, unless it is named in columns."
            for name in self.index
        ] + [
            f"Column {shown(field.name)} is of type {field.type}, which is no single value, and not used."
            for field in schema
            if field.name not in self._columns
        ]
        self.notes += [
            f"The durations of column {shown(clean(field.name))} are read in seconds."
            for field in known
            if pa.types.is_duration(field.type)
        ]
        # As a dictionary, a value that is repeated a million times lies in memory once.
        texts = [field.name for field in schema if is_text(field.type)]
        self._texts = [] if _has_differences(self._metadata, set(texts)) else texts

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows. Raises `RefusedError`."""
        try:
            with pq.ParquetFile(self._file, read_dictionary=self._texts, pre_buffer=False) as reader:
                for batch in reader.iter_batches(ROWS_AT_A_TIME, columns=self._columns, use_threads=False):
                    self._check_texts(batch)
                    yield pa.RecordBatch.from_arrays([_plain(cells) for cells in batch.columns], self.names)
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise RefusedError(_sentence(error)) from error

    def _check_texts(self, batch: pa.RecordBatch) -> None:
        """Raise `RefusedError` for bytes that are no text: R writes those of its own encoding as they are."""
        for name, cells in zip(self.names, batch.columns, strict=True):
            texts = cells.dictionary if pa.types.is_dictionary(cells.type) else cells
            if not (is_text(texts.type) or pa.types.is_string_view(texts.type)):
                continue
            try:
                texts.validate(full=True)
            except pa.ArrowInvalid as error:
                cure = f"write it anew, or leave the column out, columns=-{name}"
                raise RefusedError(f"has text that is not UTF-8 in column {shown(name)}: {cure}") from error

    def _check(self, schema: pa.Schema, columns: int) -> None:
        rows, groups = self._metadata.num_rows, self._metadata.num_row_groups
        check_names(self.names)
        limits.check_size(rows, columns)
        if groups > limits.ROW_GROUPS:
            raise RefusedError(
                f"has {groups:,} row groups; at most {limits.ROW_GROUPS:,} are read: write it with larger ones"
            )
        if len(schema) and not columns:
            first = schema.field(0)
            raise RefusedError(f"has a column {shown(first.name)} of type {first.type}, which is no single value")


def _has_differences(metadata: pq.FileMetaData, texts: Collection[str]) -> bool:
    """Whether texts are written as what they differ in from those before: Arrow makes no dictionaries of them."""
    places = [place for place in range(metadata.num_columns) if metadata.schema.column(place).path in texts]
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return any(word.startswith("DELTA") for group in groups for at in places for word in group.column(at).encodings)


def _index(schema: pa.Schema) -> list[str]:
    """The columns that are a frame's index, as pandas notes them."""
    try:
        described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        found = [name for name in described.get("index_columns", ()) if isinstance(name, str) and name in schema.names]
    except (ValueError, AttributeError, TypeError):
        found = []
    return found or [name for name in schema.names if re.fullmatch(r"__index_level_\d+__", name)]


def _is_known(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(
        is_text(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_date(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_time(kind)
        or pa.types.is_duration(kind)
        or pa.types.is_null(kind)
    )


def _plain(cells: pa.Array) -> pa.Array:
    """Cells of a type that is computed with: views of texts and times of day as texts, durations as seconds."""
    if pa.types.is_duration(cells.type):
        return pc.divide(cells.cast(pa.int64()).cast(pa.float64(), safe=False), TICKS[cells.type.unit])
    is_text_like = pa.types.is_string_view(cells.type) or pa.types.is_time(cells.type)
    return cells.cast(pa.string()) if is_text_like else cells


def _sentence(error: Exception) -> str:
    said = printable(str(error).splitlines()[0][:200])
    if "encrypt" in said.lower():
        return "is an encrypted Parquet file: write it without encryption"
    if "not yet implemented" in said.lower():
        return f"is a Parquet file of a form that is not read ({said}): write it anew, without differences (DELTA)"
    return f"is a Parquet file that is broken or cut short ({said})"
