"""Whether somebody has written to the record since the last look."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from store import db
from store.tokens import TokenStore
from store.writes import Writes
from tests.record import new_record


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Engine]:
    with new_record(tmp_path) as engine:
        yield engine


def test_on_sqlite_a_write_is_known_once_whoever_wrote(record: Engine) -> None:
    writes = Writes(record)
    assert writes.since_last_look()  # it knows nothing yet
    assert not writes.since_last_look()
    TokenStore(record).create(owner="ann")
    assert writes.since_last_look()
    assert not writes.since_last_look()
    other = db.connect(record.url.render_as_string(hide_password=False))
    TokenStore(other).create(owner="bob")
    other.dispose()
    assert writes.since_last_look()
    assert not writes.since_last_look()
    writes.close()


def test_a_reader_writes_nothing(record: Engine) -> None:
    writes = Writes(record)
    assert writes.since_last_look()
    assert TokenStore(record).listed() == []
    assert not writes.since_last_look()
    writes.close()


def test_a_record_that_does_not_answer_may_have_been_written(tmp_path: Path) -> None:
    engine = db.connect(f"sqlite:///{tmp_path / 'record.db'}")
    (tmp_path / "record.db").mkdir()
    writes = Writes(engine)
    assert [writes.since_last_look() for _ in range(2)] == [True, True]
    (tmp_path / "record.db").rmdir()
    assert writes.since_last_look()  # there is one now, and it is new
    assert not writes.since_last_look()
    writes.close()


@pytest.mark.both_databases
def test_another_database_does_not_say(engine: Engine) -> None:
    writes = Writes(engine)
    assert writes.since_last_look()
    assert writes.since_last_look() == (engine.dialect.name == "postgresql")
    writes.close()
