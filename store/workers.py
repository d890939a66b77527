"""The workers that live, and what each offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select, update

from .db import now, reading, writing
from .jobs import WORKER_LIVES_S
from .tables import Worker

FORGOTTEN_AFTER_S = 86_400.0


@dataclass(frozen=True)
class WorkerRecord:
    """A worker process as it last described itself."""

    id: str
    host: str
    pid: int
    devices: Sequence[str]
    slots: int
    free_slots: int
    seen_at: datetime | None = None


class WorkerStore:
    """The workers. Each writes its own row only; a row nobody refreshes counts for nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def beat(self, worker: WorkerRecord) -> None:
        """Say that this worker lives, and what it offers now."""
        values = {
            "host": worker.host,
            "pid": worker.pid,
            "devices": list(worker.devices),
            "slots": worker.slots,
            "free_slots": worker.free_slots,
        }
        with writing(self._engine) as connection:
            known = connection.execute(
                update(Worker).where(Worker.id == worker.id).values(seen_at=now(), **values).returning(Worker.id)
            ).first()
            if known is None:
                connection.execute(delete(Worker).where(Worker.seen_at < now(-FORGOTTEN_AFTER_S)))
                connection.execute(insert(Worker).values(id=worker.id, seen_at=now(), **values))

    def live(self) -> list[WorkerRecord]:
        """The workers whose beat is fresh, by name."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(Worker.__table__).where(Worker.seen_at > now(-WORKER_LIVES_S)).order_by(Worker.id)
            ).all()
        return [
            WorkerRecord(
                id=row.id,
                host=row.host,
                pid=row.pid,
                devices=tuple(row.devices),
                slots=row.slots,
                free_slots=row.free_slots,
                seen_at=row.seen_at,
            )
            for row in rows
        ]

    def gone(self, worker_id: str) -> None:
        """Forget a worker that ended by itself."""
        with writing(self._engine) as connection:
            connection.execute(delete(Worker).where(Worker.id == worker_id))
