"""Requests that were answered before: the same key again gets what it made then."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from .db import now
from .errors import IdempotencyMismatchError
from .records import Idempotency
from .tables import Idempotency as IdempotencyRow

KEPT_S = 7 * 86_400.0
"""So long a key is known."""


def answered(connection: Connection, owner: str, idempotency: Idempotency) -> list[str] | None:
    """The ids that a request with this key made; None: there was none. Raises `IdempotencyMismatchError`."""
    row = connection.execute(
        select(IdempotencyRow.body_sha256, IdempotencyRow.job_ids).where(
            IdempotencyRow.owner == owner, IdempotencyRow.key == idempotency.key
        )
    ).first()
    if row is None:
        return None
    if row.body_sha256 != idempotency.body_sha256:
        raise IdempotencyMismatchError
    return list(row.job_ids)


def remember(connection: Connection, owner: str, idempotency: Idempotency, ids: Sequence[str]) -> None:
    """Write what a request makes. Raises SQLAlchemy's `IntegrityError` when another one was a moment faster."""
    old = IdempotencyRow.owner == owner, IdempotencyRow.at < now(-KEPT_S)
    connection.execute(delete(IdempotencyRow).where(*old))
    key = {"owner": owner, "key": idempotency.key, "body_sha256": idempotency.body_sha256}
    connection.execute(insert(IdempotencyRow).values(**key, at=now(), job_ids=list(ids)))
