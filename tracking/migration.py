"""MLflow's own database in the embedded stack: brought to the schema of the MLflow that is installed.

MLflow does not start over a schema of an earlier release, and leaves the migration to its operator. Embedded there is
none. The functions below are private to MLflow: with a release that has others, the server fails at its start.
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
    """Bring an SQLite database of an earlier MLflow up to date; where its copy is, None when nothing was to be done.

    MLflow's migrations are not one transaction: one that fails is taken back with the copy. Raises
    `MlflowSchemaError`.
    """
    engine = schemas.create_sqlalchemy_engine(url)
    try:
        path = Path(engine.url.database)
        if not path.is_file():
            return None
        found, latest = schemas._get_schema_version(engine), schemas._get_latest_schema_revision()
        if found is None or found == latest:
            return None
        copy = _copied(path, path.with_name(f"{path.stem}-{found}{path.suffix}"))
        log.warning("MLflow's database is migrated from %s to %s; as it was, it is in %s", found, latest, copy)
        try:
            schemas._upgrade_db(engine)
        except Exception as error:
            engine.dispose()
            _copied(copy, path)
            raise MlflowSchemaError(
                f"MLflow's database {path} is of another MLflow (schema {found}), and this one cannot migrate it: "
                f"{error}. It is as it was. Install the release that wrote it, or move it away: the record fills a "
                "new one."
            ) from error
    finally:
        engine.dispose()
    return copy


def _copied(source: Path, target: Path) -> Path:
    """The target, once it holds what the source holds."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    return target
