"""CSV as batches of text columns: encoding and delimiter are found, and nothing is guessed about values yet."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow

from spec.cells import MISSING

from . import limits
from .errors import RefusedError, shown

BLOCK = 8 << 20
"""Bytes parsed at a time, and so the most that a row may have."""
HEAD = 1 << 20
DELIMITERS = ",;\t|"
SNIFFED = 50
"""First records by which the delimiter is chosen."""


class CsvFile:
    """A CSV file that can be read more than once."""

    format = "csv"

    def __init__(self, file: Path) -> None:
        self._file = file
        self.encoding = _encoding(file)
        head = _head(file, self.encoding)
        self.delimiter = _delimiter(head)
        blank, self.names = _header(head, self.delimiter)
        self._before = blank + 1

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, all columns as text; a cell that says nothing is null. Raises `RefusedError`."""
        last: pa.RecordBatch | None = None
        try:
            # In one thread: only then does a fault name its row.
            reader = arrow.open_csv(
                self._file,
                read_options=arrow.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    encoding=self.encoding,
                    column_names=self.names,
                    skip_rows=self._before,
                ),
                parse_options=arrow.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                convert_options=arrow.ConvertOptions(
                    column_types=dict.fromkeys(self.names, pa.string()),
                    null_values=sorted(MISSING),
                    strings_can_be_null=True,
                ),
            )
            for batch in reader:
                if batch.num_rows:
                    last = batch
                    yield batch
        except pa.ArrowInvalid as error:
            raise RefusedError(_sentence(str(error))) from error
        if last is not None:
            self._check_end(last)

    def _check_end(self, last: pa.RecordBatch) -> None:
        """Refuse a file whose last quote is never closed: the parser takes all that follows it for one value."""
        value = last.column(last.num_columns - 1)[-1].as_py() or ""
        raw = value.replace('"', '""').encode(self.encoding.removesuffix("-sig")).rstrip(b"\r\n")
        with self._file.open("rb") as stream:
            stream.seek(max(0, self._file.stat().st_size - len(raw) - 64))
            tail = stream.read().rstrip(b"\r\n\0")
        if tail.endswith(b'"' + raw) and (raw or not tail.endswith(b'""')):
            raise RefusedError(f"has a quote that is never closed, before {shown(value.splitlines()[0])}")


def _encoding(file: Path) -> str:
    """UTF-8 or UTF-16 where the bytes say so, else the old Western one, which takes any byte."""
    with file.open("rb") as stream:
        head = stream.read(4)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        stream.seek(0)
        decoder, encoding = codecs.getincrementaldecoder("utf-8")(), "utf8"
        while block := stream.read(HEAD):
            if b"\0" in block:
                raise RefusedError(f"holds a NUL byte, near byte {stream.tell() - len(block) + block.index(0)}")
            if encoding == "utf8":
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    encoding = "cp1252" if _is_cp1252(block) else "latin-1"
    return encoding


def _is_cp1252(block: bytes) -> bool:
    """Windows' variant has letters and quotes where Latin-1 has control characters, and five bytes with no meaning."""
    return bool(re.search(rb"[\x80-\x9f]", block)) and not re.search(rb"[\x81\x8d\x8f\x90\x9d]", block)


def _head(file: Path, encoding: str) -> str:
    with file.open("rb") as stream:
        raw = stream.read(HEAD)
    name = "utf-8-sig" if encoding == "utf8" else encoding
    return codecs.getincrementaldecoder(name)(errors="strict" if encoding == "utf8" else "replace").decode(raw)


def _delimiter(head: str) -> str:
    """The delimiter that divides the first records into the same number of columns, and into the most."""

    def score(delimiter: str) -> tuple[float, int]:
        widths = [len(record) for record in _records(head, delimiter, SNIFFED) if record]
        if not widths:
            return 0.0, 0
        return widths.count(widths[0]) / len(widths) if widths[0] > 1 else 0.0, widths[0]

    return max(DELIMITERS, key=score)


def _records(head: str, delimiter: str, most: int) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter):
            found.append(record)
            if len(found) == most:
                break
    except csv.Error:  # a cell beyond its limit: what came before will do
        pass
    return found


def _header(head: str, delimiter: str) -> tuple[int, list[str]]:
    """The lines before the header, which are blank, and the names in it."""
    records = _records(head, delimiter, SNIFFED)
    blank = next((number for number, record in enumerate(records) if record), None)
    if blank is None:
        raise RefusedError("holds nothing but blank lines")
    names = [name.strip() for name in records[blank]]
    check_names(names)
    return blank, names


def check_names(names: list[str]) -> None:
    """Raise `RefusedError` unless every column has a name of its own."""
    if len(names) > limits.COLUMNS:
        raise RefusedError(f"has {len(names):,} columns; at most {limits.COLUMNS:,} are read")
    for number, name in enumerate(names, 1):
        if not name:
            hint = ": an index? Write it without, such as with to_csv(index=False)" if number == 1 else ""
            raise RefusedError(f"has no name for its column {number}{hint}")
        if len(name) > limits.NAME or not name.isprintable():
            raise RefusedError(f"has a column whose name is no name: {shown(name)}")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RefusedError(f"has two columns named {shown(name)}")
        seen.add(name)


def _sentence(said: str) -> str:
    """What the parser said, in our words."""
    ragged = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", said)
    if ragged:
        row, expected, got = ragged.groups()
        return f"has {got} values in line {row}, where the header has {expected}"
    if "straddling" in said:
        return f"has a row of more than {BLOCK >> 20} MiB, or a quote that is never closed"
    return f"cannot be read as CSV: {said.splitlines()[0][:200]}"
