"""The leases: what workers do with jobs. A worker claims a job, renews its lease, and ends it or gives it back."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    String,
    and_,
    case,
    delete,
    false,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from spec.halving import BracketOrder
from spec.job import JobSpec
from spec.states import FINISHED, FailureReason, JobStatus, StopReason
from spec.sweep import MOST_JOBS
from spec.views import Curve

from .best_metrics import store_best_metrics
from .brackets import bracket_order, is_bracket, is_held, of_no_bracket, record_packs
from .checkpoints import CheckpointRecord, keep_checkpoints, newest_checkpoints, void_checkpoints
from .curves import append_points, rewind
from .db import in_values, lock, now, reading, values_table, writing
from .device_requests import kind_of
from .files import without_part
from .limits import NONE, Limits
from .mirror import mark_for_mirror, mark_for_mirror_again
from .quotas import QuotaWatch, Reached
from .recent_use import count_recent_use
from .records import Claim, FinishedModel, Progress, PublishedFile, Reaped, Renewal, Success, artifact_record
from .scheduler import NextJob, next_job, peek, queued, ready, supported_version
from .slot_share import WHOLE
from .tables import Artifact, Job, Lease
from .tally import count_lost_leases, fold
from .time_slices import must_give_way
from .transitions import Transition, clean, log_event, move
from .usage import begin_attempts, end_attempts

CLAIM_TRIES = 8
"""How often a claim asks the scheduler again when other workers were faster, before it answers that no job waits."""

CRASHES = 3
"""A job that crashed its trainer so often, alone and without a new checkpoint, is quarantined."""

BACKOFF_S = {crashes: min(5.0 * 2.0 ** (crashes - 1), 300.0) for crashes in range(2, CRASHES)}
"""How long a job waits after so many crashes; the first may be an accident, and it does not wait after that."""

BRACKET_WAITS_S = 1.0
"""How long the jobs of a bracket wait, when a worker holds others of them, before they are looked at again."""

WORKER_STOPPED = "its worker was stopped"
"""What the history of a job says that its worker gave back when it was told to stop."""

_RUNNING = (JobStatus.running,)


class LeaseStore:
    """The jobs, for workers.

    Any process may call any method at any time. Only the database's clock counts. Every write of a worker carries the
    attempt that it claimed: when the job has passed to another worker, nothing changes, and the method answers False
    (or lists the job as lost). Raises `StoreUnavailableError` when the database does not answer.
    """

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        self._engine = engine
        self._limits = limits
        self._quotas = QuotaWatch()

    # --- claims ---------------------------------------------------------------------------------------------------

    def claim(
        self,
        *,
        worker: str,
        device: str,
        limit: int | Callable[[JobSpec], int],
        lease_s: float,
        behind: Sequence[str] = (),
    ) -> list[Claim]:
        """Take the job that is next and, up to `limit` jobs in all, others of its pack; [] when no job waits.

        Jobs of the owners `behind` are next when no other owner's are, those of the last of them first.

        `limit` may be a number, or a function of the first job's spec. The claim takes no more than its share: the jobs
        of the pack, divided by the slots that are free to train them. It takes no more than the owner may have running.
        """
        share, passed_over = self._limits.owner_share, set[str]()
        had_turns = list(behind)
        tries = 0
        while tries < CLAIM_TRIES:
            with writing(self._engine) as connection:
                reached = self._quotas.reached(connection, kind_of(device))
                head = next_job(
                    connection,
                    device=device,
                    owner_limit=self._limits.owner_running,
                    without=passed_over.union(had_turns, reached.owners),
                    projects=reached.projects,
                )
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
                if is_bracket(head.pack_key):
                    taken = self._take_bracket(
                        connection, head, limit=limit, worker=worker, device=device, lease_s=lease_s
                    )
                    if taken:
                        return taken
                    continue
                most = limit if isinstance(limit, int) else limit(JobSpec.model_validate(head.spec))
                pack = _same_pack(head.owner, head.pack_key, reached.may_join(head.project_id))
                if head.idle_slots > 1:
                    # It counts no more than matter: the queue may hold a million.
                    alike = select(Job.id).where(pack).limit(most * head.idle_slots)
                    waiting = connection.execute(select(func.count()).select_from(alike.subquery())).scalar_one()
                    most = min(most, max(math.ceil(waiting / head.idle_slots), 1))
                taken = self._take(
                    connection,
                    reached,
                    head.owner,
                    head.project_id,
                    pack,
                    limit=most,
                    worker=worker,
                    device=device,
                    lease_s=lease_s,
                    first=Job.account == head.account if head.accounts > 1 else None,
                )
            if taken:
                return taken
        return []

    def claim_into_pack(self, *, worker: str, device: str, beside: str, limit: int, lease_s: float) -> list[Claim]:
        """Take queued jobs into the pack of the running job `beside`.

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
            head = peek(
                connection,
                device=device,
                owner_limit=self._limits.owner_running,
                without=reached.owners,
                projects=reached.projects,
            )
            if head is None or (head.waits_long and (head.owner, head.pack_key) != (pack.owner, pack.pack_key)):
                return []
            taken = self._take(
                connection,
                reached,
                pack.owner,
                pack.project_id,
                _same_pack(pack.owner, pack.pack_key, reached.may_join(pack.project_id)),
                limit=limit,
                worker=worker,
                device=device,
                lease_s=lease_s,
            )
            if taken:  # their time slice is the pack's
                joined = in_values(connection, Lease.job_id, [claim.job_id for claim in taken])
                began = connection.execute(select(Lease.since).where(Lease.job_id == beside)).scalar_one_or_none()
                connection.execute(update(Lease).where(joined).values(since=began))
            return taken

    def _take_bracket(
        self,
        connection: Connection,
        head: NextJob,
        *,
        limit: int | Callable[[JobSpec], int],
        worker: str,
        device: str,
        lease_s: float,
    ) -> list[Claim]:
        """Start all jobs of a bracket that wait: they are compared with each other. `limit` is that of their packs.

        While a worker holds some of them, the others wait a moment.
        """
        lock(connection, head.pack_key)
        if is_held(connection, head.pack_key):
            waiting = _same_pack(head.owner, head.pack_key)
            connection.execute(update(Job).where(waiting).values(not_before=now(BRACKET_WAITS_S)))
            return []
        pack = _same_pack(head.owner, head.pack_key)
        claims = self._start(connection, pack, limit=MOST_JOBS, worker=worker, device=device, lease_s=lease_s)
        if not claims:
            return []
        record_packs(connection, head.pack_key, claims, limit)
        order = bracket_order(connection, head.pack_key)
        return [replace(claim, bracket=order) for claim in claims]

    def _take(
        self,
        connection: Connection,
        reached: Reached,
        owner: str,
        project_id: str | None,
        pack: ColumnElement[bool],
        *,
        limit: int,
        worker: str,
        device: str,
        lease_s: float,
        first: ColumnElement[bool] | None = None,
    ) -> list[Claim]:
        """Start jobs of one pack, no more than the owner and the project may have running."""
        left = reached.left(connection, owner, project_id, self._limits.owner_running)
        limit = limit if left is None else min(limit, left)
        if limit <= 0:
            return []
        return self._start(connection, pack, limit=limit, worker=worker, device=device, lease_s=lease_s, first=first)

    def _start(
        self,
        connection: Connection,
        pack: ColumnElement[bool],
        *,
        limit: int,
        worker: str,
        device: str,
        lease_s: float,
        first: ColumnElement[bool] | None = None,
    ) -> list[Claim]:
        """Start up to `limit` jobs of one pack, of equal priority those that are `first` before the older ones."""
        # A CTE is evaluated once; a bare IN (SELECT .. LIMIT ..) may be run again and take too many.
        picked = (
            select(Job.id)
            .where(pack, supported_version())
            .order_by(Job.priority.desc(), *([] if first is None else [first.desc()]), Job.id)
            .limit(limit)
            .with_for_update(key_share=True, skip_locked=True)
            .cte("picked")
        )
        rows = move(
            connection,
            Job.id.in_(select(picked.c.id)),
            queued(),
            transitions=[Transition((JobStatus.queued,), JobStatus.running)],
            actor=worker,
            reason=f"claimed on {device}",
            values={
                "attempt": Job.attempt + 1,
                "spent_attempts": Job.spent_attempts + 1,
                "worker": worker,
                "device": device,
                "pack_size": select(func.count()).select_from(picked).scalar_subquery(),
                "started_at": func.coalesce(Job.started_at, now()),
            },
            returning=(Job.attempt, Job.spec, Job.priority, Job.cancel_requested_at, Job.trial, Job.owner),
        )
        if not rows:
            return []
        ids = [row.id for row in rows]
        at = select(now()).scalar_subquery()  # one moment for the pack, by which it is counted as one
        connection.execute(
            insert(Lease).from_select(
                ["job_id", "owner", "project_id", "attempt", "worker", "until", "since"],
                select(Job.id, Job.owner, Job.project_id, Job.attempt, literal(worker), now(lease_s), at).where(
                    in_values(connection, Job.id, ids)
                ),
            )
        )
        begin_attempts(connection, ids)
        mark_for_mirror(connection, ids)
        again = [row.id for row in rows if row.attempt > 1]
        mark_for_mirror_again(connection, again)
        kept = newest_checkpoints(connection, again) if again else {}
        rewind(connection, {job_id: kept[job_id][0].epoch if job_id in kept else 0 for job_id in again})
        return [
            Claim(
                row.id,
                row.attempt,
                JobSpec.model_validate(row.spec),
                row.cancel_requested_at is not None,
                kept.get(row.id, ()),
                row.trial,
                owner=row.owner,
            )
            for row in sorted(rows, key=lambda row: (-row.priority, row.id))
        ]

    def bracket_of(self, job_id: str) -> tuple[BracketOrder, set[str]]:
        """The rule of a job's bracket with the scores of those that have ended, and the ids of those that have not."""
        with reading(self._engine) as connection:
            job = connection.execute(select(Job.pack_key, Job.sweep_id).where(Job.id == job_id)).one()
            theirs = and_(Job.sweep_id == job.sweep_id, Job.pack_key == job.pack_key, Job.status.not_in(FINISHED))
            unfinished = set(connection.execute(select(Job.id).where(theirs)).scalars())
            return bracket_order(connection, job.pack_key), unfinished

    # --- heartbeats -----------------------------------------------------------------------------------------------

    def renew(self, *, worker: str, progress: Sequence[Progress], lease_s: float) -> Renewal:
        """Renew the leases behind `progress` and store its points and checkpoints, in one transaction."""
        with writing(self._engine) as connection:
            held = values_table(
                connection,
                [{"job_id": one.job_id, "attempt": one.attempt} for one in progress],
                job_id=String(),
                attempt=Integer(),
            )
            kept = set(
                connection.execute(
                    update(Lease)
                    .where(Lease.job_id == held.c.job_id, Lease.attempt == held.c.attempt, Lease.worker == worker)
                    .values(until=now(lease_s))
                    .returning(Lease.job_id)
                ).scalars()
            )
            _store_progress(connection, [one for one in progress if one.job_id in kept])
            requested = connection.execute(
                select(Job.id, Job.cancel_requested_at, Job.pause_requested_at).where(
                    in_values(connection, Job.id, kept),
                    or_(Job.cancel_requested_at.is_not(None), Job.pause_requested_at.is_not(None)),
                )
            ).all()
        cancel = frozenset(job.id for job in requested if job.cancel_requested_at is not None)
        return Renewal(
            lost=frozenset(one.job_id for one in progress) - kept,
            cancel=cancel,
            pause=frozenset(job.id for job in requested) - cancel,
        )

    def must_give_way(self, *, worker: str, device: str, owner: str, slice_s: float) -> bool:
        """Whether the pack of `owner` on this slot, on which it has run for `slice_s`, gives its place to others."""
        most = self._limits.owner_running
        with reading(self._engine) as connection:
            return must_give_way(
                connection, worker=worker, device=device, owner=owner, slice_s=slice_s, owner_limit=most
            )

    def add_note(self, job_id: str, attempt: int, *, reason: str, refused: Collection[str] = ()) -> bool:
        """Write an event that changes no state; checkpoints at the addresses `refused` are not handed out again.

        False when the job has passed to another worker.
        """
        with writing(self._engine) as connection:
            held = select(Lease.job_id).where(Lease.job_id == job_id, Lease.attempt == attempt).with_for_update()
            if connection.execute(held).first() is None:
                return False
            void_checkpoints(connection, [job_id], refused)
            log_event(connection, [job_id], actor="worker", reason=reason)
            return True

    # --- ends -----------------------------------------------------------------------------------------------------

    def succeed(self, *ends: Success) -> set[str]:
        """End jobs well, with their models, in one transaction; the ids of those that still were this worker's."""
        with writing(self._engine) as connection:
            rows = [{"job_id": end.job_id, "attempt": end.attempt} for end in ends]
            sent = values_table(connection, rows, job_id=String(), attempt=Integer()).c
            leases = tuple_(Lease.job_id, Lease.attempt).in_(select(sent.job_id, sent.attempt))
            held = set(_delete_leases(connection, leases))
            ours = [end for end in ends if end.job_id in held]
            _store_progress(connection, [Progress(end.job_id, end.attempt, end.points) for end in ours])
            ended: list[str] = []
            for stop_reason in dict.fromkeys(end.stop_reason for end in ours):
                ended += _succeed(connection, [end for end in ours if end.stop_reason is stop_reason], stop_reason)
            void_checkpoints(connection, ended)
            _store_artifacts(connection, [end for end in ours if end.job_id in ended])
            store_best_metrics(connection, [end for end in ours if end.job_id in ended])
        return set(ended)

    def fail(
        self, job_id: str, attempt: int, *, reason: FailureReason, message: str, points: Curve | None = None
    ) -> bool:
        """End a job as failed. False when it has passed to another worker."""
        failure = {"failure_reason": reason.value, "failure_message": clean(message)}
        return self._end(job_id, attempt, JobStatus.failed, reason=message, points=points, values=failure)

    def confirm_cancel(self, job_id: str, attempt: int, points: Curve | None = None) -> bool:
        """End a running job as its cancel request demands. False when it has passed to another worker."""
        return self._end(
            job_id, attempt, JobStatus.cancelled, reason="cancelled while it ran", points=points, values={}
        )

    def _end(
        self, job_id: str, attempt: int, status: JobStatus, *, reason: str, points: Curve | None, values: dict[str, Any]
    ) -> bool:
        with writing(self._engine) as connection:
            if not _delete_leases(connection, Lease.job_id == job_id, Lease.attempt == attempt):
                return False
            if points:
                _store_progress(connection, [Progress(job_id, attempt, points)])
            rows = move(
                connection,
                Job.id == job_id,
                Job.attempt == attempt,
                transitions=[Transition(_RUNNING, status)],
                actor="worker",
                reason=reason,
                values={**values, "finished_at": now()},
            )
            ended = [row.id for row in rows]
            void_checkpoints(connection, ended)
            return bool(ended)

    def requeue(
        self,
        job_id: str,
        attempt: int,
        *,
        reason: str,
        charge: bool,
        crashed: bool = False,
        wait_s: float = 0.0,
        points: Curve | None = None,
        checkpoints: Sequence[CheckpointRecord] = (),
    ) -> bool:
        """Give a running job back to the queue; `charge` counts the attempt.

        A job with a cancel or pause request is cancelled or paused instead; one that has no attempt left fails.
        `crashed` says that it crashed its trainer while it was alone there: after `CRASHES` of these without a new
        checkpoint it is quarantined.
        It is not claimed again before `wait_s` have passed.
        False when the job has passed to another worker.
        """
        with writing(self._engine) as connection:
            freed = _delete_leases(connection, Lease.job_id == job_id, Lease.attempt == attempt)
            if freed:
                _store_progress(connection, [Progress(job_id, attempt, points or {}, checkpoints=tuple(checkpoints))])
            became = _release(
                connection, freed, actor="worker", reason=reason, charge=charge, crashed=crashed, wait_s=wait_s
            )
            return bool(became)

    def give_back(self, worker: str) -> int:
        """Give back, uncharged, every job that this worker still holds: it stops. How many these were."""
        with writing(self._engine) as connection:
            freed = _delete_leases(connection, Lease.worker == worker)
            return len(_release(connection, freed, actor="worker", reason=WORKER_STOPPED, charge=False))

    def extend_expired(self, seconds: float) -> None:
        """Let leases that have expired end in so many seconds: their workers could not reach the record."""
        with writing(self._engine) as connection:
            expired = select(Lease.job_id).where(Lease.until < now()).with_for_update(skip_locked=True)
            connection.execute(
                update(Lease).where(Lease.job_id.in_(expired.cte("expired").select())).values(until=now(seconds))
            )

    def reap(self) -> Reaped:
        """Free the jobs whose leases have expired, and count them; any number of reapers may run at once.

        They also count the device time that running jobs use, for fair share.
        """
        with writing(self._engine) as connection:
            expired = select(Lease.job_id).where(Lease.until < now()).limit(1000).with_for_update(skip_locked=True)
            freed = _delete_leases(connection, Lease.job_id.in_(expired.cte("expired").select()))
            became = _release(connection, freed, actor="reaper", reason="its worker was lost", charge=True)
            count_lost_leases(connection, len(freed))
            fold(connection)
            count_recent_use(connection)
        return Reaped(
            requeued=became.count(JobStatus.queued.value),
            failed=became.count(JobStatus.failed.value),
            cancelled=became.count(JobStatus.cancelled.value),
        )

    # --- the doorbell ---------------------------------------------------------------------------------------------

    def unnotified(self, *, older_than_s: float = 10.0, limit: int = 8) -> list[str]:
        """A few queued jobs whose message may be lost."""
        with reading(self._engine) as connection:
            return list(
                connection.execute(
                    select(Job.id)
                    .where(
                        ready(),
                        Job.updated_at < now(-older_than_s),
                        or_(Job.notified_at.is_(None), Job.notified_at < now(-older_than_s)),
                    )
                    .order_by(Job.priority.desc(), Job.id)
                    .limit(limit)
                ).scalars()
            )

    def mark_notified(self, ids: Sequence[str]) -> None:
        """Remember that a message was sent for these jobs."""
        with writing(self._engine) as connection:
            waiting = select(Job.id).where(in_values(connection, Job.id, ids), queued())
            # Others are being claimed at this moment.
            ours = waiting.with_for_update(key_share=True, skip_locked=True).cte("ours")
            connection.execute(update(Job).where(Job.id.in_(select(ours.c.id))).values(notified_at=now()))

    # --- files ----------------------------------------------------------------------------------------------------

    def finished_model(self, job_id: str) -> FinishedModel | None:
        """The model of a job, whoever owns it; None if it has none."""
        with reading(self._engine) as connection:
            succeeded = Job.status == JobStatus.succeeded.value
            job = connection.execute(select(Job.spec).where(Job.id == job_id, succeeded)).first()
            rows = connection.execute(select(Artifact.__table__).where(Artifact.job_id == job_id)).all()
        if job is None or not rows:
            return None
        files = map(artifact_record, rows)
        return FinishedModel(JobSpec.model_validate(job.spec), {file.name: file for file in files})

    def orphaned_files(self, files: Sequence[PublishedFile]) -> list[str]:
        """The addresses of those of these files that belong to no job and never will: their attempts hold no lease.

        A worker publishes a job's files first, and then records them in the transaction that ends its lease.
        """
        rows = [{"job_id": file.job_id, "attempt": file.attempt, "uri": file.uri} for file in files]
        kept: set[str] = set()
        with reading(self._engine) as connection:
            asked = values_table(connection, rows, job_id=String(), attempt=Integer(), uri=String()).c
            held = select(asked.uri).join(Lease, and_(Lease.job_id == asked.job_id, Lease.attempt == asked.attempt))
            # In this order: a lease that has ended meanwhile has left its files in the record, or never will.
            for query in (held, select(Artifact.path).where(Artifact.path.in_(select(asked.uri)))):
                kept |= set(connection.execute(query).scalars())
        return [file.uri for file in files if file.uri not in kept]


