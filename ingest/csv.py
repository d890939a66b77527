"""CSV as batches of text columns: encoding and delimiter are found, and nothing is guessed about values yet."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow

from spec.cells import clean
from spec.reading import ReadingOptions
from spec.schema import Column

from . import headers, limits
from .below import RULE, Below, Shape, lines_below
from .blanks import (
    BLANK,
    BLANKS,
    SNIFFED,
    are_aligned,
    are_columns,
    has_blanks_before_quotes,
    parted,
    squeezed,
    without_blanks,
    without_mark,
)
from .changed import (
    DOUBLED,
    STANDS_IN,
    Change,
    Changed,
    are_quoted_lines,
    divided,
    has_escaped_quotes,
    with_doubled_quotes,
    without_outer_quotes,
)
from .errors import RefusedError, printable, shown, some
from .text_encoding import GUESSED, HEAD, WESTERN, WIDE, chosen_encoding, first_foreign, head_of
from .titles import lines_above
from .uneven import Uneven

BLOCK = 8 << 20
"""Bytes parsed at a time, and so the most that a row may have."""
BEGIN = 1 << 14
"""Characters of a file in which the delimiter behind quotes is looked for."""
DELIMITERS = ",;\t|"
DIVIDED: dict[str, tuple[Change, str]] = {
    BLANK: (squeezed, BLANK),
    BLANKS: (parted, STANDS_IN),
    DOUBLED: (divided, STANDS_IN),
}
"""Delimiters of more than one character: what is done to lines first, and the delimiter that they have then."""
RARE = (DOUBLED, "^", "~")
"""Delimiters where none of the others divides the first records alike."""
SINGLE = re.compile(r"\s*'[^'\n]*'([,;\t|] *'[^'\n]*')+ *\r?\n")
"""A first line whose cells are all in single quotes."""


@dataclass(frozen=True)
class _Row:
    """A row, the number of lines before it, and that of the lines up to its end."""

    before: int
    cells: list[str]
    end: int


class CsvFile:
    """A CSV file that can be read more than once.

    `named` are columns that it is known to have: a first row with them is a header. `usual` is its encoding if it is
    no UTF. `notes` are said of it already. `columns` are those of a model that is to predict its rows. With `only_rows`
    no line is a title, or a note.
    """

    format = "csv"
    is_typed = False

    def __init__(
        self,
        file: Path,
        options: ReadingOptions,
        named: Collection[str] = (),
        *,
        usual: str | None = None,
        notes: Sequence[str] = (),
        columns: Sequence[Column] = (),
        only_rows: bool = False,
    ) -> None:
        self._file = file
        self.encoding, said_of_it = chosen_encoding(file, options.encoding, usual, named)
        head = head_of(file, self.encoding)
        said, lines = _separator_line(head)
        head = head.split("\n", 1)[1] if lines else head
        self.notes = [*notes, *(["The first line says which delimiter is used, and is no row."] if lines else [])]
        self.notes += said_of_it
        self.remarks = list(notes)
        self._changes = list[Change]()
        if not self.encoding.startswith(WIDE) and are_quoted_lines(head):
            head = self._change(head, without_outer_quotes)
            self.notes.append("Each line is in quotes as a whole, which are left out.")
        self._quote = _quote(head, options.delimiter or said)
        self.delimiter = options.delimiter or said or _delimiter(head, self.encoding, self._quote)
        head = self._prepare(head)
        rows = _rows(head, self.delimiter, self._quote)
        if not rows:
            raise RefusedError("holds nothing but blank lines")
        self.notes += self._of_cells()
        above = 0 if only_rows else self._above(rows, options.header, named)
        rows = rows[above:]
        self._below = None if only_rows or self.encoding.startswith(WIDE) else self._lines_below(rows)
        if self._below is not None and file.stat().st_size <= HEAD:
            rows = rows[: max(2, len(rows) - len(self._below.lines))] if len(rows) < SNIFFED else rows
        records = headers.without_comment_mark([row.cells for row in rows], named)
        if records[0] != rows[0].cells:
            self.notes.append(f"The header begins with '#', which is no part of the name {shown(records[0][0])}.")
        self.header = headers.has_header(records, named) if options.header is None else options.header
        if options.header is None and not self.header:
            self.notes.append(
                f"The first row is data, not names: the columns are called 0 to {len(records[0]) - 1}. "
                "header=true reads it as names."
            )
        self._header = records[0] if self.header else None
        is_ruled = self.header and headers.is_ruled(records, options, columns)
        described = 1 if is_ruled else headers.descriptions(records, options, columns) if self.header else 0
        if is_ruled:
            self.notes.append("The line of dashes below the names is not read.")
        elif described:
            words = some([cell for row in records[1 : 1 + described] for cell in row if cell], 3)
            they_are = "The line below the names is" if described == 1 else f"The {described} lines below the names are"
            self.notes.append(f"{they_are} not read: words on the columns, such as units or questions ({words}).")
        before, records = rows[described].end, [records[0], *records[1 + described :]]
        self.names, self.index, notes = headers.names_of(records, has_header=self.header, named=named)
        self.notes += notes
        if options.encoding is None and usual is None and self.encoding in GUESSED and not said_of_it:
            self.notes.append(self._of_encoding(head))
        check_names(self.names)
        self._before = lines + (before if self.header else rows[0].before)
        self._shape = Shape.of(records[1:] if self.header else records, len(self.names))
        if self._below is not None:
            self._remark(_of_lines_below(self._below))

    # --- what is found in the head --------------------------------------------------------------------------------

    def _change(self, head: str, change: Change) -> str:
        """Have lines changed before they are parsed; the head as it is then."""
        self._changes.append(change)
        return change(head.encode()).decode()

    def _prepare(self, head: str) -> str:
        """Find what is to be changed for the parser; the head as it is then."""
        if self.encoding.startswith(WIDE):
            if self.delimiter in DIVIDED:
                name = "::" if self.delimiter == DOUBLED else "space"
                raise RefusedError(f"is no {name} in {self.encoding}: save the file as UTF-8", path="delimiter")
            return head
        if self.encoding in ("utf8", *WESTERN) and has_escaped_quotes(head, self.delimiter):
            head = self._change(head, with_doubled_quotes)
            self.notes.append(r"Quotes within cells are written as \", which is read as a quote.")
        if self.delimiter in DIVIDED:
            self._changes.append(DIVIDED[self.delimiter][0])  # `_rows` does so, too
        elif self._quote == '"' and has_blanks_before_quotes(head, self.delimiter):
            self._changes.append(partial(without_blanks, delimiter=self.delimiter))
        return head

    def _of_cells(self) -> list[str]:
        """What is to be said of what is around and between cells."""
        if self.delimiter == BLANKS:
            return ["Two or more blanks are between cells, and one may be within a cell."]
        if self._quote == "'":
            return ["Cells are in single quotes, which are left out."]
        return [] if self._quote else ["Quotes begin cells and end none: they are read as parts of the cells."]

    def _of_encoding(self, head: str) -> str:
        """What is to be said of an encoding that is guessed. Raises `RefusedError` where it gives no names."""
        other = "encoding says another one, such as cp1250, shift_jis or gbk."
        if not all(map(str.isprintable, self.names)):
            raise RefusedError(f"is not UTF-8, and not {self.encoding}, either: {other}", path="encoding")
        return f"The file is not UTF-8, and is read as {self.encoding}, such as {shown(first_foreign(head))}: {other}"

    def _above(self, rows: Sequence[_Row], header: bool | None, named: Collection[str]) -> int:
        """How many of the first rows stand above the table."""
        records = [row.cells for row in rows]
        is_first = header and any(name in records[0] or headers.UNNAMED.fullmatch(name) for name in named)
        above = 0 if header is False or is_first else lines_above(records, named)
        if above:
            title = next((shown(cell) for row in rows[:above] for cell in row.cells if cell), None)
            if above == 1:
                what = f"The first line, {title or 'without values'}, is"
            else:
                what = f"The first {above} lines, {f'from {title} on' if title else 'without values'}, are"
            self.notes.append(f"{what} above the table, and not read.")
        return above

    def _lines_below(self, rows: Sequence[_Row]) -> Below | None:
        records = [row.cells for row in rows]
        width = len(records[0]) + headers.is_short(records)
        encoding = "utf-8" if self.encoding == "utf8" else self.encoding
        return lines_below(self._file, encoding, Shape.of(records[1:], width), self._cells)

    def _cells(self, line: str) -> list[str] | None:
        """A line's cells, cleaned; None where a quote stays open, or one is no cell but a document."""
        if self._quote and line.count(self._quote) % 2:
            return None
        for change in self._changes:
            line = change(line.encode("utf-8", "replace")).decode()
        rows = _rows(line, self.delimiter, self._quote)
        if not rows and line.strip():
            return None
        return rows[0].cells if rows else []

    def _line_of(self, number: int, text: str) -> int:
        """The line in the file of the row with a number among the rows, none of them blank."""
        first = next(iter(text.splitlines()), "")
        if self._changes:  # its text is not that of the file
            return number
        with self._file.open(encoding="utf-8-sig" if self.encoding == "utf8" else self.encoding, newline=None) as lines:
            found = (line for line, said in enumerate(lines, 1) if line >= number and said.rstrip("\n") == first)
            try:
                return next(found, number)
            except UnicodeError:
                return number

    def _remark(self, said: str) -> None:
        if said not in self.remarks:
            self.remarks.append(said)
            self.notes.append(said)

    # --- rows -----------------------------------------------------------------------------------------------------

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, all columns as text; a cell that says nothing is null. Raises `RefusedError`."""
        last: pa.RecordBatch | None = None
        uneven = Uneven(
            self.names,
            self._header,
            self._shape,
            self._cells,
            self._line_of,
            self._before,
            may_be_short=self.delimiter not in (BLANK, BLANKS),
        )
        try:
            # In one thread: only then does a fault name its row.
            reader = arrow.open_csv(
                Changed(self._file, *self._changes, end=None if self._below is None else self._below.end)
                if self._changes or self._below is not None
                else self._file,
                read_options=arrow.ReadOptions(
                    use_threads=False,
                    block_size=BLOCK,
                    encoding=self.encoding,
                    column_names=self.names,
                    skip_rows=self._before,
                ),
                parse_options=arrow.ParseOptions(
                    delimiter=DIVIDED.get(self.delimiter, (None, self.delimiter))[1],
                    quote_char=self._quote or False,
                    newlines_in_values=True,
                    invalid_row_handler=uneven,
                ),
                convert_options=arrow.ConvertOptions(
                    column_types=dict.fromkeys(self.names, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
            for read in reader:
                batch = uneven.woven(read)
                if batch.num_rows:
                    last = batch
                    yield batch
        except UnicodeError as error:
            raise RefusedError(f"is not that of the file: {self.encoding}", path="encoding") from error
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise uneven.fault or RefusedError(_sentence(str(error))) from error
        rest = list(uneven.rest())
        yield from rest
        for said in uneven.notes:
            self._remark(said)
        if last is not None and self._quote and not rest:
            self._check_end(last)

    def _check_end(self, last: pa.RecordBatch) -> None:
        """Refuse a file whose last quote is never closed: the parser takes all that follows it for one value."""
        value = last.column(last.num_columns - 1)[-1].as_py() or ""
        quote = self._quote.encode()
        raw = value.replace(self._quote, 2 * self._quote).encode(self.encoding.removesuffix("-sig")).rstrip(b"\r\n")
        with self._file.open("rb") as stream:
            end = self._file.stat().st_size if self._below is None else self._below.end
            begin = max(0, end - len(raw) - 64)
            stream.seek(begin)
            tail = stream.read(end - begin).rstrip(b"\r\n\0")
        if tail.endswith(quote + raw) and (raw or not tail.endswith(2 * quote)):
            first = next(iter(value.splitlines()), "")
            where = f"before {shown(first)}" if first else "in its last line"
            raise RefusedError(f"has a quote that is never closed, {where}")


def _separator_line(head: str) -> tuple[str | None, int]:
    """The delimiter that Excel's first line `sep=;` names, and how many lines that takes."""
    found = re.match(r'"?sep=(.)"?\r?\n', head, re.IGNORECASE)
    return (found[1], 1) if found is not None and found[1] in DELIMITERS else (None, 0)


