"""The audit log: who changed what, when and from where. Rows are deleted after `KEPT_DAYS`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select
from uuid_utils import uuid7

from spec.audit import AuditedRequest, AuditEntry

from .db import now, reading, writing
from .tables import Audit

KEPT_DAYS = 180
SWEPT_EVERY = 1000
"""After so many entries, a process deletes those that are too old."""


class AuditStore:
    """The audit log."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._written = 0

    def write(self, asked: AuditedRequest) -> None:
        """Add an entry for a request. Raises `StoreUnavailableError`."""
        with writing(self._engine) as connection:
            connection.execute(insert(Audit).values(id=str(uuid7()), at=now(), **asked.model_dump()))
            if self._written % SWEPT_EVERY == 0:
                connection.execute(delete(Audit).where(Audit.at < now(-KEPT_DAYS * 86_400.0)))
        self._written += 1

    def listed(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> tuple[Sequence[AuditEntry], str | None]:
        """Entries, newest first, and the cursor of the next page; `action` is a view or a group of views."""
        query = select(Audit.__table__).order_by(Audit.id.desc()).limit(limit + 1)
        if actor is not None:
            query = query.where(Audit.actor == actor)
        if action is not None:
            query = query.where(Audit.action.startswith(action, autoescape=True))
        if since is not None:
            query = query.where(Audit.at >= since)
        if after is not None:
            query = query.where(Audit.id < after)
        with reading(self._engine) as connection:
            found = [AuditEntry(**row._mapping) for row in connection.execute(query)]
        return found[:limit], found[limit - 1].id if len(found) > limit else None
