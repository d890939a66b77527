"""Requests that were answered before: the same key again gets what it made then."""

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from .db import now
from .errors import IdempotencyMismatchError
from .records import Idempotency
from .tables import Idempotency as IdempotencyRow


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
    key = {"owner": owner, "key": idempotency.key, "body_sha256": idempotency.body_sha256}
    connection.execute(insert(IdempotencyRow).values(**key, at=now(), job_ids=list(ids)))
