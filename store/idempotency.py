"""Requests that were answered before: the same key again gets what it made then."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from .db import in_values, now
from .errors import IdempotencyMismatchError, JobNotFoundError
from .records import JOBS, Idempotency, Submitted, record
from .tables import Idempotency as IdempotencyRow
from .tables import Job

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


def answered_jobs(connection: Connection, owner: str, idempotency: Idempotency) -> Submitted | None:
    """The jobs that a request with this key made; None: there was none.

    Raises `IdempotencyMismatchError`, and `JobNotFoundError` when one of them was deleted.
    """
    ids = answered(connection, owner, idempotency)
    if ids is None:
        return None
    found = {row.id: record(row) for row in connection.execute(JOBS.where(in_values(connection, Job.id, ids)))}
    if missing := next((job_id for job_id in ids if job_id not in found), None):
        raise JobNotFoundError(f"Job {missing} of this Idempotency-Key was deleted: submit it with another key.")
    return Submitted([found[job_id] for job_id in ids], is_repeat=True)


def remember(connection: Connection, owner: str, idempotency: Idempotency, ids: Sequence[str]) -> None:
    """Write what a request makes. Raises SQLAlchemy's `IntegrityError` when another one was a moment faster."""
    old = IdempotencyRow.owner == owner, IdempotencyRow.at < now(-KEPT_S)
    connection.execute(delete(IdempotencyRow).where(*old))
    key = {"owner": owner, "key": idempotency.key, "body_sha256": idempotency.body_sha256}
    connection.execute(insert(IdempotencyRow).values(**key, at=now(), job_ids=list(ids)))
