"""The first row of a text file: names of columns, or data already; and columns that only number the rows."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise

from spec.cells import MISSING, PLACEHOLDERS, CellFormat, unit_of

from .errors import shown

UNNAMED = re.compile(r"(Unnamed: \d+|__index_level_\d+__|index|)")
"""What pandas calls its index where nobody named it."""

Record = Sequence[str]
_FORMS = (
    CellFormat(),
    *(CellFormat(decimal=mark, thousands=group) for mark, group in ((".", ","), (",", "."), (".", " "), (",", " "))),
)


def is_short(records: Sequence[Record]) -> bool:
    """Whether the first record has a cell fewer than each other one: names, without one for the names of the rows."""
    return len(records) > 1 and all(len(record) == len(records[0]) + 1 for record in records[1:])


def has_header(records: Sequence[Record], named: Collection[str]) -> bool:
    """Whether the first of some records has the names of the columns.

    `named` are columns that somebody spoke of.
    """
    first, rest = records[0], records[1:]
    if is_short(records):
        return True
    by_place = {str(place) for place in range(len(first))}
    if any(name in first and name not in by_place for name in named):
        return True
    filled = [cell for cell in first if cell]
    numbers = [cell for cell in filled if is_value(cell)]
    if _are_consecutive(filled) or (len(numbers) < len(filled) and _is_above_numbers(first, rest)):
        return True
    if not numbers:
        return not rest or (len(set(first)) == len(first) and not _recurs(first, rest, all))
    is_data = _recurs(first, rest) or not all(map(str.isdecimal, numbers)) or len(set(numbers)) < len(numbers)
    return len(numbers) < len(filled) and not is_data


def _is_above_numbers(first: Record, rest: Sequence[Record]) -> bool:
    """Whether a word stands above nothing but numbers."""
    for place, cell in enumerate(first):
        below = [record[place] for record in rest if place < len(record) and not _is_gap(record[place])]
        if cell and not is_value(cell) and not _is_gap(cell) and below and all(is_value(value) for value in below):
            return True
    return False


def _recurs(first: Record, rest: Sequence[Record], of: Callable[[Iterable[bool]], bool] = any) -> bool:
    """Whether any, or all, words of the first record stand below themselves again."""
    return of(
        bool(cell) and not is_value(cell) and any(place < len(record) and record[place] == cell for record in rest)
        for place, cell in enumerate(first)
    )


def _are_consecutive(cells: Record) -> bool:
    """Whether these are 0, 1, 2 ... or years in a row: names that are numbers, such as pandas writes."""
    if len(cells) < 2 or not all(re.fullmatch("[0-9]+", cell) for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return all(after == before + 1 for before, after in pairwise(numbers))


def _is_gap(cell: str) -> bool:
    return cell in MISSING or cell in PLACEHOLDERS


def is_value(cell: str) -> bool:
    """Whether a cell is a number or a date."""
    if any(form.number(cell) is not None for form in _FORMS) or CellFormat(date="dayfirst").days(cell) is not None:
        return True
    unit = unit_of(cell)
    return unit is not None and any(form.model_copy(update={"unit": unit}).number(cell) is not None for form in _FORMS)


def names_of(records: Sequence[Record], *, has_header: bool) -> tuple[list[str], list[str], list[str]]:
    """The names of the columns, those that only number the rows or are empty, and what is to be said of them."""
    if not has_header:
        return [str(place) for place in range(len(records[0]))], [], []
    names, index, notes = list(records[0]), list[str](), list[str]()
    if is_short(records):
        trails = not any(record[-1] for record in records[1:])
        names = [*names, ""] if trails else ["", *names]
    for place, name in enumerate(names):
        if not UNNAMED.fullmatch(name):
            continue
        below = [record[place] for record in records[1:] if place < len(record)]
        if not name:
            names[place] = f"Unnamed: {place}"
        if not any(below):
            if not name:
                index.append(names[place])
                notes.append(f"Column {place + 1} has no name and no values, and is not used.")
        elif place == 0 and (not name or counts_rows(below)):
            index.append(names[place])
            whose = "has the names of the rows" if is_short(records) else "is pandas' index"
            notes.append(f"Column {shown(names[place])} {whose}, and is not used, unless it is named in columns.")
        elif not name:
            notes.append(f"Column {place + 1} has no name, and is called {shown(names[place])}.")
    return names, index, notes


def counts_rows(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, 2 ... or 1, 2, 3 ..."""
    try:
        numbers = [int(cell) for cell in cells]
    except ValueError:
        return False
    return numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] in (0, 1)
