"""What the texts of a column may be: numbers in one of several forms, dates, times, truths or words."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from spec.cells import BITS, COUNTRIES, MINUS_BEHIND, MISSING, CellFormat, clock_of, day_month, truth, unit_of
from spec.schema import ColumnKind

from . import limits
from .choices import ColumnChoices
from .errors import RefusedError
from .texts import LED, Texts, numbers_in

UNITS = 3
"""Most units of one column that are looked at."""
ODD = 1000
"""Most words among numbers that are counted."""
STAND_INS = 3
"""Most different words that stand for no value in a column of numbers: more are words of another kind."""
LONGEST_STAND_IN = 30
"""Characters that such a word may have."""
CODES = 20
"""Among so few whole numbers a word may be one more value: `rotary` beside 4, 6 and 8 cylinders, K beside grades."""
MOSTLY = 0.9
"""A column with so large a share of numbers is a column of numbers, and what is none in it is a mistake."""
TRUTHS = 40
"""Most different texts of a batch that may be truths."""
DIGIT = re.compile(r"\d")
LETTER = re.compile(r"[^\W\d_]")
Counts = npt.NDArray[np.int64]
DATES = ("iso", "named", "period", "dayfirst", "monthfirst")
TWO_WAYS = ("dayfirst", "monthfirst")
"""Dates such as 03/04/2026."""


@dataclass
class Evidence:
    """All that the texts of one column say, learned batch by batch."""

    name: str
    choices: ColumnChoices
    typed: bool = False
    """Whether the file says that they are texts: then numbers among them are words."""
    rows: int = 0
    empty: int = 0
    """Rows of an empty cell."""
    first_gap: int | None = None
    """The first row of an empty cell, or of a text in `gaps`; rows count from 1."""
    first_mark: int | None = None
    """The first row of a text in `marks`."""
    gaps: Counter[str] = field(default_factory=Counter)
    """Rows of each text that says that there is no value."""
    marks: Counter[str] = field(default_factory=Counter)
    """Rows of each text that says so beside numbers."""
    texts: Counter[str] = field(default_factory=Counter)
    """Rows of each text that may be a value; none when there were too many."""
    uncounted: bool = False
    """Whether there were too many."""
    longest: int = 0
    """Characters of the longest of them."""
    parsed: Counter[CellFormat] = field(default_factory=Counter)
    """Rows that are numbers in each form."""
    units: set[str] = field(default_factory=set)
    """Units of those forms."""
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
    """Rows that are dates in each style; a style that none of very many texts has is given up."""
    forced: bool = False
    """Whether a spreadsheet was to take some as text: then numbers among them are words, too."""
    loss: str | None = None
    """A number in brackets."""
    behind: str | None = None
    """A number of more than one digit with a minus behind it."""
    clocks: set[str] | None = field(default_factory=set)
    """What times of day or durations there are, by `clock_of`; None when there was another text."""
    dotted: bool = True
    """Whether all dates such as 03/04/2026 have points, and years of four digits: their day is first."""
    truths: int | None = 0
    """Rows that are truths; None when there were too many different texts."""
    worded: bool = False
    """Whether truths are words, and not only 0 and 1."""
    codes: bool = True
    """Whether all texts are codes of countries."""

    def __post_init__(self) -> None:
        self.parsed.update({CellFormat(decimal=mark, thousands=group): 0 for mark, group in self.choices.pairs})
        styles = DATES if self.choices.date is None else (*DATES[:3], self.choices.date)
        self.dates.update(dict.fromkeys(styles, 0))

    def take(self, chunk: pa.Array) -> None:
        """Learn from the next rows."""
        try:
            texts = Texts.of(chunk, self.name)
        except RefusedError as error:
            raise RefusedError(f"{error}: columns=-{self.name} leaves the column out") from error
        self.forced |= texts.forced
        weights = texts.weights()
        silent = texts.codes < 0
        self.empty += int(silent.sum())
        words, places = [], []
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
            most = limits.COUNTED_CATEGORIES if self.choices.type is ColumnKind.category else limits.COUNTED
            if len(self.texts) > most:  # ten thousand columns that counted on would take all memory
                self.texts.clear()
                self.uncounted = True
        real = [place for place, word in enumerate(words) if word not in self.choices.placeholders]
        if not real:
            return
        words, weights, places = [words[at] for at in real], weights[real], [places[at] for at in real]
        self.codes = self.codes and all(
            word.upper() in COUNTRIES and word in (word.upper(), word.lower()) for word in words
        )
        if len(words) <= TRUTHS and self.truths is not None:
            found = [truth(word) is not None for word in words]
            self.truths += int(weights[found].sum())
            self.worded |= any(word not in BITS for word, is_truth in zip(words, found, strict=True) if is_truth)
        else:
            self.truths = None
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
        """Remember the first number that has a separator, brackets, a minus behind it, or a zero before it."""
        self.separated = self.separated or _first(values, "[0-9][.,][0-9]")
        self.whole = self.whole or _first(values, "^[^0-9]*[0-9]{1,3}[^0-9.,]*$") is not None
        self.loss = self.loss or _first(values, r"^[^0-9]*\(.*[0-9].*\)$")
        if MINUS_BEHIND in self.units:
            self.behind = self.behind or _first(values, "[0-9.,][0-9] ?[^0-9.,]$")
        self.zero_led = self.zero_led or _first(values, LED)

    # --- what they say --------------------------------------------------------------------------------------------

    @property
    def is_asked(self) -> bool:
        """Whether it was said what the column is."""
        return self.choices.type is not None

    @property
    def present(self) -> int:
        """Rows that have a text which may be a value."""
        return self.rows - self.empty - self.gaps.total()

    @property
    def real(self) -> int:
        """Rows that have a value, if it is a column of numbers, dates or booleans."""
        return self.present - self.marks.total()

    @property
    def words(self) -> list[str]:
        """The different texts of those rows; none when there were too many."""
        return [word for word in self.texts if word not in self.marks]

    @property
    def fitting(self) -> list[CellFormat]:
        """Forms in which every value is a number."""
        return [form for form, count in self.parsed.items() if count == self.real > 0]

    @property
    def survivors(self) -> list[CellFormat]:
        """Those of them that may be meant: none of texts, and none of grades such as 2-, unless it was asked for."""
        if self.is_asked:
            return self.fitting
        if self.typed or self.forced:
            return []
        return [form for form in self.fitting if form.unit != MINUS_BEHIND or self.behind is not None]

    @property
    def decimals(self) -> set[str]:
        """The decimal marks that are possible, given that there is a separator."""
        return {form.decimal for form in self.survivors} if self.separated else set()

    @property
    def not_numbers(self) -> list[str]:
        """Words that keep it from being a column of numbers, the most frequent first."""
        best = max(self.parsed, key=lambda form: self.parsed[form], default=CellFormat())
        odd = [word for word, _ in self.odd.most_common()]
        return [word for word in odd if best.number(word) is None] or odd  # of several forms none has all

    @property
    def is_mostly_numbers(self) -> bool:
        """Whether it is a column of numbers but for a few texts, which are none in any form."""
        return bool(self.odd) and self._sure >= MOSTLY * self.real

    @property
    def _sure(self) -> int:
        """Rows that are numbers in the form that most have."""
        return max((count for form, count in self.parsed.items() if form.is_sure), default=0)

    @property
    def stand_ins(self) -> list[str]:
        """A few words among numbers that stand for no value, such as `n.v.`, `*****` and `below LOD`.

        None with a digit, which a mistyped number has, none that means yes or no, none that may be a value, and none
        in the first row only, which may be one of units.
        """
        are_few = len(self.odd) <= STAND_INS and self.odd.total() == self.real - self._sure
        is_guessed = self.choices.missing is MISSING and not (self.is_asked or self.typed or self.forced)
        if not (is_guessed and are_few and self.is_mostly_numbers and self.zero_led is None):
            return []
        words = list(self.odd)
        are_codes = not self.uncounted and len(self.texts) <= CODES and self.separated is None
        may_be_value = are_codes and any(map(LETTER.search, words))
        is_unit = any(self.first[word] == 1 and count == 1 for word, count in self.odd.items())
        return words if all(map(_stands_for_none, words)) and not (may_be_value or is_unit) else []

    @property
    def styles(self) -> list[str]:
        """Styles in which every value is a date."""
        return [style for style, count in self.dates.items() if count == self.real > 0]

    @property
    def short_years(self) -> "dict[str, re.Match[str]]":
        """Dates such as 26-11-25, whose year has two digits, and their parts."""
        orders = ((word, day_month(word)) for word in self.texts)
        return {word: order for word, order in orders if order is not None and len(order["year"]) == 2}

    @property
    def year_may_be_first(self) -> bool:
        """Whether dates such as 26-11-25 may begin with the year: no fewer numbers are last than first."""
        orders = list(self.short_years.values())
        can_be = all(int(order["next"]) <= 12 and 1 <= int(order["year"]) <= 31 for order in orders)
        first, last = ({order[part] for order in orders} for part in ("first", "year"))
        return bool(orders) and can_be and len(last) >= len(first)

    @property
    def has_two_clocks(self) -> bool:
        """Whether there are `3:45` and `1:02:33`, and nothing says whether the former are hours or minutes."""
        return self.clocks is not None and {"h:mm", "h:mm:ss"} <= self.clocks and "m:ss" not in self.clocks


def _stands_for_none(word: str) -> bool:
    """Whether a word among numbers is none of them, however it is meant."""
    return len(word) <= LONGEST_STAND_IN and DIGIT.search(word) is None and truth(word) is None


def _first(values: pa.Array, pattern: str) -> str | None:
    """The first text that has a match."""
    found = values.filter(pc.match_substring_regex(values, pattern))
    return found[0].as_py() if len(found) else None
