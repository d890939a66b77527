"""The claims: a worker takes the job that is next, and with it the jobs that train beside it."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, func, insert, literal, not_, select, update
from sqlalchemy.orm import aliased

from spec.halving import BracketOrder
from spec.job import JobSpec
from spec.newer import NewerReleaseError
from spec.states import JobStatus
from spec.sweep import MOST_JOBS

from .brackets import bracket_order, brackets_beside, is_bracket, of_no_bracket, record_packs, some_wait, wait_for_all
from .checkpoints import newest_checkpoints
from .curves import rewind
from .db import in_values, lock, now, reading, writing
from .device_requests import kind_of
from .limits import NONE, Limits
from .mirror import mark_for_mirror, mark_for_mirror_again
from .quotas import QuotaWatch, Reached
from .records import Claim
from .scheduler import Barred, NextJob, next_job, peek
from .slot_share import WHOLE
from .states import has_ended, queued, ready
from .tables import Job, Lease
from .time_slices import must_give_way
from .transitions import Transition, move
from .usage import begin_attempts
from .versions import supported_version

CLAIM_TRIES = 8
"""How often a claim asks the scheduler again when other workers were faster, before it answers that no job waits."""

PACKS_OF_BRACKETS = 4
"""Brackets are claimed together as long as they fill no more packs than these."""


@dataclass(frozen=True)
class _Slot:
    """A slot that claims jobs, and how long its leases last."""

    worker: str
    device: str
    lease_s: float


class ClaimStore:
    """The queue, for workers: which jobs a slot trains, and when it leaves its place to others.

    Any process may call any method at any time. Each claim raises the job's attempt, which is the fence of all that the
    worker writes later (`store.leases`). Raises `StoreUnavailableError` when the database does not answer.
    """

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        self._engine = engine
        self._limits = limits
        self._quotas = QuotaWatch()

    def claim(
        self,
        *,
        worker: str,
        device: str,
        limit: Callable[[JobSpec], int],
        lease_s: float,
        behind: Sequence[str] = (),
    ) -> list[Claim]:
        """Take the job that is next and others of its pack; [] when no job waits.

        Jobs of the owners `behind` are next when no other owner's are, those of the last of them first.

        `limit` says how many jobs like the first one train as a pack. The claim takes no more than its share: the jobs
        of the pack, divided by the slots that are free to train them. It takes no more than the owner may have running.
        """
        slot = _Slot(worker, device, lease_s)
        share, passed_over = self._limits.owner_share, set[str]()
        had_turns = list(behind)
        tries = 0
        while tries < CLAIM_TRIES:
            with writing(self._engine) as connection:
                reached = self._quotas.reached(connection, kind_of(device))
                head = next_job(connection, device, self._barred(reached, *passed_over, *had_turns))
                if head is None and had_turns:
                    had_turns.pop()
                    continue
                if head is None and passed_over and share.leaves_one:
                    share, passed_over = WHOLE, set()  # no other owner waits: they may use every slot
                    continue
                if head is None:
                    return []
                if share != WHOLE:
                    lock(connection, head.owner)  # who may be claiming in another of its projects
                if share.reached(connection, head.owner, kind_of(device)):
                    passed_over.add(head.owner)
                    continue
                tries += 1
                start = self._start_brackets if is_bracket(head.pack_key) else self._start_pack
                try:
                    taken = start(connection, slot, reached, head, limit)
                except NewerReleaseError:
                    passed_over.add(head.owner)  # a worker of the newer release takes it
                    continue
            if taken:
                return taken
        return []

    def claim_into_pack(
        self, *, worker: str, device: str, beside: str, limit: int, lease_s: float, held: Collection[str] = ()
    ) -> list[Claim]:
        """Take queued jobs into the pack of the running job `beside`.

        Those that are `held` are in it already: their leases have ended, which it has yet to learn.
        [] while the next job is one of another pack that has waited for long: this pack then ends, and frees its slot.
        """
        waiting = aliased(Job)
        waits = (
            select(waiting.id)
            .where(queued(waiting), waiting.owner == Job.owner, waiting.pack_key == Job.pack_key)
            .exists()
        )
        with writing(self._engine) as connection:
            # Each pack with free members asks every second. Which job is next takes longer to find, and seldom matters.
            asked = select(Job.owner, Job.pack_key, Job.project_id).where(Job.id == beside, of_no_bracket(), waits)
            pack = connection.execute(asked).first()
            if pack is None:
                return []
            reached = self._quotas.reached(connection, kind_of(device))
            if pack.owner in reached.owners or pack.project_id in reached.projects:
                return []
            head = peek(connection, device, self._barred(reached))
            if head is None or (head.waits_long and (head.owner, head.pack_key) != (pack.owner, pack.pack_key)):
                return []
            others = not_(in_values(connection, Job.id, held))
            joining = _same_pack(pack.owner, pack.pack_key, reached.may_join(pack.project_id), others)
            left = self._left(connection, reached, pack.owner, pack.project_id)
            taken = _start(connection, _Slot(worker, device, lease_s), joining, _least(limit, left))
            if taken:
                _share_time_slice(connection, taken, beside)
            return taken

    def _start_pack(
        self,
        connection: Connection,
        slot: _Slot,
        reached: Reached,
        head: NextJob,
        pack_limit: Callable[[JobSpec], int],
    ) -> list[Claim]:
        """Start the job that is next, and others of its pack: this slot's share of those that wait."""
        most = pack_limit(JobSpec.stored(head.spec))
        pack = _same_pack(head.owner, head.pack_key, reached.may_join(head.project_id))
        if head.idle_slots > 1:
            # It counts no more than matter: the queue may hold a million.
            alike = select(Job.id).where(pack).limit(most * head.idle_slots)
            waiting = connection.execute(select(func.count()).select_from(alike.subquery())).scalar_one()
            most = min(most, max(math.ceil(waiting / head.idle_slots), 1))
        first = Job.account == head.account if head.accounts > 1 else None
        left = self._left(connection, reached, head.owner, head.project_id)
        return _start(connection, slot, pack, _least(most, left), first=first)

    def _start_brackets(
        self,
        connection: Connection,
        slot: _Slot,
        reached: Reached,
        head: NextJob,
        pack_limit: Callable[[JobSpec], int],
    ) -> list[Claim]:
        """Start all jobs of a bracket together: they are compared with each other.

        Brackets of its sweep that wait train beside it: this slot's share of them, as long as no more jobs run than
        their owner may have, and they fill no more than a few packs. Raises `NewerReleaseError` before a job starts.
        """
        beside = brackets_beside(connection, head.pack_key)
        left = self._left(connection, reached, head.owner, head.project_id)
        most = _least(PACKS_OF_BRACKETS * pack_limit(JobSpec.stored(head.spec)), left)
        taken = _start_bracket(connection, slot, head.owner, head.pack_key)
        started = {head.pack_key: taken}
        if not taken:
            return []
        share = math.ceil((1 + len(beside)) / max(head.idle_slots, 1))
        for pack_key, count in beside[: share - 1]:  # in one order, whoever claims: they are locked
            if len(taken) + count <= most:
                started[pack_key] = _start_bracket(connection, slot, head.owner, pack_key)
                taken = [*taken, *started[pack_key]]
        record_packs(connection, started, pack_limit)
        if len(started) > 1:
            _share_time_slice(connection, taken, taken[0].job_id)
        return taken

    def _barred(self, reached: Reached, *owners: str) -> Barred:
        """Who may start nothing: these owners, and those who have reached a limit or a quota."""
        return Barred(self._limits.owner_running, reached.owners.union(owners), reached.projects)

    def _left(self, connection: Connection, reached: Reached, owner: str, project_id: str | None) -> int | None:
        """How many more jobs of the owner, and in the project, may run; None: any number."""
        return reached.left(connection, owner, project_id, self._limits.owner_running)

    def bracket_of(self, job_id: str) -> tuple[BracketOrder, set[str]]:
        """The rule of a job's bracket with the scores of those that have ended, and the ids of those that have not."""
        with reading(self._engine) as connection:
            job = connection.execute(select(Job.pack_key, Job.sweep_id).where(Job.id == job_id)).one()
            theirs = and_(Job.sweep_id == job.sweep_id, Job.pack_key == job.pack_key, not_(has_ended()))
            unfinished = set(connection.execute(select(Job.id).where(theirs)).scalars())
            return bracket_order(connection, job.pack_key), unfinished

    def must_give_way(self, *, worker: str, device: str, owner: str, slice_s: float) -> bool:
        """Whether the pack of `owner` on this slot, on which it has run for `slice_s`, gives its place to others."""
        with reading(self._engine) as connection:
            return must_give_way(
                connection,
                worker=worker,
                device=device,
                owner=owner,
                slice_s=slice_s,
                barred=self._barred(self._quotas.reached(connection, kind_of(device))),
            )


