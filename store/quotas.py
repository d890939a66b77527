"""The quotas of users and projects: what may wait, run, and take GPU-hours. Each is null, or a number that holds.

Whoever would take more waits for whoever counts at the same moment, by a lock of the user or the project. So the
number is exact, however many submit or claim at once. GPU-hours are counted as often as costs little, so a month may
exceed them by what runs.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select, true, union_all
from sqlalchemy.orm import InstrumentedAttribute

from .db import lock, now
from .errors import QueueFullError
from .states import queued
from .tables import Attempt, Job, Lease, Project, User
from .usage import uses

COUNTED_EVERY_S = 60.0
"""After how long a process adds up the GPU-hours of the month again, at the latest."""
COUNTING_SHARE = 0.02
"""Most of its time that goes into this: where few attempts are added up, the next job after an attempt knows of it."""


@dataclass(frozen=True)
class MostQueued:
    """How many jobs may wait together, if nothing else waits."""

    jobs: int
    sentence: str
    """Which quota or limit says so, without a full stop."""


@dataclass(frozen=True)
class Reached:
    """Who may start nothing more now, and the quotas of running jobs that there are."""

    owners: frozenset[str]
    projects: frozenset[str]
    """By their ids."""
    running: Mapping[str, int]
    """Quotas of owners, by name, and of projects, by id."""

    def may_join(self, project_id: str | None) -> ColumnElement[bool]:
        """Jobs that may start together with one of this project: where a quota holds, only those of the project."""
        if project_id is not None and project_id in self.running:
            return Job.project_id == project_id
        others = sorted({*self.projects, *self.running})
        return or_(Job.project_id.is_(None), Job.project_id.not_in(others)) if others else true()

    def left(self, connection: Connection, owner: str, project_id: str | None, default: int) -> int | None:
        """How many more jobs may run of an owner, and in this project, until the transaction ends; None: any number.

        `default` is the quota of an owner that has none of its own; 0: any.
        """
        left = []
        if (most := self.running.get(owner, default or None)) is not None:
            lock(connection, owner)  # while this owner's jobs are counted, no other claim starts one of them
            left.append(most - _running(connection, Lease.owner == owner))
        if project_id is not None and (most := self.running.get(project_id)) is not None:
            lock(connection, f"running of project {project_id}")
            left.append(most - _running(connection, Lease.project_id == project_id))
        return max(min(left), 0) if left else None


def demand_queued(connection: Connection, owner: str, jobs: int, default: int, projects: Mapping[str, int]) -> None:
    """Raise `QueueFullError` unless so many more jobs of the owner, and so many of each project, may wait.

    `default` is the quota of an owner that has none of its own; 0: any.
    """
    if (most := _own_queued(connection, owner, default)) is not None:
        lock(connection, f"submits of {owner}")
        _demand(count_waiting(connection, Job.owner == owner, most=most), jobs, most, f"of {owner}")
    if not projects:
        return
    limited = select(Project.id, Project.name, Project.queued_quota).where(
        Project.id.in_(projects), Project.queued_quota.is_not(None)
    )
    for row in connection.execute(limited.order_by(Project.id)).all():
        lock(connection, f"submits of project {row.id}")
        waiting = count_waiting(connection, Job.project_id == row.id, most=row.queued_quota)
        _demand(waiting, projects[row.id], row.queued_quota, f"of the project {row.name}")


def most_queued(connection: Connection, owner: str, project_id: str | None, default: int) -> Iterator[MostQueued]:
    """The quotas that say how many jobs of the owner in this project may wait."""
    if (most := _own_queued(connection, owner, default)) is not None:
        yield MostQueued(most, f"the quota of queued jobs of {owner} is {most:,}")
    shared = connection.execute(select(Project.name, Project.queued_quota).where(Project.id == project_id)).first()
    if shared is not None and shared.queued_quota is not None:
        most = shared.queued_quota
        yield MostQueued(most, f"the quota of queued jobs of the project {shared.name} is {most:,}")


def _own_queued(connection: Connection, owner: str, default: int) -> int | None:
    """The most jobs of an owner that may wait; None: any number."""
    own = connection.execute(select(User.queued_quota).where(User.name == owner)).scalar()
    return own if own is not None else default or None


def _quotas(kind: str, who: Any, quota: Any, leases: ColumnElement[bool]) -> Select[Any]:
    running = select(func.count()).select_from(Lease).where(leases).scalar_subquery()
    return select(literal(kind).label("kind"), who.label("who"), quota.label("quota"), running.label("running")).where(
        quota.is_not(None)
    )


_RUNNING = union_all(
    _quotas("user", User.name, User.running_quota, Lease.owner == User.name),
    _quotas("project", Project.id, Project.running_quota, Lease.project_id == Project.id),
)
"""The quotas of running jobs, and how many run."""


class QuotaWatch:
    """Knows who has reached a quota of running jobs or of GPU-hours; one of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._count_again_at = float("-inf")
        self._spent: tuple[frozenset[str], frozenset[str]] = frozenset(), frozenset()

    def reached(self, connection: Connection, kind: str) -> Reached:
        """Who may start nothing on a device of this kind."""
        quotas = connection.execute(_RUNNING).all()
        full = {row.who for row in quotas if row.running >= row.quota}
        owners, projects = ({row.who for row in quotas if row.kind == one} & full for one in ("user", "project"))
        if kind == "cuda":
            spent_owners, spent_projects = self._gpu_hours(connection)
            owners, projects = owners | spent_owners, projects | spent_projects
        return Reached(frozenset(owners), frozenset(projects), {row.who: row.quota for row in quotas})

    def held_by(
        self, connection: Connection, owner: str, project: tuple[str | None, str], kinds: Collection[str]
    ) -> str:
        """The sentence of the quota that keeps a job from starting on devices of these kinds; empty when none does.

        `project` is the job's: its id, None for one that nobody created, and its name.
        """
        project_id, name = project
        of_whom = {("user", owner): f"of {owner}", ("project", project_id): f"of the project {name}"}
        for row in connection.execute(_RUNNING).all():
            whose = of_whom.get((row.kind, row.who))
            if whose is not None and row.running >= row.quota:
                return f"The quota of running jobs {whose} is {row.quota}, and {row.running} run."
        if set(kinds) == {"cuda"}:
            owners, projects = self._gpu_hours(connection)
            if owner in owners or project_id in projects:
                whose = of_whom["user", owner] if owner in owners else of_whom["project", project_id]
                return f"The GPU-hours {whose} are used up for this month."
        return ""

    def _gpu_hours(self, connection: Connection) -> tuple[frozenset[str], frozenset[str]]:
        """The owners, and the projects, whose GPU-hours of this month are spent."""
        with self._lock:
            if (began := self._clock()) > self._count_again_at:
                self._spent = spent(connection)
                ended = self._clock()
                self._count_again_at = ended + min((ended - began) / COUNTING_SHARE, COUNTED_EVERY_S)
            return self._spent


