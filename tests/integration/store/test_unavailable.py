"""Which errors of a database mean that it is unavailable, and which that a statement is wrong."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from store import db, schema
from store.errors import NotMigratedError, StoreUnavailableError, in_full


@pytest.mark.parametrize("statement", ["SELECT no_such_column FROM job", "SELECT 1 FROM no_such_table", "SELEC 1"])
def test_a_wrong_statement_is_not_an_unavailable_database(engine: Engine, statement: str) -> None:
    with pytest.raises(DBAPIError), db.reading(engine) as connection:
        connection.execute(text(statement))


def test_a_record_that_nobody_has_migrated_is_unavailable_and_the_sentence_says_the_cure(tmp_path: Path) -> None:
    engine = db.connect(f"sqlite:///{tmp_path}/epochal.db")
    with pytest.raises(NotMigratedError, match="python -m store migrate") as said, db.reading(engine) as connection:
        connection.execute(text("SELECT id FROM job"))
    assert in_full(said.value).endswith("(no such table: job)")
    engine.dispose()


def test_a_connection_that_is_cut_is_unavailable(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        return  # there is no connection to cut
    with pytest.raises(StoreUnavailableError), db.reading(engine) as connection:  # noqa: PT012 - it raises at its end
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with db.writing(engine) as other:
            other.execute(text(f"SELECT pg_terminate_backend({pid})"))
        connection.execute(text("SELECT 1"))
    with db.reading(engine) as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_server_that_is_not_there_is_unavailable() -> None:
    engine = db.connect("postgresql+psycopg://postgres@127.0.0.1:1/nothing")
    with pytest.raises(StoreUnavailableError), db.reading(engine):
        pass
    engine.dispose()


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "epochal.db").mkdir()
    engine = db.connect(f"sqlite:///{tmp_path}/epochal.db")
    with pytest.raises(StoreUnavailableError), db.reading(engine):
        pass
    engine.dispose()


def test_a_record_that_another_locks_is_unavailable(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/epochal.db"
    schema.migrate(url)
    engine = db.connect(url)

    @event.listens_for(engine, "connect")
    def _impatient(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA busy_timeout=1")

    with closing(sqlite3.connect(tmp_path / "epochal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError), db.writing(engine):
            pass
        other.execute("ROLLBACK")
    with db.writing(engine):
        pass
    engine.dispose()


def test_a_pool_that_is_empty_is_unavailable(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/x.db", pool_size=1, max_overflow=0, pool_timeout=0.01)
    with engine.connect(), pytest.raises(StoreUnavailableError), db.reading(engine):
        pass
    engine.dispose()
