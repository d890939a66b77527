"""The meaning of a cell's text: the same in uploads, and in files and rows to predict."""

import math
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from .base import Frozen
from .currencies import CODES, SIGNS
from .months import MONTHS, WEEKDAYS, folded

MISSING = frozenset(
    {
        *("", "NA", "na", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "NaT", "#N/A N/A"),
        *("NULL", "null", "(null)", "\\N", "None", "none"),
        *("-1.#IND", "1.#IND", "-1.#QNAN", "1.#QNAN", "[NULL]", "<null>"),
        *("#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#N/V", "#N/D", "#NV", "#NB", "#N/B"),
        *("#WERT!", "#BEZUG!", "#ZAHL!", "#VALEUR!", "#NOM?", "#NOMBRE!", "#NOMBRE?", "#VALOR!", "#\u00a1VALOR!"),
        *("#\u00a1DIV/0!", "#\u00a1REF!", "#\u00a1NUM!", "#\u00bfNOMBRE?", "#VALORE!", "#RIF!", "#NOME?", "#WAARDE!"),
        *("#VERW!", "#NAAM?", "#GETAL!", "#V\u00c4RDEFEL!", "#OGILTIGT!", "#SAKNAS!", "#\u0417\u041d\u0410\u0427!"),
    }
)
"""Texts that mean a missing value: those of pandas, R and databases, and errors of spreadsheets, in their languages."""

PLACEHOLDERS = frozenset(
    {"?", ":", "-", "--", "---", "\u2013", "\u2014", "\u2212", ".", "..", "...", "…", "n.a.", "N.A.", "n.d."}
)
"""Texts that mean a missing value among numbers, dates and booleans; among words they may be words."""

