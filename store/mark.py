"""The mark by which the record knows its file store: the API sees to it that both have the same."""

import logging
from contextlib import suppress
from uuid import uuid4

from sqlalchemy import Engine, delete, insert, select

from .db import lock, reading, writing
from .files import Files, mark_and_address_in, mark_in, put_mark
from .tables import FileStore

log = logging.getLogger(__name__)


class MarkStore:
    """The mark in the record. Raises `StoreUnavailableError` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_addressed = False

    def known(self) -> str | None:
        """The mark; None before the first API of this release has started."""
        with reading(self._engine) as connection:
            return connection.execute(select(FileStore.mark)).scalar()

    def settled(self, files: Files) -> str:
        """The mark. A record without one takes that of `files`, or both get a new one. Raises `OSError`.

        Files that were moved with their mark get their new address written beside it, once: workers must have the same.
        """
        mark = self.known() or self._agree(files, anew=False)
        if not self._is_addressed:
            found, address = mark_and_address_in(files)
            with suppress(OSError):  # what is read-only can be read; it is tried again with the next look
                if found == mark and address != files.uri(""):
                    put_mark(files, mark)
                self._is_addressed = True
        return mark

    def renew(self, files: Files) -> str:
        """Give the record and `files` a new mark: from now on these are its files, and no others. Raises `OSError`."""
        return self._agree(files, anew=True)

    def _agree(self, files: Files, *, anew: bool) -> str:
        with writing(self._engine) as connection:
            lock(connection, "mark of the file store")  # of processes that start together one decides
            known = connection.execute(select(FileStore.mark)).scalar()
            if known is not None and not anew:
                return known
            mark = None if anew else mark_in(files)
            if mark is None:
                mark = str(uuid4())
                put_mark(files, mark)  # first: the record knows no mark that is nowhere
            connection.execute(delete(FileStore))
            connection.execute(insert(FileStore).values(mark=mark))
        log.info("the file store of this record is %s, with the mark %s", files.uri("").rstrip("/"), mark)
        return mark
