"""The database: how it is reached, what its clock says, and what is wrong when it does not answer."""

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from sqlalchemy import (
    JSON,
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    ExceptionContext,
    FromClause,
    bindparam,
    column,
    create_engine,
    event,
    func,
    inspect,
    literal,
    select,
    text,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import DateTime, String, TypeDecorator, TypeEngine

from .errors import DiskFullError, NotMigratedError, ReadOnlyError, StoreUnavailableError

if TYPE_CHECKING:
    import psycopg

Entity = TypeVar("Entity")
Answer = TypeVar("Answer")
P = ParamSpec("P")

_SQLITE_FORMAT = "%Y-%m-%d %H:%M:%S.%f"
IDLE_S = 10
"""A process that freezes in the middle of a transaction must not keep the reaper from its jobs for longer."""
LOCK_S = 10
"""How long a statement waits for a lock."""
_BEGIN_SESSION = (
    "SELECT pg_backend_pid(), "
    f"set_config('idle_in_transaction_session_timeout', '{IDLE_S}s', false), "
    f"set_config('lock_timeout', '{LOCK_S}s', false)"
)
OVERLAP = timedelta(seconds=IDLE_S + LOCK_S)
"""A transaction may end so much later than the moment that it wrote says: who looks for news goes back as far."""
DEADLOCKS = 8
"""How often a transaction is begun again after a deadlock, of which each takes a second."""
DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, DISK_FULL, READ_ONLY = "40P01", "55P03", "53100", "25006"
UNDEFINED_TABLE, UNDEFINED_COLUMN = "42P01", "42703"
"""Codes of PostgreSQL's errors (its documentation, appendix A)."""
_NAMED = 0x45504F44
"""What the names of locks are hashed with, so that they are no other program's."""


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC: timestamptz on PostgreSQL; on SQLite text with milliseconds, which sorts as time does."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Text on SQLite, which has no type for time."""
        return dialect.type_descriptor(String(23) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """The moment as the database keeps it."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).strftime(_SQLITE_FORMAT)[:23]

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The moment with its zone."""
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.strptime(value, _SQLITE_FORMAT).replace(tzinfo=UTC)
        moment: datetime = value
        return moment.astimezone(UTC)


class now(FunctionElement[datetime]):  # noqa: N801 - it reads as the SQL function it is
    """The database's clock, `offset_s` seconds from now: the only clock that decides about leases."""

    type = UtcTime()
    inherit_cache = True

    def __init__(self, offset_s: float | BindParameter[float] = 0.0) -> None:
        super().__init__(offset_s if isinstance(offset_s, BindParameter) else literal(float(offset_s)))


@compiles(now, "postgresql")
def _now_postgresql(element: now, compiler: Any, **options: Any) -> str:
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **options)}))"


@compiles(now, "sqlite")
def _now_sqlite(element: now, compiler: Any, **options: Any) -> str:
    offset = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', printf('%+.3f seconds', {offset}))"


class try_lock(FunctionElement[bool]):  # noqa: N801 - it reads as the SQL function it is
    """Whether this transaction has the lock of that name, until it ends; it does not wait for it.

    Of rows filtered by it, each one looked at is locked: filter rows of a materialized CTE, in its order, with LIMIT.
    SQLite has one writer at a time, who holds everything.
    """

    type = Boolean()
    inherit_cache = True

    def __init__(self, name: ColumnElement[str]) -> None:
        super().__init__(name, literal(_NAMED))


@compiles(try_lock, "postgresql")
def _try_lock_postgresql(element: try_lock, compiler: Any, **options: Any) -> str:
    return f"pg_try_advisory_xact_lock(hashtextextended({compiler.process(element.clauses, **options)}))"


@compiles(try_lock, "sqlite")
def _try_lock_sqlite(element: try_lock, compiler: Any, **options: Any) -> str:
    return "(1 = 1)"


def lock(connection: Connection, name: str) -> None:
    """Have the lock of that name until this transaction ends, waiting for whoever has it now."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, _NAMED))))


def shared_alias(entity: type[Entity]) -> type[Entity]:
    """An alias of a table that threads may use at once, made when its module is imported.

    SQLAlchemy makes each attribute of an alias at its first use; of threads that use it first together, one would get
    an attribute of no table, and a statement that is wrong.
    """
    made = aliased(entity)
    for column_of in inspect(entity).column_attrs:
        getattr(made, column_of.key)
    return made


def connect(url: str) -> Engine:
    """The record behind `url`, with the settings that long-lived services need."""
    if url.startswith("sqlite"):
        return _connect_sqlite(url)
    return _connect_postgresql(url)


def _connect_postgresql(url: str) -> Engine:
    engine = create_engine(
        url,
        pool_size=10,
        max_overflow=5,
        pool_timeout=5,
        pool_recycle=1800,
        pool_use_lifo=True,  # idle connections are closed instead of all being used in rotation
        pool_pre_ping=True,  # a restarted database causes no error
        json_serializer=_json,
        # A partition ends in an error within the time a lease holds, not when TCP gives up after a quarter of an hour.
        connect_args={
            **{"client_encoding": "utf8", "connect_timeout": 5},
            **{"tcp_user_timeout": 10_000, "keepalives_idle": 5, "keepalives_interval": 5},
        },
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: "psycopg.Connection", record: object) -> None:
        answer = connection.execute(_BEGIN_SESSION).fetchone()
        connection.commit()
        if answer is not None and answer[0] != connection.info.backend_pid:
            # A pooler, such as PgBouncer, stands between. Another connection may be behind it at the next transaction,
            # which knows no statement of ours by its name, or has another client's statement of that name.
            connection.prepare_threshold = None

    @event.listens_for(engine, "handle_error")
    def _leave_a_standby(context: ExceptionContext) -> None:
        # Another connection may lead to the primary, and to a database that is read-only no more: a session stays so.
        if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
            context.is_disconnect = True

    return engine


def _connect_sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 30}, pool_size=10, max_overflow=60, json_serializer=_json)
    if engine.url.database and engine.url.database != ":memory:":
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a power cut takes back no commit that was answered
        connection.execute("PRAGMA foreign_keys=ON")
        connection.create_function("lower", 1, _lower, deterministic=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that turns writer half way fails at once when another wrote in between: ask for the lock first.
        reading = connection.get_execution_options().get("epochal_reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _lower(value: object) -> str | None:
    """The text in small letters; SQLite's own function knows those of ASCII only."""
    return None if value is None else str(value).lower()


