"""The queue as people see it: where a job stands in it and why, how long it is and how fast it moves."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Row,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    func,
    select,
    true,
)

from .backlog import RECENT_JOBS, RECENT_S, WORK, Work, backlog_s, ended_since
from .db import now, reading, values_table
from .device_requests import KINDS, ONE, how_to_serve, kind_of, rivals, served, words
from .limits import NONE, Limits
from .quotas import QuotaWatch
from .recent_use import User
from .scheduler import PACK_UNITS, UNIT_S, running, shares
from .states import queued
from .tables import Job, Lease, RecentUse
from .workers import WorkerRecord, live_workers

FAR = 1000
"""The most jobs ahead, of one owner or of a higher priority, that are counted: behind more, no start is estimated."""


@dataclass(frozen=True)
class Place:
    """Where a queued job stands: 1 is next, None is far; why it waits; when it may start, if that can be estimated."""

    position: int | None
    why: str
    estimated_start_at: datetime | None


@dataclass(frozen=True)
class Overview:
    """The whole queue."""

    queued: Mapping[str, int]
    running: int
    slots: Mapping[str, int]
    free_slots: Mapping[str, int]
    oldest_wait_s: float | None
    finished_per_min: float
    backlog_s: float | None
    """How many seconds one slot would train what waits; None while that is not known."""


class Queue:
    """Reads the queue, and writes nothing."""

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        self._engine = engine
        self._limits = limits
        self._quotas = QuotaWatch()

    def place(self, job_id: str) -> Place | None:
        """Where a job stands and why it waits; None when it does not wait.

        Ahead of it are the jobs that would start before it if jobs started one at a time and none ended.
        """
        with reading(self._engine) as connection:
            job = _waiting_job(connection, job_id)
            if job is None:
                return None
            ahead, of_others = _ahead(connection, job)
            used_s = _used_s(connection, job.account) if of_others else 0.0
            workers = live_workers(connection)
            held = self._held(connection, job, workers)
            ends, per_s = _slot_ends(connection, job.request), _per_s(connection, job.request, job.at)
        position = None if ahead is None else ahead + 1
        if hopeless := _hopeless(job.request, workers):
            return Place(position, hopeless, None)
        if job.not_before is not None and job.not_before > job.at:
            until = f"{job.not_before:%H:%M:%S} UTC"
            return Place(position, f"It waits until {until}, for the reason at the end of its history.", job.not_before)
        slots, free = (_granting(job.request, devices(workers)) for devices in (_slots, _free))
        why = f"It needs {words(job.request)}; {free} of {slots} are free; {_waiting(ahead)}."
        if used_s >= UNIT_S:
            whose = "owner" if job.project_id is None else "project"
            used = f"{used_s / 3600.0:,.1f} hours of device time"
            why += f" Its {whose} has used {used} lately: whoever has used less is first."
        if held:
            return Place(position, f"{why} {held}", None)
        if ahead is None:
            return Place(None, f"{why} That is too far ahead to estimate its start.", None)
        start_s = _start_s(ahead, slots, free, ends, per_s)
        if start_s is None:
            return Place(position, f"{why} No job has ended recently, so its start cannot be estimated.", None)
        return Place(position, why, job.at + timedelta(seconds=start_s))

    def _held(self, connection: Connection, job: Row[*tuple[Any, ...]], workers: Sequence[WorkerRecord]) -> str:
        """The sentence of the limit or quota that keeps a job from starting; empty when none does."""
        most, share = self._limits.owner_running, self._limits.owner_share
        if most and job.running >= most:
            return f"Its owner has {job.running} jobs running, and may have {most}."
        kinds = {kind_of(name) for name in _slots(workers) if job.request in served(name)}
        if quota := self._quotas.held_by(connection, job.owner, (job.project_id, job.project), kinds):
            return quota
        if share.part < 1.0 and all(share.reached(connection, job.owner, kind) for kind in kinds):
            return f"Its owner uses {share.part:.0%} of the slots, and may use no more."
        return ""

    def warnings(self, requests: Iterable[str]) -> list[str]:
        """Why jobs with these device requests will wait until somebody acts."""
        with reading(self._engine) as connection:
            workers = live_workers(connection)
        return list(dict.fromkeys(said for request in requests if (said := _hopeless(request, workers))))

    def overview(self) -> Overview:
        """The whole queue; to count a long one takes a while."""
        with reading(self._engine) as connection:
            waiting = connection.execute(
                select(Job.device_request.label("request"), func.min(Job.id).label("oldest"), *WORK)
                .where(queued())
                .group_by(Job.device_request)
            ).all()
            oldest = min((row.oldest for row in waiting), default=None)
            work = {row.request: Work(row.jobs, row.known, row.steps) for row in waiting}
            at = connection.execute(select(now())).scalar_one()
            submitted = connection.execute(select(Job.created_at).where(Job.id == oldest)).scalar_one_or_none()
            running_jobs = connection.execute(select(func.count()).select_from(Lease)).scalar_one()
            per_s = _per_s(connection, "auto", at)
            work_s = backlog_s(connection, at, work.values())
            workers = live_workers(connection)
        return Overview(
            queued=dict.fromkeys(ONE, 0) | {request: of_it.jobs for request, of_it in work.items()},
            running=running_jobs,
            slots={kind: _of_kind(kind, _slots(workers)) for kind in KINDS},
            free_slots={kind: _of_kind(kind, _free(workers)) for kind in KINDS},
            oldest_wait_s=None if submitted is None else (at - submitted).total_seconds(),
            finished_per_min=60.0 * per_s,
            backlog_s=work_s,
        )


def _waiting_job(connection: Connection, job_id: str) -> Row[*tuple[Any, ...]] | None:
    """What decides where a queued job stands; None when it does not wait."""
    query = select(
        Job.id,
        Job.owner,
        Job.account.label("account"),
        Job.priority,
        Job.device_request.label("request"),
        Job.not_before,
        Job.project,
        Job.project_id,
        running(Job.owner).scalar_subquery().label("running"),
        now().label("at"),
    )
    return connection.execute(query.where(Job.id == job_id, queued())).first()


def _start_s(ahead: int, slots: int, free: int, ends: Sequence[float], per_s: float) -> float | None:
    """In how many seconds a job may start that has so many ahead; None when no job has ended recently.

    `ends` and `per_s` are what `_slot_ends` and `_per_s` say.
    """
    if ahead < free:
        return 0.0
    estimates = [*ends[ahead - free : ahead - free + 1]]  # one slot for each job ahead: those of a pack need fewer
    if per_s:
        first = ends[0] if ends and len(ends) >= slots - free else 0.0
        estimates.append(max((ahead + 1) / per_s, first))
    return min(estimates, default=None)


def _ahead(connection: Connection, job: Row[*tuple[Any, ...]]) -> tuple[int | None, int]:
    """Jobs that would start before this one, and how many of them are of other accounts; None: too many to count.

    First what has a higher priority. Then each account, and each owner in it, starts jobs as long as its use, with the
    packs that it has started by then, is less than that of this job's account and owner; where they are equal, the
    older job is ahead.
    """
    own, queues = _rivals(job.request)
    mine = (job.account, job.owner)
    asked = {"owner": job.owner, "account": job.account, "priority": job.priority, "id": job.id, "most": FAR + 1}
    higher, older = connection.execute(own, asked).one()
    if max(higher, older) > FAR:
        return None, 0
    accounts, users = Counter[str](), dict[User, int]()
    for queue in connection.execute(queues, asked):  # what has a higher priority runs by then
        accounts[queue.account] = accounts.get(queue.account, queue.account_use) + PACK_UNITS * queue.higher
        users[queue.account, queue.owner] = queue.owner_use + PACK_UNITS * queue.higher
    if mine not in users:
        return 0, 0  # it has just started
    until = users.pop(mine) + PACK_UNITS * older
    beside = [user for user in users if user[0] == job.account]
    most = max((_turns(users[user], until) for user in beside), default=0)
    first: int = older
    for user, waiting, waiting_longer in _counts(connection, job, beside, most):
        first += _started(users[user], until, waiting, waiting_longer)
    until_all = accounts.pop(job.account) + PACK_UNITS * first
    others = [user for user in users if user[0] != job.account]
    most = max((_turns(use, until_all) for use in accounts.values()), default=0)
    there, before = Counter[str](), Counter[str]()
    for user, waiting, waiting_longer in _counts(connection, job, others, most):
        there[user[0]] += waiting
        before[user[0]] += _started(users[user], until, waiting, waiting_longer)
    of_others = sum(_started(use, until_all, there[account], before[account]) for account, use in accounts.items())
    ahead: int = higher + first + of_others
    return (None if ahead > FAR else ahead), of_others


def _used_s(connection: Connection, account: str) -> float:
    """How much device time an account has used recently."""
    used = select(func.coalesce(func.sum(RecentUse.seconds), 0.0)).where(RecentUse.account == account)
    return float(connection.execute(used).scalar_one())


def _turns(use: int, until: int) -> int:
    """How many packs somebody starts, one after the other, before its use is so much."""
    return max(-((use - until) // PACK_UNITS), 0)


def _started(use: int, until: int, waiting: int, before: int) -> int:
    """How many of the jobs that wait start before somebody's whose use is `until` by then.

    `before` is how many would start before it if nothing but the rest decided.
    """
    turns = _turns(use, until)
    return min(waiting, turns) + (use + PACK_UNITS * turns == until and before > turns)


def _counts(
    connection: Connection, job: Row[*tuple[Any, ...]], users: Sequence[User], most: int
) -> list[tuple[User, int, int]]:
    """Of each of these, the jobs of this one's priority, and the older ones, counted no further than matters."""
    if not users:
        return []
    given = [{"account": account, "owner": owner} for account, owner in users]
    user = values_table(connection, given, account=String(), owner=String()).c
    equal = and_(
        *(queued(), Job.device_request.in_(rivals(job.request)), Job.priority == job.priority),
        *(Job.owner == user.owner, Job.account == user.account),
    )
    counts = select(user.account, user.owner, _counted(equal), _counted(equal, Job.id < job.id))
    rows = connection.execute(counts, {"most": min(most, FAR) + 1})
    return [((account, owner), waiting, waiting_longer) for account, owner, waiting, waiting_longer in rows]


