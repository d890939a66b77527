"""The job record, and the only code that changes it."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Integer,
    Row,
    Select,
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
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from uuid_utils import uuid7

from spec.dataset import Uploaded
from spec.job import JobSpec
from spec.states import FINISHED, TRANSITIONS, FailureReason, JobStatus, StopReason
from spec.views import Change, Curve, Metrics

from .checkpoints import CheckpointRecord, keep_checkpoints, newest_checkpoints, void_checkpoints
from .datasets import hold as hold_datasets
from .db import among, hold, now, reading, spread, writing
from .errors import IdempotencyMismatchError, IllegalTransitionError, JobNotFoundError
from .limits import NONE, Limits, Room
from .tables import Artifact, Checkpoint, CurveChunk, Job, JobEvent, Lease, Mirror
from .tables import Idempotency as IdempotencyRow
from .turns import first_turn, legible, next_turn, queued, ready, running
from .wishes import wish

CLAIM_TRIES = 8
"""Turns a claim takes whose jobs are gone when it reaches for them, before it says that nothing waits."""

CRASHES = 3
"""A job that took its trainer down so often, alone and without getting on, is kept apart."""

BACKOFF_S = {crashes: min(5.0 * 2.0 ** (crashes - 1), 300.0) for crashes in range(2, CRASHES)}
"""How long a job waits after so many crashes; after the first it may be an accident, and does not wait."""


@dataclass(frozen=True, kw_only=True)
class JobRecord:
    """A job as the record has it."""

    id: str
    owner: str
    name: str | None
    project: str
    tags: Mapping[str, str]
    spec: JobSpec
    pack_key: str
    priority: int
    epochs: int
    status: JobStatus = JobStatus.queued
    attempt: int = 0
    cancel_requested_at: datetime | None = None
    pause_requested_at: datetime | None = None
    stop_reason: StopReason | None = None
    failure_reason: FailureReason | None = None
    failure_message: str | None = None
    epoch: int = 0
    epochs_per_s: float | None = None
    metrics: Metrics | None = None
    best_epoch: int | None = None
    best_metrics: Metrics | None = None
    worker: str | None = None
    device: str | None = None
    pack_size: int | None = None
    mlflow_run_id: str | None = None
    mlflow_experiment_id: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime


@dataclass(frozen=True)
class Idempotency:
    """A client's name for one request, and the digest of what it asked."""

    key: str
    body_sha256: str


@dataclass(frozen=True)
class Submitted:
    """Jobs that a request made, or had made when it first came."""

    jobs: list[JobRecord]
    replayed: bool


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list; None means any."""

    status: JobStatus | None = None
    project: str | None = None
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A job that is now this worker's, until its lease ends."""

    job_id: str
    attempt: int
    spec: JobSpec
    cancel_requested: bool = False
    checkpoints: tuple[CheckpointRecord, ...] = ()
    """What it can go on from, newest first."""


@dataclass(frozen=True)
class Beat:
    """What a worker has to say about one of its jobs: that it holds it, and what is new since the last beat.

    Points up to a checkpoint's epoch must have been told before, or be told with it.
    """

    job_id: str
    attempt: int
    points: Curve = field(default_factory=dict)
    epochs_per_s: float | None = None
    checkpoints: tuple[CheckpointRecord, ...] = ()


@dataclass(frozen=True)
class Renewal:
    """What a worker learns from a beat."""

    lost: frozenset[str]
    cancel: frozenset[str]
    pause: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ArtifactRecord:
    """A file of a job in the file store."""

    name: str
    uri: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Success:
    """How a job ended well, and what it left."""

    job_id: str
    attempt: int
    stop_reason: StopReason
    best_epoch: int | None
    best_metrics: Metrics | None
    metrics: Metrics | None = None
    """Of its last epoch; None where the record knows them."""
    points: Curve = field(default_factory=dict)
    """What the record has not heard of its curve."""
    artifacts: Sequence[ArtifactRecord] = ()


@dataclass(frozen=True)
class EventRecord:
    """One change of a job."""

    seq: int
    at: datetime
    from_status: JobStatus | None
    to_status: JobStatus
    attempt: int
    actor: str
    reason: str


@dataclass(frozen=True)
class Reaped:
    """What became of jobs whose leases had expired."""

    requeued: int
    failed: int
    cancelled: int


@dataclass(frozen=True)
class Stray:
    """A file that lies where an attempt publishes its own, and may belong to nobody."""

    job_id: str
    attempt: int
    uri: str


