"""The record as users and workers see it together."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event, make_url

from spec.job import JobSpec
from store import db, schema
from store.artifacts import ArtifactStore
from store.claims import ClaimStore
from store.control import JobControl
from store.leases import LeaseStore
from store.limits import NONE, Limits
from store.notifications import NotificationStore
from store.records import Claim
from store.tables import Base

_FULL = " UNION ALL ".join(
    f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")"  # noqa: S608 - the names are ours
    for name in Base.metadata.tables
)
"""Asks for the names of the tables that hold a row."""


class Record(JobControl, ClaimStore, LeaseStore, NotificationStore, ArtifactStore):
    """Their stores over one database: a test submits as a user does, and claims as a worker does."""

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        JobControl.__init__(self, engine, limits)
        ClaimStore.__init__(self, engine, limits)
        LeaseStore.__init__(self, engine)

    def claim(
        self,
        *,
        worker: str,
        device: str,
        limit: int | Callable[[JobSpec], int],
        lease_s: float,
        behind: Sequence[str] = (),
    ) -> list[Claim]:
        """As a worker does; the limit may be a number."""
        most = (lambda _: limit) if isinstance(limit, int) else limit
        return super().claim(worker=worker, device=device, limit=most, lease_s=lease_s, behind=behind)


@contextmanager
def listening(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    """The statements that the database is sent meanwhile, with their parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement != "BEGIN":  # SQLite says it in a statement
            statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def migrate(url: str) -> None:
    """Bring the record behind a URL up to date; a new one in SQLite is a copy of one that was, which takes no time."""
    path = make_url(url).database
    if url.startswith("sqlite") and path is not None and not Path(path).exists():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(_up_to_date())
    else:
        schema.migrate(url)


def empty(engine: Engine, *, but: frozenset[str] = frozenset()) -> None:
    """Delete every row of a record, `but` those of some tables. Most tables hold none, which one statement tells."""
    with db.writing(engine) as connection:
        full = set(connection.exec_driver_sql(_FULL).scalars()) - but
        for table in reversed(Base.metadata.sorted_tables):
            if table.name in full:
                connection.execute(table.delete())


@contextmanager
def new_record(folder: Path) -> Iterator[Engine]:
    """The engine of a new record in SQLite."""
    url = f"sqlite:///{folder / 'record.db'}"
    migrate(url)
    engine = db.connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


def downgrade(engine: Engine, revision: str) -> None:
    """Bring a record down to an older schema."""
    config = Config()
    config.set_main_option("script_location", "migrations:")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def upgrade(engine: Engine) -> None:
    """Bring a record that was brought down up to date again."""
    schema.migrate(engine.url.render_as_string(hide_password=False))


@cache
def _up_to_date() -> bytes:
    """An empty record in SQLite."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "record.db"
        schema.migrate(f"sqlite:///{path}")
        return path.read_bytes()
