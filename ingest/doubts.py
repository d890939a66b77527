"""What is said of a column of words that is nearly one of numbers, dates or times."""

import math
import re

from spec.cells import MINUS_BEHIND, CellFormat, clock_of, day_month, unit_of

from . import limits
from .errors import MistakesError, shown, some
from .evidence import MOSTLY, ODD, TWO_WAYS, Evidence
from .headers import is_of_ids

NEARLY = 0.5
PLAIN_WORD = re.compile(r"[\w.<>*~?!%/$()+-][\w.<>*~?!%/$()+ -]{0,40}")
"""A word that a list of words, `a,b`, says as it is."""
LETTERED_ID = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9 /-]*", re.ASCII)
"""An id with a digit, and perhaps letters: 1103F, B-12."""
SPREADSHEET = re.compile(r"\d{1,2}-[A-Z][a-z]{2}|[A-Z][a-z]{2}-\d{2}|\d{4}-\d{2}-\d{2}( 00:00:00)?", re.ASCII)
"""How a spreadsheet writes what it took for a date: 9-May for 5-9, 1-Mar for the gene MARCH1."""


def doubts(evidence: Evidence) -> list[str]:
    """What keeps a column that is read as words from being numbers, dates or times, each in a sentence.

    Raises `RefusedError` where it is a column of numbers, and a few words among them are mistakes.
    """
    said = [_numbers(evidence), _dates(evidence) or _two_clocks(evidence)]
    if not any(said):
        said.append(_digits(evidence))
    said.append(_several_lines(evidence))
    return [f"Column {shown(evidence.name)} has {one}" for one in said if one is not None]


# --- numbers ----------------------------------------------------------------------------------------------------------


def _numbers(evidence: Evidence) -> str | None:
    """Numbers that may be words, or are not all of one form."""
    as_number = f"types={evidence.name}=number reads"
    if evidence.typed or (evidence.forced and evidence.zero_led is None):
        is_so = evidence.fitting and evidence.zero_led is None
        return f"numbers as texts: {as_number} them so." if is_so else None
    if evidence.zero_led is not None:
        return (
            f"numbers with a zero or a plus before them, such as {shown(evidence.zero_led)}, and is read as texts: "
            f"{as_number} numbers."
        )
    if any(form.unit == MINUS_BEHIND for form in evidence.fitting):
        return (
            f"texts such as {shown(next(iter(evidence.odd), '2-'))}, which may be grades, and is read as texts: "
            f"{as_number} them as numbers below 0."
        )
    real, best = evidence.real, max(evidence.parsed.values(), default=0)
    if evidence.is_mostly_numbers:
        if _has_ids(evidence):
            return f"ids that are no numbers, such as {some(evidence.not_numbers, 3)}, and is read as texts."
        raise mistakes(evidence)
    if (several := _several_units(evidence)) is not None:
        cure = "write all in one unit to have numbers"
        return f"numbers with several units, such as {several}, and is read as texts: {cure}."
    if not real or best < NEARLY * real:
        return None
    if evidence.odd:
        return (
            f"numbers in {best:,} of {real:,} rows; {some(evidence.not_numbers)} keep it from being a column of "
            "numbers: na_values makes them gaps."
        )
    such = some(evidence.words[:3])
    return f"numbers in several forms, such as {such}: decimal and thousands say which is meant."


def _has_ids(evidence: Evidence) -> bool:
    """Whether a column that is called like one of ids, and is no target, has whole numbers and ids with letters."""
    may_be = is_of_ids(evidence.name) and not evidence.choices.is_target and evidence.separated is None
    return may_be and all(map(LETTERED_ID.fullmatch, evidence.odd))


def mistakes(evidence: Evidence) -> MistakesError:
    """Why a column of numbers is refused: its words, the first with its row, and the options that read them."""
    words, name = evidence.not_numbers, evidence.name
    first = min(words, key=lambda word: evidence.first.get(word, math.inf))
    more = f" and {some(word for word in words if word != first)}" if len(words) > 1 else ""
    them, gaps = ("them", "missing values") if more else ("it", "a missing value")
    are_said = len(words) <= limits.NAMED and all(map(PLAIN_WORD.fullmatch, words))
    option = f"na_values={','.join(words)}" if are_said else "na_values, a list of words,"
    correct = (
        f"take the row out if it has units, or correct {them}" if evidence.first.get(first) == 1 else f"correct {them}"
    )
    return MistakesError(
        f"has {shown(first)} in row {evidence.first.get(first)} of column {shown(name)}{more}, which is a column of "
        f"numbers: {correct}; {option} reads {them} as {gaps}, and types={name}=category all as words",
        name,
        words,
    )


def _several_units(evidence: Evidence) -> str | None:
    """Texts that are numbers with one unit each, and not all with the same, or some with none."""
    first: dict[str, str] = {}
    others = 0
    words = evidence.words[:ODD]
    for word in words:
        unit = unit_of(word) or ""
        if not unit and word in evidence.odd:
            others += 1
        else:
            first.setdefault(unit, word)
    is_so = len(first) > 1 and others <= (1.0 - MOSTLY) * len(words)
    return some(list(first.values())[:3]) if is_so else None


