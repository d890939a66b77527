"""What people write in files, kind by kind, and the right value of each."""

import io
import math
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ingest.errors import RefusedError
from spec.dataset import Targets
from spec.schema import ColumnKind

from .reading import reading, refusal, table

ROWS = 40
DAY0 = 18262.0
"""2020-01-01."""


def column(cells: list[str], *, delimiter: str = ",", head: str = "a", also: str | None = None) -> str:
    """A file of these cells, again and again, beside a class; `also` is another column's cell."""
    names = [head, *(["b"] if also is not None else []), "y"]
    rows = ([cells[row % len(cells)], *([also] if also is not None else []), str(row % 2)] for row in range(ROWS))
    return delimiter.join(names) + "\n" + "".join(delimiter.join(row) + "\n" for row in rows)


def quoted(cells: list[str]) -> list[str]:
    return [f'"{cell}"' for cell in cells]


def values(content: str | bytes, folder: Path, count: int, **how: Any) -> list[float]:
    """The first numbers of the first column."""
    reading(content, folder, **how)
    x, _, schema = table(folder)
    assert schema.columns[0].type in (ColumnKind.number, ColumnKind.date, ColumnKind.boolean), schema.columns[0]
    return [float(number) for number in x[:count, 0]]


NUMBERS: dict[str, tuple[list[str], list[float], str]] = {
    # kind and example: cells, values, delimiter
    "decimal comma": (["0,5", "1,25", "-3,75"], [0.5, 1.25, -3.75], ";"),
    "decimal comma, whole numbers beside": (["1", "2,5", "10"], [1, 2.5, 10], ";"),
    "decimal comma, exponent": (["1,5e3", "2,5E-2"], [1500, 0.025], ";"),
    "decimal comma, quoted between commas": (quoted(["0,5", "12,75"]), [0.5, 12.75], ","),
    "decimal comma, tab": (["0,5", "12,75"], [0.5, 12.75], "\t"),
    "decimal comma, bar": (["0,5", "12,75"], [0.5, 12.75], "|"),
    "decimal comma, no digit before": ([",5", ",25"], [0.5, 0.25], ";"),
    "decimal comma, three digits between semicolons": (["1,100", "2,200"], [1.1, 2.2], ";"),
    "decimal comma, plus": (["+0,5", "+1,5"], [0.5, 1.5], ";"),
    "decimal comma, spaces around": ([" 0,5 ", "1,5 "], [0.5, 1.5], ";"),
    "thousands comma": (quoted(["1,100", "2,200,300"]), [1100, 2200300], ","),
    "thousands comma, decimal point": (quoted(["1,100.5", "12.25"]), [1100.5, 12.25], ","),
    "thousands comma, tab": (["1,100.5", "999"], [1100.5, 999], "\t"),
    "thousands point, decimal comma": (["1.100,5", "12,25"], [1100.5, 12.25], ";"),
    "thousands point twice": (["1.100.200", "12"], [1100200, 12], ";"),
    "thousands space": (["1 100,5", "12 345 678"], [1100.5, 12345678], ";"),
    "thousands no-break space": (["1\u00a0100,5", "12\u00a0345\u00a0678"], [1100.5, 12345678], ";"),
    "thousands narrow no-break space": (["1\u202f100", "12\u202f345"], [1100, 12345], ","),
    "thousands apostrophe": (["1'100.50", "12'345'678"], [1100.5, 12345678], ","),
    "thousands typographic apostrophe": (["1\u2019100.50", "12\u2019345"], [1100.5, 12345], ","),
    "thousands as in India": (quoted(["1,00,000", "12,34,567.5"]), [100000, 1234567.5], ","),
    "percent": (["12%", "3.5%"], [0.12, 0.035], ","),
    "percent, space": (["12 %", "3.5 %"], [0.12, 0.035], ","),
    "percent, decimal comma": (["12,5%", "3,25%"], [0.125, 0.0325], ";"),
    "percent, negative": (["-12%", "5%"], [-0.12, 0.05], ","),
    "percent, no-break space": (["12,5\u00a0%", "3,25\u00a0%"], [0.125, 0.0325], ";"),
    "percent, Unicode minus": (["\u221212%", "5%"], [-0.12, 0.05], ","),
    "percent, thousands": (quoted(["1,200%", "50%"]), [12, 0.5], ","),
    "percent, gaps": (["12%", "", "-"], [0.12, np.nan, np.nan], ","),
    "percent, zero": (["0%", "100%"], [0, 1], ","),
    "percent, bare zero": (["0", "12.5%"], [0, 0.125], ","),
    "currency, bare zero": (["0", "$4.99"], [0, 4.99], ","),
    "percent, plus": (["+1.5%", "-2%"], [0.015, -0.02], ","),
    "currency before": (["$12", "$3.5"], [12, 3.5], ","),
    "currency after": (["12€", "3,5€"], [12, 3.5], ";"),
    "currency after a space": (["12,50 €", "1.200,00 €"], [12.5, 1200], ";"),
    "currency, minus before": (["-$12", "$3"], [-12, 3], ","),
    "currency, minus within": (["$-12", "$3"], [-12, 3], ","),
    "currency, thousands": (quoted(["£1,200.50", "£3"]), [1200.5, 3], ","),
    "currency, brackets for losses": (["($12)", "$3"], [-12, 3], ","),
    "currency by code": (["EUR 12", "EUR 3.5"], [12, 3.5], ","),
    "currency by code, after": (["12 CHF", "1'200.50 CHF"], [12, 1200.5], ","),
    "currency, yen": (quoted(["¥1,200", "¥30"]), [1200, 30], ","),
    "unit after a space": (["12 kg", "5.5 kg", "-"], [12, 5.5, np.nan], ","),
    "unit of three capitals": (["12 RPM", "3.5 RPM"], [12, 3.5], ","),
    "unit, no space": (["16GB", "8GB"], [16, 8], ","),
    "unit, degrees": (["48.85°", "-3.5°"], [48.85, -3.5], ","),
    "unit, Celsius, Unicode minus": (["12°C", "\u22124 °C"], [12, -4], ","),
    "unit of two": (["100 km/h", "90.5 km/h"], [100, 90.5], ","),
    "unit, squared": (["75 m²", "80m²"], [75, 80], ","),
    "unit, squared in ASCII": (["75 m2", "80.5 m2"], [75, 80.5], ","),
    "unit of two words": (quoted(["1,200 sq ft", "900 sq ft"]), [1200, 900], ","),
    "unit, decimal comma": (["5,4cm", "1.205,25cm"], [5.4, 1205.25], ";"),
    "unit, one and many": (["1 day", "3 days"], [1, 3], ","),
    "unit, exponent": (["1.2e5 Pa", "3e4 Pa"], [120000, 30000], ","),
    "unit, a price of something": (["12 €/kg", "13.5 €/kg"], [12, 13.5], ","),
    "unit, a word": (["3 bed", "2 bed"], [3, 2], ","),
    "unit, inches": (['15.6"', '14"'], [15.6, 14], ";"),
    "minus behind": (["12-", "5", "1.5 -"], [-12, 5, -1.5], ","),
    "minus behind, decimal comma": (["1.234,50-", "3,00"], [-1234.5, 3], ";"),
    "minus behind, of one digit beside others": (["5-", "13-", "2"], [-5, -13, 2], ","),
    "minus behind, late": (["1.5"] * 39 + ["12.25-"], [1.5], ","),
    "credits and debits": (quoted(["1,234.50 CR", "12.00 DR"]), [1234.5, -12], ","),
    "credits and debits, small letters": (["5 Dr.", "6cr", ""], [-5, 6, np.nan], ","),
    "forced by Excel, dates": (['="2020-01-01"'], [DAY0], ","),
    "Unicode minus": (["\u22121.5", "2.5"], [-1.5, 2.5], ","),
    "en dash for minus": (["\u20131.5", "2.5"], [-1.5, 2.5], ","),
    "Unicode minus, exponent": (["\u22121.5e3", "2"], [-1500, 2], ","),
    "Unicode minus, decimal comma": (["\u22121,5", "2,5"], [-1.5, 2.5], ";"),
    "full-width minus": (["\uff0d15", "25"], [-15, 25], ","),
    "small minus": (["\ufe6315", "25"], [-15, 25], ","),
    "Unicode minus, thousands": (["\u22121.100,5", "2,5"], [-1100.5, 2.5], ";"),
    "brackets for losses": (["(15)", "25"], [-15, 25], ","),
    "Unicode minus and gaps": (["\u22121.5", "\u2212"], [-1.5, np.nan], ","),
    "Unicode minus, late": (["1.5"] * 39 + ["\u22121.5"], [1.5], ","),
    "no-break spaces around": (["\u00a01.5\u00a0", "2.5"], [1.5, 2.5], ","),
    "zero-width space": (["\u200b1.5", "2.5"], [1.5, 2.5], ","),
    "byte order mark within": (["\ufeff1.5", "2.5"], [1.5, 2.5], ","),
    "thin space": (["1\u2009100", "2\u2009200"], [1100, 2200], ","),
    "figure space before": (["\u200712", "112"], [12, 112], ","),
    "left-to-right mark": (["\u200e12", "112"], [12, 112], ","),
    "ideographic space": (["\u300012", "112"], [12, 112], ","),
    "gaps ?": (["1.5", "?", "2.5"], [1.5, np.nan, 2.5], ","),
    "gaps -": (["1.5", "-", "2.5"], [1.5, np.nan, 2.5], ","),
    "gaps dash": (["1.5", "\u2014", "2.5"], [1.5, np.nan, 2.5], ","),
    "gaps --": (["1.5", "--", "2.5"], [1.5, np.nan, 2.5], ","),
    "gaps .": (["1.5", ".", "2.5"], [1.5, np.nan, 2.5], ","),
    "gaps n.a.": (["1.5", "n.a.", "2.5"], [1.5, np.nan, 2.5], ","),
    "gaps of databases": (["1.5", "\\N", "(null)", "NULL"], [1.5, np.nan, np.nan, np.nan], ","),
    "gaps of Excel": (["1.5", "#DIV/0!", "#N/A"], [1.5, np.nan, np.nan], ","),
    "gaps <NA>": (["1.5", "<NA>", "NaN"], [1.5, np.nan, np.nan], ","),
    "gaps of several words": (["1.5", "?", "-", "NA", ""], [1.5, np.nan, np.nan, np.nan, np.nan], ","),
    "gaps, decimal comma": (["1,5", "?", "2,5"], [1.5, np.nan, 2.5], ";"),
    "dates, offset": (["2020-01-01T02:00:00+02:00", "2020-01-02T00:00:00+00:00"], [DAY0, DAY0 + 1], ","),
    "dates, Z": (["2020-01-01T00:00:00Z", "2020-01-02T12:00:00Z"], [DAY0, DAY0 + 1.5], ","),
    "dates, offset without a colon": (["2020-01-01T02:00:00+0200", "2020-01-02T02:00:00+0200"], [DAY0, DAY0 + 1], ","),
    "dates, offset of hours": (["2020-01-01 02:00:00+02", "2020-01-02 02:00:00+02"], [DAY0, DAY0 + 1], ","),
    "dates, offset as pandas writes it": (["2020-01-01 00:00:00-12:00", "2020-01-02"], [DAY0 + 0.5, DAY0 + 1], ","),
    "dates, fraction and offset": (["2020-01-01T02:00:00.5+02:00"], [DAY0 + 0.5 / 86_400], ","),
    "dates, UTC": (["2020-01-01 00:00:00 UTC", "2020-01-02 00:00:00 UTC"], [DAY0, DAY0 + 1], ","),
    "dates, minutes only": (["2020-01-01T06:00", "2020-01-02T12:00"], [DAY0 + 0.25, DAY0 + 1.5], ","),
    "dates, offset mixed": (["2020-01-01T02:00:00+02:00", "2020-01-01T00:00:00Z"], [DAY0, DAY0], ","),
    "dates, slashes, year first": (["2020/01/01", "2020/1/2"], [DAY0, DAY0 + 1], ","),
    "dates, gaps": (["2020-01-01", "-", "?"], [DAY0, np.nan, np.nan], ","),
    "dates, dotted": (["01.01.2020", "02.01.2020"], [DAY0, DAY0 + 1], ";"),
    "dates, day above twelve": (["01/01/2020", "31/01/2020"], [DAY0, DAY0 + 30], ","),
    "dates, month first, day above twelve": (["01/01/2020", "01/31/2020"], [DAY0, DAY0 + 30], ","),
    "dates, month first, halves": (["1/13/2020 6:00 AM", "1/1/2020 12:00 PM"], [DAY0 + 12.25, DAY0 + 0.5], ","),
    "dates, halves of the day": (["2020-01-01 06:00:00 PM", "2020-01-02 12:00:00 AM"], [DAY0 + 0.75, DAY0 + 1], ","),
    "dates, short years, month first": (["1/13/20", "12/31/19"], [DAY0 + 12, DAY0 - 1], ","),
    "dates, short years, day first": (["13-01-20", "14-01-20"], [DAY0 + 12, DAY0 + 13], ","),
    "dates, compact": (["20200101T120000Z", "20200102T000000Z"], [DAY0 + 0.5, DAY0 + 1], ","),
    "dates in German": (["1. Januar 2020", "1. März 2020"], [DAY0, DAY0 + 60], ","),
    "dates in French": (["1er janv. 2020", "12 févr. 2020"], [DAY0, DAY0 + 42], ","),
    "dates in Chinese": (["2020\u5e741\u67081\u65e5", "2020\u5e742\u67081\u65e5 06:00"], [DAY0, DAY0 + 31.25], ","),
    "dates in Japanese": (
        ["2020\u5e7401\u670802\u65e5 06\u664200\u5206", "2020\u5e741\u67081\u65e512:00:00"],
        [DAY0 + 1.25, DAY0 + 0.5],
        ",",
    ),
    "dates in Korean": (
        ["2020\ub144 1\uc6d4 1\uc77c", "2020\ub144 1\uc6d4 2\uc77c 6\uc2dc 00\ubd84"],
        [DAY0, DAY0 + 1.25],
        ",",
    ),
    "dates of Korea": (["2020. 1. 1.", "2020. 12. 31."], [DAY0, DAY0 + 365], ","),
    "dates in two languages": (["1 Jan 2020", "1 Dez 2020"], [DAY0, DAY0 + 335], ","),
    "a colon for none, as Eurostat writes it": (["5.25", ":", "6"], [5.25, np.nan, 6], "\t"),
    "months": (["2020-01", "2020-02", "?"], [DAY0, DAY0 + 31, np.nan], ","),
    "months, year last": (["1/2020", "02/2020"], [DAY0, DAY0 + 31], ","),
    "months by name": (["Jan 2020", "February 2020"], [DAY0, DAY0 + 31], ","),
    "months by name, short years": (["Feb-99", "Jan-00"], [10623, 10957], ","),
    "quarters": (["2020Q1", "2020Q2"], [DAY0, DAY0 + 91], ","),
    "quarters, year last": (["Q1 2020", "Q2 2020"], [DAY0, DAY0 + 91], ","),
    "weeks": (["2020-W01", "2020-W02"], [DAY0 - 2, DAY0 + 5], ","),
    "times": (["14:30", "8:15", "-"], [52_200, 29_700, np.nan], ","),
    "times, halves of the day": (["2:05 PM", "12:30 a.m.", "11 am"], [50_700, 1_800, 39_600], ","),
    "times with seconds": (["14:30:05", "00:01:23.5"], [52_205, 83.5], ","),
    "times, late": (["00:00:01"] * 39 + ["100:00:00"], [1], ","),
    "durations": (["-00:05:10", "\u221201:00:00"], [-310, -3600], ","),
    "durations in minutes": (["1:23.45", "2:03", "1:02:03"], [83.45, 123, 3723], ","),
    "durations, a decimal comma": (["1:23,5", "2:03,25"], [83.5, 123.25], ";"),
    "durations of pandas": (["0 days 00:01:23.500000", "-1 days +23:59:50"], [83.5, -10], ","),
    "durations of ISO 8601": (["PT1H23M", "PT45S", "P1DT2H", "P0D"], [4980, 45, 93_600, 0], ","),
    "durations in words": (["2h 50m", "19h", "5m", "1 hr 30 min"], [10_200, 68_400, 300, 5400], ","),
    "durations of Python": (quoted(["1 day, 2:03:04", "0:00:05"]), [93_784, 5], ","),
    "yes and no": (["yes", "no"], [1, 0], ","),
    "yes, Y, N, no": (["yes", "Y", "N", "no"], [1, 1, 0, 0], ","),
    "true and FALSE": (["true", "FALSE"], [1, 0], ","),
    "True, T, f": (["True", "T", "f"], [1, 1, 0], ","),
    "yes, true, n": (["yes", "true", "n"], [1, 1, 0], ","),
    "yes, 1, 0": (["yes", "1", "0"], [1, 1, 0], ","),
    "YES and gaps": (["YES", "", "No"], [1, np.nan, 0], ","),
    "yes and ?": (["yes", "?", "no"], [1, np.nan, 0], ","),
    "on and off": (["on", "OFF"], [1, 0], ","),
    "y only": (["Y"], [1], ","),
    "last bits": (["0.1", "0.10000000000000002"], [0.1, 0.10000000000000002], ","),
    "near the end of the range": (["1e150", "-1e150"], [1e150, -1e150], ","),
    "tiny": (["1e-300", "2e-300"], [1e-300, 2e-300], ","),
    "large of little spread": (["10000000000000001.5", "10000000000000003.5"], [1e16 + 2, 1e16 + 4], ","),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_cells_are_read_as_people_mean_them(tmp_path: Path, name: str) -> None:
    cells, wanted, delimiter = NUMBERS[name]
    content = column(cells, delimiter=delimiter)
    np.testing.assert_array_equal(values(content, tmp_path, len(wanted)), wanted)


WORDS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "leading zeros": (["007", "07", "7"], ("007", "07", "7")),
    "leading zeros, once": (["10115", "20095", "01067"], ("01067", "10115", "20095")),
    "leading zeros, late": (["10", "20"] * 19 + ["010", "20"], ("010", "10", "20")),
    "leading zeros, quoted": (quoted(["001", "002"]), ("001", "002")),
    "leading zeros, long": (["0000000000000000001", "02"], ("0000000000000000001", "02")),
    "leading zeros of months": (["01", "02", "12"], ("01", "02", "12")),
    "leading zeros and gaps": (["007", "", "07"], ("007", "07")),
    "leading zeros and words": (["007", "x7"], ("007", "x7")),
    "leading zeros, zero": (["00", "0"], ("0", "00")),
    "leading zeros, spaces around": ([" 007", "7 "], ("007", "7")),
    "forced by Excel": (['="00123"', '="124"'], ("00123", "124")),
    "forced by Excel, no zeros": (['="123"', '="45"', "NA"], ("123", "45")),
    "forced by an apostrophe": (["'00123", "'45"], ("00123", "45")),
    "words with an apostrophe": (["'tis", "'s-Hertogenbosch"], ("'s-Hertogenbosch", "'tis")),
    "grades of Germany": (["1-", "2", "3-"], ("1-", "2", "3-")),
    "ages from one on": (["0-17", "18-"], ("0-17", "18-")),
    "two minus signs": (["-5-", "13"], ("-5-", "13")),
    "composed letters": ([unicodedata.normalize("NFD", "Málaga"), "Málaga"], ("Málaga",)),
    "composed letters of Korea": ([unicodedata.normalize("NFD", "서울"), "부산"], ("부산", "서울")),
    "no-break space within": (["New\u00a0York", "New York"], ("New York",)),
    "Namibia": (["NA", "DE", "FR"], ("DE", "FR", "NA")),
    "Namibia, gaps beside": (["NA", "DE", "", "FR"], ("DE", "FR", "NA")),
    "namibia in small letters": (["na", "de", "fr"], ("de", "fr", "na")),
    "North America among continents": (["NA", "EU", "AS", "AF"], ("AF", "AS", "EU", "NA")),
    "NA among words": (["NA", "red", "blue"], ("blue", "red")),
    "NA among states": (["NA", "NY", "TX", "OH"], ("NY", "OH", "TX")),
    "NA beside one word": (["NA", "DE"], ("DE",)),
    "? among words": (["?", "red", "blue"], ("blue", "red")),
    "- among words": (["-", "red", "blue"], ("blue", "red")),
    "- beside +": (["-", "+"], ("+", "-")),
    "two currencies": (["$5", "€7"], ("$5", "€7")),
    "models of cars": (["BMW 320", "BMW 525"], ("BMW 320", "BMW 525")),
    "percent beside none": (["5%", "7"], ("5%", "7")),
    "sizes": (["1,5 x", "2,5 x"], ("1,5 x", "2,5 x")),
    "versions": (["1.2.3", "1.10.2"], ("1.10.2", "1.2.3")),
    "two units": (["12 kg", "500 g"], ("12 kg", "500 g")),
    "meters or minutes": (["12 m", "5 h"], ("12 m", "5 h")),
    "ISO's months and minutes": (["P3M", "PT5M"], ("P3M", "PT5M")),
    "a unit in some rows": (["1.2k", "500"], ("1.2k", "500")),
    "a unit, and a word": (["12 kg", "5 kg", "heavy"], ("12 kg", "5 kg", "heavy")),
    "letters before numbers": (["B12", "B3"], ("B12", "B3")),
    "seats": (["12A", "14B", "3A"], ("12A", "14B", "3A")),
    "numbers with zeros before and a letter": (["012A", "013A"], ("012A", "013A")),
    "ordinals": (["1st", "2nd", "3rd", "4th"], ("1st", "2nd", "3rd", "4th")),
    "ordinals of one ending": (["4th", "5th"], ("4th", "5th")),
    "ordinals of France": (["2e", "3e"], ("2e", "3e")),
    "grades": (["1+", "2-", "3+"], ("1+", "2-", "3+")),
    "at least": (["5+", "6+"], ("5+", "6+")),
    "ranges": (["10-20", "20-30"], ("10-20", "20-30")),
    "addresses of machines": (["192.168.0.1", "10.0.0.1"], ("10.0.0.1", "192.168.0.1")),
    "phone numbers": (["+49 170 1234567", "+49 171 765432"], ("+49 170 1234567", "+49 171 765432")),
    "postcodes": (["1012 AB", "1013 CD"], ("1012 AB", "1013 CD")),
    "postcodes of Britain": (["SW1A 1AA", "EC1A 1BB"], ("EC1A 1BB", "SW1A 1AA")),
    "hashes": (["1a2b", "3c4d"], ("1a2b", "3c4d")),
    "halves": (["1½", "2½"], ("1½", "2½")),
    "days of a month": (["2 Nov", "25 Nov"], ("2 Nov", "25 Nov")),
    "days of a month, in French": (["12 août", "3 mai"], ("12 août", "3 mai")),
    "models": (["Golf 2020", "Polo 2021"], ("Golf 2020", "Polo 2021")),
    "days of a month, capitals": (["2 MAY", "25 MAY"], ("2 MAY", "25 MAY")),
    "times and a word": (["08:15", "late"], ("08:15", "late")),
    "times of no minute": (["8:60", "8:75"], ("8:60", "8:75")),
    "times of no hour": (["13:05 PM", "0:05 AM"], ("0:05 AM", "13:05 PM")),
    "ratios": (["16:9", "4:3"], ("16:9", "4:3")),
    "hours or minutes": (["3:45", "1:02:33"], ("1:02:33", "3:45")),
    "feet and inches": (["5'11\"", "6'0\""], ("5'11\"", "6'0\"")),
    "versions of two digits": (["3.7.12", "3.8.10"], ("3.7.12", "3.8.10")),
    "seasons": (["2010-11", "2011-12"], ("2010-11", "2011-12")),
    "numbers of invoices": (["2026-01", "2026-17"], ("2026-01", "2026-17")),
    "numbers of years that are none": (["1234-01", "9876-05"], ("1234-01", "9876-05")),
    "quarters of no year": (["Q1", "Q2"], ("Q1", "Q2")),
    "months and days": (["2020-01", "2020-01-02"], ("2020-01", "2020-01-02")),
    "months of no year": (["May", "Jun"], ("Jun", "May")),
    "genes": (["2-Sep", "1-Mar", "TP53"], ("1-Mar", "2-Sep", "TP53")),
    "three numbers": (["10-10-10", "15-15-15"], ("10-10-10", "15-15-15")),
    "pressures": (["120/80", "130/85"], ("120/80", "130/85")),
    "dates of either order, short years": (["03/04/20", "04/03/20"], ("03/04/20", "04/03/20")),
    "dates of either order, short years, dotted": (["03.04.20", "04.03.20"], ("03.04.20", "04.03.20")),
    "dates of either order": (["03/04/2020", "04/03/2020"], ("03/04/2020", "04/03/2020")),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_words_stay_words(tmp_path: Path, name: str) -> None:
    cells, wanted = WORDS[name]
    found = reading(column(cells, delimiter=";"), tmp_path)
    assert (found.table.columns[0].type, found.table.columns[0].categories) == (ColumnKind.category, wanted)


LABELS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "01 is not 1": (["01", "1"], ("01", "1")),
    "1.0 is not 1": (["1.0", "1", "2"], ("1", "1.0", "2")),
    "as a float": (["1.0", "0.0"], ("0.0", "1.0")),
    "ten after nine": (["9", "10", "2"], ("2", "9", "10")),
    "with a plus": (["+1", "-1"], ("-1", "+1")),
    "+ and -": (["+", "-"], ("+", "-")),
    "001 to 003": (["001", "002", "003"], ("001", "002", "003")),
    "spaces around": ([" a ", "b"], ("a", "b")),
    "composed": ([unicodedata.normalize("NFD", "é"), "é", "e"], ("e", "é")),
    "yes and no": (["yes", "no"], ("no", "yes")),
    "yes, Y, no, N": (["yes", "yes", "Y", "no", "no", "N"], ("no", "yes")),
    "true and False": (["true", "False"], ("False", "true")),
    "percent": (["5%", "10%"], ("10%", "5%")),
    "upper and lower": (["A", "a"], ("A", "a")),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_as_the_file_writes_them(tmp_path: Path, name: str) -> None:
    cells, wanted = LABELS[name]
    content = "a,y\n" + "".join(f"{row},{cells[row % len(cells)]}\n" for row in range(ROWS))
    found = reading(content, tmp_path, task=Targets.classes)
    assert set(found.table.target.labels) == set(wanted)
    _, y, schema = table(tmp_path)
    assert schema.target.labels == found.table.target.labels
    if len(wanted) == len(set(cells)):
        assert [schema.target.labels[code] for code in y] == [cells[row % len(cells)].strip() for row in range(ROWS)]


PLAIN = "".join(f"{row}.5,{row % 3},{row % 2}\n" for row in range(30))
HEADERS: dict[str, tuple[str, list[str], int]] = {
    "numbers": (PLAIN, ["0", "1", "2"], 30),
    "words that recur": ("".join(f"{row}.5,{'ab'[row % 2]},{row % 2}\n" for row in range(30)), ["0", "1", "2"], 30),
    "numbers and words": ("".join(f"{row},{row + 40},x{row % 2}\n" for row in range(30)), ["0", "1", "2"], 30),
    "decimal commas": ("".join(f"{row},5;{row % 3},25;{row % 2}\n" for row in range(30)), ["0", "1", "2"], 30),
    "times": ("".join(f"{row}:15,{row % 3},{row % 2}\n" for row in range(30)), ["0", "1", "2"], 30),
    "dates": ("".join(f"2020-01-{row + 1:02},{row % 3},{row % 2}\n" for row in range(30)), ["0", "1", "2"], 30),
    "iris": (
        "".join(f"5.{row},3.5,1.{row},{'Iris-setosa' if row < 15 else 'Iris-x'}\n" for row in range(30)),
        ["0", "1", "2", "3"],
        30,
    ),
    "gap in the first row": (
        "?,1.5,a\n" + "".join(f"{row},2.5,{'ab'[row % 2]}\n" for row in range(29)),
        ["0", "1", "2"],
        30,
    ),
    "negative": ("".join(f"-{row + 1},-3,{row % 2}\n" for row in range(30)), ["0", "1", "2"], 30),
    "names of numbers": ("0,1,2\n" + PLAIN, ["0", "1", "2"], 30),
    "years": ("2019,2020,2021\n" + PLAIN, ["2019", "2020", "2021"], 30),
    "years beside a word": (
        "name,2020,2021\n" + "".join(f"n{row % 3},{row % 3},{row % 2}\n" for row in range(30)),
        ["name", "2020", "2021"],
        30,
    ),
    "words": ("a,b,y\n" + PLAIN, ["a", "b", "y"], 30),
    "words above words": (
        "a,b,y\n" + "".join(f"{'xz'[row % 2]},{'uv'[row % 2]},{'cd'[row % 2]}\n" for row in range(30)),
        ["a", "b", "y"],
        30,
    ),
    "sep": ("sep=;\na;b;y\n" + "".join(f"{row},5;{row % 3};{row % 2}\n" for row in range(30)), ["a", "b", "y"], 30),
    "sep, quoted, CRLF": (
        '"sep=;"\r\na;b;y\r\n' + "".join(f"{row},5;{row % 3};{row % 2}\r\n" for row in range(30)),
        ["a", "b", "y"],
        30,
    ),
    "sep of tabs": (
        "sep=\t\na\tb\ty\n" + "".join(f"{row}\t{row % 3}\t{row % 2}\n" for row in range(30)),
        ["a", "b", "y"],
        30,
    ),
    "sep, in capitals": (
        "SEP=|\na|b|y\n" + "".join(f"{row}|{row % 3}|{row % 2}\n" for row in range(30)),
        ["a", "b", "y"],
        30,
    ),
    "sep, no header": ("sep=,\n" + PLAIN, ["0", "1", "2"], 30),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_is_found_or_missed(tmp_path: Path, name: str) -> None:
    content, names, rows = HEADERS[name]
    found = reading(content, tmp_path, target=names[-1])
    assert ([one.name for one in found.table.columns], found.rows) == (names[:-1], rows)
    assert found.profile.header == (names[0] != "0" or name == "names of numbers")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be-bom", "utf-8-sig", "cp1252"])
def test_the_line_of_excel_is_skipped_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    text = "sep=;\ngröße;y\n" + "".join(f"{row},5;{row % 2}\n" for row in range(30))
    raw = b"\xfe\xff" + text.encode("utf-16-be") if encoding == "utf-16-be-bom" else text.encode(encoding)
    assert reading(raw, tmp_path).table.columns[0].name == "größe"
    assert table(tmp_path)[0][:2, 0].tolist() == [0.5, 1.5]


def test_in_a_file_of_decimal_commas_a_point_is_between_thousands(tmp_path: Path) -> None:
    content = "a;y\n" + "".join(f"1.{100 + row};{row % 3},75\n" for row in range(20))
    found = reading(content, tmp_path)
    assert table(tmp_path)[0][:2, 0].tolist() == [1100.0, 1101.0]
    assert "'1.100' is read as 1100; decimal=. reads it otherwise" in found.profile.notes[0]


def test_a_point_that_may_be_between_thousands_is_told(tmp_path: Path) -> None:
    found = reading(column(["1.234", "12.345", "999"], delimiter=";"), tmp_path)
    assert table(tmp_path)[0][:3, 0].tolist() == [1.234, 12.345, 999.0]
    assert found.profile.notes[0] == "Column 'a': '1.234' is read as 1.234; thousands=. reads it otherwise."
    reading(column(["1.234", "12.345", "999"], delimiter=";"), tmp_path, thousands=".")
    assert table(tmp_path)[0][:3, 0].tolist() == [1234.0, 12345.0, 999.0]


def test_a_form_that_shows_itself_late_is_found(tmp_path: Path) -> None:
    plain = "".join(f"{row % 9};{row % 2}\n" for row in range(5_000))
    found = reading(f"a;y\n{plain}2,5;0\n1.000,5;1\n", tmp_path)
    assert found.table.columns[0].type is ColumnKind.number
    assert table(tmp_path)[0][-2:, 0].tolist() == [2.5, 1000.5]


def test_a_few_words_among_numbers_are_read_as_missing_values_and_named(tmp_path: Path) -> None:
    found = reading(column(["1.5", "n.v.", *map(str, range(35)), "n.v.", "*****", "below LOD"]), tmp_path)
    assert np.flatnonzero(np.isnan(table(tmp_path)[0][:, 0])).tolist() == [1, 37, 38, 39]
    assert found.profile.notes[0] == (
        "In column 'a', '*****', 'below LOD', 'n.v.' among numbers are read as missing values (4 of 40 rows); "
        "types=a=category reads all as words."
    )
    assert "n.v." in found.table.columns[0].gap_words  # of rows to predict, too
    reading("a,y\n" + "1.5,0\n2,1\n" * 1250 + "n.v.,0\n", tmp_path)  # below the rows that are looked at first
    assert np.flatnonzero(np.isnan(table(tmp_path)[0][:, 0])).tolist() == [2500]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rotary", *["4", "6", "8"] * 12], "has 'rotary' in row 1 of column 'a'"),  # one more value
        (["<0.5", "<0.1; dry", *map(str, range(38))], "correct them; na_values, a list of words, reads them as"),
        (["no", *map(str, range(39))], "correct it; na_values=no reads it as a missing value, and types=a=category"),
        (["aa", "bb", "cc", "dd", *map(str, range(50))], "na_values=aa,bb,cc,dd reads them as missing values"),
    ],
)
def test_words_among_numbers_that_may_say_something_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    assert said in refusal(column(words), tmp_path)