@cache
def _rivals(request: str) -> tuple[Select[int, int], Select[str, str, int, int, int]]:
    """Of the jobs that compete with one that has this device request: how many are ahead, and who has how many."""
    rival = and_(queued(), Job.device_request.in_(rivals(request)))
    higher = and_(rival, Job.priority > bindparam("priority"))
    own = and_(Job.owner == bindparam("owner"), Job.account == bindparam("account"))
    older = and_(rival, own, Job.priority == bindparam("priority"), Job.id < bindparam("id"))
    share = shares()
    theirs = and_(higher, Job.owner == share.c.owner, Job.account == share.c.account)
    queues = select(
        share.c.account, share.c.owner, share.c.account_use, share.c.owner_use, _counted(theirs).label("higher")
    )
    return select(_counted(higher), _counted(older)), queues


def _counted(*which: ColumnElement[bool]) -> ScalarSelect[int]:
    """How many jobs pass, counted no further than `most`."""
    found = select(Job.id).where(*which).limit(bindparam("most", type_=Integer)).correlate_except(Job).subquery()
    return select(func.count()).select_from(found).scalar_subquery()


def _waiting(ahead: int | None) -> str:
    match ahead:
        case None:
            return f"more than {FAR:,} jobs are ahead of it"
        case 0:
            return "it is next"
        case 1:
            return "1 job is ahead of it by fair share"
    return f"{ahead:,} jobs are ahead of it by fair share"