def _same_pack(owner: str, pack_key: str, *which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Queued jobs that may train together: of one shape, and of one owner, since owners share no process."""
    return and_(ready(), Job.owner == owner, Job.pack_key == pack_key, *which)


def _delete_leases(connection: Connection, *which: ColumnElement[bool]) -> list[str]:
    """End these leases, and the attempts that they were for; the ids of their jobs.

    A job runs exactly as long as a lease of its attempt exists. Every caller takes the lease first and the job's row
    after it, as `renew` does: two that meet wait one after the other, and never in a deadlock.
    """
    ended = connection.execute(delete(Lease).where(*which).returning(Lease.job_id, Lease.attempt)).all()
    end_attempts(connection, [(row.job_id, row.attempt) for row in ended])
    return [row.job_id for row in ended]


def _store_progress(connection: Connection, progress: Sequence[Progress]) -> None:
    """Store new points and checkpoints of jobs whose fence was checked in this transaction."""
    append_points(connection, progress)
    # After the points: they void the checkpoints of older attempts, which would count as newer here.
    kept = [(one.job_id, one.attempt, checkpoint) for one in progress for checkpoint in one.checkpoints]
    if kept:
        keep_checkpoints(connection, kept)
        advanced = in_values(connection, Job.id, [job_id for job_id, _, _ in kept])
        connection.execute(update(Job).where(advanced, Job.crash_count > 0).values(crash_count=0))


def _store_artifacts(connection: Connection, ends: Sequence[Success]) -> None:
    """Record the files of jobs that have just ended, in place of those of older attempts."""
    connection.execute(delete(Artifact).where(in_values(connection, Artifact.job_id, [end.job_id for end in ends])))
    rows = [
        {
            "job_id": end.job_id,
            "attempt": end.attempt,
            "name": artifact.name,
            "path": without_part(artifact.uri)[0],
            "offset": without_part(artifact.uri)[1],
            "sha256": artifact.sha256,
            "size": artifact.size,
        }
        for end in ends
        for artifact in end.artifacts
    ]
    if rows:
        connection.execute(insert(Artifact), rows)


def _succeed(connection: Connection, ends: Sequence[Success], stop_reason: StopReason) -> Iterable[str]:
    """Let jobs succeed whose leases have ended, all for one reason; the ids of those that did."""
    rows = [
        {
            "job_id": end.job_id,
            "attempt": end.attempt,
            "best_epoch": end.best_epoch,
            "best_metrics": end.best_metrics,
            "metrics": end.metrics,
        }
        for end in ends
    ]
    given = values_table(
        connection,
        rows,
        job_id=String(),
        attempt=Integer(),
        best_epoch=Integer(),
        best_metrics=JSON(),
        metrics=JSON(),
    ).c
    moved = move(
        connection,
        Job.id == given.job_id,
        Job.attempt == given.attempt,
        transitions=[Transition(_RUNNING, JobStatus.succeeded)],
        actor="worker",
        reason=stop_reason.sentence,
        values={
            "finished_at": now(),
            "stop_reason": stop_reason.value,
            "best_epoch": given.best_epoch,
            "best_metrics": given.best_metrics,
            "metrics": func.coalesce(given.metrics, Job.metrics),
        },
    )
    return [row.id for row in moved]


def _release(
    connection: Connection,
    ids: Collection[str],
    *,
    actor: str,
    reason: str,
    charge: bool,
    crashed: bool = False,
    wait_s: float = 0.0,
) -> list[str]:
    """Take jobs whose leases have ended from their worker; the new state of each.

    A job with a cancel request is cancelled. A job that crashed or was started too often fails. A job with a pause
    request is paused. Every other job is queued.
    """
    if not ids:
        return []
    spent = Job.spent_attempts if charge else Job.spent_attempts - 1
    crashes = Job.crash_count + int(crashed)
    cancelled = Job.cancel_requested_at.is_not(None)
    poisonous = crashes >= CRASHES if crashed else false()
    failed = and_(not_(cancelled), or_(poisonous, spent >= Job.max_attempts))
    ended = or_(cancelled, failed)
    waits: ColumnElement[Any] = now(wait_s) if wait_s else null()
    if crashed:
        waits = case({n: now(backoff_s) for n, backoff_s in BACKOFF_S.items()}, value=crashes)
    lost, poison = FailureReason.worker_lost, FailureReason.quarantined
    rows = move(
        connection,
        in_values(connection, Job.id, ids),
        transitions=[
            Transition(_RUNNING, JobStatus.cancelled, cancelled),
            Transition(_RUNNING, JobStatus.failed, failed),
            Transition(_RUNNING, JobStatus.paused, Job.pause_requested_at.is_not(None)),
            Transition(_RUNNING, JobStatus.queued),
        ],
        actor=actor,
        reason=reason,
        values={
            "pause_requested_at": None,
            "spent_attempts": spent,
            "crash_count": crashes,
            "not_before": waits,
            "failure_reason": case((and_(failed, poisonous), poison.value), (failed, lost.value), else_=null()),
            "failure_message": case(
                (and_(failed, poisonous), f"{poison.sentence} Last: {clean(reason)}."),
                (failed, f"{lost.sentence} Last: {clean(reason)}."),
                else_=null(),
            ),
            "finished_at": case((ended, now()), else_=null()),
            "worker": case((ended, Job.worker), else_=null()),
            "device": case((ended, Job.device), else_=null()),
            "pack_size": case((ended, Job.pack_size), else_=null()),
            "notified_at": None,
        },
    )
    void_checkpoints(connection, [row.id for row in rows if row.status in FINISHED])
    return [row.status for row in rows]
