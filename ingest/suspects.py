"""What may be meant otherwise than it is read: ids, words nearly the same, misread letters, totals."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import pyarrow as pa

from spec.cells import clean
from spec.schema import ColumnKind, Role
from spec.splits import SPLIT_WORDS

from .columns import Found, Measure
from .errors import shown, some
from .headers import is_of_ids
from .spread import BINS, Bins
from .texts import as_text

MOST_FAR = 0.01
"""Numbers are far from all others: they are at most such a share of the rows ..."""
FEWEST_ROWS = 20
"""... of at least so many ..."""
FEWEST_OTHERS = 3
"""... the others have more values than that ..."""
BETWEEN = 7
"""... and of the histogram's bins, those from the second up to so many are empty."""
FEW = 10
"""In so few rows each may have a word of its own."""
TOTAL = re.compile(
    r"(grand |sub)?totals?|total g\u00e9n\u00e9ral|sum|summe|gesamt(summe)?|insgesamt|totale|totaal|suma|somme|"
    r"average|mean|mittelwert|durchschnitt|moyenne|\u0438\u0442\u043e\u0433\u043e|\u5408\u8ba1|\u603b\u8ba1",
    re.IGNORECASE,
)
MOST_TOTALS = 5
"""So many rows may have such a word: in more, it is one of several values, such as `Average`."""


def ids(found: Iterable[Found]) -> list[str]:
    """What to say of numbers in columns that are called like those of ids."""
    names = [one.name for one in found if one.role is Role.feature and _is_id(one)]
    return [
        f"Column {shown(name)} is read as a number: if it is an id or a code, leave it out, columns=-{name}, or say "
        f"types={name}=category."
        for name in names
    ]


def of_rows(found: Sequence[Found], names: int) -> list[str]:
    """What to say of columns that may say which row it is, and not what: counts, names, merged cells; of `names`."""
    features = [one for one in found if one.role is Role.feature]
    said = []
    for one in features if names > 1 else ():
        cure = f"if it only names the rows, columns=-{one.name} leaves it out."
        if one.measure is not None and one.measure.counts_rows and one.rows > FEW:
            said.append(f"Column {shown(one.name)} counts the rows: {cure}")
        elif one.kind is ColumnKind.category and one.rows > FEW and one.distinct == one.rows:
            said.append(f"Column {shown(one.name)} has another word in each row: {cure}")
        elif one.kind is ColumnKind.category and _is_merged(one):
            said.append(
                f"Column {shown(one.name)} has each of its words in one row, and none below: if cells were merged, "
                "write the word in each row."
            )
    return said


def parts(found: Sequence[Found]) -> list[str]:
    """What to say of columns whose words are the parts of a split, training among them, where no column is its."""
    if any(one.role is Role.split for one in found):
        return []
    return [
        f"Column {shown(one.name)} has {some(one.decision.categories)}, the parts of a split, and is read as a "
        f"feature: split={one.name} keeps each row in its part."
        for one in found
        if one.role is Role.feature and _are_parts(one.decision.categories)
    ]


def _are_parts(words: Iterable[str]) -> bool:
    named = {SPLIT_WORDS.get(word.lower()) for word in words}
    return 0 in named and None not in named and len(named) > 1


def _is_merged(found: Found) -> bool:
    """Whether words stand in one row each, the first in the first, above rows without."""
    words = 0 if found.distinct is None else found.distinct
    is_first = found.first_missing is not None and found.first_missing > 1
    return is_first and 1 < words == found.rows - found.missing and 2 * words < found.rows


def _is_id(found: Found) -> bool:
    if found.kind is not ColumnKind.number or found.measure is None or found.measure.forced:
        return False
    measure = found.measure
    ends = (measure.spread.least, measure.spread.most)
    is_whole = all(number.is_integer() for number in (*measure.values, *ends))
    return is_whole and ends[1] - ends[0] > 1.0 and is_of_ids(found.name)


