"""CSV as batches of text columns: encoding and delimiter are found, and nothing is guessed about values yet."""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow

from spec.cells import clean
from spec.reading import ReadingOptions

from . import headers, limits
from .errors import RefusedError, printable, shown

BLOCK = 8 << 20
"""Bytes parsed at a time, and so the most that a row may have."""
HEAD = 1 << 20
DELIMITERS = ",;\t|"
SNIFFED = 50
"""First records by which the delimiter is chosen."""


class CsvFile:
    """A CSV file that can be read more than once.

    `named` are columns that it is known to have: a first row with them is a header. `usual` is its encoding if it is
    no UTF.
    """

    format = "csv"
    is_typed = False

    def __init__(
        self, file: Path, options: ReadingOptions, named: Collection[str] = (), *, usual: str | None = None
    ) -> None:
        self._file = file
        self.encoding = _encoding(file, usual) if options.encoding is None else _known_encoding(options.encoding)
        head = _head(file, self.encoding)
        said, lines = _separator_line(head)
        head = head.split("\n", 1)[1] if lines else head
        self.delimiter = options.delimiter or said or _delimiter(head)
        records = _records(head, self.delimiter, SNIFFED)
        blank = next((number for number, record in enumerate(records) if record), None)
        if blank is None:
            raise RefusedError("holds nothing but blank lines")
        records = [[clean(cell) for cell in record] for record in records[blank:] if record]
        self.notes = ["The first line says which delimiter is used, and is no row."] if lines else []
        self.header = headers.has_header(records, named) if options.header is None else options.header
        if options.header is None and not self.header:
            self.notes.append(
                f"The first row is data, not names: the columns are called 0 to {len(records[0]) - 1}. "
                "header=true reads it as names."
            )
        self.names, self.index, notes = headers.names_of(records, has_header=self.header)
        self.notes += notes
        check_names(self.names)
        self._before = lines + blank + self.header

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
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
            for batch in reader:
                if batch.num_rows:
                    last = batch
                    yield batch
        except UnicodeError as error:
            raise RefusedError(f"is not that of the file: {self.encoding}", path="encoding") from error
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
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


def _encoding(file: Path, usual: str | None) -> str:
    """UTF-8 or UTF-16 where the bytes say so, else the old Western one, which takes any byte."""
    with file.open("rb") as stream:
        head = stream.read(4)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        stream.seek(0)
        decoder, encoding = codecs.getincrementaldecoder("utf-8")(), "utf8"
        while block := stream.read(HEAD):
            if b"\0" in block:
                where = stream.tell() - len(block) + block.index(0)
                raise RefusedError(f"holds a NUL byte, near byte {where}; of UTF-16, say encoding=utf-16-le")
            if encoding == "utf8":
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    encoding = usual or ("cp1252" if _is_cp1252(block) else "latin-1")
    return encoding


def _is_cp1252(block: bytes) -> bool:
    """Windows' variant has letters and quotes where Latin-1 has control characters, and five bytes with no meaning."""
    return bool(re.search(rb"[\x80-\x9f]", block)) and not re.search(rb"[\x81\x8d\x8f\x90\x9d]", block)


def _head(file: Path, encoding: str) -> str:
    with file.open("rb") as stream:
        raw = stream.read(HEAD)
    name = "utf-8-sig" if encoding == "utf8" else encoding
    try:
        return codecs.getincrementaldecoder(name)(errors="strict" if encoding == "utf8" else "replace").decode(raw)
    except (UnicodeError, LookupError) as error:
        raise RefusedError(f"is not that of the file: {encoding}", path="encoding") from error


def _known_encoding(name: str) -> str:
    """An encoding by its name. Raises `RefusedError`."""
    try:
        "".encode(name)
        found = codecs.lookup(name).name
        return "utf8" if found in ("utf-8", "utf-8-sig") else found
    except (LookupError, UnicodeError, ValueError, TypeError) as error:
        said = f"is no encoding of text: {shown(name)}; such are utf-8, utf-16, cp1252, cp1250"
        raise RefusedError(said, path="encoding") from error


def _separator_line(head: str) -> tuple[str | None, int]:
    """The delimiter that Excel's first line `sep=;` names, and how many lines that takes."""
    found = re.match(r'"?sep=(.)"?\r?\n', head, re.IGNORECASE)
    return (found[1], 1) if found is not None and found[1] in DELIMITERS else (None, 0)


def _delimiter(head: str) -> str:
    """The delimiter that divides the first records into the same number of columns, and into the most.

    Where a comma and another do so alike, the comma is within numbers.
    """

    def score(delimiter: str) -> tuple[float, bool, int]:
        widths = [len(record) for record in _records(head, delimiter, SNIFFED) if record]
        if not widths or widths[0] < 2:
            return 0.0, False, 1
        return widths.count(widths[0]) / len(widths), delimiter != ",", widths[0]

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


def check_names(names: list[str]) -> None:
    """Raise `RefusedError` unless every column has a name of its own."""
    if len(names) > limits.COLUMNS:
        raise RefusedError(f"has {len(names):,} columns; at most {limits.COLUMNS:,} are read")
    for number, name in enumerate(names, 1):
        if not name:
            raise RefusedError(f"has no name for its column {number}")
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
    return f"cannot be read as CSV: {printable(said.splitlines()[0][:200])}"
