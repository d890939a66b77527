"""Which errors of a database mean that it is unavailable, and which that a statement is wrong."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError

from spec.settings import Settings
from store import db, schema
from store.__main__ import main
from store.doctor import examine
from store.errors import NotMigratedError, ReadOnlyError, StoreUnavailableError, in_full
from tests.record import Record

from ...services import fresh_database


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


def test_a_database_that_is_read_only_for_a_while_says_so(postgres_url: str, tmp_path: Path) -> None:
    name = make_url(postgres_url).database
    engine, owner = db.connect(postgres_url), db.connect(postgres_url)
    with owner.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    try:
        with pytest.raises(ReadOnlyError, match="nothing was stored"), db.writing(engine) as connection:
            connection.execute(text("CREATE TABLE no_table (id int)"))
        with pytest.raises(ReadOnlyError):
            Record(engine).ready()
        settings = Settings.read({"EPOCHAL_DATABASE_URL": postgres_url, "EPOCHAL_HOME": str(tmp_path)})
        found = [one.says for one in examine(settings) if one.part == "record"]
        assert found == [one for one in found if one.endswith("is read-only.")] != []
    finally:
        with owner.begin() as connection:
            connection.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    Record(engine).ready()  # connections from then are not used again
    with db.writing(engine) as connection:
        connection.execute(text("CREATE TEMPORARY TABLE no_table (id int)"))
    engine.dispose()
    owner.dispose()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_name_is_not_migrated(
    postgres_url: str, encoding: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with fresh_database(postgres_url, encoding) as url:
        monkeypatch.setenv("EPOCHAL_DATABASE_URL", url)
        assert main(["migrate"]) == 1
    assert f"has the encoding {encoding}" in capsys.readouterr().err


def test_a_server_that_is_not_there_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql+psycopg://postgres@127.0.0.1:1/nothing"
    engine = db.connect(url)
    with pytest.raises(StoreUnavailableError), db.reading(engine):
        pass
    engine.dispose()
    monkeypatch.setenv("EPOCHAL_DATABASE_URL", url)
    assert [main(asked) for asked in (["migrate"], ["token", "list"], ["mirror"])] == [1, 1, 1]
    assert capsys.readouterr().err.count("does not answer") == 3


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
