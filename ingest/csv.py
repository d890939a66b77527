"""CSV as batches of text columns: encoding and delimiter are found, and nothing is guessed about values yet."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow

from spec.cells import clean
from spec.reading import ReadingOptions

from . import headers, limits
from .blanks import BLANK, Changed, are_columns, has_blanks_before_quotes, squeezed, without_blanks, without_mark
from .errors import RefusedError, printable, shown
from .titles import lines_above

BLOCK = 8 << 20
"""Bytes parsed at a time, and so the most that a row may have."""
HEAD = 1 << 20
DELIMITERS = ",;\t|"
SINGLE = re.compile(r"\s*'[^'\n]*'([,;\t|] *'[^'\n]*')+ *\r?\n")
"""A first line whose cells are all in single quotes."""
WESTERN = ("cp1252", "latin-1")
"""What text is read as that is no UTF: each byte is a character of both."""
WIDE = ("utf-16", "utf-32")
SNIFFED = 50
"""First records by which the delimiter is chosen."""


@dataclass(frozen=True)
class _Row:
    """A row and the number of lines before it."""

    before: int
    cells: list[str]


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
        self._quote = "'" if SINGLE.match(head) else '"'
        self.delimiter = options.delimiter or said or _delimiter(head, self.encoding, self._quote)
        if self.delimiter == BLANK and self.encoding.startswith(WIDE):
            raise RefusedError(f"is no space in {self.encoding}: save the file as UTF-8", path="delimiter")
        self._change: Callable[[bytes], bytes] | None = squeezed if self.delimiter == BLANK else None
        if self._quote == '"' and not self.encoding.startswith(WIDE) and has_blanks_before_quotes(head, self.delimiter):
            self._change = self._change or partial(without_blanks, delimiter=self.delimiter)
        rows = _rows(head, self.delimiter, self._quote)
        if not rows:
            raise RefusedError("holds nothing but blank lines")
        self.notes = ["The first line says which delimiter is used, and is no row."] if lines else []
        if self._quote == "'":
            self.notes.append("Cells are in single quotes, which are left out.")
        above = lines_above([row.cells for row in rows], named) if options.header is None else 0
        if above:
            title = shown(next((cell for row in rows[:above] for cell in row.cells if cell), ""))
            what = f"The first line, {title}, is" if above == 1 else f"The first {above} lines, from {title} on, are"
            self.notes.append(f"{what} above the table, and not read. header=true reads the first line as names.")
        before, records = rows[above].before, [row.cells for row in rows[above:]]
        self.header = headers.has_header(records, named) if options.header is None else options.header
        if options.header is None and not self.header:
            self.notes.append(
                f"The first row is data, not names: the columns are called 0 to {len(records[0]) - 1}. "
                "header=true reads it as names."
            )
        self.names, self.index, notes = headers.names_of(records, has_header=self.header)
        self.notes += notes
        if options.encoding is None and usual is None and self.encoding in WESTERN:
            self.notes.append(
                f"The file is not UTF-8, and is read as {self.encoding}, such as {shown(_foreign(head))}: "
                "encoding says another one, such as cp1250, shift_jis or gbk."
            )
        check_names(self.names)
        self._before = lines + before + self.header

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, all columns as text; a cell that says nothing is null. Raises `RefusedError`."""
        last: pa.RecordBatch | None = None
        try:
            # In one thread: only then does a fault name its row.
            reader = arrow.open_csv(
                self._file if self._change is None else Changed(self._file, self._change),
                read_options=arrow.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    encoding=self.encoding,
                    column_names=self.names,
                    skip_rows=self._before,
                ),
                parse_options=arrow.ParseOptions(
                    delimiter=self.delimiter, quote_char=self._quote, newlines_in_values=True
                ),
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
        quote = self._quote.encode()
        raw = value.replace(self._quote, 2 * self._quote).encode(self.encoding.removesuffix("-sig")).rstrip(b"\r\n")
        with self._file.open("rb") as stream:
            stream.seek(max(0, self._file.stat().st_size - len(raw) - 64))
            tail = stream.read().rstrip(b"\r\n\0")
        if tail.endswith(quote + raw) and (raw or not tail.endswith(2 * quote)):
            raise RefusedError(f"has a quote that is never closed, before {shown(value.splitlines()[0])}")


def _encoding(file: Path, usual: str | None) -> str:
    """UTF-8, UTF-16 or UTF-32 where the bytes say so, else the old Western one, which takes any byte."""
    with file.open("rb") as stream:
        head = stream.read(4)
        if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
            return "utf-32"
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


def _foreign(head: str) -> str:
    """The first word that is not ASCII."""
    found = re.search(r"[^\s,;|\"]*[^\x00-\x7f][^\s,;|\"]*", head)
    return found[0] if found is not None else ""


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


def _delimiter(head: str, encoding: str, quote: str) -> str:
    """The delimiter that divides the first records into the same number of columns, and into the most.

    Where a comma and another do so alike, the comma is within numbers. Where none does, there may be blanks.
    """

    def below(delimiter: str) -> list[list[str]]:
        records = [row.cells for row in _rows(head, delimiter, quote)]
        return records[lines_above(records) :]

    tables = {delimiter: below(delimiter) for delimiter in DELIMITERS}

    def score(delimiter: str) -> tuple[float, bool, int]:
        widths = [len(record) for record in tables[delimiter]]
        if not widths or widths[0] < 2:
            return 0.0, False, 1
        return widths.count(widths[0]) / len(widths), delimiter != ",", widths[0]

    best = max(DELIMITERS, key=score)
    return BLANK if not encoding.startswith(WIDE) and are_columns(below(BLANK), tables[best]) else best


def _rows(head: str, delimiter: str, quote: str) -> list[_Row]:
    """The first rows that are not blank."""
    found: list[_Row] = []
    if delimiter == BLANK:
        head = squeezed(head.encode()).decode()
    reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, quotechar=quote, skipinitialspace=True)
    before = 0
    try:
        for record in reader:
            if record:
                found.append(_Row(before, [clean(cell) for cell in record]))
            before = reader.line_num
            if len(found) == SNIFFED:
                break
    except csv.Error:  # a cell beyond its limit: what came before will do
        pass
    if delimiter != BLANK:
        return found
    cells = without_mark([row.cells for row in found])
    return [_Row(row.before, one) for row, one in zip(found, cells, strict=True)]


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
