"""The schema of the record: which revision it has, and which one this release needs."""

import time
from dataclasses import dataclass

from sqlalchemy import Engine, inspect, text

from .db import reading
from .errors import StoreUnavailableError, in_full

LOOKS_EVERY_S = 2.0


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
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "migrations:")
    scripts = ScriptDirectory.from_config(config)
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