def test_words_among_numbers_are_refused_in_the_target_and_as_a_header(tmp_path: Path) -> None:
    rows = "".join(f"w{row % 3},{row}.5,{row}.25,{row % 2}\n" for row in range(30))
    unit = rows.replace("w2,2.5,2.25,0", "w2,kg,cm,0")
    assert "has 'cm' in row 3 of column 'b'" in refusal(f"n,a,b,y\n{unit}", tmp_path)
    lines = "kind,kg,sex\n" + "".join(f"w{row % 3},{row}.5,{'uv'[row % 2]}\n" for row in range(30))
    assert "has 'kg' in row 1 of column 'a'" in refusal(f"n,a,y\n{lines}", tmp_path)
    assert "has 'kg' in row 3 of column 'y'" in refusal(f"n,y,b,a\n{unit.replace('cm', '1')}", tmp_path)


def test_words_that_keep_a_column_from_being_numbers_are_named(tmp_path: Path) -> None:
    said = refusal(column(["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "1o"]), tmp_path)
    assert (
        "'1o' in row 11 of column 'a', which is a column of numbers: correct it; na_values=1o reads it as a mis" in said
    )
    said = refusal(column([*map(str, range(19)), "12 kg"]), tmp_path)
    assert "'12 kg' in row 20 of column 'a', which is a column of numbers" in said
    said = refusal(column([*["1 234"] * 18, "2-", "1'234"]), tmp_path)  # in no form are all of them numbers
    assert "'2-' in row 19 of column 'a', which is a column of numbers" in said
    found = reading(column(["1.5", "2.5", "low", "3.5", "high"]), tmp_path)
    assert found.table.columns[0].type is ColumnKind.category
    assert "numbers in 24 of 40 rows; 'low', 'high' keep it from being a column of numbers" in found.profile.notes[0]


def test_times_say_their_unit(tmp_path: Path) -> None:
    (said,) = reading(column(["14:30", "08:15"]), tmp_path).profile.notes
    assert said == (
        "Column 'a' is read as times, hours and minutes, in seconds: '14:30' is 52200; date_format=m:ss reads minutes "
        "and seconds, types=a=category says otherwise."
    )
    found = reading(column(["14:30", "08:15"]), tmp_path, types="a=category")
    assert found.table.columns[0].categories == ("08:15", "14:30")


@pytest.mark.parametrize("late", [0, 5_000])
def test_times_that_may_be_hours_or_minutes_are_told(tmp_path: Path, late: int) -> None:
    rows = [f"{row % 12}:{row % 50 + 10},{row % 2}" for row in range(late)]
    found = reading("\n".join(["a,y", *rows, *(["3:45,0", "1:02:33,1"] * 20)]) + "\n", tmp_path)
    assert found.table.columns[0].type in (ColumnKind.category, ColumnKind.text)
    assert any(
        "'1:02:33'), and is read as texts: date_format=m:ss reads the shorter" in note for note in found.profile.notes
    )
    found = reading("\n".join(["a,y", *rows, *(["3:45,0", "1:02:33,1"] * 20)]) + "\n", tmp_path, date_format="m:ss")
    assert (found.profile.columns[0].type, found.profile.columns[0].max) == (ColumnKind.number, 3753.0)


MINUTES: dict[str, tuple[list[str], str | None, list[float]]] = {
    "with a fraction": (["59.9", "1:23.45", "2:03"], None, [59.9, 83.45, 123.0]),
    "asked for": (["28:25", "31:10", "45"], "m:ss", [1705.0, 1870.0, 45.0]),
    "asked for, hours": (["28:25", "31:10", "?"], "h:mm", [102300.0, 112200.0, math.nan]),
}


@pytest.mark.parametrize("late", [0, 5_000])
@pytest.mark.parametrize("kind", MINUTES)
def test_minutes_and_seconds_are_read_beside_seconds(tmp_path: Path, kind: str, late: int) -> None:
    cells, form, seconds = MINUTES[kind]
    rows = [cells[1]] * late + cells * 10
    found = reading(
        "a,y\n" + "".join(f"{cell},{row % 2}\n" for row, cell in enumerate(rows)), tmp_path, date_format=form
    )
    assert found.table.columns[0].type is ColumnKind.number
    assert table(tmp_path)[0][late : late + 3, 0].tolist() == pytest.approx(seconds, nan_ok=True)
    assert any("is read as times" in note for note in found.profile.notes)


def test_seconds_beside_hours_or_minutes_are_words(tmp_path: Path) -> None:
    assert reading(column(["59", "1:23", "2:03"]), tmp_path).table.columns[0].type is ColumnKind.category


def test_crore_is_no_debt(tmp_path: Path) -> None:
    found = reading(column(["3.5 Cr", "12 Cr"]), tmp_path)
    assert table(tmp_path)[0][:2, 0].tolist() == [3.5, 12.0]
    said = "The numbers of column 'a' have Cr behind them, credit or crore, which is left out, as in '3.5 Cr'."
    assert said in found.profile.notes
    (said,) = reading(column(["3.5 Cr", "12 L"]), tmp_path).profile.notes
    assert "numbers with several units, such as '3.5 Cr', '12 L'" in said
    (said,) = reading(column(["\u20b93.5 Cr", "\u20b912 Cr"]), tmp_path).profile.notes
    assert said.startswith("Column 'a' has texts such as '\u20b93.5 Cr', and is read as texts")


def test_telephones_are_texts(tmp_path: Path) -> None:
    found = reading(column(["+4915112345678", "+4917612345678"]), tmp_path)
    assert found.table.columns[0].type is ColumnKind.category
    assert "a zero or a plus before them, such as '+4915112345678'" in found.profile.notes[0]
    assert reading(column(["+1234", "-5678"]), tmp_path).table.columns[0].type is ColumnKind.number


def test_gaps_that_were_guessed_are_said(tmp_path: Path) -> None:
    found = reading(column(["1.5", "?", "2.5"]), tmp_path)
    assert found.profile.columns[0].missing == 13
    assert found.profile.notes == ["In column 'a', '?' is read as a missing value."]


def test_a_column_with_too_large_numbers_is_named(tmp_path: Path) -> None:
    said = refusal(column(["1e160", "-1e160"]), tmp_path)
    assert said.startswith("file has numbers from -1e+160 to 1e+160 in column 'a'")
    said = refusal("a,y\n" + "".join(f"{row},{row}e300\n" for row in range(30)), tmp_path)
    assert said.startswith("target has numbers from 0 to 2.9e+301 in column 'y'")


@pytest.mark.parametrize("cell", ["14.62", "0.1", "1e-7", "123456.789", "-3.3"])
def test_a_constant_column_has_its_number_for_mean(tmp_path: Path, cell: str) -> None:
    found = reading(column([cell], also="2.5"), tmp_path)
    first = found.profile.columns[0]
    assert (first.mean, first.deviation) == (float(cell), 0.0)
    assert found.profile.notes == ["The value is the same in every row of columns 'a', 'b': it cannot help to predict."]


def test_a_column_of_rounding_is_told(tmp_path: Path) -> None:
    found = reading(column(["0.3", "0.30000000000000004"]), tmp_path)
    assert found.profile.notes == ["The values of column 'a' differ in their last digits only: is it rounding?"]
    assert found.profile.columns[0].histogram is None


# --- pandas' index ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("index", ["range", "shuffled", "words", "named"])
def test_pandas_index_is_no_feature(tmp_path: Path, kind: str, index: str) -> None:
    frame = pd.DataFrame({"z": np.linspace(0, 1, 20), "y": [0, 1] * 10})
    if index == "shuffled":
        frame = frame.sample(frac=1, random_state=0)
    if index in ("words", "named"):
        frame.index = pd.Index([f"r{row}" for row in range(20)], name="who" if index == "named" else None)
    buffer = io.BytesIO()
    (frame.to_csv if kind == "csv" else frame.to_parquet)(buffer)
    found = reading(buffer.getvalue(), tmp_path, name=f"f.{kind}")
    features = [one.name for one in found.table.columns if one.is_feature]
    is_a_column = (kind, index) == ("csv", "named")  # in CSV it looks like any other
    assert features == (["who", "z"] if is_a_column else ["z"])
    is_written = (kind, index) != ("parquet", "range")  # of which Parquet has no column
    assert any("pandas' index" in note for note in found.profile.notes) == (is_written and not is_a_column)


def test_an_index_that_was_written_and_read_is_no_feature_unless_it_is_named(tmp_path: Path) -> None:
    content = "Unnamed: 0,a,y\n" + "".join(f"{row},{row * 0.5},{row % 2}\n" for row in range(20))
    assert [one.name for one in reading(content, tmp_path).table.columns if one.is_feature] == ["a"]
    kept = reading(content, tmp_path, columns=("Unnamed: 0", "a"))
    assert [one.name for one in kept.table.columns if one.is_feature] == ["Unnamed: 0", "a"]


def test_typed_texts_stay_texts(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "zip": [f"0{2100 + row % 5}" for row in range(60)],
            "code": [str(row % 3) for row in range(60)],
            "gap": ["NA", "x", "?"] * 20,
            "y": [0, 1] * 30,
        }
    )
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    found = reading(buffer.getvalue(), tmp_path, name="f.parquet")
    assert [one.type.value for one in found.table.columns] == ["category"] * 3
    assert found.table.columns[2].categories == ("?", "NA", "x")
    assert found.profile.notes[0] == "Column 'code' has numbers as texts: types=code=number reads them so."


def test_the_preview_shows_what_predict_takes(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "t": pd.date_range("2020-01-01", periods=20, tz="Europe/Berlin"),
            "d": pd.date_range("2020-01-01 12:34:56.789", periods=20).astype("datetime64[ns]"),
            "b": [True, False] * 10,
            "y": [0, 1] * 10,
        }
    )
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    found = reading(buffer.getvalue(), tmp_path, name="f.parquet")
    x, _, _ = table(tmp_path)
    form = found.table.columns[0].format
    assert found.profile.preview[0][0] == "2020-01-01 00:00:00+01:00"
    for row, cells in enumerate(found.profile.preview):
        assert form.days(str(cells[0])) == pytest.approx(x[row, 0])
        assert form.days(str(cells[1])) == pytest.approx(x[row, 1])


# --- NPZ --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((8, 8, 3), (3, 8, 8)),
        ((8, 6, 3), (3, 8, 6)),
        ((28, 28, 1), (1, 28, 28)),
        ((5, 5, 4), (4, 5, 5)),
        ((2, 5, 3), (3, 2, 5)),
        ((3, 8, 8), (3, 8, 8)),
        ((1, 8, 8), (1, 8, 8)),
        ((4, 8, 8), (4, 8, 8)),
        ((3, 8, 3), (3, 8, 3)),
        ((1, 28, 1), (1, 28, 1)),
        ((8, 8, 8), (8, 8, 8)),
    ],
)
def test_channels_are_found_where_they_stand(
    tmp_path: Path, shape: tuple[int, ...], image: tuple[int, int, int]
) -> None:
    x = np.random.default_rng(0).random((10, *shape))
    buffer = io.BytesIO()
    np.savez(buffer, X=x, y=np.arange(10) % 2)
    found = reading(buffer.getvalue(), tmp_path, name="f.npz", target=None)
    assert found.table.image == image
    turned = x if shape == image else x.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(table(tmp_path)[0], turned.reshape(10, -1))
    assert bool(found.profile.notes) == (shape != image)


