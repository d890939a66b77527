"""Whose turn it is: the order of the queue, which the database decides when a worker asks.

Priority goes first; of equal jobs the one whose owner has fewer running; of those the one submitted first. Nothing is
sorted but the heads: an index leads from each owner who waits to the next, and to the head of that owner's queue. So a
turn costs a look per waiting owner and the count of what runs, however many jobs wait.
"""

from dataclasses import dataclass
from functools import cache
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

from .db import hold, holds, now
from .tables import Job, Lease, Worker
from .wishes import granted
from .workers import WORKER_LIVES_S

OVERTAKEN_AFTER_S = 30.0
"""A running pack takes nobody in while a job that is ahead of its own has waited for longer than this."""

LOOKS_AGAIN = 3
"""Most looks more at whose turn it is, while others take theirs: then it is good enough."""

ONE: ColumnElement[int] = literal_column("1", Integer)
"""Written into the SQL too: of a limit it does not know, the planner thinks a tenth of the table."""


@dataclass(frozen=True)
class Turn:
    """The head of an owner's queue, whose turn it is."""

    owner: str
    pack_key: str
    spec: dict[str, Any]
    waits_long: bool
    idle_slots: int
    """Slots that train nothing, of all workers that live."""
    running: int
    """How many of the owner's jobs run."""


def queued(job: Any = Job) -> ColumnElement[bool]:
    """Which jobs wait. Written into the SQL: a partial index serves no query that leaves the status to a parameter."""
    return cast("ColumnElement[bool]", job.status == literal_column("'queued'"))


def ready(job: Any = Job) -> ColumnElement[bool]:
    """Which of them may start: one that took its trainer down again and again waits a while first."""
    return and_(queued(job), or_(job.not_before.is_(None), job.not_before <= now()))


def legible(job: Any = Job) -> ColumnElement[bool]:
    """Jobs whose specs are of a format that is known here: the others wait for a worker of a newer release."""
    return cast("ColumnElement[bool]", job.spec["version"].as_integer() <= SPEC_VERSION)


def running(owner: str | SQLColumnExpression[str]) -> Select[int]:
    """How many jobs of an owner run."""
    return select(func.count()).select_from(Lease).where(Lease.owner == owner)


def shares() -> CTE:
    """The owners who wait, by name, and how many of each one's jobs run."""
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


def next_turn(connection: Connection, *, device: str, owner_limit: int) -> Turn | None:
    """Whose turn it is to train on `device`, held until the transaction ends; None when nobody waits who may.

    Those who ask at the same moment get turns of different owners: what one takes, the other would not count yet. Where
    there are fewer owners than askers they wait, and look again. They also do where the owner has more running than was
    seen: somebody else's turn ended after the look and before the lock.
    """
    first, free = _turns(granted(device), owner_limit)
    row = connection.execute(free).first()
    if row is None and (awaited := connection.execute(first).first()) is not None:
        hold(connection, awaited.owner)
        row = connection.execute(free).first() or awaited
    for _ in range(LOOKS_AGAIN):
        if row is None or connection.execute(running(row.owner)).scalar_one() <= row.running:
            break
        row = connection.execute(free).first() or row
    return None if row is None else Turn(*row)


def first_turn(connection: Connection, *, device: str, owner_limit: int) -> Turn | None:
    """Whose turn it is to train on `device`, only looked at."""
    first, _ = _turns(granted(device), owner_limit)
    row = connection.execute(first).first()
    return None if row is None else Turn(*row)


@cache
def _turns(wishes: tuple[str, ...], owner_limit: int) -> tuple[Select[Any], Select[Any]]:
    """The first turn, and the first that nobody holds, which is held from then on."""
    ordered = _ordered(wishes, owner_limit)
    first = select(ordered).limit(ONE)
    return first, first.where(holds(ordered.c.owner))


def _ordered(wishes: tuple[str, ...], owner_limit: int) -> CTE:
    """The heads of the owners' queues with one of these wishes, in the order of their turns."""
    share, first = shares(), aliased(Job)
    wish = union_all(*(select(literal(name).label("device")) for name in wishes)).subquery("wish")
    head = (
        select(first.id)
        .where(ready(first), legible(first), first.owner == share.c.owner, first.device_wish == wish.c.device)
        .order_by(first.priority.desc(), first.id)
        .limit(ONE)
        .correlate(share, wish)
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
        .join(wish, true())
        .join(Job, Job.id == head)
        .order_by(Job.priority.desc(), share.c.running, Job.id)
    )
    if owner_limit:
        heads = heads.where(share.c.running < owner_limit)
    return _once(heads.cte("ordered"))


def _once(cte: CTE) -> CTE:
    """The same, computed once and as a whole before anybody looks at it."""
    return cte.prefix_with("MATERIALIZED", dialect="postgresql")