def far(found: Iterable[Found], bins: Mapping[str, Bins | None]) -> list[str]:
    """What to say of a few numbers that are far from all others, which lie within a tenth of the range."""
    said = []
    for one in found:
        counted = bins.get(one.name)
        if one.measure is None or one.measure.forced or one.measure.notes or counted is None:
            continue
        if (number := _far(one.measure, counted)) is not None:
            many, value = number
            if many == 1:
                values, cure = (
                    f"a value far from all others, {value:.10g}",
                    "it is a mistake, correct the cell, or empty it",
                )
            else:
                values = f"{many} values far from all others, such as {value:.10g}"
                cure = "they are mistakes, correct the cells, or empty them"
            said.append(f"Column {shown(one.name)} has {values}: if {cure}.")
    return said


def _far(measure: Measure, bins: Bins) -> tuple[int, float] | None:
    """How many numbers are far from all others, and the farthest; None where none is, or the others are the same."""
    rows = int(bins.counts.sum())
    for counts, value in ((bins.counts, measure.spread.most), (bins.counts[::-1], measure.spread.least)):
        many = int(counts[1:].sum())
        if not 0 < many <= max(MOST_FAR * rows, 1) or rows < FEWEST_ROWS or counts[1:BETWEEN].any():
            continue
        width = float(bins.edges[1] - bins.edges[0])
        others = [number for number in measure.values if abs(number - value) > (BINS - BETWEEN) * width]
        return (many, value) if measure.uncounted or len(others) > FEWEST_OTHERS else None
    return None


def alike(found: Iterable[Found]) -> list[str]:
    """What to say of categories that are nearly the same word."""
    words = [one for one in found if one.role is Role.feature and one.kind is ColumnKind.category]
    pairs = [(one.name, nearly_same(one.decision.categories)) for one in words]
    return [
        f"Column {shown(name)} has {some(pair)}, which are told apart. Are they one?" for name, pair in pairs if pair
    ]


def nearly_same(words: Iterable[str]) -> tuple[str, str] | None:
    """Two words that differ in capital letters, blanks or the point at their end only; None if there are none."""
    by_letters = sorted(words, key=_letters)
    return next((pair for pair in pairwise(by_letters) if _letters(pair[0]) == _letters(pair[1])), None)


def _letters(word: str) -> str:
    return re.sub(r"(?<=\w)[\s_-]+(?=\w)", " ", word.casefold()).rstrip(".,;: ")


def misread(found: Sequence[Found], *, is_asked: bool) -> list[str]:
    """What to say of texts that somebody read in a wrong encoding, and saved; or asked for, with `is_asked`."""
    said = []
    for one in found:
        words = [one.name, *(one.evidence.texts if one.evidence is not None and one.role is not Role.unused else ())]
        pair = next(((word, right) for word in words if (right := _unmisread(word)) is not None), None)
        if pair is not None:
            said.append(f"column {shown(one.name)} ({shown(pair[0])}, which was {shown(pair[1])})")
    if not said:
        return []
    cure = "encoding=utf-8 may read it right" if is_asked else "save the file anew from its source, as UTF-8"
    return [
        f"Letters were read in a wrong encoding, and saved so, in {', '.join(said[:5])}{' ...' if said[5:] else ''}: "
        f"{cure}, or repair each text as text.encode('cp1252').decode('utf-8') does in Python."
    ]


def _unmisread(text: str) -> str | None:
    """What a text was in UTF-8 before it was read as Windows-1252; None if it was not."""
    if text.isascii():
        return None
    try:  # a no-break space is a plain one by now, and five bytes have no letter in Windows-1252
        letters = text.replace("\u00c3 ", "\u00c3\u00a0")
        return b"".join(char.encode("latin-1" if "\x80" <= char < "\xa0" else "cp1252") for char in letters).decode()
    except UnicodeError:
        return None


def total(last: pa.RecordBatch, found: Iterable[Found]) -> list[str]:
    """What to say of the last row, if it has the totals of those above, by a word that few rows have."""
    for one in found:
        word = as_text(last.column(one.name))[-1].as_py()
        is_rare = one.evidence is None or one.evidence.texts[clean(word or "")] <= MOST_TOTALS
        if word is not None and is_rare and TOTAL.fullmatch(word.strip(" :*")):
            said = f"The last row has {shown(word)} in column {shown(one.name)}"
            return [f"{said}: if it sums up the others, take it out."]
    return []
