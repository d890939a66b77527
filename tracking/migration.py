"""MLflow's own database: brought to the schema of the MLflow that is installed, before its server starts.

MLflow does not start over a schema of an earlier release, and leaves the migration to its operator. The functions below
are private to MLflow: with a release that has others, the server fails at its start.
"""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from mlflow.store.db import utils as mlflows

log = logging.getLogger(__name__)
schemas: Any = mlflows
"""MLflow's functions, which have no types."""


class MlflowSchemaError(Exception):
    """MLflow's database cannot be brought to the schema that the installed MLflow reads."""


def migrate(url: str) -> Path | None:
    """Bring the database of an earlier MLflow up to date; the copy of an SQLite database that was migrated.

    PostgreSQL migrates in one transaction. On SQLite, a migration that fails is taken back with the copy, and one that
    was stopped half way begins again from it. Raises `MlflowSchemaError`.
    """
    engine = schemas.create_sqlalchemy_engine(url)
    try:
        if engine.dialect.name != "sqlite":
            _migrate_server(engine)
            return None
        path = Path(engine.url.database)
        if not path.is_file():
            return None
        kept = path.with_name(f"{path.stem}-unfinished{path.suffix}")
        if kept.is_file():  # a migration was stopped half way: it begins again from what there was before
            _copied(kept, path)
        found, latest = schemas._get_schema_version(engine), schemas._get_latest_schema_revision()
        if found is None or found == latest:
            kept.unlink(missing_ok=True)
            return None
        copy, part = (path.with_name(f"{path.stem}-{name}{path.suffix}") for name in (found, "part"))
        part.unlink(missing_ok=True)
        _copied(path, part).replace(kept)  # whole, or not there
        log.warning("MLflow's database is migrated from %s to %s; as it was, it is in %s", found, latest, copy)
        try:
            schemas._upgrade_db(engine)
        except Exception as error:
            engine.dispose()
            _copied(kept, path)
            kept.unlink()
            raise _refused(str(path), found, error) from error
    finally:
        engine.dispose()
    return kept.replace(copy)


def _migrate_server(engine: Any) -> None:
    """Migrate a server's database, in one transaction."""
    where = engine.url.render_as_string(hide_password=True)
    try:
        found, latest = schemas._get_schema_version(engine), schemas._get_latest_schema_revision()
    except Exception as error:
        why = str(getattr(error, "orig", error)).partition("\n")[0]
        raise MlflowSchemaError(f"MLflow's database {where} does not answer: {why}") from error
    if found is None or found == latest:
        return
    log.warning("MLflow's database %s is migrated from %s to %s", where, found, latest)
    try:
        schemas._upgrade_db(engine)
    except Exception as error:
        raise _refused(where, found, error) from error


def _refused(where: str, found: str, error: Exception) -> MlflowSchemaError:
    """Why a database stays as it is."""
    return MlflowSchemaError(
        f"MLflow's database {where} is of another MLflow (schema {found}), and this one cannot migrate it: {error}. "
        "It is as it was. Install the release that wrote it, or move it away: the record fills a new one."
    )


def _copied(source: Path, target: Path) -> Path:
    """The target, once it holds what the source holds."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    return target
