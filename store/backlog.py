"""The backlog in seconds of work: how long one slot would train the jobs that wait.

The work of a job is its optimizer steps, which its spec and its data tell. What a slot does in a second is what the
slots that train now do. So neither number is right for a queue of very different shapes, but a job of an hour counts
more than one of a second. Many jobs stop before their last epoch: those that ended lately say what share they trained.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Double, Select, SQLColumnExpression, Subquery, cast, func, select

from .tables import Job, Lease

RECENT_S = 600.0
"""How far back jobs count that have ended."""

RECENT_JOBS = 1000
"""The most of them that are read."""


class Work(NamedTuple):
    """Jobs that wait, how many of them know their steps, and the steps of these."""

    jobs: int
    known: int
    steps: float


WORK: tuple[ColumnElement[Any], ...] = (
    func.count().label("jobs"),
    func.count(Job.steps).label("known"),
    func.coalesce(func.sum(cast(Job.steps, Double)), 0.0).label("steps"),
)
"""The columns of a `Work`."""


def steps_per_s() -> Subquery:
    """The steps in a second of each slot that trains and has told its speed, all its members together."""
    speed = Job.epochs_per_s * Job.steps / Job.epochs
    return (
        select(Lease.worker, Job.device, func.sum(speed).label("steps"))
        .join(Job, Job.id == Lease.job_id)
        .where(Job.epochs_per_s > 0.0, Job.steps > 0)
        .group_by(Lease.worker, Job.device)
        .subquery("slot")
    )


def backlog_s(connection: Connection, at: datetime, waiting: Iterable[Work]) -> float | None:
    """How many seconds one slot would train what waits; None while no slot has told its speed.

    Jobs that do not know their steps count as the others in the mean.
    """
    groups = list(waiting)
    jobs, known = sum(work.jobs for work in groups), sum(work.known for work in groups)
    if not jobs:
        return 0.0
    speed = connection.execute(select(func.avg(steps_per_s().c.steps))).scalar_one()
    if not known or not speed:
        return None
    steps = sum(work.steps for work in groups) * jobs / known
    return steps * _trained_share(connection, at) / float(speed)


def ended_since(recent: datetime, *columns: SQLColumnExpression[Any]) -> Select[Any]:
    """Columns of the jobs that were trained and have ended since a moment, at most `RECENT_JOBS` of them.

    The moment is a value: no index serves a comparison with a clock that ticks.
    """
    ended = select(*columns).where(Job.finished_at > recent, Job.started_at.is_not(None))
    return ended.order_by(Job.finished_at.desc()).limit(RECENT_JOBS)


def _trained_share(connection: Connection, at: datetime) -> float:
    """What share of their steps the jobs trained that ended lately; 1 if none did."""
    trained = (Job.steps * cast(Job.epoch, Double) / Job.epochs).label("trained")
    ended = ended_since(at - timedelta(seconds=RECENT_S), Job.steps, trained).subquery()
    share = select(func.sum(ended.c.trained) / func.nullif(func.sum(ended.c.steps), 0))
    return float(connection.execute(share).scalar_one() or 1.0)