TRUE = frozenset({"true", "yes", "t", "y", "on"})
FALSE = frozenset({"false", "no", "f", "n", "off"})
"""In lower case."""
BITS = {"1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}

COUNTRIES = frozenset(
    re.findall(
        r"\w+",
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW "
        "BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI "
        "FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN "
        "IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME "
        "MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF "
        "PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
        "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UK UM US UY UZ VA VC VE VG VI VN VU WF WS "
        "XK YE YT ZA ZM ZW AN EU OC ",
    )
)
"""Codes of countries (ISO 3166, UK, XK) and of continents. Among them, NA is Namibia or North America."""

DECIMALS = (".", ",")
THOUSANDS = ("", ",", ".", " ", "'", "_")

_BLANKS: dict[int, str | None] = {
    **dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "),
    **dict.fromkeys((0xFEFF, 0x200B, 0x200E, 0x200F, 0x2060, 0x202A, 0x202C)),
}
"""Non-breaking spaces and invisible marks: Excel writes some into dates and numbers."""
_SIGNS = {0x2212: "-", 0x2013: "-", 0xFE63: "-", 0xFF0D: "-", 0xFF0B: "+", 0x2019: "'"}
"""Unicode's minus, the dashes that are typed for it, and the typographic apostrophe."""
_INFINITE = {"inf": math.inf, "infinity": math.inf}
_ISO = re.compile(
    r"\d{4}([-/.])\d{1,2}\1\d{1,2}([ T]\d{2}(:\d{2}(:\d{2}([.,]\d{1,9})?)?)?)?( ?(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?))?",
    re.ASCII,
)
_MONTH = r"(?P<month>[a-z]{3,10})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|[oa](?= ))?"
_WEEKDAY = r"(?:(?P<weekday>[a-z]{2,10}(?:-feira)?)\.?,? )?"
_EASTERN_HALF = r"\uc624[\uc804\ud6c4]|[\u4e0a\u4e0b]\u5348|\u5348[\u524d\u5f8c]"
_TIME = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:[.,]\d{1,9})?))?"
    rf"(?: ?(?P<half>[ap]\.? ?m\.?|{_EASTERN_HALF}))?"
)
"""A time of day; of twelve hours also with the words of Korea, China and Japan, as Google Forms writes them."""
_YEAR = r"(?P<year>\d{4}|00|3[2-9]|[4-9]\d)"
"""A year that is no day of a month."""
_ZONE = r"(?: ?(?:z|utc|gmt)?(?P<offset>[+-]\d{2}:?\d{2}|(?<=[tc])[+-]\d{1,2}(?::\d{2})?)?)(?(offset)(?: \([\w ]+\))?)"
"""A zone such as Z, -07:00 or GMT+2; JavaScript writes its name behind that."""
_OFFSETS = {
    **{"EST": "-05:00", "EDT": "-04:00", "CDT": "-05:00"},
    **{"MST": "-07:00", "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00"},
    **{"CET": "+01:00", "CEST": "+02:00", "MEZ": "+01:00", "MESZ": "+02:00"},
}
"""Zones by their names: those of RFC 2822, and Central Europe's, also as Google Forms writes them in German.

CST is not among them: Java writes it for China, too.
"""
_ZONE_NAME = re.compile(rf"(?<=[\dMm] )(?:{'|'.join(_OFFSETS)})\b")
_SLASHED = re.compile(
    rf"{_WEEKDAY}(?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<next>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}|\d{{2}})"
    rf"(?:,?[ T]{_TIME}{_ZONE})?",
    re.ASCII | re.IGNORECASE,
)
_HALVED = re.compile(
    r"(?P<year>\d{4})([-/.]|\. )(?P<month>\d{1,2})\2(?P<day>\d{1,2})\.?"
    rf"[ T](?:(?P<before>{_EASTERN_HALF}) ?)?{_TIME}{_ZONE}",
    re.ASCII | re.IGNORECASE,
)
"""Year first, and a time of twelve hours, of an hour of one digit, or a zone: 2026/11/25 8:30:00 PM GMT+2."""
_EASTERN = re.compile(
    r"(?P<year>\d{4})(?:\u5e74|\ub144 ?)(?P<month>\d{1,2})(?:\u6708|\uc6d4 ?)(?P<day>\d{1,2})[\u65e5\uc77c]"
    r"(?: ?(?P<hour>\d{1,2})(?:[:\u65f6\u6642]|\uc2dc ?)(?P<minute>\d{2})(?:\u5206|\ubd84 ?)?"
    r"(?::?(?P<second>\d{2})[\u79d2\ucd08]?)?)?"
    r"|(?P<dotted>\d{4}\. \d{1,2}\. \d{1,2})\.?",
    re.ASCII,
)
"""Dates of China, Japan and Korea, with their words for year, month and day; and Korea's `2026. 11. 25.`."""
_COMPACT = re.compile(r"\d{8}T\d{4}(\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?", re.ASCII)
_PERIODS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        r"(?P<year>\d{4})[-/](?P<month>\d{2})",
        r"(?P<year>\d{4})m(?P<month>\d{1,2})",
        r"(?P<month>\d{1,2})[-/](?P<year>\d{4})",
        rf"{_MONTH}(?:[-/]|,? | del? ){_YEAR}",
        r"(?P<year>\d{4})[-/ ]?q(?P<quarter>[1-4])",
        r"q(?P<quarter>[1-4])[-/ ]?(?P<year>\d{4})",
        r"(?P<year>\d{4})-?w(?P<week>\d{2})",
    )
)
"""Months, quarters and weeks: 2026-11, 2026m11, 11/2026, Nov 2026, 2026Q4, 2026-W48."""
_NAMED = tuple(
    re.compile(_WEEKDAY + form, re.ASCII)
    for form in (
        rf"{_DAY}(?P<mark>[-/. ]?){_MONTH}(?P=mark)(?P<year>\d{{4}}|\d{{2}})(?:(?:,?[ t]|:){_TIME}{_ZONE})?",
        rf"{_DAY}\.? ?(?:(?:of|del?) )?{_MONTH}(?:,? | del? )(?P<year>\d{{4}})"
        rf"(?:,?(?: at| um| a)? {_TIME}{_ZONE}(?: uhr)?)?",
        rf"{_MONTH} {_DAY},? (?P<year>\d{{4}})(?:,?(?: at)? {_TIME}{_ZONE})?",
        rf"{_MONTH} {{1,2}}{_DAY} {_TIME}{_ZONE} (?P<year>\d{{4}})",
        rf"{_MONTH} {{1,2}}{_DAY} {_TIME} (?P<year>\d{{4}}){_ZONE}",
        rf"(?P<year>\d{{4}})(?P<mark>[-/. ]){_MONTH}(?P=mark){_DAY}(?:[ t]{_TIME}{_ZONE})?",
    )
)
"""Dates of spreadsheets (25-Nov-26), RFC 2822 (Wed, 25 Nov 2026 10:00:00 +0000), prose (November 25, 2026) and logs.

The text is folded: so is `25. März 2026`, or `mercredi 12 août 2026`.
"""
_BESIDE = re.compile(
    r"(?P<before>[^\d.,]*(?:(?<=[A-Za-z])\.)?)\s*[+-]?[\d.,][\d.,' _]*?(?:[eE][+-]?\d+)?\s*(?P<after>\D*)", re.ASCII
)
"""What stands beside a number; a point after letters is theirs."""
_CURRENCY = re.compile(rf"%|[A-Z]{{0,3}}[{SIGNS}]|[A-Z]{{3}}|R[sp]\.?|RM|kr\.?|z\u0142|Fr\.?|K\u010d|Ft")
_WORD = (
    rf"(?:\u00b0?(?:[^\W\d_\u00b2-\u00be\u2070-\u218f\u2460-\u24ff]|\u00b5){{1,12}}\.?|[{SIGNS}])"
    r"(?:[\u00b2\u00b3]|(?<=m)[23]|(?<=ft)[23])?"
)
_MEASURED = re.compile(
    r"[(+-]*\.?(?!0\d)\d[\d.,' _]*(?:[eE][+-]?\d+)?\s*"
    rf"([\u00b0%\u2030\"\u2033\u2103\u2109]|{_WORD}(?:(?: ?[/*\u00b7] ?| per | ){_WORD}){{0,2}})\)?"
)
"""A number and a unit behind it: `12 kg`, `100 km/h`, `48.85\u00b0`, `75 m\u00b2`."""
_NO_UNIT = re.compile(r"st|nd|rd|th|er?|eme|[ap]\.?m\.?|x")
"""Words behind numbers that are no units, nor are months: ordinals, halves of the day, times."""
MINUS_BEHIND = "-"
CREDIT_DEBIT = "CR/DR"
SIGNS_BEHIND = (MINUS_BEHIND, CREDIT_DEBIT)
"""Units that are no units but signs behind numbers, as accountants write them: 12- and 12 DR are -12."""
_BEHIND = re.compile(
    r"(?P<number>[\d.,][\d.,' _]*?(?:e[+-]?\d+)?)\s*(?P<sign>-|(?:cr|dr)\.?)", re.ASCII | re.IGNORECASE
)
_FORCED = re.compile(r"=\"([^\"]*)\"|'([+-]?[\d.,]+)")
"""What a spreadsheet is told to take as text: `="00123"`, `'00123`."""
FORCING = ('="', "'")
"""How that begins."""
LONGEST = 64
"""Characters of a number with its unit; what is longer is none."""
CLOCKS = {
    "h:mm:ss": frozenset({"h:mm:ss", "part"}),
    "h:mm": frozenset({"h:mm", "half"}),
    "m:ss": frozenset({"s", "h:mm", "m:ss", "h:mm:ss"}),
}
"""Formats of times of day and durations, and what texts (`clock_of`) each reads; with m:ss, 3:45 is 3 minutes."""
_SECONDS = re.compile(r"[0-5]?\d([.,]\d{1,9})?", re.ASCII)
"""Less than a minute, beside `1:23.45`."""
_CLOCK = re.compile(
    r"(?P<days>[+-]?\d{1,6}) days?,? \+?(?P<hour>\d{1,2}):(?P<minute>[0-5]\d):(?P<second>[0-5]\d(?:[.,]\d{1,9})?)"
    r"|(?P<sign>[+-]?)(?P<first>\d{1,4}):(?P<next>[0-5]\d)(?::(?P<last>[0-5]\d))?(?P<part>[.,]\d{1,9})?"
    r"|(?P<at>0?[1-9]|1[0-2])(?::(?P<past>[0-5]\d)(?::(?P<to>[0-5]\d))?)? ?(?P<half>[ap])\.?m\.?",
    re.ASCII | re.IGNORECASE,
)
"""`0 days 00:01:23.5` as programs write durations, `14:30`, `1:02:33.5`, `2:05 PM`."""
_PARTS = {
    "days": (86_400.0, "d(?:ays?)?"),
    "hours": (3600.0, "h(?:(?:ou)?rs?)?"),
    "minutes": (60.0, "m(?:in(?:ute)?s?)?"),
    "seconds": (1.0, "s(?:ec(?:ond)?s?)?"),
}
"""Of the parts of a duration, how many seconds each has, and how it is written."""
_SPELT = re.compile(
    "(?P<sign>[+-]?)(?!P[^T]*[HMS])P?"
    + "[, T]{0,2}".join(
        rf"(?:(?P<{name}>\d{{1,6}}(?:[.,]\d{{1,9}})?) ?{word}\.?)?" for name, (_, word) in _PARTS.items()
    ),
    re.ASCII | re.IGNORECASE,
)
"""A duration by the words of its parts: `PT1H23M` of ISO 8601, `2h 50m`, `1 hr 30 min`."""
_TIMES = ("14:30:00", "14:30", "3:45.5")
"""An example of each."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_S = 86_400.0


def clean(text: str) -> str:
    """The text in NFC, with plain spaces, stripped; without the marks by which a spreadsheet takes it as text."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).translate(_BLANKS)
    text = text.strip()
    return unforced(text) if text.startswith(FORCING) else text