def spent(connection: Connection) -> tuple[frozenset[str], frozenset[str]]:
    """The owners, and the ids of the projects, who have used the GPU-hours that they have in this month."""
    users = dict(_limits(connection, User.name, User.gpu_hours_quota))
    projects = dict(_limits(connection, Project.id, Project.gpu_hours_quota))
    if not users and not projects:
        return frozenset(), frozenset()
    at: datetime = connection.execute(select(now())).scalar_one()
    # All jobs of a slot are of one owner, so an owner's shares need no other's attempts.
    theirs = select(Attempt.owner).where(Attempt.project_id.in_(projects))
    which = or_(Attempt.owner.in_(users), Attempt.owner.in_(theirs))
    hours = defaultdict[str, float](float)
    for use in uses(connection, month_of(at), at, and_(which, Attempt.device.startswith("cuda"))):
        for who in filter(None, ("user " + use.owner, use.project_id)):
            hours[who] += use.seconds / 3600.0
    return (
        frozenset(name for name, most in users.items() if hours["user " + name] >= most),
        frozenset(one for one, most in projects.items() if hours[one] >= most),
    )


def month_of(at: datetime) -> datetime:
    """The moment when the calendar month began, of a moment in UTC."""
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _limits(
    connection: Connection, name: InstrumentedAttribute[str], quota: InstrumentedAttribute[float | None]
) -> dict[str, float]:
    rows = connection.execute(select(name, quota).where(quota.is_not(None))).all()
    return {row[0]: row[1] for row in rows if row[1] is not None}


def _demand(waiting: int, jobs: int, most: int, whose: str) -> None:
    if jobs > most:
        raise QueueFullError(
            f"The quota of queued jobs {whose} is {most}, so {jobs} can never wait together: "
            "submit fewer at a time, or ask an administrator for a larger quota."
        )
    if waiting + jobs > most:
        raise QueueFullError(
            f"The quota of queued jobs {whose} is {most}, and {waiting} wait: "
            f"submit {jobs} more when some have started, or cancel some."
        )


def count_waiting(connection: Connection, *which: ColumnElement[bool], most: int) -> int:
    """How many jobs wait that pass, counted no further than `most`."""
    found = select(Job.id).where(queued(), *which).limit(most).subquery()
    return connection.execute(select(func.count()).select_from(found)).scalar_one()


def _running(connection: Connection, which: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).select_from(Lease).where(which)).scalar_one()
