"""Dates: with names of months, with halves of the day, and months, quarters and weeks."""

from datetime import UTC, datetime

import pytest

from spec.cells import CellFormat

NAMED = CellFormat(date="named")
DAY = datetime(2026, 11, 25, tzinfo=UTC)
TEN = DAY.replace(hour=10)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("25-Nov-26", DAY),
        ("25NOV2026", DAY),
        ("25. Nov. 2026", DAY),
        ("25/nov/2026", DAY),
        ("Nov 25, 2026", DAY),
        ("November 25 2026", DAY),
        ("Wednesday, 25th of November, 2026", DAY),
        ("1-Sept-2026", datetime(2026, 9, 1, tzinfo=UTC)),
        ("31-Dec-69", datetime(1969, 12, 31, tzinfo=UTC)),
        ("29-Feb-68", datetime(2068, 2, 29, tzinfo=UTC)),
        ("25-Nov-2026 10:00", TEN),
        ("Nov 25, 2026 10:00 am", TEN),
        ("Nov 25, 2026 at 10:00 P.M.", DAY.replace(hour=22)),
        ("25 Nov 2026 12:00:00 AM", DAY),
        ("Wed, 25 Nov 2026 10:00:00 GMT", TEN),
        ("Wed, 25 Nov 2026 15:30:00 +0530", TEN),
        ("Wed Nov 25 10:00:00 2026", TEN),
        ("Wed Nov 25 05:00:00 -0500 2026", TEN),
        ("25/Nov/2026:10:00:00 +0000", TEN),
        ("Wed Nov 25 2026 11:30:00 GMT+0130 (Some Zone)", TEN),
        ("25-Nov-2026T10:00", TEN),
        ("25. November 2026", DAY),
        ("MITTWOCH, 25. MÄRZ 2026", datetime(2026, 3, 25, tzinfo=UTC)),
        ("25. Nov. 2026 um 10:00 Uhr", TEN),
        ("25-Dez-26", DAY.replace(month=12)),
        ("12 août 2026", datetime(2026, 8, 12, tzinfo=UTC)),
        ("mercredi 1er févr. 2026 à 10:00", TEN.replace(month=2, day=1)),
        ("25 de novembro de 2026", DAY),
        ("quarta-feira, 25 de nov. de 2026", DAY),
        ("miércoles, 25 de noviembre del 2026", DAY),
        ("1º de maio de 2026", datetime(2026, 5, 1, tzinfo=UTC)),
        ("25agosto2026", DAY.replace(month=8)),
        ("mercoledì 25 novembre 2026", DAY),
        ("25 mrt 2026", DAY.replace(month=3)),
        ("Wed Nov 25 12:00:00 2026 +0200", TEN),
        ("Wed Nov 25 02:00:00 PST 2026", TEN),
        ("25NOV2026:10:00:00.500", TEN.replace(microsecond=500_000)),
    ],
)
def test_a_date_with_a_named_month_is_read(text: str, moment: datetime) -> None:
    assert NAMED.days(text) == moment.timestamp() / 86_400


@pytest.mark.parametrize(
    "text",
    [
        "2026/11/25 11:00:00 PM GMT+13",
        "2026/11/25 5:00:00 am GMT-5",
        "2026/11/25 3:30:00 p. m. GMT+5:30",
        "2026/11/25 7:00:00 \uc624\ud6c4 GMT+9",
        "2026/11/25 6:00:00 \u4e0b\u5348 GMT+8",
        "2026/11/25 7:00:00 \u5348\u5f8c GMT+9",
        "2026/11/25 10:00:00 \u5348\u524d GMT",
        "2026/11/25 11:00:00 AM MEZ",
        "2026/11/25 5:00:00 AM EST",
    ],
)
def test_a_moment_is_read_as_forms_of_google_write_it(text: str) -> None:
    assert CellFormat().days(text) == TEN.timestamp() / 86_400