# --- dates and times --------------------------------------------------------------------------------------------------


def _dates(evidence: Evidence) -> str | None:
    """Dates that can be read in several ways, or are not all of one form; and dates among words."""
    dated = next((word for word in evidence.texts if day_month(word)), None)
    if dated is not None and (said := _two_ways(evidence, dated)) is not None:
        return said
    if evidence.typed:
        return None
    said = _months(evidence) if dated is None else _several_forms(evidence, dated)
    return said or _words_among_dates(evidence) or _dates_among_words(evidence)


def _two_ways(evidence: Evidence, dated: str) -> str | None:
    """Dates such as 03/04/2026, where all are dates, or where a format was asked for."""
    if evidence.choices.date is not None:
        return f"values such as {shown(dated)}, and is not one of dates as asked."
    if not evidence.styles:
        return None
    if evidence.year_may_be_first:
        return (
            f"dates such as {shown(dated)}, whose first number may be the year: date_format, such as %y-%m-%d, reads "
            "them as dates."
        )
    return (
        f"dates such as {shown(dated)}, which can be read in two ways: dayfirst=true or dayfirst=false reads them as "
        "dates."
    )


def _months(evidence: Evidence) -> str | None:
    """Months with years of two digits, which may be days: Nov-26."""
    words = evidence.words
    forms = [f"{name}{mark}%y" for name in ("%b", "%B") for mark in "- /"]
    form = next((form for form in forms if words and _are_dates(words, CellFormat(date=form))), None)
    if form is None:
        return None
    return f"texts such as {shown(words[0])}, a day or a year with a month: date_format={form} reads them as months."


def _are_dates(words: list[str], form: CellFormat) -> bool:
    return all(form.days(word) is not None for word in words)


def _several_forms(evidence: Evidence, dated: str) -> str | None:
    """Dates of several forms, where all are dates."""
    words, styles = evidence.words, evidence.dates
    other = next((word for word in words if not day_month(word)), None)
    count = max(styles[style] for style in TWO_WAYS)
    count += sum(count for style, count in styles.items() if style not in TWO_WAYS)
    if other is None or count < evidence.real:
        return None
    forms = {"dayfirst=true": CellFormat(date="dayfirst"), "dayfirst=false": CellFormat(date="monthfirst")}
    ways = [way for way, form in forms.items() if _are_dates(words, form)]
    cure = f"{' or '.join(ways)} reads them as dates" if ways else "write all of them as 2026-11-25"
    return (
        f"dates of several forms, {shown(dated)} and {shown(other)}, and is read as texts: {cure}. If a spreadsheet "
        "took only some for dates, the day and the month of those may have changed places."
    )


def _words_among_dates(evidence: Evidence) -> str | None:
    """Words that keep a column from being dates, where nearly all are."""
    style, count = max(evidence.dates.items(), key=lambda item: item[1], default=("iso", 0))
    if not count or count < MOSTLY * evidence.real:
        return None
    form = CellFormat(date=None if style == "iso" else style)
    odd = [word for word in evidence.words if form.days(word) is None]
    return f"dates, and {some(odd)} among them, and is read as texts: na_values makes them gaps." if odd else None


def _dates_among_words(evidence: Evidence) -> str | None:
    """A few dates among words, which a spreadsheet may have made of them."""
    words = evidence.words
    made = [word for word in words if SPREADSHEET.fullmatch(word)]
    if not made or 2 * len(made) > len(words):
        return None
    return (
        f"dates among other words, such as {some(made, 3)}: if a spreadsheet made them of words such as 5-9, 3/4 or "
        "MARCH1, write these words again."
    )


def _two_clocks(evidence: Evidence) -> str | None:
    """Times such as `3:45` and `1:02:33`."""
    if not evidence.has_two_clocks:
        return None
    first = {clock_of(text): text for text in reversed(evidence.texts)}
    both = [text for text in (first.get("h:mm"), first.get("h:mm:ss")) if text is not None]
    return (
        f"times, some with seconds ({some(both)}), and is read as texts: date_format=m:ss reads the shorter ones as "
        "minutes and seconds; or write all of them with seconds."
    )


# --- other texts ------------------------------------------------------------------------------------------------------


def _digits(evidence: Evidence) -> str | None:
    """Texts that nearly all begin with a digit, or signs and one: `~12`, `\u20b93.5 Cr`."""
    begin = [word for word in evidence.texts if next(filter(str.isalnum, word), "").isnumeric()]
    if evidence.typed or not begin or len(begin) < MOSTLY * len(evidence.texts):
        return None
    such = next((word for word in begin if word in evidence.odd), begin[0])
    return f"texts such as {shown(such)}, and is read as texts: write plain numbers or dates to have it read so."


def _several_lines(evidence: Evidence) -> str | None:
    """A cell that has lines, and marks as between cells."""
    broken = next((word for word in evidence.texts if "\n" in word and any(mark in word for mark in ",;\t|")), None)
    if broken is None or evidence.typed:
        return None
    return f"cells of several lines, such as {shown(broken)}: is a quote missing?"