def _quote(head: str, delimiter: str | None) -> str:
    """The quote around cells: double, or single; none where tabs divide cells, and quotes begin some and end none."""
    if SINGLE.match(head):
        return "'"
    if "\t" not in head.split("\n", 1)[0]:
        return '"'
    begins = delimiter in (None, "\t") and re.search(r'(^|\t)"', head, re.MULTILINE)
    return "" if begins and not re.search(r'"(?=[\t\r\n]|$)', head) else '"'


def _of_lines_below(below: Below) -> str:
    """What is to be said of the lines below a table."""
    count = len(below.lines)
    words = [line for line in below.lines if line.strip(",;\t| ")]
    if not words:
        lines = "line has" if count == 1 else f"{count:,} lines have"
        return f"The last {lines} no values, and {'is' if count == 1 else 'are'} not read."
    first = shown(words[0])
    what = f"The last line, {first}, is" if count == 1 else f"The last {count:,} lines, from {first} on, are"
    return f"{what} below the table, and not read."


def _delimiter(head: str, encoding: str, quote: str) -> str:
    """The delimiter that divides the first records into the same number of columns, and into the most.

    Raises `RefusedError` where nothing but the width divides them.

    Where a comma and another do so alike, the comma is within numbers. Where none does, there may be blanks.
    """

    def below(delimiter: str) -> list[list[str]]:
        records = [row.cells for row in _rows(head, delimiter, quote)]
        return [row for row in records[lines_above(records) :] if not RULE.fullmatch(delimiter.join(row))]

    tables = {delimiter: below(delimiter) for delimiter in DELIMITERS}

    def score(delimiter: str) -> tuple[float, bool, int]:
        widths = [len(record) for record in tables[delimiter]]
        if not widths or widths[0] < 2:
            return 0.0, False, 1
        return widths.count(widths[0]) / len(widths), delimiter != ",", widths[0]

    best = max(DELIMITERS, key=score)
    behind = _behind_quotes(head, quote)
    if behind not in (None, best) and any(f"{behind}{quote}" in cell for row in tables[best] for cell in row):
        return behind or best  # the other one stands within quotes
    if score(best)[0] < 1.0 or (best == "," and DOUBLED in head and not re.search(r",(?! )", head)):
        tables |= {delimiter: below(delimiter) for delimiter in RARE if delimiter in head}
        best = next((delimiter for delimiter in RARE if delimiter in tables and score(delimiter)[0] == 1.0), best)
    if score(best)[0] < 1.0 and are_aligned(head):
        return BLANKS
    fits = score(best)[0] == 1.0 or best != "\t"  # two tabs between some cells are blanks
    if not encoding.startswith(WIDE) and are_columns(below(BLANK), tables[best] if fits else []):
        return BLANK
    if score(best)[0] == 0.0 and re.match(r"\s*\S+(?: \S+)* {2,}\S", head):
        raise RefusedError(
            "has columns of a fixed width, and blanks where a cell has no value: write it as CSV, as "
            "pandas.read_fwf(file).to_csv(file, index=False) does"
        )
    return best