@pytest.mark.parametrize("kind", [np.int64, np.float64, np.bool_, np.uint8, np.float32])
@pytest.mark.parametrize("classes", [2, 3])
def test_one_hot_targets_are_classes(tmp_path: Path, kind: Any, classes: int) -> None:
    places = np.arange(30) % classes
    buffer = io.BytesIO()
    np.savez(buffer, X=np.random.default_rng(0).random((30, 2)), y=np.eye(classes, dtype=kind)[places])
    found = reading(buffer.getvalue(), tmp_path, name="f.npz", target=None)
    assert found.table.target.labels == tuple(map(str, range(classes)))
    np.testing.assert_array_equal(table(tmp_path)[1], places)
    found = reading(buffer.getvalue(), tmp_path, name="f.npz", target=None, task=Targets.numbers)
    assert (found.table.target.type, found.table.target.outputs) == (Targets.numbers, classes)


@pytest.mark.parametrize("cell", ["1", "1.0", "True"])
def test_one_hot_columns_are_classes_of_their_names(tmp_path: Path, cell: str) -> None:
    zero = {"1": "0", "1.0": "0.0", "True": "False"}[cell]
    rows = "".join(f"{row}.5,{cell if row % 2 else zero},{zero if row % 2 else cell}\n" for row in range(20))
    found = reading(f"a,cat,dog\n{rows}", tmp_path, target=("cat", "dog"))
    assert found.table.target.labels == ("cat", "dog")
    assert table(tmp_path)[1].tolist() == [1, 0] * 10


