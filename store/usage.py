"""Device time: which attempt trained on which device from when to when.

A row is written when a worker claims a job, and closed where its lease ends, however it ends; deleting the job deletes
no row. Jobs that train together share their device: each second of it is divided equally among them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, String, and_, case, func, insert, or_, select, tuple_, update
from sqlalchemy.types import Integer

from .access import Asker, visible_to
from .db import in_values, now, reading, values_table
from .device_requests import kind_of
from .tables import Attempt, Job, Lease


class Span(NamedTuple):
    """An attempt on a slot: which devices of which worker, from when to when, in seconds since 1970."""

    slot: tuple[str, str]
    begins: float
    ends: float


@dataclass(frozen=True)
class Use:
    """What an attempt, or a part of it, used."""

    owner: str
    project: str
    project_id: str | None
    tags: Mapping[str, str]
    kind: str
    """cpu or cuda."""
    seconds: float
    """Device-seconds: of two GPUs that train together, each counts."""


class UsageStore:
    """Reads what was used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def used(self, asker: Asker, since: datetime, until: datetime) -> list[Use]:
        """What was used between two moments, an attempt each, of all that the asker sees."""
        with reading(self._engine) as connection:
            return uses(connection, since, until, visible_to(asker, Attempt))


def begin_attempts(connection: Connection, ids: Collection[str]) -> None:
    """Note that these jobs, which have just been claimed, begin an attempt."""
    names = ("job_id", "attempt", "owner", "project", "project_id", "tags", "worker", "device", "started_at")
    claimed = select(
        Job.id, Job.attempt, Job.owner, Job.project, Job.project_id, Job.tags, Job.worker, Job.device, now()
    )
    connection.execute(insert(Attempt).from_select(names, claimed.where(in_values(connection, Job.id, ids))))


def end_attempts(connection: Connection, leases: Iterable[tuple[str, int]]) -> None:
    """Close the attempts, by job and number, whose leases have ended."""
    rows = [{"job_id": job_id, "attempt": attempt} for job_id, attempt in leases]
    if not rows:
        return
    ended = values_table(connection, rows, job_id=String(), attempt=Integer()).c
    which = tuple_(Attempt.job_id, Attempt.attempt).in_(select(ended.job_id, ended.attempt))
    connection.execute(update(Attempt).where(which, Attempt.ended_at.is_(None)).values(ended_at=now()))


def uses(connection: Connection, since: datetime, until: datetime, *which: Any) -> list[Use]:
    """What attempts used between two moments. An attempt that is open counts until now, while it has its lease."""
    held = and_(Lease.job_id == Attempt.job_id, Lease.attempt == Attempt.attempt)
    # Its lease was ended by a service of the release before, which closes no attempt.
    unclosed = case((Lease.job_id.is_not(None), now()), else_=func.coalesce(Job.finished_at, Attempt.started_at))
    ends = func.coalesce(Attempt.ended_at, unclosed)
    rows = connection.execute(
        select(Attempt.__table__, ends.label("ends"))
        .outerjoin(Lease, held)
        .outerjoin(Job, Job.id == Attempt.job_id)
        .where(Attempt.started_at < until, or_(Attempt.ended_at.is_(None), Attempt.ended_at > since), *which)
    ).all()
    low, high = since.timestamp(), until.timestamp()
    spans = [
        Span(
            (row.worker, row.device),
            min(max(row.started_at.timestamp(), low), high),
            min(max(row.ends.timestamp(), low), high),
        )
        for row in rows
    ]
    return [
        Use(row.owner, row.project, row.project_id, row.tags, kind_of(row.device), share * (row.device.count("+") + 1))
        for row, share in zip(rows, shares(spans), strict=True)
    ]


def shares(spans: Sequence[Span]) -> list[float]:
    """The seconds of each span, each second of a slot divided equally among the spans that are there."""
    slots = defaultdict[tuple[str, str], list[tuple[float, int, int]]](list)
    for index, span in enumerate(spans):
        if span.ends > span.begins:
            slots[span.slot] += [(span.begins, 1, index), (span.ends, -1, index)]
    found = [0.0] * len(spans)
    for events in slots.values():
        each, present, last = 0.0, 0, 0.0  # what one that was there from the start would have by now
        for at, change, index in sorted(events):
            each += (at - last) / present if present else 0.0
            found[index] -= change * each
            present, last = present + change, at
    return found