def _per_s(connection: Connection, request: str, at: datetime) -> float:
    """Jobs that ended in a second, recently, on devices that can serve this request, since the first of them began."""
    recent = at - timedelta(seconds=RECENT_S)
    there = true() if request.startswith("auto") else Job.device.startswith(request.partition("*")[0])
    ended = ended_since(recent, Job.started_at, Job.finished_at).where(there).subquery()
    jobs, began, first_end = connection.execute(
        select(func.count(), func.min(ended.c.started_at), func.min(ended.c.finished_at)).select_from(ended)
    ).one()
    if not jobs:
        return 0.0
    since = first_end if jobs == RECENT_JOBS else max(began, recent)
    return float(jobs / max((at - since).total_seconds(), 1e-3))


def _slot_ends(connection: Connection, request: str) -> list[float]:
    """In how many seconds slots that can serve this request will have trained their packs, the first one first.

    A pack ends with its last member; each is taken to train all its epochs. Slots of unknown speed are left out.
    """
    seconds = (Job.epochs - Job.epoch) / func.nullif(Job.epochs_per_s, 0.0)
    packs = (
        select(Job.device, func.max(seconds), func.count() - func.count(seconds))
        .join(Lease, Lease.job_id == Job.id)
        .group_by(Job.worker, Job.device)
    )
    rows = connection.execute(packs).all()
    return sorted(float(end) for device, end, unknown in rows if not unknown and request in served(device or "cpu"))


def _hopeless(request: str, workers: Sequence[WorkerRecord]) -> str | None:
    """Why no worker that lives can ever run a job that asks for this device; None when one can."""
    if not workers:
        return "No worker is up: start one with `epochal worker`."
    if _granting(request, _slots(workers)):
        return None
    return (
        f"It needs {words(request)}, and no worker that is up has one: start one with "
        f"`epochal worker --devices {how_to_serve(request)}`, or submit the job with other resources."
    )


def _slots(workers: Sequence[WorkerRecord]) -> list[str]:
    return [name for worker in workers for name in worker.devices]


def _free(workers: Sequence[WorkerRecord]) -> list[str]:
    return [name for worker in workers for name in worker.free_devices]


def _granting(request: str, devices: Iterable[str]) -> int:
    """How many of these slots can serve a request."""
    return sum(request in served(device) for device in devices)


def _of_kind(kind: str, devices: Iterable[str]) -> int:
    return sum(kind_of(device) == kind for device in devices)
