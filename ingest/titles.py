"""Lines above a table: its title, who made it and when, comments."""

from collections import Counter
from collections.abc import Collection, Sequence

from .below import COMMENTS, RULE
from .headers import YEAR, Record, is_above_numbers, is_value

MOST = 30
"""So many lines may stand above a table."""


def lines_above(records: Sequence[Record], named: Collection[str] = ()) -> int:
    """How many of the first records, none of them blank, stand above the table.

    They have fewer cells than its rows, and below them is a row of names that is as wide as most rows. Names that
    somebody spoke of, `named`, leave no doubt. The header that R writes, one cell short as the names of the rows have
    none, does not stand above the table.
    """
    width = Counter(len(record) for record in records).most_common(1)[0][0] if records else 0
    above, sure = 0, any(name in record for record in records[1 : MOST + 1] for name in named)
    while above < min(MOST, len(records) - 2) and (
        _is_above(records[above], width, sure=sure, first=above == 0)
        or _groups_columns(records[above : above + 2], records[above + 2 :], named)
    ):
        if sure and any(name in records[above] for name in named):
            break
        above += 1
    if above and all(_is_remark(record, width) for record in records[:above]):
        return above
    is_found = sure and _has_a_name_among_words(records[above], named)
    return above if above and (is_found or _names_columns(records[above], width)) else 0


def _is_remark(record: Record, width: int) -> bool:
    """Whether a line is no row, whatever is below it: a comment, or a rule as databases draw it."""
    return len(record) == 1 < width and (record[0].startswith((*COMMENTS, "|")) or bool(RULE.fullmatch(record[0])))


def _is_above(record: Record, width: int, *, sure: bool, first: bool) -> bool:
    filled = [cell for cell in record if cell]
    if sure and len(record) > width > 1:  # of a logger, whose first line is about itself
        return True
    if width < 2 or (len(filled) >= width and (len(record) == width or not record[0].startswith(COMMENTS))):
        return False
    if sure or not filled or filled[0].startswith(COMMENTS) or _is_remark(record, width):
        return True
    if len(filled) == 1:
        return width > 2 or (len(record) == 1 and " " in filled[0])
    return len(record) < (width - 1 if first else width)


def _groups_columns(first: Sequence[Record], below: Sequence[Record], named: Collection[str]) -> bool:
    """Whether the first of two records names groups of the columns, as frames do, and the next one the columns.

    Somebody spoke of the names of the next one, and they stand above numbers.
    """
    is_spoken_of = [any(name in record for name in named) for record in first]
    is_of_words = not any(is_value(cell) for record in first for cell in record if cell)
    return is_spoken_of == [False, True] and is_of_words and is_above_numbers(first[1], below)


def _has_a_name_among_words(record: Record, named: Collection[str]) -> bool:
    """Whether a record has a name that somebody spoke of, which is no number, and no value beside it."""
    filled = [cell for cell in record if cell and not YEAR.fullmatch(cell)]
    return any(name in filled for name in named) and not any(map(is_value, filled))


def _names_columns(record: Record, width: int) -> bool:
    """Whether a record is full of words; the first cell, above an index, may be empty."""
    filled = list(record)
    while filled and not filled[-1]:  # each line may end with a delimiter
        filled.pop()
    is_name = (not is_value(cell) or YEAR.fullmatch(cell) for cell in filled[1:])
    return (
        len(record) == width
        and len(filled) >= width - 1
        and all(filled[1:])
        and all(is_name)
        and not is_value(record[0])
    )