def unforced(text: str) -> str:
    """The text without the marks by which a spreadsheet takes it as text."""
    found = _FORCED.fullmatch(text)
    return text if found is None else (found[1] or found[2] or "").strip()


def truth(text: str) -> float | None:
    """The text as 1 or 0; None if it is no boolean."""
    word = text.lower()
    return 1.0 if word in TRUE else 0.0 if word in FALSE else BITS.get(word)


class CellFormat(Frozen):
    """The format of a column's cells."""

    decimal: Annotated[Literal[".", ","], Field(description="Decimal mark of numbers.")] = "."
    thousands: Annotated[str, Field(max_length=1, description="Thousands separator of numbers.")] = ""
    unit: Annotated[
        str,
        Field(
            description="Unit beside every number; with `%`, 12 % is 0.12. With `-` or `CR/DR`, what is behind a "
            "number is its sign: 12- and 12 DR are -12."
        ),
    ] = ""
    date: Annotated[
        str | None,
        Field(
            description="Format of dates: dayfirst, monthfirst, named (months by their names), period (months, "
            "quarters or weeks), or as for strptime; null: ISO 8601 only. Of numbers that are seconds: h:mm, m:ss or "
            "h:mm:ss."
        ),
    ] = None
    gaps: Annotated[
        tuple[str, ...] | None, Field(description="Texts that mean a missing value; null: the default ones.")
    ] = None

    @property
    def is_sure(self) -> bool:
        """Whether what is a number in this form is meant as one: it has no unit, or that of a price or a share."""
        return not self.unit or is_currency(self.unit)

    @property
    def is_clock(self) -> bool:
        """Whether its numbers are the seconds of times of day or durations."""
        return self.date in CLOCKS

    def gap_words(self, *, among_words: bool) -> frozenset[str]:
        """Texts that mean a missing value, in a column of words or in one of numbers, dates or booleans."""
        if self.gaps is not None:
            return frozenset(self.gaps)
        return MISSING if among_words else MISSING | PLACEHOLDERS

    def number(self, text: str) -> float | None:
        """The text as a number; None if it is none."""
        if self.date is not None and self.is_clock:
            return self._seconds(text)
        text, is_loss = _unbracketed(text.translate(_SIGNS))
        if self.unit:
            if self.unit in SIGNS_BEHIND:
                return None if is_loss else self._signed_behind(text)
            sign = text[:1] if text[:1] in ("+", "-") else ""
            bare = text.removeprefix(sign).lstrip()
            if bare.startswith(self.unit):
                text = sign + bare.removeprefix(self.unit).lstrip()
            elif bare.endswith(self.unit):
                text = sign + bare.removesuffix(self.unit).rstrip()
            elif len(self.unit) > 2 and self.unit.endswith("s") and bare.endswith(self.unit[:-1]):  # 1 day of 3 days
                text = sign + bare.removesuffix(self.unit[:-1]).rstrip()
            elif not is_currency(self.unit) or self._plain(text) != 0.0:  # nothing is nothing in any currency
                return None
            if not is_loss:  # $(5) is as much as ($5)
                text, is_loss = _unbracketed(text)
        value = self._plain(text)
        if value is None:
            return None
        if self.unit == "%":
            value /= 100.0
        return -value if is_loss else value

    def _signed_behind(self, text: str) -> float | None:
        found = _BEHIND.fullmatch(text)
        if found is None:
            return self._plain(text) if self.unit == MINUS_BEHIND else None
        if (found["sign"] == "-") != (self.unit == MINUS_BEHIND):
            return None
        value = self._plain(found["number"])
        return value if value is None or found["sign"][0] in "cC" else -value

    def number_given(self, text: str) -> float | None:
        """The text of a row to predict as a number: its unit may be left out, but not a percent sign.

        Of a column of times, others that leave no doubt are read, too.
        """
        number = self.number(text)
        if number is None and self.is_clock:
            other = {"half": "h:mm", "h:mm:ss": "h:mm:ss"}.get(clock_of(text) or "")
            return None if other is None else CellFormat(date=other).number(text)
        if number is None and self.unit not in ("", "%", *SIGNS_BEHIND):
            return self.model_copy(update={"unit": ""}).number(text)
        return number

    def number_wanted(self, text: str) -> str:
        """What a row to predict must have in a column of numbers in place of a text, as a sentence."""
        if self.is_clock:
            time = dict(zip(CLOCKS, _TIMES, strict=True))[self.date or ""]
            return f"must be a time such as {time}, or in JSON the number of its seconds"
        other = "," if self.decimal == "." else "."
        if other in text and self.model_copy(update={"decimal": other, "thousands": ""}).number_given(text) is not None:
            return f"must have '{self.decimal}' as the decimal mark"
        if self.unit == "%":
            return "must be a percentage such as 12%, or in JSON the number 0.12"
        if clock_of(text) not in (None, "s", "part"):
            return "must be a number; of a time or a duration, its seconds"
        if self.unit in SIGNS_BEHIND:
            return f"must be a number such as {'12 or 12-' if self.unit == MINUS_BEHIND else '12 CR or 12 DR'}"
        return f"must be a number in {self.unit}, such as 12 or 12 {self.unit}" if self.unit else "must be a number"

    def days_given(self, text: str) -> float | None:
        """The text of a row to predict as days: as in its column, as in ISO 8601, or with the month's name."""
        forms = (self, PLAIN, CellFormat(date="named"))
        return next((found for form in forms if (found := form.days(text)) is not None), None)

    def _plain(self, text: str) -> float | None:
        if not number_pattern(self.decimal, self.thousands).fullmatch(text):
            infinite = _INFINITE.get(text.lower().lstrip("+-"))
            return infinite if infinite is None or text[:1] != "-" else -infinite
        if self.thousands:
            text = text.replace(self.thousands, "")
        return float(text.replace(self.decimal, "."))

    def _seconds(self, text: str) -> float | None:
        found, kind = _CLOCK.fullmatch(text.translate(_SIGNS)), clock_of(text)
        if kind not in CLOCKS[self.date or ""]:
            return None
        if found is None:
            spelt = _spelt(text)
            return sum(spelt) if spelt else _sixties(text)
        if found["half"]:
            return 3600.0 * (int(found["at"]) % 12 + 12 * (found["half"] in "pP")) + _sixties(
                found["past"], found["to"]
            )
        if found["days"]:
            return _DAY_S * int(found["days"]) + _sixties(found["hour"], found["minute"], found["second"])
        parts = [found["first"], found["next"], found["last"]]
        if not found["last"]:
            parts = ["0", *parts[:2]] if self.date == "m:ss" else [*parts[:2], "0"]
        seconds = _sixties(*parts[:2], parts[2] + (found["part"] or ""))
        return -seconds if found["sign"] == "-" else seconds

    def days(self, text: str) -> float | None:
        """The text as days since 1970 in UTC; None if it is no date."""
        try:
            if self.date in ("dayfirst", "monthfirst"):
                found = _slashed(text)
                return _iso_days(text) if found is None else _slashed_days(found, day_first=self.date == "dayfirst")
            if self.date == "named":
                return _named_days(text)
            if self.date == "period":
                found = period(text)
                return None if found is None else _first_day(found)
            if self.date is not None:
                return _days(datetime.strptime(text, self.date))  # noqa: DTZ007 - without an offset it is in UTC
            return _iso_days(text)
        except (ValueError, OverflowError):  # the 31st of June
            return None


