"""What a column is by its evidence, and how its cells are read: numbers, dates, times, truths or words."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from spec.cells import CLOCKS, CREDIT_DEBIT, MINUS_BEHIND, PLAIN, CellFormat, period, truth
from spec.schema import ColumnKind

from . import limits
from .doubts import doubts
from .errors import RefusedError, shown, some
from .evidence import TWO_WAYS, Evidence

FULL_YEAR = re.compile(r"\d{4}")
LATE = date(2040, 1, 1)
"""From then on, a year of two digits is likelier to be of the last century: of a birth, say."""
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Decision:
    """What a column is, how its cells are read, and what is to be said of it."""

    kind: ColumnKind
    form: CellFormat
    notes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    distinct: int | None = None
    missing: int = 0
    forced: bool = False
    """Whether it was asked for."""


def decide(evidence: Evidence, decimal: str | None, *, semicolons: bool) -> Decision:
    """What a column is. Raises `RefusedError`.

    `decimal` is the mark that other columns have, and `semicolons` says whether these stand between the file's cells.
    """
    asked = evidence.choices.type
    if asked is not None:
        return _as_asked(asked, evidence, decimal, semicolons=semicolons)
    if evidence.present == 0:
        return _words(evidence, ColumnKind.text)
    if evidence.survivors and evidence.zero_led is None:
        return _numbers(evidence, decimal, semicolons=semicolons)
    if (found := _dates(evidence) or _times(evidence)) is not None:
        return found
    if evidence.worded and evidence.truths == evidence.real and not _has_letters_of_two(evidence):
        return _values(evidence, ColumnKind.boolean)
    words = _words(evidence, None)
    return replace(words, notes=(*doubts(evidence), *_typed_gaps(evidence, words.kind), *words.notes))


def _as_asked(asked: ColumnKind, evidence: Evidence, decimal: str | None, *, semicolons: bool) -> Decision:
    if asked in (ColumnKind.text, ColumnKind.category):
        return _words(evidence, asked)
    if evidence.real == 0:
        raise RefusedError(f"says {asked.value} of column {shown(evidence.name)}, which has no value", path="types")
    if asked is ColumnKind.boolean:
        if evidence.truths != evidence.real:
            raise _unlike(asked, evidence, [word for word in evidence.words if truth(word) is None])
        return _values(evidence, asked)
    if asked is ColumnKind.date:
        if (dates := _dates(evidence)) is None:
            form = CellFormat(date=evidence.choices.date)
            raise _unlike(asked, evidence, [word for word in evidence.words if form.days(word) is None])
        return dates
    if evidence.survivors:
        return _numbers(evidence, decimal, semicolons=semicolons)
    if (times := _times(evidence)) is None:
        raise _unlike(asked, evidence, evidence.not_numbers or evidence.words)
    return times


def _unlike(asked: ColumnKind, evidence: Evidence, words: list[str]) -> RefusedError:
    where = f" in row {evidence.first[words[0]]}" if words and words[0] in evidence.first else ""
    has = f"has {some(words)}{where}" if words else "has other values"
    return RefusedError(f"says {asked.value} of column {shown(evidence.name)}, which {has}", path="types")


def _values(evidence: Evidence, kind: ColumnKind, form: CellFormat = PLAIN, notes: Iterable[str] = ()) -> Decision:
    """The column as one of numbers, dates or booleans, where a placeholder is a gap, too."""
    choices, gaps = evidence.choices, None
    if not choices.is_usual:
        gaps = tuple(sorted(choices.missing | choices.placeholders | choices.own))
    read = form.model_copy(update={"gaps": gaps})
    return Decision(kind, read, tuple(notes), missing=evidence.rows - evidence.real, forced=evidence.is_asked)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _numbers(evidence: Evidence, decimal: str | None, *, semicolons: bool) -> Decision:
    name, separated, survivors = shown(evidence.name), evidence.separated, evidence.survivors
    if decimal is None and semicolons and separated is not None and "," in separated:
        decimal = ","  # where a semicolon is between cells, the comma is in numbers
    form = next((form for form in survivors if form.decimal == decimal), survivors[0])
    notes = _stand_ins(evidence)
    if form.unit:
        notes.append(_of_unit(evidence, form.unit))
    if evidence.loss is not None and (loss := form.number(evidence.loss)) is not None:
        notes.append(f"The numbers of column {name} in brackets are below 0: {shown(evidence.loss)} is {loss:.12g}.")
    is_sure = len({other.decimal for other in survivors}) == 1
    # 824 beside 35.038, and never 35.04: thousands of Germany, say
    may_be_groups = evidence.whole and any(other.thousands == "." for other in survivors)
    if separated and not is_sure and (form.thousands or form.decimal == "," or semicolons or may_be_groups):
        value = form.number(separated)
        other = "thousands" if form.thousands not in separated or not form.thousands else "decimal"
        mark = next(char for char in separated if char in ".,")
        notes.append(f"Column {name}: {shown(separated)} is read as {value:.12g}; {other}={mark} reads it otherwise.")
    return _values(evidence, ColumnKind.number, form, notes)


def _stand_ins(evidence: Evidence) -> list[str]:
    """What is to be said of words among numbers that nobody named, and which are read as no value."""
    words = sorted(evidence.choices.guessed)
    if not words:
        return []
    count = sum(evidence.gaps[word] for word in words)
    are = "is read as a missing value" if len(words) == 1 else "are read as missing values"
    return [
        f"In column {shown(evidence.name)}, {some(words)} among numbers {are} ({count:,} of {evidence.rows:,} rows); "
        f"types={evidence.name}=category reads all as words."
    ]


def _of_unit(evidence: Evidence, unit: str) -> str:
    """What is to be said of what stands beside the numbers."""
    numbers = f"The numbers of column {shown(evidence.name)} have"
    if unit == MINUS_BEHIND:
        example = evidence.behind or next(iter(evidence.odd), "12-")
        return f"{numbers} the minus behind them: {shown(example)} is below 0."
    if unit == CREDIT_DEBIT:
        if not any(word.rstrip(".")[-2:] in ("dr", "DR", "Dr") for word in evidence.odd):
            said = shown(next(iter(evidence.odd), "12 Cr"))
            return f"{numbers} Cr behind them, credit or crore, which is left out, as in {said}."
        return f"{numbers} CR or DR behind them: CR is read as above 0, and DR as below 0."
    how = ": 12% is read as 0.12" if unit == "%" else ", which is left out"
    return f"{numbers} the unit {unit!r}{how}."


# --- dates and times --------------------------------------------------------------------------------------------------


def _dates(evidence: Evidence) -> Decision | None:
    styles, asked = evidence.styles, evidence.choices.date
    if not styles:
        return None
    style = asked if asked in styles else styles[0]
    has_two_ways = len(styles) > 1 and not evidence.dotted
    if style in TWO_WAYS and asked is None and (has_two_ways or evidence.year_may_be_first):
        return None
    if style == "period" and not evidence.is_asked and all(map(_is_season, evidence.words)):
        return None
    form = CellFormat(date=None if style == "iso" else style)
    note = _of_dates(evidence, style, form)
    return _values(evidence, ColumnKind.date, form, () if note is None else (note,))


def _of_dates(evidence: Evidence, style: str, form: CellFormat) -> str | None:
    """What is to be said of how dates are read."""
    such = f"Column {shown(evidence.name)}"
    if style in TWO_WAYS and evidence.choices.date is None:
        words, other = ("day", "dayfirst=false") if style == "dayfirst" else ("month", "dayfirst=true")
        overrule = other if len(evidence.styles) > 1 else f"types={evidence.name}=category"
        text = _latest(evidence.short_years, form)
        example = "" if text is None else f": {shown(text)} is {_day(form, text)}"
        return f"{such} is read as dates, the {words} first{example}; {overrule} says otherwise."
    if style == "named":
        text = _latest((text for text in evidence.texts if not FULL_YEAR.search(text)), form)
        if text is not None and _day(form, text) >= LATE:
            return (
                f"{such} has years of two digits, which are read as 1969 to 2068: {shown(text)} is {_day(form, text)}; "
                "write years of four digits if it is of another century."
            )
    if style == "period":
        text = next(iter(evidence.words), "")
        return (
            f"{such} is read as dates, the first day of each {_period_of(text)}: {shown(text)} is {_day(form, text)}; "
            f"types={evidence.name}=category says otherwise."
        )
    return None


def _latest(texts: Iterable[str], form: CellFormat) -> str | None:
    """The text of the latest day, whose century is the likeliest to be meant otherwise."""
    days = {text: day for text in texts if (day := form.days(text)) is not None}
    return max(days, key=lambda text: days[text], default=None)


def _day(form: CellFormat, text: str) -> date:
    """The day that a text is."""
    return date.fromordinal(EPOCH + math.floor(form.days(text) or 0.0))


def _period_of(text: str) -> str:
    """What a text is: a month, a quarter or a week."""
    found = period(text)
    return next(one for one in ("week", "quarter", "month") if found is None or one in found.groupdict())


def _is_season(text: str) -> bool:
    """Whether a text is a year and the next one, such as 2010-11."""
    return text[:4].isdecimal() and text[5:] == f"{(int(text[:4]) + 1) % 100:02}"


def _times(evidence: Evidence) -> Decision | None:
    """Times of day or durations, as seconds."""
    clocks, asked = evidence.clocks, evidence.choices.clock
    if not clocks or (evidence.has_two_clocks and asked is None):
        return None
    fits = [style for style, kinds in CLOCKS.items() if clocks <= kinds]
    if not fits or ("s" in clocks and "m:ss" not in clocks and asked != "m:ss"):
        return None
    if clocks == {"part"} and asked is None:
        return None
    style = asked if asked in fits else fits[0]
    form = CellFormat(date=style)
    text = next(iter(evidence.words), "")
    example = f": {shown(text)} is {form.number(text):.12g}" if text else ""
    parts, what, cure = {"h:mm": "hours and minutes", "m:ss": "minutes and seconds"}, "", ""
    if clocks == {"h:mm"}:
        (other,) = parts.keys() - {style}
        what, cure = f" {parts[style]},", f"date_format={other} reads {parts[other]}, "
    note = (
        f"Column {shown(evidence.name)} is read as times,{what} in seconds{example}; {cure}"
        f"types={evidence.name}=category says otherwise."
    )
    return _values(evidence, ColumnKind.number, form, (note,))


# --- words ------------------------------------------------------------------------------------------------------------


def _has_letters_of_two(evidence: Evidence) -> bool:
    """Whether there are letters of yes and no, and of true and false: F, N and T are three codes."""
    letters = {word.lower() for word in evidence.texts} & {"y", "n", "t", "f"}
    are_alone = len(letters) == len(evidence.words)
    return are_alone and bool(letters & {"y", "n"}) and bool(letters & {"t", "f"})


def _words(evidence: Evidence, kind: ColumnKind | None) -> Decision:
    """The column as a category, or as text that is not used; where `kind` is None, as what it looks like."""
    choices, others = evidence.choices, evidence.words
    has_places = evidence.codes and len(others) >= 2 and choices.is_usual
    places = evidence.gaps.keys() & {"NA", "na"} if has_places else set()
    are_gaps = any(any(map(str.isalnum, word)) for word in others) and "+" not in evidence.texts and not evidence.typed
    marks = set(evidence.marks) if are_gaps else set()
    words = {word: count for word, count in evidence.texts.items() if word not in marks}
    words |= {word: evidence.gaps[word] for word in places}
    present = (evidence.real if are_gaps else evidence.present) + sum(evidence.gaps[word] for word in places)
    distinct = None if evidence.uncounted else len(words)
    if kind is None:
        many = distinct is None or (distinct > 50 and distinct > present // 2)
        kind = ColumnKind.text if many or not present or evidence.longest > limits.NAME else ColumnKind.category
    usual = frozenset({""}) if evidence.typed else choices.missing
    gaps = (usual | choices.own | marks) - places
    form = CellFormat(gaps=None if gaps == PLAIN.gap_words(among_words=True) else tuple(sorted(gaps)))
    frequent = sorted(words, key=lambda word: (-words[word], word))[: limits.CATEGORIES]
    categories = tuple(sorted(frequent)) if kind is ColumnKind.category else ()
    said = f"Column {shown(evidence.name)} has codes of countries: {some(sorted(places))} is Namibia, and no gap."
    notes = (said,) if places else ()
    return Decision(kind, form, notes, categories, distinct, evidence.rows - present, forced=evidence.is_asked)


def _typed_gaps(evidence: Evidence, kind: ColumnKind) -> list[str]:
    """What is to be said of texts such as nan, which a file whose columns have types has as values."""
    words = [word for word in evidence.texts if word and word in evidence.choices.missing]
    if not evidence.typed or not words or kind is not ColumnKind.category or evidence.codes:  # there NA is Namibia
        return []
    count = sum(evidence.texts[word] for word in words)
    return [
        f"In column {shown(evidence.name)}, {some(words)} is read as a word ({count:,} of {evidence.rows:,} rows); "
        f"na_values={','.join(words)} reads it as a missing value."
    ]
