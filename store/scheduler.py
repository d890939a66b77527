"""The scheduler: which job is next. The database decides this when a worker asks.

Priority comes first, then the job whose owner has fewer running jobs, then the older job. Only the heads of the owners'
queues are sorted: an index leads from each owner with waiting jobs to the next owner, and to the head of that owner's
queue. So the query reads a row for each waiting owner and for each running job, however many jobs wait.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    Select,
    SQLColumnExpression,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import aliased

from spec.job import SPEC_VERSION

from .db import lock, now, try_lock
from .device_requests import served
from .tables import Job, Lease, Worker
from .workers import WORKER_LIVES_S

OVERTAKEN_AFTER_S = 30.0
"""A running pack takes no jobs in while a job that is ahead of its own has waited for longer than this."""

LOOKS_AGAIN = 3
"""How often the query runs again while other workers claim at the same moment; then its answer is good enough."""

ONE: ColumnElement[int] = literal_column("1", Integer)
"""Written into the SQL: for a limit that is a parameter, the planner expects a tenth of the table."""


@dataclass(frozen=True)
class NextJob:
    """The job that is next: the head of an owner's queue."""

    owner: str
    pack_key: str
    spec: dict[str, Any]
    waits_long: bool
    idle_slots: int
    """Slots that are free, of all workers that are up."""
    running: int
    """How many jobs of its owner run."""


def queued(job: Any = Job) -> ColumnElement[bool]:
    """Jobs that wait. The SQL contains the state: a partial index serves no query with the state as a parameter."""
    return cast("ColumnElement[bool]", job.status == literal_column("'queued'"))


def ready(job: Any = Job) -> ColumnElement[bool]:
    """Queued jobs that may start: a job that crashed its trainer repeatedly waits first."""
    return and_(queued(job), or_(job.not_before.is_(None), job.not_before <= now()))


def supported_version(job: Any = Job) -> ColumnElement[bool]:
    """Jobs whose spec version this release supports: the others wait for a worker of a newer release."""
    return cast("ColumnElement[bool]", job.spec["version"].as_integer() <= SPEC_VERSION)


def running(owner: str | SQLColumnExpression[str]) -> Select[int]:
    """How many jobs of an owner run."""
    return select(func.count()).select_from(Lease).where(Lease.owner == owner)


def shares() -> CTE:
    """The owners with waiting jobs, by name, and how many jobs of each run."""
    first, following = aliased(Job), aliased(Job)
    owners = select(
        select(first.owner).where(queued(first)).order_by(first.owner).limit(ONE).scalar_subquery().label("owner")
    ).cte("waiting", recursive=True)
    owners = owners.union_all(
        select(
            select(following.owner)
            .where(queued(following), following.owner > owners.c.owner)
            .order_by(following.owner)
            .limit(ONE)
            .correlate(owners)
            .scalar_subquery()
        ).where(owners.c.owner.is_not(None))
    )
    held = select(Lease.owner, func.count().label("jobs")).group_by(Lease.owner).subquery("held")
    return _once(
        select(owners.c.owner, func.coalesce(held.c.jobs, 0).label("running"))
        .outerjoin(held, held.c.owner == owners.c.owner)
        .where(owners.c.owner.is_not(None))
        .cte("share")
    )


def next_job(connection: Connection, *, device: str, owner_limit: int, without: Collection[str] = ()) -> NextJob | None:
    """The job that is next for `device`; its owner is locked until the transaction ends. None when no job may start.

    Jobs of the owners `without` are passed over.

    Workers that ask at the same moment get jobs of different owners, because neither would count what the other starts.
    When there are fewer owners than workers, they wait for each other and ask again. They also ask again when the owner
    has more running jobs than the query saw: another claim ended between the query and the lock.
    """
    first, unlocked = _queries(served(device), owner_limit, tuple(sorted(without)))
    row = connection.execute(unlocked).first()
    if row is None and (awaited := connection.execute(first).first()) is not None:
        lock(connection, awaited.owner)
        row = connection.execute(unlocked).first() or awaited
    for _ in range(LOOKS_AGAIN):
        if row is None or connection.execute(running(row.owner)).scalar_one() <= row.running:
            break
        row = connection.execute(unlocked).first() or row
    return None if row is None else NextJob(*row)


def peek(connection: Connection, *, device: str, owner_limit: int) -> NextJob | None:
    """The job that is next for `device`, without a lock."""
    first, _ = _queries(served(device), owner_limit, ())
    row = connection.execute(first).first()
    return None if row is None else NextJob(*row)


@lru_cache(maxsize=256)
def _queries(requests: tuple[str, ...], owner_limit: int, without: tuple[str, ...]) -> tuple[Select[Any], Select[Any]]:
    """The query for the next job, and the one for the next job whose owner is not locked, which locks it."""
    candidates = _candidates(requests, owner_limit, without)
    first = select(candidates).limit(ONE)
    return first, first.where(try_lock(candidates.c.owner))


def _candidates(requests: tuple[str, ...], owner_limit: int, without: tuple[str, ...]) -> CTE:
    """The heads of the owners' queues with one of these device requests, in the order in which they start."""
    share, first = shares(), aliased(Job)
    request = union_all(*(select(literal(name).label("device")) for name in requests)).subquery("request")
    head = (
        select(first.id)
        .where(
            ready(first),
            supported_version(first),
            first.owner == share.c.owner,
            first.device_request == request.c.device,
        )
        .order_by(first.priority.desc(), first.id)
        .limit(ONE)
        .correlate(share, request)
        .scalar_subquery()
    )
    idle = select(func.coalesce(func.sum(Worker.free_slots), 0)).where(Worker.seen_at > now(-WORKER_LIVES_S))
    heads = (
        select(
            Job.owner,
            Job.pack_key,
            Job.spec,
            (Job.updated_at < now(-OVERTAKEN_AFTER_S)).label("waits_long"),
            idle.scalar_subquery().label("idle_slots"),
            share.c.running,
        )
        .select_from(share)
        .join(request, true())
        .join(Job, Job.id == head)
        .order_by(Job.priority.desc(), share.c.running, Job.id)
    )
    if owner_limit:
        heads = heads.where(share.c.running < owner_limit)
    if without:
        heads = heads.where(share.c.owner.not_in(without))
    return _once(heads.cte("candidates"))


def _once(cte: CTE) -> CTE:
    """The same, computed once and as a whole before it is read."""
    return cte.prefix_with("MATERIALIZED", dialect="postgresql")