def test_several_targets_are_numbers_side_by_side(tmp_path: Path) -> None:
    rows = "".join(f"{row};{row},5;{row * 2},25\n" for row in range(30))
    found = reading(f"a;u;v\n{rows}", tmp_path, target="u,v")
    assert (found.table.target.outputs, found.table.target.sources) == (2, ("u", "v"))
    assert table(tmp_path)[1][:2].tolist() == [[0.5, 0.25], [1.5, 2.25]]
    with pytest.raises(RefusedError, match="'w' is no column of numbers"):
        reading("a,w,v\n" + "".join(f"{row},x{row % 3},{row}\n" for row in range(30)), tmp_path, target="w,v")


SAID: dict[str, tuple[list[str], str]] = {
    # cells that may mean more than they are read as, and what the answer says of them
    "a number with its unit": ([f"{number} kg" for number in range(ROWS)], "the unit 'kg', which is left out"),
    "short numbers, the month first": (
        ["10/20/30"],
        "the month first: '10/20/30' is 2030-10-20; types=a=category says",
    ),
    "dotted dates of either order": (["01.02.2020"], "the day first; dayfirst=false says otherwise"),
    "a minus behind": (["12-", "5"], "have the minus behind them: '12-' is below 0"),
    "grades": (["1-", "2", "3-"], "texts such as '1-', which may be grades, and is read as texts: types=a=number"),
    "credits": (["5 CR", "6 DR"], "CR is read as above 0, and DR as below 0"),
    "forced texts": (['="123"', '="45"'], "numbers as texts: types=a=number reads them so"),
    "numbers with several units": (["12 kg", "500 g"], "several units, such as '12 kg', '500 g', and is read as texts"),
    "numbers with a unit in some rows": (["12%", "0.5"], "several units, such as '12%', '0.5'"),
    "numbers with a unit, and a word": (["12 kg"] * 19 + ["heavy"], "in 38 of 40 rows; 'heavy' keep it from being"),
    "days or years of months": (["Nov-26", "Dec-27"], "date_format=%b-%y reads them as months"),
    "years that may be first": (["24-01-15", "24-02-17", "25-03-20"], "date_format, such as %y-%m-%d, reads them"),
    "short years": (
        ["13/01/20", "14/02/20", "15/02/20"],
        "the day first: '15/02/20' is 2020-02-15; types=a=category says",
    ),
    "months": (["2020-01", "2020-02"], "the first day of each month: '2020-01' is 2020-01-01; types=a=category says"),
    "quarters": (["2020Q1", "2020Q4"], "the first day of each quarter: '2020Q1' is 2020-01-01"),
    "hexadecimal": (["0x1f", "0x2a"], "texts such as '0x1f'"),
    "digits of another script": (["\u0661", "\u0662", "\u0663"], "texts such as '\u0661'"),
    "dates that agree on no order": (["13/01/2020", "01/13/2020"], "texts such as '13/01/2020'"),
    "a quote that swallows rows": (['"0\n1,2"', "1"], "cells of several lines"),
    "a number for no value": (["-999", "1.5", "2.5"], "na_values=-999 says so"),
    "days as numbers": (["20200101", "20201231"], "types=a=date and date_format=%Y%m%d read them so"),
    "moments as numbers": (
        ["20200101083000", "20201231120000"],
        "types=a=date and date_format=%Y%m%d%H%M%S read them so",
    ),
    "hours as numbers": (["2020010108", "2020123112"], "date_format=%Y%m%d%H read them so"),
    "minutes as numbers": (["202001010830", "202012311200"], "types=a=date and date_format=%Y%m%d%H%M read them so"),
}


