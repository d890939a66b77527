"""The workers that are up, and what each offers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, case, delete, func, insert, select, update

from .access import Asker, visible_to
from .db import now, reading, writing
from .records import read
from .tables import Job, Lease, Worker

WORKER_LIVES_S = 30.0
"""A worker with an older heartbeat counts as gone: it takes no share of the queue."""

FORGOTTEN_AFTER_S = 86_400.0


@dataclass(frozen=True)
class WorkerRecord:
    """A worker process as it last described itself."""

    id: str
    host: str
    pid: int
    devices: Sequence[str]
    """One slot each."""
    free_devices: Sequence[str]
    seen_at: datetime | None = None
    clock_ahead_s: float | None = None
    """By how much its machine's clock is ahead of the record's, at its last heartbeat but one."""


@dataclass(frozen=True)
class TrainingRecord:
    """What a worker trains on a device."""

    worker: str
    device: str
    jobs: int
    yours: int


class WorkerStore:
    """The workers. Each writes its own row only; a row that is not refreshed counts for nothing."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine, self._clock = engine, clock
        self._clock_ahead_s: float | None = None

    def heartbeat(self, worker: WorkerRecord) -> None:
        """Record that this worker is up, and what it offers now."""
        values = {
            "host": worker.host,
            "pid": worker.pid,
            "devices": list(worker.devices),
            "slots": len(worker.devices),
            "free_slots": len(worker.free_devices),
            "free_devices": list(worker.free_devices),
            "clock_ahead_s": self._clock_ahead_s,
        }
        with writing(self._engine) as connection:
            known = connection.execute(
                update(Worker).where(Worker.id == worker.id).values(seen_at=now(), **values).returning(Worker.seen_at)
            ).first()
            if known is not None:
                self._clock_ahead_s = self._clock() - known.seen_at.timestamp()
            else:
                connection.execute(delete(Worker).where(Worker.seen_at < now(-FORGOTTEN_AFTER_S)))
                connection.execute(insert(Worker).values(id=worker.id, seen_at=now(), **values))

    def live(self) -> list[WorkerRecord]:
        """The workers with a recent heartbeat, by name."""
        with reading(self._engine) as connection:
            return live_workers(connection)

    def training(self, *, owner: Asker) -> list[TrainingRecord]:
        """What every worker trains, and how many of its jobs `owner` sees."""
        theirs = case((visible_to(owner, Job), 1), else_=0)
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(Lease.worker, func.coalesce(Job.device, "").label("device"), func.count(), func.sum(theirs))
                .join(Job, Job.id == Lease.job_id)
                .group_by(Lease.worker, Job.device)
                .order_by(Lease.worker, Job.device)
            ).all()
        return [TrainingRecord(*row) for row in rows]

    def gone(self, worker_id: str) -> None:
        """Forget a worker that ended by itself."""
        with writing(self._engine) as connection:
            connection.execute(delete(Worker).where(Worker.id == worker_id))


def live_workers(connection: Connection) -> list[WorkerRecord]:
    """The workers with a recent heartbeat, by name."""
    rows = connection.execute(
        select(Worker.__table__).where(Worker.seen_at > now(-WORKER_LIVES_S)).order_by(Worker.id)
    ).all()
    return [read(WorkerRecord, row, devices=tuple(row.devices), free_devices=tuple(row.free_devices)) for row in rows]
