"""How PostgreSQL finds rows in large tables: by an index, also where it keeps a plan from when they were empty."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from spec.dataset import Shipped
from spec.job import JobSpec
from store import db, schema
from store.records import PublishedFile
from tests.record import Record, listening
from tests.services import fresh_database

JOBS = 1_000
CHECKS = 10
"""So many checks, and PostgreSQL keeps their plan."""


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Engine]:
    with fresh_database(postgres_url) as url:
        schema.migrate(url)
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


def test_stored_files_are_looked_up_by_an_index(postgres: Engine) -> None:
    store = Record(postgres)
    job_id, gone = (job.id for job in store.submit([JobSpec(dataset=Shipped(name="iris"))] * 2, owner="ann").jobs)
    store.request_cancel(gone, owner="ann", actor="ann")
    with postgres.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        files = "SELECT :id, 'file ' || n, 1, 'file:///files/jobs/' || n, 'digest', 1 FROM generate_series(1, 50000) n"
        into = "INSERT INTO artifact (job_id, name, attempt, path, sha256, size)"
        connection.execute(text(f"{into} {files}"), {"id": job_id})
        connection.execute(text("ANALYZE artifact"))
    with listening(postgres) as statements:
        store.orphaned_files([PublishedFile(job_id, 1, f"file:///files/jobs/{number}") for number in range(1_000)])
        store.delete(gone, owner="ann")
    with db.reading(postgres) as connection:
        plans = [
            "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
            for statement, parameters in statements
            if "artifact" in statement
        ]
    assert len(plans) > 1
    assert not [plan for plan in plans if "Seq Scan on artifact" in plan]