@pytest.mark.parametrize(("cells", "said"), SAID.values(), ids=SAID)
def test_what_may_be_meant_otherwise_is_said(cells: list[str], said: str, tmp_path: Path) -> None:
    assert said in " ".join(reading(column(cells), tmp_path).profile.notes)


def test_days_as_numbers_are_read_as_the_note_says(tmp_path: Path) -> None:
    found = values(column(["20200101", "20200103"]), tmp_path, 2, types={"a": ColumnKind.date}, date_format="%Y%m%d")
    assert found == [DAY0, DAY0 + 2]
    moments = {"types": {"a": ColumnKind.date}, "date_format": "%Y%m%d%H%M%S"}
    assert values(column(["20200101060000", "20200103120000"]), tmp_path, 2, **moments) == [DAY0 + 0.25, DAY0 + 2.5]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift_jis", "gbk"])
def test_an_encoding_that_is_guessed_is_said(encoding: str, tmp_path: Path) -> None:
    word = {"latin-1": "größe", "cp1252": "„größe“"}.get(encoding, "東京")
    content = column([word, "b"]).encode(encoding)
    assert "encoding says another one" in " ".join(reading(content, tmp_path).profile.notes)
    assert reading(content, tmp_path, encoding=encoding).profile.notes == []
    assert table(tmp_path)[2].columns[0].categories == tuple(sorted([word, "b"]))


