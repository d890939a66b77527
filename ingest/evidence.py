"""What the texts of a column may be: numbers in one of several forms, dates, truths or words; and what is decided."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spec.cells import (
    BITS,
    CLOCKS,
    COUNTRIES,
    CREDIT_DEBIT,
    MINUS_BEHIND,
    CellFormat,
    clock_of,
    day_month,
    period,
    truth,
    unit_of,
)
from spec.schema import ColumnKind

from . import limits
from .choices import ColumnChoices
from .errors import RefusedError, shown, some
from .texts import LED, Texts, numbers_in

MOSTLY = 0.9
"""A column with so large a share of numbers is a column of numbers, and what is none in it is a mistake."""
NEARLY = 0.5
UNITS = 3
"""Most units of one column that are looked at."""
ODD = 1000
"""Most words among numbers that are counted."""
TRUTHS = 40
DIGIT = re.compile(r"\d")
FULL_YEAR = re.compile(r"\d{4}")
LATE = date(2040, 1, 1)
"""From then on, a year of two digits is likelier to be of the last century: of a birth, say."""
SPREADSHEET = re.compile(r"\d{1,2}-[A-Z][a-z]{2}|[A-Z][a-z]{2}-\d{2}|\d{4}-\d{2}-\d{2}( 00:00:00)?", re.ASCII)
"""How a spreadsheet writes what it took for a date: 9-May for 5-9, 1-Mar for the gene MARCH1."""
Counts = npt.NDArray[np.int64]
DATES = ("iso", "named", "period", "dayfirst", "monthfirst")
TWO_WAYS = ("dayfirst", "monthfirst")
"""Dates such as 03/04/2026."""
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


@dataclass
class Evidence:
    """All that the texts of one column say, learned batch by batch."""

    name: str
    choices: ColumnChoices
    typed: bool = False
    """Whether the file says that they are texts: then numbers among them are words."""
    counted: int = limits.COUNTED
    rows: int = 0
    empty: int = 0
    first_gap: int | None = None
    first_mark: int | None = None
    gaps: Counter[str] = field(default_factory=Counter)
    """Rows of each text that says that there is no value."""
    marks: Counter[str] = field(default_factory=Counter)
    """Rows of each text that says so beside numbers."""
    texts: Counter[str] = field(default_factory=Counter)
    """Rows of each text that may be a value; none when there were too many."""
    uncounted: bool = False
    longest: int = 0
    parsed: Counter[CellFormat] = field(default_factory=Counter)
    """Rows that are numbers in each form."""
    units: set[str] = field(default_factory=set)
    odd: Counter[str] = field(default_factory=Counter)
    """Rows of texts that are numbers in no form, or by a unit only."""
    first: dict[str, int] = field(default_factory=dict)
    """Where those were first."""
    separated: str | None = None
    """A number with a point or a comma in it."""
    whole: bool = False
    """Whether a number has at most three digits, and no point nor comma."""
    zero_led: str | None = None
    """A whole number with a zero before it, or a long one with a plus, as of telephones."""
    dates: Counter[str] = field(default_factory=Counter)
    forced: bool = False
    """Whether a spreadsheet was to take some as text: then numbers among them are words, too."""
    loss: str | None = None
    """A number in brackets."""
    behind: str | None = None
    """A number of more than one digit with a minus behind it."""
    clocks: set[str] | None = field(default_factory=set)
    """What times of day or durations there are, by `clock_of`; None when there was another text."""
    dotted: bool = True
    truths: int = 0
    worded: bool = False
    """Whether truths are words, and not only 0 and 1."""
    codes: bool = True
    """Whether all texts are codes of countries."""

    def __post_init__(self) -> None:
        self.parsed.update({CellFormat(decimal=mark, thousands=group): 0 for mark, group in self.choices.pairs})
        styles = DATES if self.choices.date is None else (*DATES[:3], self.choices.date)
        self.dates.update(dict.fromkeys(styles, 0))
        if self.choices.type is ColumnKind.category:
            self.counted = limits.COUNTED_CATEGORIES

    # --- learning -------------------------------------------------------------------------------------------------

    def take(self, chunk: pa.Array) -> None:
        """Learn from the next rows."""
        try:
            texts = Texts.of(chunk, self.name)
        except RefusedError as error:
            raise RefusedError(f"{error}: columns=-{self.name} leaves the column out") from error
        self.forced |= texts.forced
        weights = texts.weights()
        empty = int((texts.codes < 0).sum())
        words, places = [], []
        silent = texts.codes < 0
        for place, (text, count) in enumerate(zip(texts.values.to_pylist(), weights.tolist(), strict=True)):
            if not count:
                continue
            if text in self.choices.own or (text in self.choices.missing and not self.typed):
                self.gaps[text] += count
                silent |= texts.codes == place
            else:
                if text in self.choices.placeholders:
                    self.marks[text] += count
                    if self.first_mark is None:
                        self.first_mark = self.rows + int((texts.codes == place).argmax()) + 1
                words.append(text)
                places.append(place)
        self.empty += empty
        if self.first_gap is None and silent.any():
            self.first_gap = self.rows + int(silent.argmax()) + 1
        if words:
            self._weigh(words, weights[places], texts, places)
        self.rows += len(chunk)

    def _weigh(self, words: list[str], weights: Counts, texts: Texts, places: list[int]) -> None:
        self.longest = max(self.longest, *map(len, words))
        if not self.uncounted:
            for word, count in zip(words, weights.tolist(), strict=True):
                self.texts[word] += count
            if len(self.texts) > self.counted:  # ten thousand columns that counted on would take all memory
                self.texts.clear()
                self.uncounted = True
        real = [place for place, word in enumerate(words) if word not in self.choices.placeholders]
        if not real:
            return
        words, weights, places = [words[at] for at in real], weights[real], [places[at] for at in real]
        self.codes = self.codes and all(
            word.upper() in COUNTRIES and word in (word.upper(), word.lower()) for word in words
        )
        if len(words) <= TRUTHS and self.truths >= 0:
            found = [truth(word) is not None for word in words]
            self.truths += int(weights[found].sum())
            self.worded |= any(word not in BITS for word, is_truth in zip(words, found, strict=True) if is_truth)
        else:
            self.truths = -1
        self._weigh_dates(words, weights)
        self._weigh_clocks(words)
        self._weigh_numbers(words, weights, texts, places)

    def _weigh_dates(self, words: list[str], weights: Counts) -> None:
        if not self.dates:
            return
        many = len(words)
        places = [place for place, word in enumerate(words) if DIGIT.search(word)]  # no date has none
        words, weights = [words[place] for place in places], weights[places]
        orders = [day_month(word) for word in words]
        for style in list(self.dates):
            form = CellFormat(date=None if style == "iso" else style)
            is_open = style not in TWO_WAYS or self.choices.date is not None
            fits = [
                (is_open or order is not None) and form.days(word) is not None
                for word, order in zip(words, orders, strict=True)
            ]
            if any(fits):
                self.dates[style] += int(weights[fits].sum())
                self.dotted &= is_open or all(
                    order is not None and order["mark"] == "." and len(order["year"]) == 4
                    for order, fit in zip(orders, fits, strict=True)
                    if fit
                )
            elif not self.dates[style] and many > ODD:
                del self.dates[style]

    def _weigh_clocks(self, words: list[str]) -> None:
        if self.clocks is None:
            return
        for word in words:
            kind = clock_of(word)
            if kind is None:
                self.clocks = None
                return
            self.clocks.add(kind)

    def _weigh_numbers(self, words: list[str], weights: Counts, texts: Texts, places: list[int]) -> None:
        values = pa.array(words, pa.string())
        if not pc.any(pc.match_substring_regex(values, "[0-9]|[iI][nN][fF]")).as_py():
            is_odd = np.ones(len(words), dtype=bool)
        else:
            is_odd = self._parse(values, weights, list(self.parsed))
            units = (unit_of(words[place]) for place in np.flatnonzero(is_odd)[:ODD].tolist())
            new = {unit for unit in units if unit is not None} - self.units
            if new and len(self.units | new) <= UNITS:
                self.units |= new
                forms = [
                    CellFormat(decimal=mark, thousands=group, unit=unit)
                    for unit in sorted(new)
                    for mark, group in self.choices.pairs
                ]
                self.parsed.update(dict.fromkeys(forms, 0))
                is_odd &= self._parse(values, weights, forms)
            self._look(values)
        if len(self.odd) > ODD:
            return
        for place in np.flatnonzero(is_odd)[:ODD].tolist():
            word = words[place]
            self.odd[word] += int(weights[place])
            if word not in self.first and len(self.first) < limits.NAMED:
                self.first[word] = self.rows + int((texts.codes == places[place]).argmax()) + 1

    def _parse(self, values: pa.Array, weights: Counts, forms: Sequence[CellFormat]) -> npt.NDArray[np.bool_]:
        """Count what is a number in these forms; which texts are none in any, or by a unit only."""
        none = np.ones(len(values), dtype=bool)
        marks = set("".join(values.to_pylist()).replace("\u2019", "'"))
        known: dict[tuple[str, str, str], npt.NDArray[np.bool_]] = {}
        for form in forms:
            # A mark that no value has makes no difference: whole numbers fit all forms, or none.
            decimal, thousands = (mark if mark in marks else "" for mark in (form.decimal, form.thousands))
            same = (decimal, thousands, form.unit)
            if same not in known:
                known[same] = ~np.isnan(numbers_in(values, form))
            fits = known[same]
            self.parsed[form] += int(weights[fits].sum())
            if form.is_sure:
                none &= ~fits
        return none

    def _look(self, values: pa.Array) -> None:
        """Remember a number that has a separator, and one that begins with a zero."""
        if self.separated is None:
            apart = values.filter(pc.match_substring_regex(values, "[0-9][.,][0-9]"))
            self.separated = apart[0].as_py() if len(apart) else None
        self.whole = self.whole or bool(
            pc.any(pc.match_substring_regex(values, "^[^0-9]*[0-9]{1,3}[^0-9.,]*$")).as_py()
        )
        if self.loss is None:
            losses = values.filter(pc.match_substring_regex(values, r"^[^0-9]*\(.*[0-9].*\)$"))
            self.loss = losses[0].as_py() if len(losses) else None
        if self.behind is None and MINUS_BEHIND in self.units:
            minus = values.filter(pc.match_substring_regex(values, "[0-9.,][0-9] ?[^0-9.,]$"))
            self.behind = minus[0].as_py() if len(minus) else None
        if self.zero_led is None:
            led = values.filter(pc.match_substring_regex(values, LED))
            self.zero_led = led[0].as_py() if len(led) else None

    # --- deciding -------------------------------------------------------------------------------------------------

    @property
    def present(self) -> int:
        """Rows that have a text which may be a value."""
        return self.rows - self.empty - self.gaps.total()

    @property
    def is_asked(self) -> bool:
        """Whether it was said what it is."""
        return self.choices.type is not None

    @property
    def marked(self) -> int:
        """Rows whose text is no value beside numbers."""
        return self.marks.total()

    @property
    def survivors(self) -> list[CellFormat]:
        """Forms in which every value is a number."""
        if (self.typed or self.forced) and not self.is_asked:
            return []
        fits = [form for form in self._fitting if form.unit != MINUS_BEHIND or self.behind is not None]
        return self._fitting if self.is_asked else fits

    @property
    def _fitting(self) -> list[CellFormat]:
        real = self.present - self.marked
        return [form for form, count in self.parsed.items() if real and count == real]

    @property
    def decimals(self) -> set[str]:
        """The decimal marks that are possible, given that there is a separator."""
        return {form.decimal for form in self.survivors} if self.separated else set()

    def decide(self, decimal: str | None, *, semicolons: bool) -> Decision:
        """What the column is; `decimal` is the mark that other columns have. Raises `RefusedError`."""
        asked = self.choices.type
        if asked is not None:
            return self._as_asked(asked, decimal, semicolons=semicolons)
        if self.present == 0:
            return self._words(ColumnKind.text)
        survivors = self.survivors
        if survivors and self.zero_led is None:
            return self._numbers(survivors, decimal, semicolons=semicolons)
        if (dates := self._dates()) is not None:
            return dates
        if (clock := self._clock()) is not None:
            return clock
        if self.worded and self.truths == self.present - self.marked and not self._has_letters_of_two:
            return Decision(ColumnKind.boolean, self._gaps(), missing=self._missing)
        return self._as_words()

    def _as_asked(self, asked: ColumnKind, decimal: str | None, *, semicolons: bool) -> Decision:
        real = self.present - self.marked
        if asked in (ColumnKind.text, ColumnKind.category):
            return self._words(asked)
        if real == 0:
            raise RefusedError(f"says {asked.value} of column {shown(self.name)}, which has no value", path="types")
        if asked is ColumnKind.boolean:
            if self.truths != real:
                raise self._unlike(asked, [word for word in self.texts if truth(word) is None])
            return Decision(asked, self._gaps(), missing=self._missing, forced=True)
        if asked is ColumnKind.date:
            dates = self._dates()
            if dates is None:
                form = CellFormat(date=self.choices.date)
                raise self._unlike(asked, [word for word in self.texts if form.days(word) is None])
            return dates
        if not (survivors := self.survivors):
            if (clock := self._clock()) is not None:
                return clock
            raise self._unlike(asked, self._common() or list(self.texts))
        return self._numbers(survivors, decimal, semicolons=semicolons)

    def _unlike(self, asked: ColumnKind, words: list[str]) -> RefusedError:
        where = f" in row {self.first[words[0]]}" if words and words[0] in self.first else ""
        has = f"has {some(words)}{where}" if words else "has other values"
        return RefusedError(f"says {asked.value} of column {shown(self.name)}, which {has}", path="types")

    def _numbers(self, survivors: list[CellFormat], decimal: str | None, *, semicolons: bool) -> Decision:
        form = min(survivors, key=partial(_rank, survivors, decimal, self.separated, semicolons))
        notes = []
        if form.unit:
            notes.append(self._of_unit(form.unit))
        if self.loss is not None and (loss := form.number(self.loss)) is not None:
            notes.append(
                f"The numbers of column {shown(self.name)} in brackets are below 0: {shown(self.loss)} is {loss:.12g}."
            )
        is_sure = len({other.decimal for other in survivors}) == 1
        # 824 beside 35.038, and never 35.04: thousands of Germany, say
        may_be_groups = self.whole and any(other.thousands == "." for other in survivors)
        if self.separated and not is_sure and (form.thousands or form.decimal == "," or semicolons or may_be_groups):
            value = form.number(self.separated)
            other = "thousands" if form.thousands not in self.separated or not form.thousands else "decimal"
            mark = next(char for char in self.separated if char in ".,")
            notes.append(
                f"Column {shown(self.name)}: {shown(self.separated)} is read as {value:.12g}; "
                f"{other}={mark} reads it otherwise."
            )
        read = form.model_copy(update={"gaps": self._gaps().gaps})
        return Decision(ColumnKind.number, read, tuple(notes), missing=self._missing, forced=self.is_asked)

    def _of_unit(self, unit: str) -> str:
        """What is to be said of what stands beside the numbers."""
        numbers = f"The numbers of column {shown(self.name)} have"
        if unit == MINUS_BEHIND:
            example = self.behind or next(iter(self.odd), "12-")
            return f"{numbers} the minus behind them: {shown(example)} is below 0."
        if unit == CREDIT_DEBIT:
            if not any(word.rstrip(".")[-2:] in ("dr", "DR", "Dr") for word in self.odd):
                said = shown(next(iter(self.odd), "12 Cr"))
                return f"{numbers} Cr behind them, credit or crore, which is left out, as in {said}."
            return f"{numbers} CR or DR behind them: CR is read as above 0, and DR as below 0."
        how = ": 12% is read as 0.12" if unit == "%" else ", which is left out"
        return f"{numbers} the unit {unit!r}{how}."

    def _dates(self) -> Decision | None:
        real = self.present - self.marked
        fits = [style for style, count in self.dates.items() if real and count == real]
        if not fits:
            return None
        note: tuple[str, ...] = ()
        style = self.choices.date if self.choices.date in fits else fits[0]
        form = self._gaps().model_copy(update={"date": None if style == "iso" else style})
        if style in TWO_WAYS and self.choices.date is None:
            if (len(fits) > 1 and not self.dotted) or self._year_may_be_first:
                return None
            words = "day" if style == "dayfirst" else "month"
            other = f"dayfirst={'false' if style == 'dayfirst' else 'true'}"
            overrule = other if len(fits) > 1 else f"types={self.name}=category"
            text = _latest(self._short_years(), form)
            example = "" if text is None else f": {shown(text)} is {_day(form, text)}"
            note = (
                f"Column {shown(self.name)} is read as dates, the {words} first{example}; {overrule} says otherwise.",
            )
        if style == "named":
            text = _latest((text for text in self.texts if not FULL_YEAR.search(text)), form)
            if text is not None and _day(form, text) >= LATE:
                note = (
                    f"Column {shown(self.name)} has years of two digits, which are read as 1969 to 2068: {shown(text)} "
                    f"is {_day(form, text)}; write years of four digits if it is of another century.",
                )
        if style == "period":
            if all(map(_is_season, self.texts)):
                return None
            text = next(iter(self.texts), "")
            note = (
                f"Column {shown(self.name)} is read as dates, the first day of each {_period_of(text)}: {shown(text)} "
                f"is {_day(form, text)}; types={self.name}=category says otherwise.",
            )
        return Decision(ColumnKind.date, form, note, missing=self._missing, forced=self.is_asked)

    def _clock(self) -> Decision | None:
        """Times of day or durations, as seconds."""
        if not self.clocks or (self._has_two_clocks and self.choices.clock is None):
            return None
        fits = [style for style, kinds in CLOCKS.items() if self.clocks <= kinds]
        if not fits or ("s" in self.clocks and "m:ss" not in self.clocks and self.choices.clock != "m:ss"):
            return None
        style = self.choices.clock if self.choices.clock in fits else fits[0]
        form = self._gaps().model_copy(update={"date": style})
        text = next((text for text in self.texts if text not in self.marks), "")
        example = f": {shown(text)} is {form.number(text):.12g}" if text else ""
        parts = {"h:mm": "hours and minutes", "m:ss": "minutes and seconds"}
        what = f"times, {parts[style]}," if self.clocks == {"h:mm"} else "times,"
        other = next((one for one in parts if one != style), "") if self.clocks == {"h:mm"} else ""
        cure = f"date_format={other} reads {parts[other]}, " if other else ""
        note = (
            f"Column {shown(self.name)} is read as {what} in seconds{example}; {cure}types={self.name}=category says "
            "otherwise."
        )
        return Decision(ColumnKind.number, form, (note,), missing=self._missing, forced=self.is_asked)

    @property
    def _has_two_clocks(self) -> bool:
        """Whether there are `3:45` and `1:02:33`, and nothing says whether the former are hours or minutes."""
        return self.clocks is not None and {"h:mm", "h:mm:ss"} <= self.clocks and "m:ss" not in self.clocks

    @property
    def _has_letters_of_two(self) -> bool:
        """Whether there are letters of yes and no, and of true and false: F, N and T are three codes."""
        letters = {word.lower() for word in self.texts} & {"y", "n", "t", "f"}
        are_alone = len(letters) == len(set(self.texts) - set(self.marks))
        return are_alone and bool(letters & {"y", "n"}) and bool(letters & {"t", "f"})

    def _as_words(self) -> Decision:
        real = self.present - self.marked
        best = max(self.parsed.values(), default=0)
        sure = max((count for form, count in self.parsed.items() if form.is_sure), default=0)
        notes = []
        if self.typed or (self.forced and self.zero_led is None):
            if any(count == real for count in self.parsed.values()) and self.zero_led is None and real:
                notes.append(f"Column {shown(self.name)} has numbers as texts: types={self.name}=number reads them so.")
        elif self.zero_led is not None:
            notes.append(
                f"Column {shown(self.name)} has numbers with a zero or a plus before them, such as "
                f"{shown(self.zero_led)}, and is read as texts: types={self.name}=number reads numbers."
            )
        elif best == real and any(form.unit == MINUS_BEHIND for form in self._fitting):
            notes.append(
                f"Column {shown(self.name)} has texts such as {shown(next(iter(self.odd), '2-'))}, which may be "
                f"grades, and is read as texts: types={self.name}=number reads them as numbers below 0."
            )
        elif sure >= MOSTLY * real and best < real and self.odd:
            raise self._mistakes()
        elif (several := self._several_units()) is not None:
            notes.append(
                f"Column {shown(self.name)} has numbers with several units, such as {several}, and is read as texts: "
                "write all in one unit to have numbers."
            )
        elif best >= NEARLY * real and self.odd:
            notes.append(
                f"Column {shown(self.name)} has numbers in {best:,} of {real:,} rows; {some(self._common())} "
                "keep it from being a column of numbers: na_values makes them gaps."
            )
        elif best >= NEARLY * real:
            notes.append(
                f"Column {shown(self.name)} has numbers in several forms, such as "
                f"{some(list(self.texts)[:3])}: decimal and thousands say which is meant."
            )
        said = self._may_be_dates() or self._several_dates() or self._odd_dates() or self._dates_among_words()
        if said is not None:
            notes.append(said)
        elif self._has_two_clocks:
            first = {clock_of(text): text for text in reversed(self.texts)}
            both = [text for text in (first.get("h:mm"), first.get("h:mm:ss")) if text is not None]
            notes.append(
                f"Column {shown(self.name)} has times, some with seconds ({some(both)}), and is read as texts: "
                "date_format=m:ss reads the shorter ones as minutes and seconds; or write all of them with seconds."
            )
        elif not notes and not self.typed and (numeric := self._numeric()) is not None:
            notes.append(
                f"Column {shown(self.name)} has texts such as {shown(numeric)}, and is read as texts: "
                "write plain numbers or dates to have it read so."
            )
        broken = next((word for word in self.texts if "\n" in word and any(mark in word for mark in ",;\t|")), None)
        if broken is not None and not self.typed:
            notes.append(
                f"Column {shown(self.name)} has cells of several lines, such as {shown(broken)}: is a quote missing?"
            )
        found = self._words(None)
        notes += (*self._typed_gaps(found.kind), *found.notes)
        return Decision(found.kind, found.form, tuple(notes), found.categories, found.distinct, found.missing)

    def _typed_gaps(self, kind: ColumnKind) -> list[str]:
        """What is to be said of texts such as nan, which a file whose columns have types has as values."""
        words = [word for word in self.texts if word and word in self.choices.missing]
        if not self.typed or not words or kind is not ColumnKind.category or self.codes:  # NA among codes is Namibia
            return []
        count = sum(self.texts[word] for word in words)
        return [
            f"In column {shown(self.name)}, {some(words)} is read as a word ({count:,} of {self.rows:,} rows); "
            f"na_values={','.join(words)} reads it as a missing value."
        ]

    def _dates_among_words(self) -> str | None:
        """What is to be said of a few dates among words, which a spreadsheet may have made of them."""
        words = [word for word in self.texts if word not in self.marks]
        made = [word for word in words if SPREADSHEET.fullmatch(word)]
        if self.typed or not made or 2 * len(made) > len(words):
            return None
        return (
            f"Column {shown(self.name)} has dates among other words, such as {some(made, 3)}: if a spreadsheet made "
            "them of words such as 5-9, 3/4 or MARCH1, write these words again."
        )

    def _several_dates(self) -> str | None:
        """What is to be said where all are dates, and not all of one form."""
        slashed = next((word for word in self.texts if day_month(word)), None)
        other = next((word for word in self.texts if word not in self.marks and not day_month(word)), None)
        dates = max(self.dates[style] for style in TWO_WAYS)
        dates += sum(count for style, count in self.dates.items() if style not in TWO_WAYS)
        if self.typed or slashed is None or other is None or dates < self.present - self.marked:
            return None
        words = [word for word in self.texts if word not in self.marks]
        forms = {"dayfirst=true": CellFormat(date="dayfirst"), "dayfirst=false": CellFormat(date="monthfirst")}
        ways = [way for way, form in forms.items() if all(form.days(word) is not None for word in words)]
        cure = f"{' or '.join(ways)} reads them as dates" if ways else "write all of them as 2026-11-25"
        return (
            f"Column {shown(self.name)} has dates of several forms, {shown(slashed)} and {shown(other)}, and is read "
            f"as texts: {cure}. If a spreadsheet took only some for dates, the day and the month of those may have "
            "changed places."
        )

    def _odd_dates(self) -> str | None:
        """What is to be said of words that keep a column from being dates, where nearly all are."""
        style, count = max(self.dates.items(), key=lambda item: item[1], default=("iso", 0))
        if self.typed or not count or count < MOSTLY * (self.present - self.marked):
            return None
        form = CellFormat(date=None if style == "iso" else style)
        odd = [word for word in self.texts if word not in self.marks and form.days(word) is None]
        if not odd:
            return None
        return (
            f"Column {shown(self.name)} has dates, and {some(odd)} among them, and is read as texts: na_values makes "
            "them gaps."
        )

    def _may_be_dates(self) -> str | None:
        """What is to be said of texts that may be dates."""
        such, real = f"Column {shown(self.name)} has ", self.present - self.marked
        dated = next((word for word in self.texts if day_month(word)), None)
        if dated is None:
            form = None if self.typed else self._month_format()
            said = f"{such}texts such as {shown(next(iter(self.texts), ''))}, a day or a year with a month: "
            return None if form is None else f"{said}date_format={form} reads them as months."
        if self.choices.date is not None:
            return f"{such}values such as {shown(dated)}, and is not one of dates as asked."
        if not any(count == real for count in self.dates.values()):
            return None
        if self._year_may_be_first:
            said = f"{such}dates such as {shown(dated)}, whose first number may be the year: "
            return f"{said}date_format, such as %y-%m-%d, reads them as dates."
        return (
            f"{such}dates such as {shown(dated)}, which can be read in two ways: dayfirst=true or dayfirst=false reads "
            "them as dates."
        )

    def _several_units(self) -> str | None:
        """Texts that are numbers with one unit each, and not all with the same, or some with none."""
        first: dict[str, str] = {}
        others = 0
        words = [word for word in self.texts if word not in self.marks][:ODD]
        for word in words:
            unit = unit_of(word) or ""
            if not unit and word in self.odd:
                others += 1
            else:
                first.setdefault(unit, word)
        is_so = len(first) > 1 and not self.typed and others <= (1.0 - MOSTLY) * len(words)
        return some(list(first.values())[:3]) if is_so else None

    def _short_years(self) -> "dict[str, re.Match[str]]":
        """Dates whose year has two digits, and their parts."""
        orders = ((word, day_month(word)) for word in self.texts)
        return {word: order for word, order in orders if order is not None and len(order["year"]) == 2}

    @property
    def _year_may_be_first(self) -> bool:
        """Whether dates such as 26-11-25 may begin with the year: no fewer numbers are last than first."""
        orders = list(self._short_years().values())
        can_be = all(int(order["next"]) <= 12 and 1 <= int(order["year"]) <= 31 for order in orders)
        first, last = ({order[part] for order in orders} for part in ("first", "year"))
        return bool(orders) and can_be and len(last) >= len(first)

    def _month_format(self) -> str | None:
        """A format that reads all texts as months with years of two digits, which may be days: Nov-26."""
        forms = [f"{name}{mark}%y" for name in ("%b", "%B") for mark in "- /"]
        are = (form for form in forms if self.texts and all(map(CellFormat(date=form).days, self.texts)))
        return next(are, None)

    def _numeric(self) -> str | None:
        """A text of a column whose texts nearly all begin with a digit, or signs and one: `~12`, `\u20b93.5 Cr`."""
        begin = [word for word in self.texts if next(filter(str.isalnum, word), "").isnumeric()]
        if not begin or len(begin) < MOSTLY * len(self.texts):
            return None
        return next((word for word in begin if word in self.odd), begin[0])

    def _mistakes(self) -> RefusedError:
        words = self._common()
        row = min((self.first[word] for word in words if word in self.first), default=None)
        first = next((word for word in words if self.first.get(word) == row), words[0])
        more = f" and {some([word for word in words if word != first])}" if len(words) > 1 else ""
        return RefusedError(
            f"has {shown(first)} in row {row} of column {shown(self.name)}{more}, which is a column of numbers: "
            "correct it, leave the cell empty, name it in na_values, or say types="
            f"{self.name}=category"
        )

    def _common(self) -> list[str]:
        """The most frequent words that keep a column from being numbers."""
        best = max(self.parsed, key=lambda form: self.parsed[form], default=CellFormat())
        return [word for word, _ in self.odd.most_common() if best.number(word) is None]

    def _words(self, kind: ColumnKind | None) -> Decision:
        """The column as a category, or as text that is not used."""
        gaps = set(self.gaps)
        notes = []
        places = {word for word in gaps if word in ("NA", "na")}
        others = [word for word in self.texts if word not in self.marks]
        if places and self.codes and len(others) >= 2 and self.choices.is_usual:
            gaps -= places
            notes.append(
                f"Column {shown(self.name)} has codes of countries: {some(sorted(places))} is Namibia, and no gap."
            )
        is_gap = any(any(map(str.isalnum, word)) for word in others) and "+" not in self.texts and not self.typed
        marks = set(self.marks) if is_gap else set()
        words = Counter({word: count for word, count in self.texts.items() if word not in marks})
        for word in places - gaps:
            words[word] = self.gaps[word]
        missing = self.empty + sum(self.gaps[word] for word in gaps) + sum(self.marks[word] for word in marks)
        distinct = None if self.uncounted else len(words)
        present = self.rows - missing
        if kind is None:
            many = distinct is None or (distinct > 50 and distinct > present // 2)
            kind = ColumnKind.text if many or not present or self.longest > limits.NAME else ColumnKind.category
        usual = self.choices.missing if not self.typed else frozenset({""})
        known = (usual | self.choices.own | marks) - (places - gaps)
        form = CellFormat(gaps=None if known == CellFormat().gap_words(among_words=True) else tuple(sorted(known)))
        frequent = sorted(words.items(), key=lambda item: (-item[1], item[0]))[: limits.CATEGORIES]
        categories = tuple(sorted(word for word, _ in frequent)) if kind is ColumnKind.category else ()
        return Decision(kind, form, tuple(notes), categories, distinct, missing, forced=self.is_asked)

    def _gaps(self) -> CellFormat:
        """How a cell without a value looks, in a column of numbers, dates or booleans."""
        if self.choices.is_usual:
            return CellFormat()
        return CellFormat(gaps=tuple(sorted(self.choices.missing | self.choices.placeholders | self.choices.own)))

    @property
    def _missing(self) -> int:
        """Rows without a value, in such a column."""
        return self.empty + self.gaps.total() + self.marked


def _rank(
    survivors: Sequence[CellFormat], decimal: str | None, separated: str | None, semicolons: bool, form: CellFormat
) -> tuple[bool, int]:
    """Where a form stands among those that are possible; the first is taken."""
    order = list(survivors).index(form)
    if decimal is None and semicolons and separated is not None and "," in separated:
        decimal = ","  # where a semicolon is between cells, the comma is in numbers
    return (decimal is not None and form.decimal != decimal), order


def _day(form: CellFormat, text: str) -> date:
    """The day that a text is."""
    return date.fromordinal(EPOCH + math.floor(form.days(text) or 0.0))


def _latest(texts: Iterable[str], form: CellFormat) -> str | None:
    """The text of the latest day, whose century is the likeliest to be meant otherwise."""
    days = {text: day for text in texts if (day := form.days(text)) is not None}
    return max(days, key=lambda text: days[text], default=None)


def _period_of(text: str) -> str:
    """What a text is: a month, a quarter or a week."""
    found = period(text)
    return next(one for one in ("week", "quarter", "month") if found is None or one in found.groupdict())


def _is_season(text: str) -> bool:
    """Whether a text is a year and the next one, such as 2010-11."""
    return text[:4].isdecimal() and text[5:] == f"{(int(text[:4]) + 1) % 100:02}"
