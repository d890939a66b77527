"""The jobs, for users: submit, read, cancel, pause, resume, change, retry, delete."""

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    case,
    delete,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from spec.job import JobSpec
from spec.newer import NewerView
from spec.states import FINISHED, JobStatus
from spec.views import Change, Curve

from .access import Asker, changeable_by, demand_change, visible_to
from .best_metrics import ByMetric, Position, in_order, with_metrics, within
from .checkpoints import void_checkpoints
from .curves import read_curve
from .datasets import lock_datasets
from .db import in_values, now, reading, writing
from .errors import IllegalTransitionError, JobNotFoundError, JobOfSweepError
from .idempotency import answered, remember
from .limits import NONE, Limits, QueueCapacity
from .mirror import mark_for_mirror, mark_for_mirror_again
from .projects import project_ids
from .records import (
    JOBS,
    LISTED,
    ArtifactRecord,
    Cancelled,
    EventRecord,
    Idempotency,
    JobFilter,
    JobRecord,
    Submitted,
    artifact_record,
    columns,
    dataset_id,
    listed,
    new_job,
    record,
)
from .tables import DATASET, Artifact, BestMetric, Job, JobEvent
from .transitions import Transition, enter, log_event, move
from .versions import read_row, read_rows

_WAITING = (JobStatus.queued, JobStatus.paused)

TOGETHER = 2000
"""Jobs that are cancelled in one transaction: it takes some tenths of a second, and other writers may wait for it."""