PLAIN = CellFormat()


@cache
def number_pattern(decimal: str, thousands: str) -> "re.Pattern[str]":
    """The pattern of numbers with these separators, valid in Python's re and in RE2."""
    point, group = re.escape(decimal), re.escape(thousands)
    forms = [rf"[0-9]+{point}?[0-9]*", rf"{point}[0-9]+"]
    if thousands:
        forms.append(rf"[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+(?:{point}[0-9]*)?")
    if thousands == ",":  # 12,34,567, as India groups
        forms.append(rf"[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}(?:{point}[0-9]*)?")
    return re.compile(rf"[+-]?(?:{'|'.join(forms)})(?:[eE][+-]?[0-9]+)?")


def _unbracketed(text: str) -> tuple[str, bool]:
    """The text without brackets around it, and whether it had some: a loss, as accountants write it."""
    has = text.startswith("(") and text.endswith(")")
    return (text[1:-1].strip() if has else text), has


def clock_of(text: str) -> Literal["s", "half", "h:mm", "m:ss", "h:mm:ss", "part"] | None:
    """What a text is that is a time of day or a duration: one with AM or PM, or by its parts; None of any other.

    Of two parts, only a fraction of seconds tells minutes and seconds from hours and minutes. One part may be seconds,
    or, as in `5m`, a number with a unit.
    """
    found = _CLOCK.fullmatch(text.translate(_SIGNS)) if text[-1:].isdigit() or text[-1:] in "mM." else None
    if found is None:
        if _SECONDS.fullmatch(text):
            return "s"
        parts = _spelt(text)
        return None if not parts else "h:mm:ss" if len(parts) > 1 or text[:2] in ("PT", "pt") else "part"
    if found["half"]:
        return "half"
    return "h:mm:ss" if found["days"] or found["last"] else "m:ss" if found["part"] else "h:mm"