class JobStore:
    """The jobs.

    Any process may call any method at any time. A state changes by one guarded UPDATE, with one event in the same
    transaction; only the database's clock counts; nothing follows a terminal state. What a worker writes carries the
    attempt it claimed: when the job has passed on, nothing changes and the method answers False (or names the job
    as lost). Raises `StoreUnavailableError` when the database does not answer.
    """

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        self._engine = engine
        self._limits = limits
        self._room = Room(limits)

    def ready(self) -> None:
        """Do nothing, when the record answers."""
        with reading(self._engine) as connection:
            connection.execute(select(Job.id).limit(1))

    # --- what users ask for ---------------------------------------------------------------------------------------

    def submit(self, specs: Sequence[JobSpec], *, owner: str, idempotency: Idempotency | None = None) -> Submitted:
        """Queue jobs, all or none. The same key again gives the same jobs.

        Raises `IdempotencyMismatchError`, `QueueFullError` when so many may not wait, and `DatasetNotFoundError` when
        an uploaded data set is gone: it cannot go while the job waits.
        """
        if idempotency is not None and (known := self._replay(owner, idempotency)) is not None:
            return Submitted(known, replayed=True)
        try:
            with writing(self._engine) as connection:
                self._room.demand(connection, owner, len(specs))
                used = {found for spec in specs if (found := _dataset_id(spec)) is not None}
                hold_datasets(connection, used, owner=owner)
                at = connection.execute(select(now())).scalar_one()
                jobs = [_new(spec, owner, at) for spec in specs]
                ids = [job.id for job in jobs]
                if idempotency is not None:
                    connection.execute(
                        insert(IdempotencyRow).values(
                            owner=owner, key=idempotency.key, body_sha256=idempotency.body_sha256, job_ids=ids, at=at
                        )
                    )
                connection.execute(insert(Job), [_row(job) for job in jobs])
                _tell(connection, ids, actor=owner, reason="submitted")
        except IntegrityError:
            if idempotency is None:
                raise
            known = self._replay(owner, idempotency)  # another request with this key was a moment faster
            if known is None:
                raise
            return Submitted(known, replayed=True)
        self._room.taken(len(jobs))
        return Submitted(jobs, replayed=False)

    def _replay(self, owner: str, idempotency: Idempotency) -> list[JobRecord] | None:
        with reading(self._engine) as connection:
            row = connection.execute(
                select(IdempotencyRow.body_sha256, IdempotencyRow.job_ids).where(
                    IdempotencyRow.owner == owner, IdempotencyRow.key == idempotency.key
                )
            ).first()
        if row is None:
            return None
        if row.body_sha256 != idempotency.body_sha256:
            raise IdempotencyMismatchError
        return self._by_ids(row.job_ids)

    def _by_ids(self, ids: Sequence[str]) -> list[JobRecord]:
        found: dict[str, JobRecord] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(ids), 1000):
                rows = connection.execute(JOBS.where(Job.id.in_(ids[start : start + 1000])))
                found.update((row.id, record(row)) for row in rows)
        return [found[job_id] for job_id in ids]

    def get(self, job_id: str, *, owner: str | None) -> JobRecord:
        """The job. `owner` None sees everybody's. Raises `JobNotFoundError`, for a foreign job too."""
        with reading(self._engine) as connection:
            row = connection.execute(JOBS.where(Job.id == job_id, _owned(owner))).first()
        if row is None:
            raise JobNotFoundError(f"There is no job {job_id} among yours: list the jobs to see which there are.")
        return record(row)

    def page(
        self, wanted: JobFilter, *, owner: str | None, after: str | None = None, limit: int = 50
    ) -> tuple[list[JobRecord], str | None]:
        """Jobs, newest first, and the cursor of the next page; `after` is the last page's cursor."""
        query = JOBS.where(_owned(owner)).order_by(Job.id.desc()).limit(limit + 1)
        if wanted.status is not None:
            query = query.where(Job.status == wanted.status.value)
        if wanted.project is not None:
            query = query.where(Job.project == wanted.project)
        if wanted.name is not None:
            query = query.where(Job.name == wanted.name)
        for key, value in wanted.tags.items():
            query = query.where(Job.tags[key].as_string() == value)
        if after is not None:
            query = query.where(Job.id < after)
        with reading(self._engine) as connection:
            jobs = [record(row) for row in connection.execute(query)]
        more = len(jobs) > limit
        return jobs[:limit], jobs[limit - 1].id if more else None

    def curve(self, job_id: str, *, after_epoch: int = 0, upto: int | None = None) -> Curve:
        """The curve's columns from the epoch after `after_epoch`, each epoch once and in order."""
        query = select(CurveChunk.attempt, CurveChunk.columns).where(
            CurveChunk.job_id == job_id, CurveChunk.last_epoch > after_epoch
        )
        if upto is not None:
            query = query.where(CurveChunk.first_epoch <= upto)
        with reading(self._engine) as connection:
            chunks = connection.execute(query.order_by(CurveChunk.attempt, CurveChunk.first_epoch)).all()
        return _joined(chunks, after_epoch, upto)

    def events(self, job_id: str, *, after_seq: int = 0) -> list[EventRecord]:
        """The job's changes after `after_seq`, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(JobEvent)
                .with_only_columns(*(JobEvent.__table__.c[name] for name in EventRecord.__dataclass_fields__))
                .where(JobEvent.job_id == job_id, JobEvent.seq > after_seq)
                .order_by(JobEvent.seq)
            ).all()
        return [
            EventRecord(
                seq=row.seq,
                at=row.at,
                from_status=JobStatus(row.from_status) if row.from_status else None,
                to_status=JobStatus(row.to_status),
                attempt=row.attempt,
                actor=row.actor,
                reason=row.reason,
            )
            for row in rows
        ]

    def artifacts(self, job_id: str) -> list[ArtifactRecord]:
        """The files the job left in the file store."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(Artifact.__table__).where(Artifact.job_id == job_id)).all()
        return [ArtifactRecord(name=row.name, uri=row.path, sha256=row.sha256, size=row.size) for row in rows]

    def strays(self, files: Sequence[Stray]) -> list[str]:
        """The addresses of those of these files that belong to no job, nor will: their attempts hold no lease.

        A worker publishes a job's files first, and then records them in the transaction that ends its lease.
        """
        rows = [{"job_id": file.job_id, "attempt": file.attempt, "uri": file.uri} for file in files]
        kept: set[str] = set()
        with reading(self._engine) as connection:
            asked = spread(connection, rows, job_id=String(), attempt=Integer(), uri=String()).c
            held = select(asked.uri).join(Lease, and_(Lease.job_id == asked.job_id, Lease.attempt == asked.attempt))
            # In this order: a lease that is gone by now has left its files in the record, or never will.
            for query in (held, select(Artifact.path).where(Artifact.path.in_(select(asked.uri)))):
                kept |= set(connection.execute(query).scalars())
        return [file.uri for file in files if file.uri not in kept]

    def counts(self) -> dict[JobStatus, int]:
        """How many jobs are in each state."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(Job.status, func.count()).group_by(Job.status)).all()
        return dict.fromkeys(JobStatus, 0) | {JobStatus(status): count for status, count in rows}

    def request_cancel(self, job_id: str, *, owner: str | None, actor: str) -> JobRecord:
        """Cancel: at once while it waits, as a wish its worker sees while it runs. A second wish changes nothing.

        Raises `JobNotFoundError`, and `IllegalTransitionError` when it has already succeeded or failed.
        """
        waits = Job.status.in_((JobStatus.queued.value, JobStatus.paused.value))
        with writing(self._engine) as connection:
            # One statement: between two the job could start, or go back to the queue, and the wish be lost.
            wished = connection.execute(
                update(Job)
                .where(
                    Job.id == job_id,
                    _owned(owner),
                    or_(waits, and_(Job.status == JobStatus.running.value, Job.cancel_requested_at.is_(None))),
                )
                .values(
                    status=case((waits, JobStatus.cancelled.value), else_=Job.status),
                    finished_at=case((waits, now()), else_=Job.finished_at),
                    cancel_requested_at=now(),
                    updated_at=now(),
                )
                .returning(Job.status)
            ).scalar_one_or_none()
            if wished == JobStatus.cancelled.value:
                _tell(connection, [job_id], actor=actor, reason="cancelled while it waited")
                _owe(connection, [job_id])
                _owe_again(connection, [job_id])
                void_checkpoints(connection, [job_id])
        job = self.get(job_id, owner=owner)
        if job.status in FINISHED - {JobStatus.cancelled}:
            raise IllegalTransitionError(job.status.value, "cancelled")
        return job

    def request_pause(self, job_id: str, *, owner: str | None, actor: str) -> JobRecord:
        """Set aside: at once while it waits, as a wish its worker sees while it runs. A second wish changes nothing.

        Raises `JobNotFoundError`, and `IllegalTransitionError` when it has ended, or is to be cancelled, which wins.
        """
        waits = queued()
        runs_on = and_(
            Job.status == JobStatus.running.value, Job.cancel_requested_at.is_(None), Job.pause_requested_at.is_(None)
        )
        with writing(self._engine) as connection:
            paused = connection.execute(
                update(Job)
                .where(Job.id == job_id, _owned(owner), or_(waits, runs_on))
                .values(
                    status=case((waits, JobStatus.paused.value), else_=Job.status),
                    pause_requested_at=case((waits, null()), else_=now()),
                    updated_at=now(),
                )
                .returning(Job.status)
            ).scalar_one_or_none()
            if paused == JobStatus.paused.value:
                _tell(connection, [job_id], actor=actor, reason="paused while it waited")
                _owe_again(connection, [job_id])
        return self._unless_it_ends(job_id, owner, "paused")

    def resume(self, job_id: str, *, owner: str | None, actor: str) -> JobRecord:
        """Queue a paused job again, or take back the wish to pause one that runs. Raises as `request_pause` does."""
        sleeps = Job.status == JobStatus.paused.value
        with writing(self._engine) as connection:
            woken = connection.execute(
                update(Job)
                .where(
                    Job.id == job_id,
                    _owned(owner),
                    or_(sleeps, and_(Job.status == JobStatus.running.value, Job.pause_requested_at.is_not(None))),
                )
                .values(
                    status=case((sleeps, JobStatus.queued.value), else_=Job.status),
                    pause_requested_at=None,
                    rung_at=None,
                    updated_at=now(),
                )
                .returning(Job.status)
            ).scalar_one_or_none()
            if woken == JobStatus.queued.value:
                _tell(connection, [job_id], actor=actor, reason="resumed")
                _owe_again(connection, [job_id])
        return self._unless_it_ends(job_id, owner, "resumed")

    def _unless_it_ends(self, job_id: str, owner: str | None, wish: str) -> JobRecord:
        """The job. Raises `IllegalTransitionError` when it has ended or is about to be cancelled."""
        job = self.get(job_id, owner=owner)
        if job.status in FINISHED:
            raise IllegalTransitionError(job.status.value, wish)
        if job.cancel_requested_at is not None:
            raise IllegalTransitionError("to be cancelled", wish)
        return job

    def change(self, job_id: str, change: Change, *, owner: str | None, actor: str) -> JobRecord:
        """Give a job another priority, name or tags; its spec stays what was submitted.

        Raises `JobNotFoundError`, and `IllegalTransitionError` for the priority of a job that has ended.
        """
        given = change.model_dump(exclude_unset=True)
        ended = Job.status.in_([status.value for status in FINISHED])
        may = not_(ended) if "priority" in given else literal(True)
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(Job)
                .where(Job.id == job_id, _owned(owner), may)
                .values(**given, updated_at=now())
                .returning(Job.id)
            ).first()
            if changed:
                _owe_again(connection, [job_id])
                told = ", ".join(name if name == "tags" else f"{name} {value}" for name, value in given.items())
                _tell(connection, [job_id], actor=actor, reason=f"changed: {told}")
        job = self.get(job_id, owner=owner)
        if not changed:
            raise IllegalTransitionError(job.status.value, "given another priority")
        return job

    def retry(self, job_id: str, *, owner: str | None, actor: str) -> JobRecord:
        """Queue a failed job again, from its first epoch and with all its attempts. Raises as `request_cancel` does."""
        with writing(self._engine) as connection:
            moved = _move(
                connection,
                [Job.id == job_id, _owned(owner), Job.status == JobStatus.failed.value],
                JobStatus.queued,
                actor=actor,
                reason="asked to try again",
                spent_attempts=0,
                crash_count=0,
                not_before=None,
                failure_reason=None,
                failure_message=None,
                finished_at=None,
                cancel_requested_at=None,
                pause_requested_at=None,
                rung_at=None,
            )
            _owe_again(connection, moved)
        job = self.get(job_id, owner=owner)
        if not moved:
            raise IllegalTransitionError(job.status.value, "retried")
        return job

    # --- what workers do ------------------------------------------------------------------------------------------

    def claim(self, *, worker: str, device: str, limit: int | Callable[[JobSpec], int], lease_s: float) -> list[Claim]:
        """Take the job whose turn it is and, up to `limit` jobs in all, its companions; [] when none waits.

        `limit` may be a number or what the device takes of jobs like the head. Takes no more than its share:
        companions, divided by the slots that are free to train them; and no more than the owner may have running.
        """
        for _ in range(CLAIM_TRIES):
            with writing(self._engine) as connection:
                turn = next_turn(connection, device=device, owner_limit=self._limits.owner_running)
                if turn is None:
                    return []
                most = limit if isinstance(limit, int) else limit(JobSpec.model_validate(turn.spec))
                if turn.idle_slots > 1:
                    # No more are counted than matter: the queue may hold a million.
                    alike = select(Job.id).where(_companions(turn.owner, turn.pack_key)).limit(most * turn.idle_slots)
                    waiting = connection.execute(select(func.count()).select_from(alike.subquery())).scalar_one()
                    most = min(most, max(math.ceil(waiting / turn.idle_slots), 1))
                taken = self._take(
                    connection, turn.owner, turn.pack_key, limit=most, worker=worker, device=device, lease_s=lease_s
                )
            if taken:
                return taken
        return []

    def admit(self, *, worker: str, device: str, beside: str, limit: int, lease_s: float) -> list[Claim]:
        """Take companions of a running job into its pack.

        [] while it is another job's turn that has waited for long: the pack then ends, and its slot is free for it.
        """
        mate = aliased(Job)
        waits = select(mate.id).where(queued(mate), mate.owner == Job.owner, mate.pack_key == Job.pack_key).exists()
        with writing(self._engine) as connection:
            # Asked every second by every pack that has room: whose turn it is takes longer, and seldom matters.
            pack = connection.execute(select(Job.owner, Job.pack_key).where(Job.id == beside, waits)).first()
            if pack is None:
                return []
            turn = first_turn(connection, device=device, owner_limit=self._limits.owner_running)
            if turn is None or (turn.waits_long and (turn.owner, turn.pack_key) != tuple(pack)):
                return []
            return self._take(
                connection, pack.owner, pack.pack_key, limit=limit, worker=worker, device=device, lease_s=lease_s
            )

    def _take(
        self,
        connection: Connection,
        owner: str,
        pack_key: str,
        *,
        limit: int,
        worker: str,
        device: str,
        lease_s: float,
    ) -> list[Claim]:
        """Start companions, no more than the owner may have running."""
        if most := self._limits.owner_running:
            hold(connection, owner)  # nobody starts another of these while they are counted
            limit = min(limit, most - connection.execute(running(owner)).scalar_one())
        if limit <= 0:
            return []
        # A CTE is evaluated once; a bare IN (SELECT .. LIMIT ..) may be run again and take too many.
        picked = (
            select(Job.id)
            .where(_companions(owner, pack_key), legible())
            .order_by(Job.priority.desc(), Job.id)
            .limit(limit)
            .with_for_update(key_share=True, skip_locked=True)
            .cte("picked")
        )
        rows = connection.execute(
            update(Job)
            .where(Job.id.in_(select(picked.c.id)), queued())
            .values(
                status=JobStatus.running.value,
                attempt=Job.attempt + 1,
                spent_attempts=Job.spent_attempts + 1,
                worker=worker,
                device=device,
                pack_size=select(func.count()).select_from(picked).scalar_subquery(),
                started_at=func.coalesce(Job.started_at, now()),
                updated_at=now(),
            )
            .returning(Job.id, Job.attempt, Job.spec, Job.priority, Job.cancel_requested_at)
        ).all()
        if not rows:
            return []
        ids = [row.id for row in rows]
        connection.execute(
            insert(Lease).from_select(
                ["job_id", "owner", "attempt", "worker", "until"],
                select(Job.id, Job.owner, Job.attempt, literal(worker), now(lease_s)).where(
                    among(connection, Job.id, ids)
                ),
            )
        )
        _tell(connection, ids, actor=worker, reason=f"claimed on {device}")
        _owe(connection, ids)
        again = [row.id for row in rows if row.attempt > 1]
        _owe_again(connection, again)
        kept = newest_checkpoints(connection, again) if again else {}
        _rewind(connection, {job_id: kept[job_id][0].epoch if job_id in kept else 0 for job_id in again})
        return [
            Claim(
                row.id,
                row.attempt,
                JobSpec.model_validate(row.spec),
                row.cancel_requested_at is not None,
                kept.get(row.id, ()),
            )
            for row in sorted(rows, key=lambda row: (-row.priority, row.id))
        ]

    def renew(self, *, worker: str, beats: Sequence[Beat], lease_s: float) -> Renewal:
        """Renew the leases behind `beats` and store their points and checkpoints, in one transaction."""
        with writing(self._engine) as connection:
            held = spread(
                connection,
                [{"job_id": beat.job_id, "attempt": beat.attempt} for beat in beats],
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
            self._append(connection, [beat for beat in beats if beat.job_id in kept])
            wished = connection.execute(
                select(Job.id, Job.cancel_requested_at, Job.pause_requested_at).where(
                    among(connection, Job.id, kept),
                    or_(Job.cancel_requested_at.is_not(None), Job.pause_requested_at.is_not(None)),
                )
            ).all()
        cancel = frozenset(job.id for job in wished if job.cancel_requested_at is not None)
        return Renewal(
            lost=frozenset(beat.job_id for beat in beats) - kept,
            cancel=cancel,
            pause=frozenset(job.id for job in wished) - cancel,
        )

    def _append(self, connection: Connection, beats: Sequence[Beat]) -> None:
        """Store new points and checkpoints of jobs whose fence was checked in this transaction."""
        self._append_points(connection, beats)
        # After the points, which void what older attempts saved of their epochs: that would count as newer here.
        kept = [(beat.job_id, beat.attempt, one) for beat in beats for one in beat.checkpoints]
        if kept:
            keep_checkpoints(connection, kept)
            got_on = among(connection, Job.id, [job_id for job_id, _, _ in kept])
            connection.execute(update(Job).where(got_on, Job.crash_count > 0).values(crash_count=0))

    def _append_points(self, connection: Connection, beats: Sequence[Beat]) -> None:
        rows = [
            {
                "job_id": beat.job_id,
                "attempt": beat.attempt,
                "first_epoch": epochs[0],
                "last_epoch": epochs[-1],
                "points": beat.points,
                "metrics": {name: column[-1] for name, column in beat.points.items() if name != "epoch"},
                "epochs_per_s": beat.epochs_per_s,
            }
            for beat in beats
            if (epochs := beat.points.get("epoch"))
        ]
        if not rows:
            return
        new = spread(
            connection,
            rows,
            job_id=String(),
            attempt=Integer(),
            first_epoch=Integer(),
            last_epoch=Integer(),
            points=JSON(),
            metrics=JSON(),
            epochs_per_s=Double(),
        ).c
        # Epochs trained again replace what an older attempt told of them and of what came after; a beat sent twice
        # replaces itself.
        void = select(_told.job_id, _told.attempt, _told.first_epoch).where(
            _told.job_id == new.job_id,
            _told.first_epoch >= new.first_epoch,
            or_(
                _told.attempt < new.attempt,
                and_(_told.attempt == new.attempt, _told.first_epoch <= new.last_epoch),
            ),
        )
        connection.execute(delete(CurveChunk).where(_chunk.in_(void)))
        # So is what was saved of those epochs: a job that began before its newest checkpoint, which could not be read
        # just then, must not go on from it later, over a gap.
        connection.execute(
            update(Checkpoint)
            .where(
                Checkpoint.job_id == new.job_id,
                Checkpoint.attempt < new.attempt,
                Checkpoint.epoch >= new.first_epoch,
                not_(Checkpoint.void),
            )
            .values(void=True)
        )
        connection.execute(
            insert(CurveChunk).from_select(
                ["job_id", "attempt", "first_epoch", "last_epoch", "columns", "at"],
                select(new.job_id, new.attempt, new.first_epoch, new.last_epoch, new.points, now()),
            )
        )
        connection.execute(
            update(Job)
            .where(Job.id == new.job_id)
            .values(epoch=new.last_epoch, metrics=new.metrics, epochs_per_s=new.epochs_per_s, updated_at=now())
        )

    def succeed(self, *ends: Success) -> set[str]:
        """End jobs well, with their models, in one transaction; those that had not passed to somebody else."""
        with writing(self._engine) as connection:
            rows = [{"job_id": end.job_id, "attempt": end.attempt} for end in ends]
            sent = spread(connection, rows, job_id=String(), attempt=Integer()).c
            leases = tuple_(Lease.job_id, Lease.attempt).in_(select(sent.job_id, sent.attempt))
            held = set(_give_up_leases(connection, leases))
            ours = [end for end in ends if end.job_id in held]
            self._append(connection, [Beat(end.job_id, end.attempt, end.points) for end in ours])
            ended: list[str] = []
            for stop_reason in dict.fromkeys(end.stop_reason for end in ours):
                ended += _move_ends(connection, [end for end in ours if end.stop_reason is stop_reason], stop_reason)
            void_checkpoints(connection, ended)
            connection.execute(delete(Artifact).where(among(connection, Artifact.job_id, ended)))
            left = [
                {
                    "job_id": end.job_id,
                    "attempt": end.attempt,
                    "name": artifact.name,
                    "path": artifact.uri,
                    "sha256": artifact.sha256,
                    "size": artifact.size,
                }
                for end in ours
                if end.job_id in ended
                for artifact in end.artifacts
            ]
            if left:
                connection.execute(insert(Artifact), left)
        return set(ended)

    def fail(
        self, job_id: str, attempt: int, *, reason: FailureReason, message: str, points: Curve | None = None
    ) -> bool:
        """End a job badly. False when it had passed to somebody else."""
        with writing(self._engine) as connection:
            return self._end(
                connection,
                job_id,
                attempt,
                JobStatus.failed,
                reason=message,
                points=points,
                failure_reason=reason.value,
                failure_message=_clean(message),
            )

    def confirm_cancel(self, job_id: str, attempt: int, points: Curve | None = None) -> bool:
        """End a running job whose cancel its worker saw. False when it had passed to somebody else."""
        with writing(self._engine) as connection:
            return self._end(
                connection, job_id, attempt, JobStatus.cancelled, reason="cancelled while it ran", points=points
            )

    def _end(
        self,
        connection: Connection,
        job_id: str,
        attempt: int,
        status: JobStatus,
        *,
        reason: str,
        points: Curve | None,
        **values: Any,
    ) -> bool:
        if not _give_up_leases(connection, Lease.job_id == job_id, Lease.attempt == attempt):
            return False
        if points:
            self._append(connection, [Beat(job_id, attempt, points)])
        guard = [Job.id == job_id, Job.attempt == attempt, Job.status == JobStatus.running.value]
        ended = _move(connection, guard, status, actor="worker", reason=reason, finished_at=now(), **values)
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
        points: Curve | None = None,
        checkpoints: Sequence[CheckpointRecord] = (),
    ) -> bool:
        """Give a running job back to the queue; `charge` counts the attempt. False when it had passed on.

        A job whose cancel or pause was wished is cancelled or paused instead; one that has no attempt left fails.
        `crashed` says that it took its trainer down, alone: if it did so again and again without getting on, it is
        quarantined.
        """
        with writing(self._engine) as connection:
            freed = _give_up_leases(connection, Lease.job_id == job_id, Lease.attempt == attempt)
            if freed:
                self._append(connection, [Beat(job_id, attempt, points or {}, checkpoints=tuple(checkpoints))])
            return bool(_release(connection, freed, actor="worker", reason=reason, charge=charge, crashed=crashed))

    def remark(self, job_id: str, attempt: int, *, reason: str, refused: Collection[str] = ()) -> bool:
        """Write an event that changes no state; checkpoints at the addresses `refused` are not handed out again.

        False when the job had passed to somebody else.
        """
        with writing(self._engine) as connection:
            held = select(Lease.job_id).where(Lease.job_id == job_id, Lease.attempt == attempt).with_for_update()
            if connection.execute(held).first() is None:
                return False
            void_checkpoints(connection, [job_id], refused)
            _tell(connection, [job_id], actor="worker", reason=reason)
            return True

    def reap(self) -> Reaped:
        """Free the jobs whose leases have expired; any number of reapers may run at once."""
        with writing(self._engine) as connection:
            expired = select(Lease.job_id).where(Lease.until < now()).limit(1000).with_for_update(skip_locked=True)
            freed = _give_up_leases(connection, Lease.job_id.in_(expired.cte("expired").select()))
            became = _release(connection, freed, actor="reaper", reason="its worker was lost", charge=True)
        return Reaped(
            requeued=became.count(JobStatus.queued.value),
            failed=became.count(JobStatus.failed.value),
            cancelled=became.count(JobStatus.cancelled.value),
        )

    # --- the doorbell ---------------------------------------------------------------------------------------------

    def unrung(self, *, older_than_s: float = 10.0, limit: int = 8) -> list[str]:
        """A few queued jobs whose bell may be lost."""
        with reading(self._engine) as connection:
            return list(
                connection.execute(
                    select(Job.id)
                    .where(
                        ready(),
                        Job.updated_at < now(-older_than_s),
                        or_(Job.rung_at.is_(None), Job.rung_at < now(-older_than_s)),
                    )
                    .order_by(Job.priority.desc(), Job.id)
                    .limit(limit)
                ).scalars()
            )

    def mark_rung(self, ids: Sequence[str]) -> None:
        """Remember that the bell was rung for these jobs."""
        with writing(self._engine) as connection:
            waiting = select(Job.id).where(among(connection, Job.id, ids), queued())
            # Others are just being claimed.
            ours = waiting.with_for_update(key_share=True, skip_locked=True).cte("ours")
            connection.execute(update(Job).where(Job.id.in_(select(ours.c.id))).values(rung_at=now()))


def _companions(owner: str, pack_key: str) -> ColumnElement[bool]:
    """Jobs whose turn may come that may train together: of one shape, and of one owner, who shares no process."""
    return and_(ready(), Job.owner == owner, Job.pack_key == pack_key)


JOBS: Select[Any] = select(Job.__table__, Mirror.run_id, Mirror.experiment_id).outerjoin(
    Mirror, Mirror.job_id == Job.id
)
"""Jobs with their runs; `record` reads its rows."""

# Tables beside themselves, and what is made of them, once for all: SQLAlchemy takes longer to make an alias than to
# use it.
_told, _last, _other = aliased(CurveChunk), aliased(JobEvent), aliased(JobEvent)
_chunk = tuple_(CurveChunk.job_id, CurveChunk.attempt, CurveChunk.first_epoch)
_latest = select(func.max(_other.seq)).where(_other.job_id == Job.id).scalar_subquery()


def _owned(owner: str | None) -> ColumnElement[bool]:
    """The wall between owners; None is an administrator, who sees all."""
    return literal(True) if owner is None else Job.owner == owner


def _move(
    connection: Connection,
    guard: Sequence[ColumnElement[bool]],
    to: JobStatus,
    *,
    actor: str,
    reason: str,
    **values: Any,
) -> list[str]:
    """Change the state of the jobs that pass `guard`, with an event each; the ids of those that changed."""
    sources = [status.value for status, targets in TRANSITIONS.items() if to in targets]
    moved = list(
        connection.execute(
            update(Job)
            .where(*guard, Job.status.in_(sources))
            .values(status=to.value, updated_at=now(), **values)
            .returning(Job.id)
        ).scalars()
    )
    _tell(connection, moved, actor=actor, reason=reason)
    return moved


def _move_ends(connection: Connection, ends: Sequence[Success], stop_reason: StopReason) -> list[str]:
    """Let jobs whose leases were given up succeed, all for one reason; the ids of those that did."""
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
    told = spread(
        connection,
        rows,
        job_id=String(),
        attempt=Integer(),
        best_epoch=Integer(),
        best_metrics=JSON(),
        metrics=JSON(),
    ).c
    return _move(
        connection,
        [Job.id == told.job_id, Job.attempt == told.attempt, Job.status == JobStatus.running.value],
        JobStatus.succeeded,
        actor="worker",
        reason=stop_reason.sentence,
        finished_at=now(),
        stop_reason=stop_reason.value,
        best_epoch=told.best_epoch,
        best_metrics=told.best_metrics,
        metrics=func.coalesce(told.metrics, Job.metrics),
    )


def _give_up_leases(connection: Connection, *which: ColumnElement[bool]) -> list[str]:
    """End these leases; the jobs they were of.

    A job runs exactly as long as a lease of its attempt exists. Whoever takes a job from its worker takes the lease
    first and the job's row after it, as `renew` does: two that meet wait for each other in turn, never in a ring.
    """
    return list(connection.execute(delete(Lease).where(*which).returning(Lease.job_id)).scalars())


def _release(
    connection: Connection, ids: Collection[str], *, actor: str, reason: str, charge: bool, crashed: bool = False
) -> list[str]:
    """Take jobs whose leases have ended from their worker; what became of each.

    It is cancelled if that was wished, fails if it crashed or was started too often, is paused if that was wished, and
    is queued if nothing of this.
    """
    if not ids:
        return []
    spent = Job.spent_attempts if charge else Job.spent_attempts - 1
    crashes = Job.crash_count + int(crashed)
    unwanted = Job.cancel_requested_at.is_not(None)
    poisonous = crashes >= CRASHES if crashed else false()
    worn_out = and_(Job.cancel_requested_at.is_(None), or_(poisonous, spent >= Job.max_attempts))
    lost, poison = FailureReason.worker_lost, FailureReason.quarantined
    rows = connection.execute(
        update(Job)
        .where(among(connection, Job.id, ids), Job.status == JobStatus.running.value)
        .values(
            status=case(
                (unwanted, JobStatus.cancelled.value),
                (worn_out, JobStatus.failed.value),
                (Job.pause_requested_at.is_not(None), JobStatus.paused.value),
                else_=JobStatus.queued.value,
            ),
            pause_requested_at=None,
            spent_attempts=spent,
            crash_count=crashes,
            not_before=case({n: now(wait_s) for n, wait_s in BACKOFF_S.items()}, value=crashes) if crashed else None,
            failure_reason=case((and_(worn_out, poisonous), poison.value), (worn_out, lost.value), else_=null()),
            failure_message=case(
                (and_(worn_out, poisonous), f"{poison.sentence} Last: {_clean(reason)}."),
                (worn_out, f"{lost.sentence} Last: {_clean(reason)}."),
                else_=null(),
            ),
            finished_at=case((or_(unwanted, worn_out), now()), else_=null()),
            worker=case((or_(unwanted, worn_out), Job.worker), else_=null()),
            device=case((or_(unwanted, worn_out), Job.device), else_=null()),
            pack_size=case((or_(unwanted, worn_out), Job.pack_size), else_=null()),
            rung_at=None,
            updated_at=now(),
        )
        .returning(Job.id, Job.status)
    ).all()
    _tell(connection, ids, actor=actor, reason=reason)
    void_checkpoints(connection, [row.id for row in rows if row.status in FINISHED])
    return [row.status for row in rows]


def _rewind(connection: Connection, epochs: Mapping[str, int]) -> None:
    """Void what these jobs told of later epochs than these: they are about to be trained again."""
    if not epochs:
        return
    rows = [{"job_id": job_id, "epoch": epoch} for job_id, epoch in epochs.items()]
    again = spread(connection, rows, job_id=String(), epoch=Integer()).c
    void = select(_told.job_id, _told.attempt, _told.first_epoch).where(
        _told.job_id == again.job_id, _told.first_epoch > again.epoch
    )
    connection.execute(delete(CurveChunk).where(_chunk.in_(void)))
    reaching_over = connection.execute(
        select(CurveChunk.__table__, again.epoch).where(
            CurveChunk.job_id == again.job_id, CurveChunk.last_epoch > again.epoch
        )
    ).all()
    for row in reaching_over:
        left = sum(epoch <= row.epoch for epoch in row.columns["epoch"])
        connection.execute(
            update(CurveChunk)
            .where(_chunk == tuple_(row.job_id, row.attempt, row.first_epoch))
            .values(last_epoch=row.epoch, columns={name: column[:left] for name, column in row.columns.items()})
        )
    connection.execute(
        update(Job)
        .where(Job.id == again.job_id, Job.epoch > again.epoch)
        .values(epoch=again.epoch, metrics=null(), epochs_per_s=None)
    )


def _tell(connection: Connection, ids: Collection[str], *, actor: str, reason: str) -> None:
    """Write an event for each of these jobs, which changed in this transaction; the event before says from what."""
    if not ids:
        return
    connection.execute(
        insert(JobEvent).from_select(
            ["job_id", "seq", "at", "from_status", "to_status", "attempt", "actor", "reason"],
            select(
                Job.id,
                func.coalesce(_last.seq, 0) + 1,
                now(),
                _last.to_status,
                Job.status,
                Job.attempt,
                literal(actor),
                literal(_clean(reason)),
            )
            .outerjoin(_last, and_(_last.job_id == Job.id, _last.seq == _latest))
            .where(among(connection, Job.id, ids)),
        )
    )


def _owe(connection: Connection, ids: Collection[str]) -> None:
    """Note that MLflow is to hear of these jobs, which have started or ended."""
    noted = select(Mirror.job_id).where(Mirror.job_id == Job.id).exists()
    connection.execute(
        insert(Mirror).from_select(["job_id"], select(Job.id).where(among(connection, Job.id, ids), not_(noted)))
    )


def _owe_again(connection: Connection, ids: Collection[str]) -> None:
    """Note that MLflow is to hear what has changed of those of these jobs that have a run."""
    if ids:
        theirs = among(connection, Mirror.job_id, ids)
        connection.execute(update(Mirror).where(theirs, Mirror.done).values(done=False))


def _clean(text: str) -> str:
    """The text without what a database does not take."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _new(spec: JobSpec, owner: str, at: datetime) -> JobRecord:
    """A job that is just submitted."""
    return JobRecord(
        id=str(uuid7()),
        owner=owner,
        name=spec.name,
        project=spec.project,
        tags=dict(spec.tags),
        spec=spec,
        pack_key=spec.pack_key,
        priority=spec.priority,
        epochs=spec.epochs,
        created_at=at,
        updated_at=at,
    )


