import asyncio
import re
import subprocess
import sys
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, make_url, select, text

from store import db, schema
from store.errors import StoreUnavailableError
from store.tables import Base, JobEvent
from tests.chaos.proxy import Proxy
from tests.record import Record

from ...services import PATIENCE, free_port, fresh_database

MIGRATE = "import sys; from store.schema import migrate; migrate(sys.argv[1])"


@pytest.mark.filterwarnings("ignore:.*expression-based index")
def test_the_migrations_make_the_tables_that_the_code_speaks_of(engine: Engine) -> None:
    # SQLite tells neither which way an index runs nor of which expression it is: PostgreSQL compares these.
    directed = {"ix_job_claim", "ix_job_same_pack", "ix_job_turn", "ix_job_share"}
    left_out = directed if engine.dialect.name == "sqlite" else set()

    def compared(thing: object, name: str | None, *_: object) -> bool:
        return name not in left_out

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": compared})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_is_migrating_once(sqlite_url: str) -> None:
    schema.migrate(sqlite_url)
    schema.migrate(sqlite_url)
    engine = db.connect(sqlite_url)
    Record(engine).ready()
    engine.dispose()


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_services_that_start_together_migrate_once(kind: str, sqlite_url: str, postgres_url: str) -> None:
    server = fresh_database(postgres_url) if kind == "postgresql" else nullcontext(sqlite_url)
    with server as url:
        processes = [subprocess.Popen([sys.executable, "-c", MIGRATE, url]) for _ in range(2)]
        assert [process.wait(timeout=60 * PATIENCE) for process in processes] == [0, 0]
        engine = db.connect(url)
        Record(engine).ready()
        engine.dispose()


class Pooler(Proxy):
    """A wire that gives a client a process id of its own, as PgBouncer does, instead of the server process's."""

    async def _next(self, reader: asyncio.StreamReader) -> bytes:
        return re.sub(rb"(?s)(K\0\0\0\x0c)....", rb"\1\0\0\0\0", await super()._next(reader))


def test_behind_a_pooler_no_statement_has_a_name_that_another_client_may_have_given(postgres_url: str) -> None:
    server = make_url(postgres_url)
    pooler = Pooler(server.port or 5432, server.host or "127.0.0.1")
    thresholds = []
    for host, port in ((server.host, server.port), ("127.0.0.1", pooler.port)):
        engine = db.connect(server.set(host=host, port=port).render_as_string(hide_password=False))
        with db.reading(engine) as connection:
            driver: Any = connection.connection.driver_connection
            thresholds.append(driver.prepare_threshold)
        engine.dispose()
    pooler.close()
    assert thresholds == [5, None]


def test_a_process_that_freezes_in_a_transaction_loses_it(postgres_url: str) -> None:
    engine = db.connect(postgres_url)
    with db.reading(engine) as connection:
        limits = [
            connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("idle_in_transaction_session_timeout", "lock_timeout")
        ]
    assert limits == ["10s", "10s"]
    engine.dispose()


def test_a_power_cut_takes_no_commit_back(sqlite_url: str) -> None:
    engine = db.connect(sqlite_url)
    with db.reading(engine) as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
    engine.dispose()


def test_the_clock_is_the_databases_and_has_a_zone(engine: Engine) -> None:
    with db.reading(engine) as connection:
        now, soon = connection.execute(select(db.now().label("a"), db.now(60.0).label("b"))).one()
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=60)
    assert timedelta(seconds=59) < soon - now < timedelta(seconds=61)


def test_a_database_that_does_not_answer_is_an_error_of_ours() -> None:
    engine = db.connect(f"postgresql+psycopg://postgres@127.0.0.1:{free_port()}/none")
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        Record(engine).ready()
    engine.dispose()


def test_an_alias_is_whole_before_threads_share_it() -> None:
    assert vars(db.shared_alias(JobEvent)).keys() >= {"job_id", "seq", "to_status"}
