"""Dates whose months are English words."""

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
    ],
)
def test_a_date_with_a_named_month_is_read(text: str, moment: datetime) -> None:
    assert NAMED.days(text) == moment.timestamp() / 86_400


@pytest.mark.parametrize(
    "text",
    ["31 Jun 2026", "Nov-26", "May 2026", "May", "25 Now 2026", "25 Nov 2026 13:00 PM", "Nov 25, 2026 x", "25-11-2026"],
)
def test_what_is_no_such_date_is_none(text: str) -> None:
    assert NAMED.days(text) is None