def _spelt(text: str) -> list[float]:
    """The seconds of each part of a duration that says what its parts are; none of any other text."""
    found = _SPELT.fullmatch(text) if text[-1:].isalpha() else None
    if found is None:
        return []
    sign = -1.0 if found["sign"] == "-" else 1.0
    said = ((seconds, found[name]) for name, (seconds, _) in _PARTS.items() if found[name])
    return [sign * seconds * float(part.replace(",", ".")) for seconds, part in said]


def _sixties(*parts: str | None) -> float:
    """Hours, minutes and seconds as seconds; of two parts, minutes and seconds."""
    seconds = 0.0
    for part in parts:
        seconds = 60.0 * seconds + float((part or "0").replace(",", "."))
    return seconds


def currency_of(text: str) -> str | None:
    """The currency or percent sign beside the digits of a text, if there is one."""
    if len(text) > LONGEST:
        return None
    text = text.translate(_SIGNS).strip("()+- ")
    found = _BESIDE.fullmatch(text)
    if found is None:
        return None
    before, after = found["before"].strip(" +-("), found["after"].strip(" )")
    unit = before or after
    is_one = bool(before) != bool(after)
    return unit if is_one and is_currency(unit) else None


def is_currency(unit: str) -> bool:
    """Whether a unit may stand before numbers, too: a percent sign, or a currency by its sign or its code."""
    is_code = len(unit) == 3 and unit.isascii() and unit.isalpha() and unit.isupper()
    return unit in CODES if is_code else _CURRENCY.fullmatch(unit) is not None and not _is_no_unit(unit)