def _json(value: Any) -> str:
    """The value as JSON that both databases take; infinite and undefined numbers become null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value))


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(part) for key, part in value.items()}
        case list() | tuple():
            return [_finite(part) for part in value]
    return value


def values_table(connection: Connection, rows: Sequence[Mapping[str, Any]], **columns: TypeEngine[Any]) -> FromClause:
    """Rows as a table of a query: one parameter and one statement, whether they are one or a thousand."""
    given = bindparam(None, list(rows), type_=JSON())
    if connection.dialect.name == "postgresql":
        made = func.json_to_recordset(given).table_valued(*(column(name, type_) for name, type_ in columns.items()))
        return made.render_derived(name="given", with_types=True)
    each = func.json_each(given).table_valued("value")
    return select(
        *(
            type_coerce(func.json_extract(each.c.value, f"$.{name}"), type_).label(name)
            for name, type_ in columns.items()
        )
    ).subquery("given")


def in_values(connection: Connection, column: InstrumentedAttribute[str], values: Iterable[str]) -> ColumnElement[bool]:
    """The rows whose column has one of these values, however many: databases take only so many parameters."""
    return column.in_(select(values_table(connection, [{"value": value} for value in values], value=String()).c.value))


def plan_anew(connection: Connection) -> None:
    """Let PostgreSQL plan its checks of foreign keys anew, before it makes thousands of them.

    A connection keeps the plan of its first check. Made while the table was nearly empty, it reads the whole table for
    each row (measured: 8,000 jobs in 72 s).
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("DISCARD PLANS"))


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One short transaction that writes. Raises `StoreUnavailableError` when the database does not answer."""
    with _errors_of_ours(engine), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One short transaction that only reads. Raises `StoreUnavailableError` when the database does not answer."""
    with _errors_of_ours(engine), engine.connect().execution_options(epochal_reading=True) as connection:
        yield connection


def demand_writable(connection: Connection) -> None:
    """Raise `ReadOnlyError` where PostgreSQL would refuse to write, without writing."""
    if connection.dialect.name != "postgresql":
        return
    if connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on":
        connection.invalidate()  # see _leave_a_standby
        raise ReadOnlyError


@contextmanager
def _errors_of_ours(engine: Engine) -> Iterator[None]:
    """Raise SQLAlchemy's errors as `StoreUnavailableError`, where the database is at fault and not the statement."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreUnavailableError("The database is busy; try again in a moment.") from error
    except DBAPIError as error:
        if _disk_full(error):
            raise DiskFullError(
                "The disk of the database is full, and nothing was stored. Tell whoever runs the service."
            ) from error
        if _read_only(error):
            raise ReadOnlyError from error
        if _undefined(error):
            from .schema import schema_of  # it reads through this module

            if behind := schema_of(engine).wrong:
                raise NotMigratedError(behind) from error
        if _unavailable(error):
            raise StoreUnavailableError("The database does not answer; try again in a moment.") from error
        raise


def again_if_deadlocked(method: Callable[P, Answer]) -> Callable[P, Answer]:
    """The method, of one transaction, which is begun again when PostgreSQL undid it so that those it met go on."""

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Answer:
        for _ in range(DEADLOCKS):
            try:
                return method(*args, **kwargs)
            except StoreUnavailableError as error:
                if postgresql_code(error.__cause__) != DEADLOCK_DETECTED:
                    raise
        return method(*args, **kwargs)

    return wrapped


_SQLITE_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def postgresql_code(error: BaseException | None) -> str | None:
    """The code of PostgreSQL's error; its driver, which takes a tenth of a start, is not imported to know it."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def _sqlite_code(error: sqlite3.Error) -> int:
    """The code of SQLite's error: the lower 8 bits say what is wrong, the upper ones where exactly."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)


def _disk_full(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error.orig) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
    return postgresql_code(error) == DISK_FULL


def _read_only(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error.orig) & 0xFF == sqlite3.SQLITE_READONLY
    return postgresql_code(error) == READ_ONLY


def _undefined(error: DBAPIError) -> bool:
    """Whether there is no such table or column: the statement is wrong, or the record is not migrated yet."""
    if isinstance(error.orig, sqlite3.Error):
        return str(error.orig).startswith(("no such table", "no such column")) or "has no column" in str(error.orig)
    return postgresql_code(error) in (UNDEFINED_TABLE, UNDEFINED_COLUMN)


def _unavailable(error: DBAPIError) -> bool:
    """Whether the database is at fault, and not the statement: for SQLite both are operational errors."""
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite_code(error.orig) & 0xFF in _SQLITE_UNAVAILABLE
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
