"""F38: 10,000 cancels that meet the end of their job; `tests/integration/api/test_races.py` runs a few of them."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.integration.api.conftest import Service, emptied, service

from .races import counted, race

RACES = 10_000


@pytest.fixture
def record(tmp_path: Path, postgres_url: str) -> Iterator[Service]:
    """The API over PostgreSQL, in which no job of another test waits."""
    made = emptied(service(tmp_path, EPOCHAL_DATABASE_URL=postgres_url))
    yield made
    made.engine.dispose()


@pytest.mark.timeout(1800)
def test_f38_ten_thousand_cancels_that_meet_an_end_leave_one_end_each(record: Service) -> None:
    token = record.tokens.create(owner="ada", scopes=("jobs:read", "jobs:write"))
    ended = race(record.store, record.app, token, Random(1), RACES)
    assert len(ended) == RACES
    assert [one for one in ended if not one.consistent] == []
    met = counted(ended)
    for verb, status in (("succeed", "succeeded"), ("fail", "failed")):  # both orders, and often
        assert min(met[verb, code, status] for code in (202, 409)) > 100, met