def _dataset_id(spec: JobSpec) -> str | None:
    """The uploaded data set that a job needs."""
    return spec.dataset.id if isinstance(spec.dataset, Uploaded) else None


def _row(job: JobRecord) -> dict[str, Any]:
    """The columns of a job that is just submitted."""
    return {
        "id": job.id,
        "owner": job.owner,
        "name": job.name,
        "project": job.project,
        "tags": job.tags,
        "spec": job.spec.model_dump(mode="json"),
        "pack_key": job.pack_key,
        "dataset_id": _dataset_id(job.spec),
        "device_wish": wish(job.spec.resources.device, job.spec.resources.gpus),
        "priority": job.priority,
        "max_attempts": job.spec.max_attempts,
        "epochs": job.epochs,
        "status": job.status.value,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
    }


def record(row: Any) -> JobRecord:
    """The job in a row of `JOBS`."""
    return JobRecord(
        id=row.id,
        owner=row.owner,
        name=row.name,
        project=row.project,
        tags=row.tags,
        spec=JobSpec.model_validate(row.spec),
        pack_key=row.pack_key,
        priority=row.priority,
        status=JobStatus(row.status),
        attempt=row.attempt,
        cancel_requested_at=row.cancel_requested_at,
        pause_requested_at=row.pause_requested_at,
        stop_reason=StopReason(row.stop_reason) if row.stop_reason else None,
        failure_reason=FailureReason(row.failure_reason) if row.failure_reason else None,
        failure_message=row.failure_message,
        epoch=row.epoch,
        epochs=row.epochs,
        epochs_per_s=row.epochs_per_s,
        metrics=row.metrics,
        best_epoch=row.best_epoch,
        best_metrics=row.best_metrics,
        worker=row.worker,
        device=row.device,
        pack_size=row.pack_size,
        mlflow_run_id=row.run_id,
        mlflow_experiment_id=row.experiment_id,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        updated_at=row.updated_at,
    )


def _joined(chunks: Iterable[Row[int, dict[str, Any]]], after_epoch: int, upto: int | None) -> Curve:
    """Chunks in order of attempt and epoch as one curve, cut to the epochs asked for."""
    by_epoch: dict[int, Metrics] = {}
    newest = 0
    for attempt, columns in chunks:
        if attempt > newest:  # it began again here: what an older attempt told of later epochs is void
            newest, by_epoch = attempt, {epoch: row for epoch, row in by_epoch.items() if epoch < columns["epoch"][0]}
        names = [name for name in columns if name != "epoch"]
        for position, epoch in enumerate(columns["epoch"]):
            if epoch > after_epoch and (upto is None or epoch <= upto):
                by_epoch[epoch] = {name: columns[name][position] for name in names}
    epochs = sorted(by_epoch)
    names = list(dict.fromkeys(name for epoch in epochs for name in by_epoch[epoch]))
    curve: Curve = {"epoch": [*epochs]}
    return curve | {name: [by_epoch[epoch].get(name) for epoch in epochs] for name in names}