def _start_bracket(connection: Connection, slot: _Slot, owner: str, pack_key: str) -> list[Claim]:
    """Start all jobs of a bracket, each with the bracket's rule; none while some must wait or are locked."""
    lock(connection, pack_key)
    if wait_for_all(connection, pack_key):
        return []
    with connection.begin_nested() as whole:
        claims = _start(connection, slot, _same_pack(owner, pack_key), MOST_JOBS)
        if some_wait(connection, pack_key):  # a row that another transaction has locked is passed over
            whole.rollback()
            return []
    order = bracket_order(connection, pack_key)
    return [replace(claim, bracket=order) for claim in claims]


def _start(
    connection: Connection,
    slot: _Slot,
    pack: ColumnElement[bool],
    limit: int,
    *,
    first: ColumnElement[bool] | None = None,
) -> list[Claim]:
    """Start up to `limit` jobs of one pack, of equal priority those that are `first` before the older ones."""
    rows = _move_to_running(connection, slot, pack, limit, first) if limit > 0 else []
    if not rows:
        return []
    ids, again = [row.id for row in rows], [row.id for row in rows if row.attempt > 1]
    _lease(connection, slot, ids)
    begin_attempts(connection, ids)
    mark_for_mirror(connection, ids)
    mark_for_mirror_again(connection, again)
    kept = newest_checkpoints(connection, again) if again else {}
    rewind(connection, {job_id: kept[job_id][0].epoch if job_id in kept else 0 for job_id in again})
    return [
        Claim(
            row.id,
            row.attempt,
            JobSpec.stored(row.spec),
            row.cancel_requested_at is not None,
            kept.get(row.id, ()),
            row.trial,
            owner=row.owner,
        )
        for row in sorted(rows, key=lambda row: (-row.priority, row.id))
    ]


