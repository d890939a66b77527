"""Whether somebody has written to the record: who looks in rounds rests while nobody has."""

import sqlite3
from contextlib import suppress

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import PoolProxiedConnection


class Writes:
    """The writes to a record, as one who looks again and again learns of them. It never raises.

    SQLite says in a hundredth of the time of a query whether another connection has written, which is what a machine
    with nothing to do asks all day (https://sqlite.org/pragma.html#pragma_data_version). Of any other database it is
    not known, and a write is assumed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: PoolProxiedConnection | None = None
        self._version: int | None = None

    def since_last_look(self) -> bool:
        """Whether somebody may have written since this was asked before."""
        if self._engine.dialect.name != "sqlite":
            return True
        before, self._version = self._version, self._data_version()
        return self._version is None or self._version != before

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            with suppress(SQLAlchemyError, sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _data_version(self) -> int | None:
        """A number that is another one after each write; None while the database does not answer."""
        try:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
            cursor = self._connection.cursor()
            version = int(cursor.execute("PRAGMA data_version").fetchone()[0])
            cursor.close()
        except (SQLAlchemyError, sqlite3.Error):
            self.close()
            return None
        return version
