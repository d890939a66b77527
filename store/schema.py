"""The schema of the record: which revision it has, which one this release needs, and how it is brought there."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.exc import OperationalError

from .db import DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, connect, demand_writable, postgresql_code, reading
from .errors import StoreUnavailableError, WrongDatabaseError, in_full

if TYPE_CHECKING:
    from alembic.config import Config

LOOKS_EVERY_S = 2.0
STEP_LOCK_TIMEOUT = "2s"
"""How long a step of a migration waits for a lock: all who want one after it wait with it."""
STEP_TRIES = 60
"""How often the steps of a migration are begun again, in all."""
_MIGRATING = 0x45504F43
"""The number of the lock that a migration holds."""


@dataclass(frozen=True)
class Schema:
    """The revision of a record, beside that of this release."""

    found: str | None
    """None: nobody has migrated it."""
    needed: str
    known: frozenset[str]
    """The revisions that this release knows."""

    @property
    def is_newer(self) -> bool:
        """Whether a newer release has migrated the record: services of this one go on beside it."""
        return self.found is not None and self.found not in self.known

    @property
    def serves(self) -> bool:
        """Whether this release can work with it."""
        return self.found == self.needed or self.is_newer

    @property
    def wrong(self) -> str | None:
        """Why this release cannot work with it."""
        has = f"The record has schema {self.found or 'none'}, and this release needs {self.needed}"
        return None if self.serves else f"{has}: run `python -m store migrate` of this release."


def schema_of(engine: Engine) -> Schema:
    """The schema of the record. Raises `StoreUnavailableError`."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config())
    with reading(engine) as connection:
        there = inspect(connection).has_table("alembic_version")
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if there else None
    known = frozenset(script.revision for script in scripts.walk_revisions())
    return Schema(found, scripts.get_current_head() or "", known)


def await_schema(engine: Engine, within_s: float) -> str | None:
    """Wait until this release can work with the record; why it cannot, after so many seconds."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            wrong = schema_of(engine).wrong
        except StoreUnavailableError as error:
            wrong = in_full(error)
        if wrong is None:
            return None
        if time.monotonic() >= deadline:
            return wrong
        time.sleep(min(LOOKS_EVERY_S, max(deadline - time.monotonic(), 0.0)))


def _config() -> "Config":
    """Where Alembic finds the migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "migrations:")
    return config


def migrate(url: str) -> None:
    """Bring the database behind `url` to the schema of this release; one that a newer release has migrated stays so.

    Services may work on it meanwhile. On PostgreSQL each step is a transaction of its own, which waits for a lock no
    longer than `STEP_LOCK_TIMEOUT` and is then begun again, as after a deadlock; a migration that was stopped half way
    is continued by the next one. On SQLite all steps are one transaction. Raises `WrongDatabaseError`, and
    `StoreUnavailableError`.
    """
    from alembic import command  # a fifth of what a service imports, and one process of them all migrates

    config, engine = _config(), connect(url)
    try:
        _demand_unicode(engine)
        with _migrating(engine):
            if schema_of(engine).is_newer:  # whoever goes back to an older release works on with it
                return
            for left in reversed(range(STEP_TRIES)):
                try:
                    with _stepping(engine) as connection:
                        config.attributes["connection"] = connection
                        command.upgrade(config, "head")
                    return
                except OperationalError as error:
                    if not left or postgresql_code(error) not in (DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE):
                        raise
                    time.sleep(random.uniform(0.2, 1.0))  # noqa: S311 - the others go first
    finally:
        engine.dispose()


def _demand_unicode(engine: Engine) -> None:
    """Raise `WrongDatabaseError` for a database that cannot hold every name; SQLite's hold all."""
    if engine.dialect.name != "postgresql":
        return
    with reading(engine) as connection:
        demand_writable(connection)
        name, encoding = connection.execute(text("SELECT current_database(), current_setting('server_encoding')")).one()
    if encoding != "UTF8":
        raise WrongDatabaseError(
            f"The database {name} has the encoding {encoding}, which cannot hold every name: make it anew, "
            f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0."
        )


@contextmanager
def _migrating(engine: Engine) -> Iterator[None]:
    """Of services that start together one migrates, and the others wait here; on SQLite, for its one transaction."""
    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # It asks again and again, in no transaction: an index that is made beside writers waits for all transactions
        # and statements that began before it, and so would for one that waits here.
        while not connection.execute(select(func.pg_try_advisory_lock(_MIGRATING))).scalar_one():
            time.sleep(0.2)
        yield


@contextmanager
def _stepping(engine: Engine) -> Iterator[Connection]:
    """A connection for the steps: in a transaction on SQLite; on PostgreSQL each begins its own."""
    if engine.dialect.name != "postgresql":
        with engine.begin() as connection:
            yield connection
        return
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{STEP_LOCK_TIMEOUT}'")
        connection.commit()
        yield connection