def _move_to_running(
    connection: Connection,
    slot: _Slot,
    pack: ColumnElement[bool],
    limit: int,
    first: ColumnElement[bool] | None,
) -> list[Row[Any]]:
    """Let the jobs be `running`, and raise their attempts; those that another transaction has locked stay queued."""
    # A CTE is evaluated once; a bare IN (SELECT .. LIMIT ..) may be run again and take too many.
    picked = (
        select(Job.id)
        .where(pack, supported_version())
        .order_by(Job.priority.desc(), *([] if first is None else [first.desc()]), Job.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
        .cte("picked")
    )
    return move(
        connection,
        Job.id.in_(select(picked.c.id)),
        queued(),
        transitions=[Transition((JobStatus.queued,), JobStatus.running)],
        actor=slot.worker,
        reason=f"claimed on {slot.device}",
        values={
            "attempt": Job.attempt + 1,
            "spent_attempts": Job.spent_attempts + 1,
            "worker": slot.worker,
            "device": slot.device,
            "pack_size": select(func.count()).select_from(picked).scalar_subquery(),
            "started_at": func.coalesce(Job.started_at, now()),
        },
        returning=(Job.attempt, Job.spec, Job.priority, Job.cancel_requested_at, Job.trial, Job.owner),
    )


def _lease(connection: Connection, slot: _Slot, ids: Collection[str]) -> None:
    """Give the slot a lease of each of these jobs."""
    at = select(now()).scalar_subquery()  # one moment for the pack, by which it is counted as one
    names = ("job_id", "owner", "project_id", "attempt", "worker", "until", "since")
    job = (Job.id, Job.owner, Job.project_id, Job.attempt)
    leases = select(*job, literal(slot.worker), now(slot.lease_s), at).where(in_values(connection, Job.id, ids))
    connection.execute(insert(Lease).from_select(names, leases))


def _share_time_slice(connection: Connection, claims: Sequence[Claim], job_id: str) -> None:
    """Let the time slice of these jobs begin when that of the running job `job_id` did: they count as one pack."""
    joined = in_values(connection, Lease.job_id, [claim.job_id for claim in claims])
    began = select(Lease.since).where(Lease.job_id == job_id).scalar_subquery()
    connection.execute(update(Lease).where(joined).values(since=began))


def _same_pack(owner: str, pack_key: str, *which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Queued jobs that may train together: of one shape, and of one owner, since owners share no process."""
    return and_(ready(), Job.owner == owner, Job.pack_key == pack_key, *which)


def _least(limit: int, left: int | None) -> int:
    """The smaller of both; `left` is None where nothing limits."""
    return limit if left is None else min(limit, left)