def test_utf_32_is_read(tmp_path: Path) -> None:
    assert values(column(["0.5", "1.5"]).encode("utf-32"), tmp_path, 2) == [0.5, 1.5]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<!DOCTYPE html><html></html>", "is a page or XML"),
    ],
)
def test_text_that_is_no_table_is_told_what_it_is(content: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(content, tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("+1 1:0.5 3:-2e-1\n-1 2:1\n", "is in the format of LIBSVM: write X.toarray() and y as NPZ"),
        ("2 qid:10 1:0.5 3:0 # doc 1\n0 qid:10 2:1\n", "is in the format of LIBSVM: write X.toarray() and y as NPZ"),
        ("<table><tr><td>1</td></tr></table>", "is a page or XML, and no table: open it in Excel"),
    ],
)
def test_texts_of_other_programs_are_told_what_they_are(tmp_path: Path, content: str, said: str) -> None:
    assert said in refusal(content, tmp_path)


def test_a_target_keeps_its_unit(tmp_path: Path) -> None:
    rows = "".join(f"{row % 7}.5,{row}.5 kg,{row % 24}:30\n" for row in range(40))
    found = reading(f"a,y,t\n{rows}", tmp_path).table.target
    assert [form.unit for form in found.formats] == ["kg"]
    found = reading(f"a,y,t\n{rows}", tmp_path, target=("y", "t"), columns="a").table.target
    assert [(form.unit, form.date) for form in found.formats] == [("kg", None), ("", "h:mm")]
    assert reading(f"a,y,t\n{rows}".replace(" kg", ""), tmp_path).table.target.formats == ()
