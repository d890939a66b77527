"""What changes in the record while somebody looks: jobs and sweeps, whoever changed them.

A change of state leaves an event with a time. What runs is known by its lease, and changes with each heartbeat. So a
poll reads two indexes, and of the jobs only those that may have changed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, or_, select

from .db import OVERLAP, in_values, now, reading
from .records import JOB_NEWS
from .sweep_records import SweepRecord, sweep_record
from .tables import DeletedJob, Job, JobEvent, Lease, Sweep
from .versions import supported_rules

LONGEST_ABSENCE = timedelta(minutes=10)
"""Who has known nothing for longer loads its lists again: its changes are not read."""

MOST = 2000
"""Most jobs that changed state, and most running ones, that are read at once."""


@dataclass(frozen=True)
class Seen:
    """What a poll knew: the next one finds what is new. Empty, it finds all that runs, and what just changed."""

    since: datetime | None = None
    """By the record's clock; None: now."""
    events: Mapping[str, int] = field(default_factory=dict)
    """The newest event of the jobs that have changed state of late."""
    updated: Mapping[str, datetime] = field(default_factory=dict)
    """When the running jobs that it read were last updated."""
    deleted: frozenset[str] = frozenset()
    """The jobs that were deleted of late."""
    running_after: str | None = None
    """Where more run than are read at once: the job after which the next ones are read."""


@dataclass(frozen=True)
class Changes:
    """Jobs and sweeps that have changed, and what the next poll must know."""

    seen: Seen
    jobs: tuple[Any, ...] = ()
    """Rows of `JOB_NEWS`."""
    deleted: tuple[Any, ...] = ()
    """Id, owner and project of the jobs that were deleted."""
    sweeps: tuple[SweepRecord, ...] = ()
    """Sweeps that go on, and those that have just ended."""
    too_many: bool = False
    """More jobs than `MOST` have changed state, and none is here."""


class ChangeStore:
    """Finds what has changed, for any number of readers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def poll(self, seen: Seen, ids: Collection[str] | None = None) -> Changes:
        """What has changed since, of these jobs only if `ids` are given. Raises `StoreUnavailableError`.

        Where more than `MOST` jobs run, each poll reads the next ones of them.
        """
        with reading(self._engine) as connection:
            at: datetime = connection.execute(select(now())).scalar_one()
            if seen.since is not None and at - seen.since > LONGEST_ABSENCE:
                return Changes(Seen(at), too_many=True)
            since = (seen.since or at) - OVERLAP
            events = self._events(connection, since)
            moved = {job_id for job_id, seq in events.items() if seen.events.get(job_id) != seq}
            if ids is not None:
                moved &= set(ids)
            too_many = len(moved) > MOST
            running = [] if too_many else self._running(connection, seen.running_after, ids)
            asked = () if too_many else moved.union(running)
            rows = connection.execute(JOB_NEWS.where(in_values(connection, Job.id, asked))).all()
            deleted = connection.execute(select(DeletedJob.__table__).where(DeletedJob.at > since)).all()
            live = or_(Sweep.finished_at.is_(None), Sweep.finished_at > since)
            sweeps = connection.execute(select(Sweep.__table__).where(live, supported_rules())).all()
        updated = {row.id: row.updated_at for row in rows}
        changed = [row for row in rows if row.id in moved or seen.updated.get(row.id) != row.updated_at]
        gone = [row for row in deleted if row.id not in seen.deleted and (ids is None or row.id in ids)]
        last = running[-1] if len(running) == MOST else None
        known = Seen(at, events, updated, frozenset(row.id for row in deleted), last)
        return Changes(known, tuple(changed), tuple(gone), tuple(sweep_record(row) for row in sweeps), too_many)

    @staticmethod
    def _running(connection: Connection, after: str | None, ids: Collection[str] | None) -> Sequence[str]:
        """The jobs that run, in the order of their ids, `MOST` of them."""
        query = select(Lease.job_id).order_by(Lease.job_id).limit(MOST)
        if after is not None:
            query = query.where(Lease.job_id > after)
        if ids is not None:
            query = query.where(in_values(connection, Lease.job_id, ids))
        return connection.execute(query).scalars().all()

    @staticmethod
    def _events(connection: Connection, since: datetime) -> dict[str, int]:
        """The newest event of each job since then."""
        query = select(JobEvent.job_id, JobEvent.seq).where(JobEvent.at > since).order_by(JobEvent.at, JobEvent.seq)
        return {row.job_id: row.seq for row in connection.execute(query)}


def moment(text: str) -> datetime | None:
    """The moment that `stamp` wrote; None when it is none."""
    try:
        return datetime.fromtimestamp(int(text) / 1000.0, tz=UTC) if text.isascii() and len(text) < 16 else None
    except (ValueError, OverflowError, OSError):
        return None


def stamp(at: datetime) -> str:
    """A moment as milliseconds since 1970."""
    return str(int(at.timestamp() * 1000))
