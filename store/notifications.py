"""Which queued jobs a message was sent for: the bell of a job may be lost, and is rung again."""

from collections.abc import Sequence

from sqlalchemy import Engine, or_, select, update

from .db import in_values, now, reading, writing
from .states import queued, ready
from .tables import Job


class NotificationStore:
    """The bells that were rung, for workers. Raises `StoreUnavailableError` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def unnotified(self, *, older_than_s: float = 10.0, limit: int = 8) -> list[str]:
        """A few queued jobs whose message may be lost."""
        with reading(self._engine) as connection:
            return list(
                connection.execute(
                    select(Job.id)
                    .where(
                        ready(),
                        Job.updated_at < now(-older_than_s),
                        or_(Job.notified_at.is_(None), Job.notified_at < now(-older_than_s)),
                    )
                    .order_by(Job.priority.desc(), Job.id)
                    .limit(limit)
                ).scalars()
            )

    def mark_notified(self, ids: Sequence[str]) -> None:
        """Remember that a message was sent for these jobs."""
        with writing(self._engine) as connection:
            waiting = select(Job.id).where(in_values(connection, Job.id, ids), queued())
            # Others are being claimed at this moment.
            ours = waiting.with_for_update(key_share=True, skip_locked=True).cte("ours")
            connection.execute(update(Job).where(Job.id.in_(select(ours.c.id))).values(notified_at=now()))
