"""JSON as CSV: records, as an array or one after the other (JSON Lines), and the forms of pandas' `to_json`."""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from spec.reading import ReadingOrder
from spec.schema import Column

from .errors import RefusedError, shown, some
from .text_encoding import encoding_of
from .typed import TypedNumbers

BEGIN = re.compile(rb'\s*(\{|\[\s*([\[\]{"\-0-9]|true|false|null|NaN))')
"""How JSON begins; a CSV may have a name such as `[age]`."""
_MOMENT = re.compile(r"[1-9]\d{8,9}000")
"""Whole seconds from 1973 to 2286, in milliseconds."""
FORMS = (
    'an array of records, [{"a": 1, "y": 0}, ...], a record a line, or columns, {"a": [1, ...], "y": [0, ...]}, is read'
)
Record = dict[str, Any]


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def write(
    file: Path, order: ReadingOrder, copy: TextIO, columns: Sequence[Column] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Write the rows as CSV; the options by which that is read, and notes. Raises `RefusedError`.

    `columns` are those of the model that is to predict them.
    """
    encoding = order.options.encoding or encoding_of(file, None)
    notes = [] if encoding.startswith("utf") else [f"The file is not UTF-8, as JSON is, and is read as {encoding}."]
    try:
        text = file.read_bytes().decode("utf-8-sig" if encoding in ("utf8", "utf-8") else encoding)
    except (UnicodeError, LookupError) as error:
        raise RefusedError(f"is not that of the file: {encoding}", path="encoding") from error
    try:
        table = _Table(order.target, notes)
        header, rows = table.of(_values(text))
        notes += _write(header, rows, copy, TypedNumbers(order.options, columns, are_seconds=True))
    except RecursionError as error:
        raise RefusedError(f"has arrays or objects within each other, too many: {FORMS}") from error
    return {"encoding": "utf-8"} | ({"header": True} if header is not None else {}), notes


def _values(text: str) -> list[Any]:
    """The values of a text, one or several, numbers as they are written. Raises `RefusedError`."""
    if "\\u0000" in text:
        raise RefusedError(r"has the character \u0000, which is none of a text: write it without")
    decoder = json.JSONDecoder(
        object_pairs_hook=_record, parse_int=_Number, parse_float=_Number, parse_constant=_constant, strict=False
    )
    values, at = list[Any](), _begin(text, 0)
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno}, column {error.colno}"
            found = "cut short" if error.pos >= len(text.rstrip()) else f"{shown(text[error.pos : error.pos + 20])}"
            raise RefusedError(f"is no JSON, at {place}: {error.msg}; it is {found}") from error
        values.append(value)
        at = _begin(text, at)
    return values


def _begin(text: str, at: int) -> int:
    """Where the next value begins, after blanks and, between records, a comma."""
    found = re.compile(r"[\s,\x1e]*").match(text, at)
    return found.end() if found is not None else at


def _record(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RefusedError(f"has an object with the name {shown(twice)} twice: give each value a name of its own")
    return found


def _constant(word: str) -> str:
    """NaN is no value; the infinite are refused as they are in a CSV."""
    return "" if word == "NaN" else word


# --- which form -------------------------------------------------------------------------------------------------------


class _Table:
    """The header and the rows of JSON, whose form is found; notes are added to `notes`."""

    def __init__(self, target: Sequence[str], notes: list[str]) -> None:
        self._target, self._notes = target, notes
        self._arrays = dict[str, None]()
        """Fields of records that are arrays, and left out."""

    def of(self, values: list[Any]) -> tuple[list[str] | None, Iterator[Sequence[Any]]]:
        """The names, None if the first row may have them, and the rows. Raises `RefusedError`."""
        if len(values) == 1 and isinstance(values[0], list):
            return self._array(values[0])
        if len(values) == 1 and isinstance(values[0], dict):
            return self._object(values[0])
        return self._array(values)

    def _array(self, values: list[Any]) -> tuple[list[str] | None, Iterator[Sequence[Any]]]:
        if not values:
            raise RefusedError(f"has an array without values; {FORMS}")
        if all(isinstance(value, dict) for value in values):
            return self._records(values)
        if all(isinstance(value, list) for value in values):
            return None, iter(values)
        other = next(place for place, value in enumerate(values) if not isinstance(value, dict))
        raise RefusedError(f"has an array whose value {other + 1} is no record; {FORMS}")

    def _object(self, whole: Record) -> tuple[list[str] | None, Iterator[Sequence[Any]]]:
        names, rows = whole.get("columns"), whole.get("data")
        if isinstance(names, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
            return self._split(names, rows)
        parts = list(whole.values())
        if parts and all(isinstance(part, dict) for part in parts) and not any(map(_holds_arrays, parts)):
            return self._by_label(whole)
        arrays = {name: part for name, part in whole.items() if isinstance(part, list)}
        if arrays and len(arrays) == len(whole) and not any(map(_is_table, parts)):
            return self._columns(arrays)
        return self._within(whole)

    def _within(self, whole: Record) -> tuple[list[str] | None, Iterator[Sequence[Any]]]:
        """The only array of records of an object, or with the target; or the object as the only record."""
        found = list(_tables(whole))
        if len(found) > 1 and self._target:
            found = [one for one in found if set(self._target) <= self._flat(one[1][0]).keys()] or found
        if len(found) > 1:
            raise RefusedError(
                f"has {len(found)} arrays of records, {some(name for name, _ in found)}: send one of them"
            )
        if not found and any(isinstance(part, list) for part in whole.values()):
            raise RefusedError(f"has an object, {some(whole)}, without an array of records; {FORMS}")
        if not found:
            return self._records([whole])
        name, values = found[0]
        others = [one for one in whole if not (name == one or name.startswith(f"{one}."))]
        beside = f"; beside it, {some(others)} {'is' if len(others) == 1 else 'are'} not" if others else ""
        self._notes.append(f"The array {shown(name)} is read as the table{beside}.")
        return self._array(values)

    def _split(self, names: list[Any], rows: list[Any]) -> tuple[list[str], Iterator[Sequence[Any]]]:
        """Names and rows, pandas' `orient="split"`; its index is left out."""
        header = [str(name) for name in names]
        for place, row in enumerate(rows):
            if len(row) != len(header):
                raise RefusedError(f"has {len(row):,} values in row {place} of data, and {len(header):,} columns")
        return header, iter(rows)

    def _columns(self, columns: Mapping[str, list[Any]]) -> tuple[list[str], Iterator[Sequence[Any]]]:
        """Values by column, pandas' `orient="list"`."""
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{name} {length:,}" for name, length in list(lengths.items())[:5])
            raise RefusedError(f"has columns with different numbers of values: {said}")
        return list(columns), zip(*columns.values(), strict=True)

    def _by_label(self, whole: Record) -> tuple[list[str], Iterator[Sequence[Any]]]:
        """Values by row within columns, pandas' default, or records by row, its `orient="index"`."""
        inner = dict.fromkeys(label for part in whole.values() for label in part)
        if _are_rows(whole, inner, self._target):
            self._notes.append(f"Each of {some(whole, 3)} is read as a row, with columns {some(inner)}.")
            return self._records(list(whole.values()))
        return list(whole), ([part.get(label) for part in whole.values()] for label in inner)

    def _records(self, records: Sequence[Record]) -> tuple[list[str], Iterator[Sequence[Any]]]:
        """Records with the names of all in the order of their first rows; objects within them are flattened."""
        flat = [self._flat(record) for record in records]
        names = list(dict.fromkeys(name for record in flat for name in record))
        if self._arrays:
            self._notes.append(
                f"Arrays within records are no single values, and not read: {some(self._arrays)}. Write each value "
                "of them in a field of its own."
            )
        if not names:
            raise RefusedError(f"has records without a single value; {FORMS}")
        return names, ([record.get(name) for name in names] for record in flat)

    def _flat(self, record: Record) -> Record:
        """A record whose objects give their values to it, `a.b`, and without arrays."""
        if not any(isinstance(value, dict | list) for value in record.values()):
            return record
        found: Record = {}
        for name, value in record.items():
            if isinstance(value, list):
                self._arrays[name] = None
                continue
            inner = {f"{name}.{key}": one for key, one in value.items()} if isinstance(value, dict) else {name: value}
            flat = self._flat(inner)
            if twice := found.keys() & flat.keys():
                raise RefusedError(f"has two values named {shown(min(twice))} in one record")
            found |= flat
        return found


def _are_rows(whole: Record, inner: Mapping[str, Any], target: Sequence[str]) -> bool:
    """Whether the names of an object of objects are those of rows."""
    if target:
        is_inner, is_outer = (all(name in of for name in target) for of in (inner, whole))
        if is_inner != is_outer:
            return is_inner
    return all(map(str.isdecimal, whole)) and not all(map(str.isdecimal, inner))


def _is_table(value: Any) -> bool:
    """Whether it is an array of records, or of rows."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _holds_arrays(value: Any) -> bool:
    return isinstance(value, dict) and next(_tables(value), None) is not None


def _tables(whole: Record, above: str = "") -> Iterator[tuple[str, list[Any]]]:
    """The arrays of records in an object and in objects within it, with their names."""
    for key, value in whole.items():
        name = f"{above}{key}"
        if _is_table(value):
            yield name, value
        elif isinstance(value, dict):
            yield from _tables(value, f"{name}.")


# --- rows -------------------------------------------------------------------------------------------------------------


def _write(header: list[str] | None, rows: Iterator[Sequence[Any]], copy: TextIO, numbers: TypedNumbers) -> list[str]:
    """Write the rows; what is to be said of columns."""
    writer = csv.writer(copy, lineterminator="\n")
    if header is not None:
        names = [_letters(name) for name in header]
        writer.writerow(names)
        numbers.name_columns(names)
    maybe, moments = set(range(len(header or ()))), set[int]()
    for place, row in enumerate(rows):
        cells = list[str]()
        for column, cell in enumerate(row):
            text = _text(cell)
            if text is None:
                where = f"place {column}" if header is None else f"column {shown(header[column])}"
                raise RefusedError(f"has an array or object in row {place}, {where}, where a single value is read")
            cells.append(text)
        cells = numbers.row(cells, {column for column, cell in enumerate(row) if isinstance(cell, _Number)})
        writer.writerow(cells)
        filled = {column for column in maybe if cells[column]}
        matched = {column for column in filled if _MOMENT.fullmatch(cells[column])}
        maybe, moments = maybe - (filled - matched), moments | matched
    names = [] if header is None else [header[column] for column in sorted(moments & maybe)]
    cure = "pandas writes dates so, and with to_json(file, date_format='iso') as they are read"
    return [f"The numbers of {some(names)} may be milliseconds since 1970: {cure}."] if names else []


def _text(cell: Any) -> str | None:
    """A value as the CSV of the same table has it; None of what is no single value."""
    if isinstance(cell, str):
        return _letters(cell)
    if cell is None:
        return ""
    return str(cell) if isinstance(cell, bool) else None


def _letters(text: str) -> str:
    """A text without half of a character, a surrogate alone, which is none."""
    return text.encode("utf-8", "replace").decode()