def _is_no_unit(word: str) -> bool:
    word = folded(word)
    return _NO_UNIT.fullmatch(word) is not None or word.removesuffix(".") in MONTHS


def unit_of(text: str) -> str | None:
    """The unit of the number that a text is, if it has one: a currency or percent sign, or what stands behind it."""
    if len(text) > LONGEST:
        return None
    text = text.translate(_SIGNS)
    signed = _BEHIND.fullmatch(text)
    if signed is not None:
        return MINUS_BEHIND if signed["sign"] == "-" else CREDIT_DEBIT
    found = _MEASURED.fullmatch(text)
    measure = found[1] if found is not None and not _is_no_unit(found[1]) else None
    return currency_of(text) or measure


def day_month(text: str) -> "re.Match[str] | None":
    """A text that is a day, a month and a year in either order, such as 03/04/2026 or 25/11/26, by its parts."""
    found = _slashed(text)
    if found is None or len(found["year"]) == 4 or found["mark"] == "/":
        return found
    return found if len(found["first"]) == len(found["next"]) == 2 else None  # 3.8.10 is a version


def _slashed(text: str) -> "re.Match[str] | None":
    found = _SLASHED.fullmatch(_with_offset(text))
    return found if found is None or found["weekday"] is None or folded(found["weekday"]) in WEEKDAYS else None


def _with_offset(text: str) -> str:
    """The text with the offset of its zone in place of the zone's name."""
    return _ZONE_NAME.sub(lambda found: _OFFSETS[found[0]], text)


