"""Whether a release can work with the schema of a record."""

from pathlib import Path

import pytest
from sqlalchemy import text

from store import db
from store.__main__ import main
from store.schema import await_schema, schema_of
from store.tokens import METRICS_READ, TokenStore
from tests.record import migrate


def test_a_record_is_served_with_this_schema_or_a_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/epochal.db"
    engine = db.connect(url)
    try:
        assert schema_of(engine).found is None
        assert "python -m store migrate" in (await_schema(engine, 0.0) or "")
        monkeypatch.setenv("EPOCHAL_HOME", str(tmp_path))
        assert main(["check"]) == 1
    finally:
        engine.dispose()
    (tmp_path / "epochal.db").unlink()
    migrate(url)
    engine = db.connect(url)
    try:
        assert main(["check", "--wait", "5"]) == 0
        for revision, serves, newer in (("0001", False, False), ("9999", True, True)):
            with db.writing(engine) as connection:
                connection.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
            found = schema_of(engine)
            assert (found.serves, found.is_newer) == (serves, newer)
        assert main(["migrate"]) == 0  # as whoever goes back to an older release does
        assert schema_of(engine).found == "9999"
    finally:
        engine.dispose()


def test_a_migration_makes_sure_that_the_tokens_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HOME", str(tmp_path)), ("TOKEN", "epo_admin"), ("METRICS_TOKEN", "epo_figures")):
        monkeypatch.setenv(f"EPOCHAL_{name}", value)
    migrate(f"sqlite:///{tmp_path}/epochal.db")
    assert main(["migrate"]) == main(["migrate"]) == 0
    engine = db.connect(f"sqlite:///{tmp_path}/epochal.db")
    try:
        scopes = [found.scopes for token in ("epo_admin", "epo_figures") if (found := TokenStore(engine).find(token))]
        assert scopes == [frozenset({"jobs:read", "jobs:write", "admin"}), frozenset({METRICS_READ})]
    finally:
        engine.dispose()