@pytest.mark.parametrize(
    "text",
    [
        "31 Jun 2026",
        "Nov-26",
        "May 2026",
        "May",
        "25 Now 2026",
        "Room 25 Nov 2026",
        "25. Monat 2026",
        "25 Nov 2026 13:00 PM",
        "25 Nov 2026 13:00 (about)",
        "25 Nov 2026 10:30-11",
        "Nov 25, 2026 x",
        "25-11-2026",
    ],
)
def test_what_is_no_such_date_is_none(text: str) -> None:
    assert NAMED.days(text) is None


@pytest.mark.parametrize(
    ("style", "text", "moment"),
    [
        (None, "2026-11-25 10:00:00 PM", DAY.replace(hour=22)),
        (None, "2026/11/25 10:00 am", TEN),
        (None, "2026.11.25", DAY),
        (None, "2026.11.25 10:00", TEN),
        (None, "2026-11-25 9:45:06.5", DAY.replace(hour=9, minute=45, second=6, microsecond=500_000)),
        (None, "2026. 11. 25", DAY),
        (None, "2026. 11. 25. \uc624\ud6c4 9:45", DAY.replace(hour=21, minute=45)),
        (None, "2026/11/25 \u4e0a\u534810:00:00", TEN),
        ("named", "2026-Nov-25", DAY),
        ("named", "2026 November 25 10:00", TEN),
        (None, "2026-11-25 12:15 a.m.", DAY.replace(minute=15)),
        (None, "20261125T100000Z", TEN),
        (None, "20261125T1530+0530", TEN),
        ("monthfirst", "11/25/2026 10:00 PM", DAY.replace(hour=22)),
        ("monthfirst", "11/25/26, 10:00:00 PM", DAY.replace(hour=22)),
        ("monthfirst", "Wed 11/25/2026", DAY),
        ("monthfirst", "11/25/2026 10:00:00.250", TEN.replace(microsecond=250_000)),
        ("monthfirst", "11/25/2026 5:00 AM EST", TEN),
        ("dayfirst", "25.11.26", DAY),
        ("period", "2026-11", DAY.replace(day=1)),
        ("period", "2026m11", DAY.replace(day=1)),
        ("period", "11/2026", DAY.replace(day=1)),
        ("period", "1749-01", datetime(1749, 1, 1, tzinfo=UTC)),
        ("period", "November 2026", DAY.replace(day=1)),
        ("period", "Nov-98", datetime(1998, 11, 1, tzinfo=UTC)),
        ("period", "März 2026", DAY.replace(month=3, day=1)),
        ("period", "marzo de 2026", DAY.replace(month=3, day=1)),
        ("period", "2026Q4", datetime(2026, 10, 1, tzinfo=UTC)),
        ("period", "Q1-2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("period", "2026-W48", DAY.replace(day=23)),
    ],
)
def test_a_date_is_read_by_its_style(style: str | None, text: str, moment: datetime) -> None:
    assert CellFormat(date=style).days(text) == moment.timestamp() / 86_400


@pytest.mark.parametrize(
    ("style", "text"),
    [
        *(("monthfirst", text) for text in ("Room 11/25/2026", "11/25/2026 10:00:61")),
        *((None, text) for text in ("2026-11-25 13:00 PM", "2026-11-25 0:00 AM", "20261125", "20261325T100000Z")),
        *(
            ("period", text)
            for text in ("2026-13", "2026-11-25", "1234-05", "Nov-26", "2026Q5", "Golf 2026", "2026-W54", "Q1")
        ),
    ],
)
def test_what_is_no_date_of_a_style_is_none(style: str | None, text: str) -> None:
    assert CellFormat(date=style).days(text) is None


def test_every_name_of_a_month_is_that_of_one_month() -> None:
    from spec.months import _NAMES

    words = [word for names in _NAMES for word in names.split()]
    assert len(words) == len(set(words))
