"""The scheduler: which job is next. The database decides this when a worker asks.

Priority comes first, then the account that has used less device time recently, then the owner who has in that account,
then the older job. An account is a shared project; an owner's jobs that no project shares are an account of their own.
A pack that runs counts as ten minutes more, so that an account whose packs have just started leaves slots to others.

Only the heads of queues are sorted: an index leads from each owner and account with waiting jobs to the next, and to
the head of that queue. So the query reads a row for each of them and for each running job, however many jobs wait.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    SQLColumnExpression,
    String,
    Subquery,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.orm import aliased

from .db import lock, now, try_lock
from .device_requests import served
from .states import queued, ready
from .tables import Job, Lease, RecentUse, User, Worker
from .versions import supported_version
from .workers import WORKER_LIVES_S

OVERTAKEN_AFTER_S = 30.0
"""A running pack takes no jobs in while a job that is ahead of its own has waited for longer than this."""

LOOKS_AGAIN = 3
"""How often the query runs again while other workers claim at the same moment; then its answer is good enough."""

PACK_S = 600.0
"""What a pack that runs counts, beside what was used."""

UNIT_S = 60.0
"""Where the use of two differs by less, the older job goes first."""

PACK_UNITS = round(PACK_S / UNIT_S)

ONE: ColumnElement[int] = literal_column("1", Integer)
"""Written into the SQL: for a limit that is a parameter, the planner expects a tenth of the table."""


@dataclass(frozen=True)
class NextJob:
    """The job that is next: the head of the queue of an owner in an account."""

    owner: str
    pack_key: str
    spec: dict[str, Any]
    waits_long: bool
    idle_slots: int
    """Slots that are free, of all workers that are up."""
    project_id: str | None
    account: str
    running: int
    """How many jobs of its account run."""
    accounts: int
    """In how many accounts its owner has jobs that wait."""


@dataclass(frozen=True)
class Barred:
    """Who may start nothing."""

    owner_limit: int = 0
    """An owner with so many jobs running; 0: any number may run."""
    owners: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    """Shared ones, by their ids."""


NOBODY = Barred()


def running(owner: str | SQLColumnExpression[str]) -> Select[int]:
    """How many jobs of an owner run."""
    return select(func.count()).select_from(Lease).where(Lease.owner == owner)


def shares() -> CTE:
    """The owners with waiting jobs in each account, and what counts for their share.

    `accounts` is how many there are of the owner. `running` is how many jobs of the owner run, and `account_running` of
    the account. `account_use` and `owner_use`, of the owner in this account, are in `UNIT_S`.
    """
    waiting, uses = _waiting(), _uses()
    account, owner = uses.c.account, uses.c.owner
    jobs, units = func.sum(uses.c.jobs).label("jobs"), cast(func.sum(uses.c.seconds) / UNIT_S, Integer).label("units")
    owners = select(owner, jobs).group_by(owner).subquery("of_owner")
    accounts = select(account, jobs, units).group_by(account).subquery("of_account")
    both = select(account, owner, units).group_by(account, owner).subquery("of_both")
    return _once(
        select(
            waiting.c.owner,
            waiting.c.account,
            func.count().over(partition_by=waiting.c.owner).label("accounts"),
            func.coalesce(owners.c.jobs, 0).label("running"),
            func.coalesce(accounts.c.jobs, 0).label("account_running"),
            func.coalesce(accounts.c.units, 0).label("account_use"),
            func.coalesce(both.c.units, 0).label("owner_use"),
        )
        .outerjoin_from(waiting, owners, owners.c.owner == waiting.c.owner)
        .outerjoin(accounts, accounts.c.account == waiting.c.account)
        .outerjoin(both, and_(both.c.account == waiting.c.account, both.c.owner == waiting.c.owner))
        .cte("share")
    )


def _waiting() -> Subquery:
    """Each owner and account with waiting jobs: a step of the recursion reads those of a job, and finds the next."""
    first, job, following = (aliased(Job) for _ in range(3))
    start = select(first.id).where(queued(first)).order_by(first.owner, first.account).limit(ONE).scalar_subquery()
    steps = select(null().cast(Text).label("owner"), null().cast(String).label("account"), start.label("next")).cte(
        "waiting", recursive=True
    )
    beyond = tuple_(following.owner, following.account) > tuple_(job.owner, job.account)
    after = (
        select(following.id)
        .where(queued(following), beyond)
        .order_by(following.owner, following.account)
        .limit(ONE)
        .correlate(job)
        .scalar_subquery()
    )
    steps = steps.union_all(select(job.owner, job.account, after).join_from(steps, job, job.id == steps.c.next))
    return select(steps.c.owner, steps.c.account).where(steps.c.owner.is_not(None)).subquery("queue")


def _uses() -> CTE:
    """What owners have used recently in their accounts, with the packs that run."""
    packs = (
        select(_account().label("account"), Lease.owner, func.count().label("jobs"))
        .group_by(_account(), Lease.owner, Lease.since)
        .subquery("pack")
    )
    recent = select(RecentUse.account, RecentUse.owner, RecentUse.seconds, literal_column("0", Integer).label("jobs"))
    run = select(packs.c.account, packs.c.owner, literal(PACK_S), packs.c.jobs)
    return _once(union_all(recent, run).cte("used"))


def _account() -> ColumnElement[str]:
    """The account of a lease."""
    return func.coalesce(Lease.project_id, Lease.owner)


_LOCK = "share of "
"""What the lock of an account is called, before the account: an owner has a lock of its own."""

_RUNNING_OF = select(func.count()).select_from(Lease).where(_account() == bindparam("account"))


def next_job(connection: Connection, device: str, barred: Barred = NOBODY) -> NextJob | None:
    """The job that is next for `device`; its account is locked until the transaction ends. None when no job may start.

    Workers that ask at the same moment get jobs of different accounts, because neither would count what the other
    starts. When there are fewer accounts than workers, they wait for each other and ask again. They also ask again when
    the account has more running jobs than the query saw: another claim ended between the query and the lock.
    """
    first, unlocked = _queries(served(device), barred)
    row = connection.execute(unlocked).first()
    if row is None and (awaited := connection.execute(first).first()) is not None:
        lock(connection, _LOCK + awaited.account)
        row = connection.execute(unlocked).first() or awaited
    for _ in range(LOOKS_AGAIN):
        if row is None or connection.execute(_RUNNING_OF, {"account": row.account}).scalar_one() <= row.running:
            break
        row = connection.execute(unlocked).first() or row
    return None if row is None else NextJob(*row)


def peek(connection: Connection, device: str, barred: Barred) -> NextJob | None:
    """The job that is next for `device`, without a lock."""
    first, _ = _queries(served(device), barred)
    row = connection.execute(first).first()
    return None if row is None else NextJob(*row)


def waiting(requests: Collection[str], barred: Barred) -> Select[str, str]:
    """The owners with jobs that may start, and with which of these device requests."""
    share, job = shares(), aliased(Job)
    request = _one_of(sorted(requests))
    theirs = and_(job.owner == share.c.owner, job.account == share.c.account, job.device_request == request.c.device)
    found = select(ONE).where(ready(job), supported_version(job), theirs).correlate(share, request).exists()
    owed = select(share.c.owner, request.c.device).distinct().select_from(share).join(request, found)
    return owed.where(*_may_start(share, barred))


@lru_cache(maxsize=256)
def _queries(requests: tuple[str, ...], barred: Barred) -> tuple[Select[Any], Select[Any]]:
    """The query for the next job, and the one for the next job whose account is not locked, which locks it."""
    candidates = _candidates(requests, barred)
    unlocked = try_lock(literal(_LOCK) + candidates.c.account)
    return _first(select(candidates)), _first(select(candidates).where(unlocked))


def _first(candidates: Select[Any]) -> Select[Any]:
    """The first of these, a `NextJob`. Only of this one the whole row is read: specs are long."""
    first = _once(candidates.limit(ONE).cte("first"))
    idle = select(func.coalesce(func.sum(Worker.free_slots), 0)).where(Worker.seen_at > now(-WORKER_LIVES_S))
    return select(
        Job.owner,
        Job.pack_key,
        Job.spec,
        (Job.updated_at < now(-OVERTAKEN_AFTER_S)).label("waits_long"),
        idle.scalar_subquery().label("idle_slots"),
        Job.project_id,
        first.c.account,
        first.c.account_running.label("running"),
        first.c.accounts,
    ).join_from(first, Job, Job.id == first.c.id)


def _candidates(requests: Sequence[str], barred: Barred) -> CTE:
    """The heads of the queues with one of these device requests, in the order in which they start."""
    share, first = shares(), aliased(Job)
    request = _one_of(requests)
    head = (
        select(first.id)
        .where(
            ready(first),
            supported_version(first),
            first.owner == share.c.owner,
            first.account == share.c.account,
            first.device_request == request.c.device,
        )
        .order_by(first.priority.desc(), first.id)
        .limit(ONE)
        .correlate(share, request)
        .scalar_subquery()
    )
    heads = (
        select(Job.id, share.c.account, share.c.account_running, share.c.accounts)
        .select_from(share)
        .join(request, true())
        .join(Job, Job.id == head)
        .order_by(Job.priority.desc(), share.c.account_use, share.c.owner_use, Job.id)
    )
    return _once(heads.where(*_may_start(share, barred)).cte("candidates"))


def _may_start(share: FromClause, barred: Barred) -> Iterator[ColumnElement[bool]]:
    """Whose jobs may start."""
    if barred.owner_limit:  # a user with a quota of its own is among the owners when it is reached
        own = select(User.running_quota).where(User.name == share.c.owner).scalar_subquery()
        yield share.c.running < func.coalesce(own, barred.owner_limit)
    if barred.owners:
        yield share.c.owner.not_in(sorted(barred.owners))
    if barred.projects:
        yield share.c.account.not_in(sorted(barred.projects))


def _one_of(requests: Iterable[str]) -> Subquery:
    """These device requests, a row each."""
    return union_all(*(select(literal(name).label("device")) for name in requests)).subquery("request")


def _once(cte: CTE) -> CTE:
    """The same, computed once and as a whole before it is read."""
    return cte.prefix_with("MATERIALIZED", dialect="postgresql")