def _behind_quotes(head: str, quote: str) -> str | None:
    """The delimiter behind the first cells of lines that begin with a quote, where it is the same in all of them."""
    first = rf"^{quote}(?:[^{quote}\n]|{quote}{quote})*{quote}([{DELIMITERS}])"
    begin = head[:BEGIN] if quote and head.startswith(quote) else ""
    found = set(re.findall(first, begin, re.MULTILINE))
    return found.pop() if len(found) == 1 else None


def _rows(head: str, delimiter: str, quote: str) -> list[_Row]:
    """The first rows that are not blank."""
    found: list[_Row] = []
    if delimiter in DIVIDED:
        change, delimiter = DIVIDED[delimiter]
        head = change(head.encode("utf-8", "replace")).decode()
    reader = csv.reader(
        io.StringIO(head, newline=""),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        skipinitialspace=True,
    )
    before = 0
    try:
        for record in reader:
            if record:
                found.append(_Row(before, [clean(cell) for cell in record], reader.line_num))
            before = reader.line_num
            if len(found) == SNIFFED:
                break
    except csv.Error:  # a cell beyond its limit: what came before will do
        pass
    if delimiter != BLANK:
        return found
    cells = without_mark([row.cells for row in found])
    return [replace(row, cells=one) for row, one in zip(found, cells, strict=True)]


def check_names(names: list[str]) -> None:
    """Raise `RefusedError` unless every column has a name of its own."""
    if len(names) > limits.COLUMNS:
        raise RefusedError(f"has {len(names):,} columns; at most {limits.COLUMNS:,} are read")
    for number, name in enumerate(names, 1):
        if not name:
            raise RefusedError(f"has no name for its column {number}")
        if not name.isprintable():
            raise RefusedError(f"has a name with characters that cannot be shown, {shown(name)}: write it anew")
        if len(name) > limits.NAME:
            most = f"at most {limits.NAME} are read: shorten it"
            raise RefusedError(f"has a name of {len(name):,} characters, {shown(name)}; {most}")
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RefusedError(f"has two columns named {shown(name)}")
        seen.add(name)


def _sentence(said: str) -> str:
    """What the parser said, in our words."""
    if "Could not skip initial" in said:
        return "has a header and no rows"
    if "straddling" in said:
        return f"has a row of more than {BLOCK >> 20} MiB, or a quote that is never closed"
    return f"cannot be read as CSV: {printable(said.splitlines()[0][:200])}"
