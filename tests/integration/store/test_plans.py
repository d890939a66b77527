"""PostgreSQL keeps a connection's plan for the check of a foreign key: it must not be one for an empty table."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from spec.dataset import Shipped
from spec.job import JobSpec
from store import db
from tests.record import Record
from tests.services import fresh_database

JOBS = 1_000
CHECKS = 10
"""So many checks, and PostgreSQL keeps their plan."""


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    with fresh_database(postgres_url) as url:
        db.migrate(url)
        engine = db.connect(url)
        yield engine
        engine.dispose()


def test_many_jobs_are_not_checked_by_reading_the_whole_table(postgres: Engine) -> None:
    store, spec = Record(postgres), JobSpec(dataset=Shipped(name="iris"))
    store.submit([spec], owner="ann")
    with postgres.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE job"))
    for _ in range(CHECKS):
        store.submit([spec], owner="ann")
    store.submit([spec] * JOBS, owner="ann")
    postgres.dispose()  # a connection that ends writes its figures
    with db.reading(postgres) as connection:
        read = connection.execute(
            text("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'job'")
        ).scalar_one()
    assert read < JOBS * 100  # a plan for an empty table reads half of the square of JOBS