def period(text: str) -> "re.Match[str] | None":
    """A text that is a month, a quarter or a week of a year, by its parts."""
    if not text[-1:].isdigit():
        return None
    text = folded(text)
    found = next((found for form in _PERIODS if (found := form.fullmatch(text)) and _has_month(found)), None)
    return found if found is not None and 1700 <= _whole_year(found["year"]) <= 2200 else None


def _first_day(found: "re.Match[str]") -> float:
    parts, year = found.groupdict(), _whole_year(found["year"])
    if "week" in parts:
        return _days(datetime.fromisocalendar(year, int(parts["week"]), 1))
    if "quarter" in parts:
        return _days(datetime(year, 3 * int(parts["quarter"]) - 2, 1, tzinfo=UTC))
    return _days(datetime(year, _month(parts["month"]), 1, tzinfo=UTC))


def _month(text: str) -> int:
    return int(text) if text.isdigit() else MONTHS[text]


def _has_month(found: "re.Match[str]") -> bool:
    """Whether the words of a date are a month and a weekday."""
    words = found.groupdict()
    month, weekday = words.get("month"), words.get("weekday")
    return (month is None or month.isdigit() or month in MONTHS) and (weekday is None or weekday in WEEKDAYS)


def _iso_days(text: str) -> float | None:
    text = _with_offset(text)
    found = _ISO.fullmatch(text)
    if found is None:
        if _COMPACT.fullmatch(text):
            return _days(datetime.fromisoformat(text))
        if (eastern := _EASTERN.fullmatch(text)) is not None:
            return _eastern_days(eastern)
        found = _HALVED.fullmatch(text)
        return None if found is None else _moment(found, found["year"], found["month"], found["day"])
    if found[1] != "-" or found[0][7:8] != "-" or not found[0][8:10].isdigit():
        year, month, day = re.split(r"[-/.]", text[:10].split(" ", maxsplit=1)[0].split("T", maxsplit=1)[0])
        rest = text[len(year) + len(month) + len(day) + 2 :]
        text = f"{year}-{int(month):02}-{int(day):02}{rest}"
    return _days(datetime.fromisoformat(re.sub(r" ?(UTC|GMT)$", "Z", text)))


def _eastern_days(found: "re.Match[str]") -> float:
    if found["dotted"]:
        year, month, day = map(int, found["dotted"].split(". "))
        return _days(datetime(year, month, day, tzinfo=UTC))
    named = ("year", "month", "day", "hour", "minute", "second")
    year, month, day, hour, minute, second = (int(found[part] or 0) for part in named)
    return _days(datetime(year, month, day, hour, minute, second, tzinfo=UTC))


def _named_days(text: str) -> float | None:
    text = folded(_with_offset(text))
    found = next((found for form in _NAMED if (found := form.fullmatch(text)) and _has_month(found)), None)
    return None if found is None else _moment(found, found["year"], found["month"], found["day"])


def _slashed_days(found: "re.Match[str]", *, day_first: bool) -> float | None:
    day, month = (found["first"], found["next"]) if day_first else (found["next"], found["first"])
    return _moment(found, found["year"], month, day)


def _moment(found: "re.Match[str]", year: str, month: str, day: str) -> float | None:
    """A day and the time beside it."""
    hour, minute = (int(found[part] or 0) for part in ("hour", "minute"))
    second = float((found["second"] or "0").replace(",", "."))
    if half := found["half"] or found.groupdict().get("before"):
        if not 1 <= hour <= 12:
            return None
        is_late = half[0] in "pP\u4e0b" or half[-1] in "\ud6c4\u5f8c"
        hour = hour % 12 + (12 if is_late else 0)
    zone = found["offset"] or "+00"
    hours, minutes = zone[1:].split(":") if ":" in zone else (zone[1:3], zone[3:])
    ahead = timedelta(hours=int(zone[0] + hours), minutes=int(f"{zone[0]}{minutes or 0}"))
    begin = datetime(_whole_year(year), _month(month), int(day), hour, minute, int(second), tzinfo=UTC)
    return _days(begin + timedelta(seconds=second % 1.0) - ahead)


def _whole_year(text: str) -> int:
    """The year; of two digits as POSIX has it, 1969 to 2068."""
    return int(text) + (0 if len(text) > 2 else 1900 if int(text) >= 69 else 2000)


def _days(moment: datetime) -> float:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH).total_seconds() / _DAY_S