class JobStore:
    """The jobs, for users.

    Any process may call any method at any time. Methods see the jobs of `owner`, and change those that it may
    (`store.access`); others raise `NotYoursError`. A state changes by one guarded UPDATE, with one event in the same
    transaction; no state follows a final one. What only workers do is in `store.claims` and `store.leases`. Raises
    `StoreUnavailableError` when the database does not answer.
    """

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        self._engine = engine
        self._capacity = QueueCapacity(limits)

    def ready(self) -> None:
        """Do nothing, when the record answers."""
        with reading(self._engine) as connection:
            connection.execute(select(Job.id).limit(1))

    # --- submitting -----------------------------------------------------------------------------------------------

    def submit(
        self,
        specs: Sequence[JobSpec],
        *,
        owner: str,
        idempotency: Idempotency | None = None,
        replays: str | None = None,
        most: int | None = None,
    ) -> Submitted:
        """Queue jobs, all or none. The same key again gives the same jobs. `replays` is the job that they train again.

        `most` is how many jobs of the owner may be under way. Raises `IdempotencyMismatchError`, `QueueFullError` when
        so many may not wait or be under way, `NotAMemberError` when a project is shared by others, and
        `DatasetNotFoundError` when an uploaded data set is gone: it cannot go while the job waits.
        """
        if idempotency is not None and (known := self._replay(owner, idempotency)) is not None:
            return Submitted(known, replayed=True)
        with reading(self._engine) as connection:
            at = connection.execute(select(now())).scalar_one()
            shared = project_ids(connection, {spec.project for spec in specs}, owner=owner)
        # Thousands of jobs take a while to make: not within the transaction.
        jobs = [new_job(spec, owner, at, replays=replays, project_id=shared.get(spec.project)) for spec in specs]
        rows = [columns(job) for job in jobs]
        try:
            with writing(self._engine) as connection:
                in_projects = Counter(job.project_id for job in jobs if job.project_id is not None)
                self._capacity.demand(connection, owner, len(specs), most, in_projects)
                used = {found for spec in specs if (found := dataset_id(spec)) is not None}
                lock_datasets(connection, used, owner=owner)
                if idempotency is not None:
                    remember(connection, owner, idempotency, [job.id for job in jobs])
                enter(connection, rows, actor=owner)
        except IntegrityError:
            if idempotency is None:
                raise
            known = self._replay(owner, idempotency)  # another request with this key was a moment faster
            if known is None:
                raise
            return Submitted(known, replayed=True)
        self._capacity.taken(len(jobs))
        return Submitted(jobs, replayed=False)

    def _replay(self, owner: str, idempotency: Idempotency) -> list[JobRecord] | None:
        with reading(self._engine) as connection:
            ids = answered(connection, owner, idempotency)
            if ids is None:
                return None
            found: dict[str, JobRecord] = {}
            for start in range(0, len(ids), 1000):
                rows = connection.execute(JOBS.where(Job.id.in_(ids[start : start + 1000])))
                found.update((job.id, record(job)) for job in rows)
        if missing := next((job_id for job_id in ids if job_id not in found), None):
            raise JobNotFoundError(f"Job {missing} of this Idempotency-Key was deleted: submit it with another key.")
        return [found[job_id] for job_id in ids]

    # --- reading --------------------------------------------------------------------------------------------------

    def get(self, job_id: str, *, owner: Asker) -> JobRecord:
        """The job. Raises `JobNotFoundError`, for another owner's job too, and `NewerReleaseError`."""
        with reading(self._engine) as connection:
            row = connection.execute(JOBS.where(Job.id == job_id, visible_to(owner, Job))).first()
        if row is None:
            raise JobNotFoundError(f"There is no job {job_id} among yours: list the jobs to see which there are.")
        return read_row(row, record)

    def list_jobs(
        self,
        wanted: JobFilter,
        *,
        owner: Asker,
        order: ByMetric | Literal["newest", "oldest"] = "newest",
        after: Position | None = None,
        limit: int = 50,
    ) -> tuple[list[JobRecord], list[NewerView], Position | None]:
        """Jobs in this order, those that a newer release wrote, and the position of the next page.

        Their specs are `ListedSpec`s. `after` is the last page's.
        """
        meant = _meant(wanted)
        with reading(self._engine) as connection:
            if isinstance(order, ByMetric):
                rows = in_order(connection, order, meant, owner=owner, after=after, limit=limit + 1)
            else:
                newest = order == "newest"
                query = LISTED.add_columns(null().label("best")).where(*meant, visible_to(owner, Job)).limit(limit + 1)
                query = query.order_by(Job.id.desc() if newest else Job.id)
                if after is not None:
                    query = query.where(Job.id < after.job_id if newest else Job.id > after.job_id)
                rows = list(connection.execute(query))
        jobs, newer = read_rows(rows[:limit], listed)
        last = rows[limit - 1] if len(rows) > limit else None
        return jobs, newer, None if last is None else Position(last.id, last.best)

    def count(self, wanted: JobFilter, *, owner: Asker, upto: int) -> int:
        """How many jobs pass the filter, `upto` at most."""
        meant = _meant(replace(wanted, least={}, most={}))
        if not wanted.least and not wanted.most:
            some = select(Job.id).where(*meant, visible_to(owner, Job))
        else:
            some = with_metrics(wanted, owner)
            some = some.join(Job, Job.id == BestMetric.job_id).where(*meant) if meant else some
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).select_from(some.limit(upto).subquery())).scalar_one()

    def curve(self, job_id: str, *, after_epoch: int = 0, upto: int | None = None) -> Curve:
        """The curve's columns from the epoch after `after_epoch`, each epoch once and in order."""
        with reading(self._engine) as connection:
            return read_curve(connection, job_id, after_epoch=after_epoch, upto=upto)

    def events(self, job_id: str, *, after_seq: int = 0) -> list[EventRecord]:
        """The job's changes after `after_seq`, oldest first."""
        fields = [JobEvent.__table__.c[name] for name in EventRecord.__dataclass_fields__]
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(*fields).where(JobEvent.job_id == job_id, JobEvent.seq > after_seq).order_by(JobEvent.seq)
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

    def of(self, ids: Sequence[str]) -> list[JobRecord]:
        """The jobs of these ids that there are, in this order, whoever owns them."""
        with reading(self._engine) as connection:
            found = {row.id: record(row) for row in connection.execute(JOBS.where(in_values(connection, Job.id, ids)))}
        return [found[job_id] for job_id in ids if job_id in found]

    def artifacts(self, job_id: str) -> list[ArtifactRecord]:
        """The files the job left in the file store."""
        return self.artifacts_of([job_id])[job_id]

    def artifacts_of(self, ids: Sequence[str]) -> Mapping[str, list[ArtifactRecord]]:
        """The files that these jobs left in the file store, by job."""
        found: dict[str, list[ArtifactRecord]] = {job_id: [] for job_id in ids}
        with reading(self._engine) as connection:
            theirs = select(Artifact.__table__).where(in_values(connection, Artifact.job_id, ids))
            for row in connection.execute(theirs):
                found[row.job_id].append(artifact_record(row))
        return found

    def counts(self) -> dict[JobStatus, int]:
        """How many jobs are in each state."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(Job.status, func.count()).group_by(Job.status)).all()
        return dict.fromkeys(JobStatus, 0) | {JobStatus(status): count for status, count in rows}

    # --- changing -------------------------------------------------------------------------------------------------

    def request_cancel(self, job_id: str, *, owner: Asker, actor: str) -> JobRecord:
        """Cancel a waiting job at once; for a running job, write a control request, which its worker sees.

        A second request changes nothing. Raises `JobNotFoundError`, and `IllegalTransitionError` when the job has
        succeeded or failed.
        """
        with writing(self._engine) as connection:
            ours = and_(Job.id == job_id, changeable_by(owner, Job))
            mark_for_mirror(connection, cancel_jobs(connection, ours, actor=actor))
        job = self._changeable(job_id, owner)
        if job.status in FINISHED - {JobStatus.cancelled}:
            raise IllegalTransitionError(job.status.value, "cancelled")
        return job

    def cancel_many(
        self, wanted: JobFilter, *, owner: Asker, actor: str, ids: Collection[str] | None = None
    ) -> Cancelled:
        """Cancel jobs that pass the filter, of `ids` only when given, each as `request_cancel` does.

        It takes several transactions. A job that never ran gets no run in MLflow: thousands would be in the way.
        """
        meant = and_(*_meant(wanted), changeable_by(owner, Job), _cancellable())
        with reading(self._engine) as connection:
            if ids is None:
                found = list(connection.execute(select(Job.id).where(meant).order_by(Job.id)).scalars())
            else:  # looked up by their ids alone: through the jobs of an owner it is a long way
                named = select(Job.id, meant.label("meant")).where(in_values(connection, Job.id, ids))
                found = sorted(row.id for row in connection.execute(named) if row.meant)
        cancelled = stopping = 0
        todo = deque(found[start : start + TOGETHER] for start in range(0, len(found), TOGETHER))
        while todo:
            some = todo.popleft()
            with writing(self._engine) as connection:
                # Many together wait for no lock: two who hold some and wait for others could wait for each other.
                those = select(Job.id).where(_cancellable(), in_values(connection, Job.id, some))
                unlocked = set(connection.execute(those.with_for_update(skip_locked=len(some) > 1)).scalars())
                moved = (
                    cancel_jobs(connection, in_values(connection, Job.id, unlocked), actor=actor) if unlocked else []
                )
                if len(some) > 1:
                    todo.extend([one] for one in connection.execute(those).scalars())  # which others have locked
            cancelled, stopping = cancelled + len(moved), stopping + len(unlocked) - len(moved)
        return Cancelled(cancelled, stopping, skipped=0 if ids is None else len(set(ids)) - cancelled - stopping)

    def request_pause(self, job_id: str, *, owner: Asker, actor: str) -> JobRecord:
        """Pause a queued job at once; for a running job, write a control request, which its worker sees.

        A second request changes nothing. Raises `JobNotFoundError`, and `IllegalTransitionError` when the job has
        ended, or has a cancel request, which wins, and `JobOfSweepError` for a job of a sweep.
        """
        ours = and_(Job.id == job_id, changeable_by(owner, Job), Job.sweep_id.is_(None))
        with writing(self._engine) as connection:
            pause_jobs(connection, ours, actor=actor, reason="paused while it waited")
        return self._controlled(job_id, owner, "paused")

    def resume(self, job_id: str, *, owner: Asker, actor: str) -> JobRecord:
        """Queue a paused job again, or withdraw the pause request of a running one. Raises as `request_pause` does."""
        ours = and_(Job.id == job_id, changeable_by(owner, Job), Job.sweep_id.is_(None))
        with writing(self._engine) as connection:
            resume_jobs(connection, ours, actor=actor, reason="resumed")
        return self._controlled(job_id, owner, "resumed")

    def _controlled(self, job_id: str, owner: Asker, request: str) -> JobRecord:
        """The job. Raises `IllegalTransitionError` when it has ended or has a cancel request."""
        job = self._on_its_own(job_id, owner, request)
        if job.status in FINISHED:
            raise IllegalTransitionError(job.status.value, request)
        if job.cancel_requested_at is not None:
            raise IllegalTransitionError("being cancelled", request)
        return job

    def _on_its_own(self, job_id: str, owner: Asker, request: str) -> JobRecord:
        """The job. Raises `JobOfSweepError` when it belongs to a sweep: its pack is claimed as a whole."""
        job = self._changeable(job_id, owner)
        if job.sweep_id is not None:
            raise JobOfSweepError(job.sweep_id, request)
        return job

    def _changeable(self, job_id: str, owner: Asker) -> JobRecord:
        """The job. Raises `JobNotFoundError`, and `NotYoursError` when the asker may only see it."""
        job = self.get(job_id, owner=owner)
        demand_change(owner, job)
        return job

    def change(self, job_id: str, change: Change, *, owner: Asker, actor: str) -> JobRecord:
        """Give a job another priority, name or tags; its spec stays what was submitted.

        Raises `JobNotFoundError`, and `IllegalTransitionError` for the priority of a job that has ended.
        """
        given = change.model_dump(exclude_unset=True)
        ended = Job.status.in_([status.value for status in FINISHED])
        may = not_(ended) if "priority" in given else literal(True)
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(Job)
                .where(Job.id == job_id, changeable_by(owner, Job), may)
                .values(**given, updated_at=now())
                .returning(Job.id)
            ).first()
            if changed:
                mark_for_mirror_again(connection, [job_id])
                words = ", ".join(name if name == "tags" else f"{name} {value}" for name, value in given.items())
                log_event(connection, [job_id], actor=actor, reason=f"changed: {words}")
        job = self._changeable(job_id, owner)
        if not changed:
            raise IllegalTransitionError(job.status.value, "given another priority")
        return job

    def retry(self, job_id: str, *, owner: Asker, actor: str) -> JobRecord:
        """Queue a failed job again, from its first epoch and with all its attempts. Raises as `request_cancel` does."""
        cleared = dict.fromkeys(_OF_THE_FAILURE)
        with writing(self._engine) as connection:
            moved = move(
                connection,
                Job.id == job_id,
                changeable_by(owner, Job),
                Job.sweep_id.is_(None),
                transitions=[Transition((JobStatus.failed,), JobStatus.queued)],
                actor=actor,
                reason="asked to try again",
                values={**cleared, "spent_attempts": 0, "crash_count": 0},
            )
            mark_for_mirror_again(connection, [row.id for row in moved])
        job = self._on_its_own(job_id, owner, "retried")
        if not moved:
            raise IllegalTransitionError(job.status.value, "retried, which is for failed ones: submit its spec again")
        return job

    def delete(self, job_id: str, *, owner: Asker) -> list[str]:
        """Delete a job that has ended, with its curve and history.

        Answers the addresses of the stored files that no other job has a part of, which are not deleted yet.
        Raises `JobNotFoundError`, `JobOfSweepError`, and `IllegalTransitionError` while it waits or runs.
        """
        self._on_its_own(job_id, owner, "deleted")
        ended = Job.status.in_([status.value for status in FINISHED])
        with writing(self._engine) as connection:
            left = select(Artifact.path).where(Artifact.job_id == job_id)
            files = set(connection.execute(left).scalars())
            gone = connection.execute(delete(Job).where(Job.id == job_id, ended).returning(Job.id)).first()
            shared = set(connection.execute(select(Artifact.path).where(Artifact.path.in_(files))).scalars())
        if gone is None:
            status = self.get(job_id, owner=owner).status
            raise IllegalTransitionError(status.value, "deleted: cancel it first")
        return sorted(files - shared)


_OF_THE_FAILURE = (
    *("failure_reason", "failure_message", "finished_at", "not_before"),
    *("cancel_requested_at", "pause_requested_at", "notified_at"),
)


def pause_jobs(connection: Connection, which: ColumnElement[bool], *, actor: str, reason: str) -> None:
    """Pause those of these jobs that are queued; those that run get a request, unless they have one already."""
    moved = move(
        connection,
        which,
        transitions=[Transition((JobStatus.queued,), JobStatus.paused)],
        without_move=and_(_running(), Job.cancel_requested_at.is_(None), Job.pause_requested_at.is_(None)),
        actor=actor,
        reason=reason,
        values={"pause_requested_at": case((Job.status == JobStatus.queued.value, null()), else_=now())},
    )
    mark_for_mirror_again(connection, [row.id for row in moved])


def resume_jobs(connection: Connection, which: ColumnElement[bool], *, actor: str, reason: str) -> None:
    """Queue those of these jobs that are paused; those that run lose their pause request."""
    moved = move(
        connection,
        which,
        transitions=[Transition((JobStatus.paused,), JobStatus.queued)],
        without_move=and_(_running(), Job.pause_requested_at.is_not(None)),
        actor=actor,
        reason=reason,
        values={"pause_requested_at": None, "notified_at": None},
    )
    mark_for_mirror_again(connection, [row.id for row in moved])


def cancel_jobs(
    connection: Connection, *guard: ColumnElement[bool], actor: str, reason: str = "cancelled while it waited"
) -> list[str]:
    """Cancel those of these jobs that wait, and write a control request for those that run; the ids of the former."""
    waiting = Job.status.in_([status.value for status in _WAITING])
    rows = move(
        connection,
        *guard,
        transitions=[Transition(_WAITING, JobStatus.cancelled)],
        without_move=and_(_running(), Job.cancel_requested_at.is_(None)),
        actor=actor,
        reason=reason,
        values={"finished_at": case((waiting, now()), else_=Job.finished_at), "cancel_requested_at": now()},
    )
    moved = [row.id for row in rows]
    mark_for_mirror_again(connection, moved)
    void_checkpoints(connection, moved)
    return moved


def _cancellable() -> ColumnElement[bool]:
    """Jobs that wait, and those that run and are not being cancelled yet."""
    waiting = Job.status.in_([status.value for status in _WAITING])
    return or_(waiting, and_(_running(), Job.cancel_requested_at.is_(None)))


def _meant(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """The conditions of a filter."""
    part = wanted.id_part
    return [
        *([Job.status.in_([status.value for status in wanted.status])] if wanted.status else []),
        *([] if wanted.project is None else [Job.project == wanted.project]),
        *([] if wanted.sweep_id is None else [Job.sweep_id == wanted.sweep_id]),
        *([] if wanted.name is None else [Job.name == wanted.name]),
        *([] if wanted.name_part is None else [Job.name.icontains(wanted.name_part, autoescape=True)]),
        *([] if wanted.dataset is None else [literal_column(DATASET) == wanted.dataset]),
        *within(wanted, Job.id),
        *([] if part is None else [or_(Job.id.startswith(part), Job.id.endswith(part))]),
        *(Job.tags[key].as_string() == value for key, value in wanted.tags.items()),
    ]


def _running() -> ColumnElement[bool]:
    return Job.status == JobStatus.running.value
