"""MLflow's own database of an earlier release: what it holds is there after an upgrade."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from mlflow.store.tracking.dbmodels.initial_models import Base
from sqlalchemy import text

from tests.services import fresh_database, postgres_server
from tracking.__main__ import main
from tracking.migration import MlflowSchemaError, migrate, schemas

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own use


def made_by_the_release_before(url: str) -> str:
    """Make the tables as the release before the last migration left them; their schema."""
    engine = schemas.create_sqlalchemy_engine(url)
    Base.metadata.create_all(engine)
    config = schemas._get_alembic_config(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        (newest, before, *_) = ScriptDirectory.from_config(config).walk_revisions()
        assert newest.down_revision == before.revision
        command.downgrade(config, before.revision)
        statement = "INSERT INTO experiments (name, lifecycle_stage, workspace) VALUES ('ours', 'active', 'default')"
        connection.execute(text(statement))
    engine.dispose()
    return str(before.revision)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database as the release before the last migration left it, with an experiment."""
    path = tmp_path / "mlflow.db"
    made_by_the_release_before(f"sqlite:///{path}")
    return path


def asked(path: Path, query: str) -> list[tuple[str]]:
    """What a database answers."""
    with closing(sqlite3.connect(path)) as opened:
        return opened.execute(query).fetchall()


def of_a_server(url: str, query: str) -> str:
    """What a server's database answers."""
    engine = schemas.create_sqlalchemy_engine(url)
    with engine.begin() as connection:
        found = str(connection.execute(text(query)).scalar_one())
    engine.dispose()
    return found


SCHEMA, EXPERIMENTS = "SELECT version_num FROM alembic_version", "SELECT name FROM experiments"


def test_it_is_migrated_once_and_a_copy_stays(database: Path) -> None:
    url, [(earlier,)] = f"sqlite:///{database}", asked(database, SCHEMA)
    copy = migrate(url)
    assert asked(database, SCHEMA) == [(schemas._get_latest_schema_revision(),)]
    assert asked(database, EXPERIMENTS) == [("ours",)]
    assert copy is not None
    assert asked(copy, SCHEMA) == [(earlier,)]
    assert asked(copy, EXPERIMENTS) == [("ours",)]
    assert migrate(url) is None


@pytest.mark.thorough
def test_one_that_was_stopped_half_way_begins_again(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [(earlier,)] = asked(database, SCHEMA)
    with monkeypatch.context() as patched:
        patched.setattr(schemas, "_upgrade_db", lambda _: os._exit(9))
        child = os.fork()
        if not child:
            migrate(f"sqlite:///{database}")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    with closing(sqlite3.connect(database)) as half:
        half.execute("DROP TABLE experiments")
    copy = migrate(f"sqlite:///{database}")
    assert copy is not None
    assert asked(copy, SCHEMA) == [(earlier,)]
    assert asked(database, SCHEMA) == [(schemas._get_latest_schema_revision(),)]
    assert asked(database, EXPERIMENTS) == [("ours",)]
    assert {one.name for one in database.parent.glob("*.db")} == {database.name, copy.name}


@pytest.mark.thorough
def test_one_of_a_newer_mlflow_stays_as_it_is_and_is_named(database: Path) -> None:
    with closing(sqlite3.connect(database)) as changed:
        changed.execute("UPDATE alembic_version SET version_num = 'from2030'")
        changed.commit()
    with pytest.raises(MlflowSchemaError, match=r"schema from2030.* the record fills a new one"):
        migrate(f"sqlite:///{database}")
    assert asked(database, SCHEMA) == [("from2030",)]
    assert asked(database, EXPERIMENTS) == [("ours",)]


def test_where_there_is_none_nothing_is_done(tmp_path: Path) -> None:
    assert migrate(f"sqlite:///{tmp_path / 'mlflow.db'}") is None
    assert list(tmp_path.iterdir()) == []


def test_that_of_a_server_is_migrated_by_a_command(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sys.argv", ["tracking", "migrate"])
    with postgres_server() as server, fresh_database(server) as url:
        monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", url)
        assert main() == 0  # an empty one is MLflow's own to fill
        earlier = made_by_the_release_before(url)
        assert of_a_server(url, SCHEMA) == earlier
        assert main() == 0
        assert of_a_server(url, SCHEMA) == schemas._get_latest_schema_revision()
        assert of_a_server(url, EXPERIMENTS) == "ours"
        of_a_server(url, "UPDATE alembic_version SET version_num = 'from2030' RETURNING version_num")
        assert main() == 1
        assert "schema from2030" in caplog.text
        assert "It is as it was" in caplog.text
    assert main() == 1
    assert "does not answer" in caplog.text
