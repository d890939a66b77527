"""The service in figures, for Prometheus: read from the record alone, whatever process asks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine, and_, case, func, not_, or_, select

from .backlog import WORK, Work, backlog_s, steps_per_s
from .db import now, reading
from .device_requests import kind_of
from .states import has_ended, queued
from .tables import CurveChunk, Job, JobEvent, Lease, Mirror
from .tally import ENDED, LEASE_LOST, totals
from .workers import live_workers

_Key = TypeVar("_Key")
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class Waiting:
    """The queued jobs of an owner that ask for one kind of device."""

    owner: str
    device: str
    work: Work
    oldest_s: float
    """Seconds since the one that waits longest was queued, or queued again."""


@dataclass(frozen=True)
class Figures:
    """The whole service at one moment. Mappings named by kind have `cpu` and `cuda`."""

    waiting: Sequence[Waiting]
    backlog_s: float | None
    """How many seconds one slot would train what waits; None while that is not known."""
    running: Mapping[tuple[str, str], int]
    """Running jobs by owner and kind of device."""
    packs: Mapping[str, int]
    """Slots that train a pack, by kind."""
    steps_per_s: Mapping[str, float]
    """Optimizer steps of all members together, in a second, by kind."""
    ended: Mapping[tuple[str, str], int]
    """Jobs that ended since the record began, by state and reason."""
    leases_lost: int
    workers: int
    slots: Mapping[str, int]
    free_slots: Mapping[str, int]
    mirror_behind: int
    """Jobs of which MLflow lacks epochs or the end."""
    mirror_lag_s: float
    """Age of the oldest epoch, or end of a job, that MLflow lacks."""


def read_figures(engine: Engine) -> Figures:
    """The figures now; to count a queue of a million jobs takes a while. Raises `StoreUnavailableError`."""
    with reading(engine) as connection:
        at = connection.execute(select(now())).scalar_one()
        workers = live_workers(connection)
        slots = [kind_of(name) for worker in workers for name in worker.devices]
        free = [kind_of(name) for worker in workers for name in worker.free_devices]
        behind, lag_s = _mirror(connection, at)
        waiting = _waiting(connection, at)
        return Figures(
            waiting=waiting,
            backlog_s=backlog_s(connection, at, (one.work for one in waiting)),
            running=_running(connection),
            packs=_packs(connection),
            steps_per_s=_steps_per_s(connection),
            ended=totals(connection, ENDED),
            leases_lost=sum(totals(connection, LEASE_LOST).values()),
            workers=len(workers),
            slots={kind: slots.count(kind) for kind in set(slots)},
            free_slots={kind: free.count(kind) for kind in set(slots)},
            mirror_behind=behind,
            mirror_lag_s=lag_s,
        )


_changed_at = (
    select(func.max(JobEvent.at))
    .where(JobEvent.job_id == Job.id, JobEvent.from_status != JobEvent.to_status)
    .scalar_subquery()
)
"""When the state of a job last changed; NULL while it is as it was submitted. Another name is an event, too."""


def _waiting(connection: Connection, at: datetime) -> list[Waiting]:
    # Nobody has touched most jobs since they were submitted: only of others the events are read.
    came = case((Job.updated_at == Job.created_at, Job.created_at), else_=func.coalesce(_changed_at, Job.created_at))
    rows = connection.execute(
        select(Job.owner, Job.device_request.label("device"), func.min(came).label("since"), *WORK)
        .where(queued())
        .group_by(Job.owner, Job.device_request)
        .order_by(Job.owner, Job.device_request)
    )
    return [
        Waiting(row.owner, row.device, Work(row.jobs, row.known, row.steps), (at - row.since).total_seconds())
        for row in rows
    ]


def _running(connection: Connection) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        select(Job.owner, Job.device, func.count()).join(Lease, Lease.job_id == Job.id).group_by(Job.owner, Job.device)
    )
    return _summed(((owner, kind_of(device or "cpu")), jobs) for owner, device, jobs in rows)


def _packs(connection: Connection) -> dict[str, int]:
    places = select(Lease.worker, Job.device).join(Job, Job.id == Lease.job_id).distinct()
    return _summed((kind_of(device or "cpu"), 1) for _, device in connection.execute(places))


def _steps_per_s(connection: Connection) -> dict[str, float]:
    slots = steps_per_s()
    return _summed(
        (kind_of(device or "cpu"), steps) for device, steps in connection.execute(select(slots.c.device, slots.c.steps))
    )


def _mirror(connection: Connection, at: datetime) -> tuple[int, float]:
    """Jobs that the mirror is behind with, and by how many seconds at most."""
    # Written so, the two use the partial index of jobs that are not whole.
    trains = and_(not_(Mirror.whole), or_(Job.epoch > Mirror.epoch, Job.attempt != Mirror.attempt))
    of_jobs = select(func.count(), func.min(Job.finished_at)).join(Mirror, Mirror.job_id == Job.id)
    finished, oldest_end = connection.execute(of_jobs.where(not_(Mirror.whole), has_ended())).one()
    running = connection.execute(of_jobs.join(Lease, Lease.job_id == Job.id).where(trains)).one()[0]
    oldest_epoch = connection.execute(
        select(func.min(CurveChunk.at))
        .join(Mirror, and_(Mirror.job_id == CurveChunk.job_id, CurveChunk.last_epoch > Mirror.epoch))
        .join(Lease, Lease.job_id == Mirror.job_id)
        .where(not_(Mirror.whole))
    ).scalar()
    oldest = min(filter(None, (oldest_end, oldest_epoch)), default=at)
    return finished + running, max((at - oldest).total_seconds(), 0.0)


def _summed(amounts: Iterable[tuple[_Key, _Number]]) -> dict[_Key, _Number]:
    """The amounts of each key together."""
    sums: dict[_Key, _Number] = {}
    for key, amount in amounts:
        sums[key] = sums[key] + amount if key in sums else amount
    return sums
