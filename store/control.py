"""The control requests of users: cancel, pause, resume, change, retry and delete jobs."""

from collections import deque
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, and_, case, delete, insert, literal, not_, null, or_, select, update

from spec.states import FINISHED, JobStatus
from spec.views import Change

from .access import Asker, changeable_by, demand_change
from .changes import LONGEST_ABSENCE
from .checkpoints import void_checkpoints
from .db import in_values, now, reading, writing
from .errors import IllegalTransitionError, JobOfSweepError
from .filters import conditions
from .jobs import JobStore
from .mirror import mark_for_mirror, mark_for_mirror_again
from .projects import demand_member
from .records import Cancelled, JobFilter, JobRecord
from .states import has_ended
from .tables import Artifact, DeletedJob, Job
from .transitions import Transition, log_event, move
from .versions import supported_version

_WAITING = (JobStatus.queued, JobStatus.paused)

TOGETHER = 2000
"""Jobs that are cancelled in one transaction: it takes some tenths of a second, and other writers may wait for it."""


class JobControl(JobStore):
    """The jobs, for users who change them, too.

    A state changes by one guarded UPDATE, with one event in the same transaction; no state follows a final one. Methods
    change the jobs that `owner` may (`store.access`); others raise `NotYoursError`.
    """

    def request_cancel(self, job_id: str, *, owner: Asker, actor: str) -> JobRecord:
        """Cancel a waiting job at once; for a running job, write a control request, which its worker sees.

        A second request changes nothing. Raises `JobNotFoundError`, and `IllegalTransitionError` when the job has
        succeeded or failed.
        """
        with writing(self._engine) as connection:
            mark_for_mirror(connection, cancel_jobs(connection, _ours(job_id, owner), actor=actor))
        job = self._changeable(job_id, owner)
        if job.status in FINISHED - {JobStatus.cancelled}:
            raise IllegalTransitionError(job.status.value, "cancelled", "it has ended, and can be deleted")
        return job

    def cancel_many(
        self, wanted: JobFilter, *, owner: Asker, actor: str, ids: Collection[str] | None = None
    ) -> Cancelled:
        """Cancel jobs that pass the filter, of `ids` only when given, each as `request_cancel` does.

        It takes several transactions. A job that never ran gets no run in MLflow: thousands would be in the way.
        """
        meant = and_(*conditions(wanted), changeable_by(owner, Job), _cancellable())
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
        ours = and_(_ours(job_id, owner), Job.sweep_id.is_(None))
        with writing(self._engine) as connection:
            pause_jobs(connection, ours, actor=actor, reason="paused while it waited")
        return self._controlled(job_id, owner, "paused")

    def resume(self, job_id: str, *, owner: Asker, actor: str) -> JobRecord:
        """Queue a paused job again, or withdraw the pause request of a running one.

        Raises as `request_pause` does, and `NotAMemberError`.
        """
        ours = and_(_ours(job_id, owner), Job.sweep_id.is_(None))
        known = self._changeable(job_id, owner)
        with writing(self._engine) as connection:
            demand_member(connection, owner, known)
            resume_jobs(connection, ours, actor=actor, reason="resumed")
        return self._controlled(job_id, owner, "resumed")

    def _controlled(self, job_id: str, owner: Asker, request: str) -> JobRecord:
        """The job. Raises `IllegalTransitionError` when it has ended or has a cancel request."""
        job = self._on_its_own(job_id, owner, request)
        if job.status in FINISHED:
            raise IllegalTransitionError(job.status.value, request, _AFTER_THE_END[job.status])
        if job.cancel_requested_at is not None:
            raise IllegalTransitionError("being cancelled", request, _AFTER_THE_END[JobStatus.cancelled])
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
        may = not_(has_ended()) if "priority" in given else literal(True)
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(Job).where(_ours(job_id, owner), may).values(**given, updated_at=now()).returning(Job.id)
            ).first()
            if changed:
                mark_for_mirror_again(connection, [job_id])
                words = ", ".join(name if name == "tags" else f"{name} {value}" for name, value in given.items())
                log_event(connection, [job_id], actor=actor, reason=f"changed: {words}")
        job = self._changeable(job_id, owner)
        if not changed:
            raise IllegalTransitionError(job.status.value, "given another priority", "it has ended")
        return job

    def retry(self, job_id: str, *, owner: Asker, actor: str) -> JobRecord:
        """Queue a failed job again, from its first epoch and with all its attempts. Raises as `resume` does."""
        ours = and_(_ours(job_id, owner), Job.sweep_id.is_(None))
        known = self._changeable(job_id, owner)
        with writing(self._engine) as connection:
            demand_member(connection, owner, known)
            moved = retry_jobs(connection, ours, actor=actor, reason="asked to try again")
        job = self._on_its_own(job_id, owner, "retried")
        if not moved:
            raise IllegalTransitionError(job.status.value, "retried", "only failed jobs are; submit its spec again")
        return job

    def delete(self, job_id: str, *, owner: Asker) -> list[str]:
        """Delete a job that has ended, with its curve and history.

        Answers the addresses of the stored files that no other job has a part of, which are not deleted yet.
        Raises `JobNotFoundError`, `JobOfSweepError`, and `IllegalTransitionError` while it waits or runs.
        """
        self._on_its_own(job_id, owner, "deleted")
        with writing(self._engine) as connection:
            left = select(Artifact.path).where(Artifact.job_id == job_id)
            files = set(connection.execute(left).scalars())
            facts = Job.id, Job.owner, Job.project_id
            gone = connection.execute(delete(Job).where(Job.id == job_id, has_ended()).returning(*facts)).first()
            if gone is not None:
                connection.execute(delete(DeletedJob).where(DeletedJob.at < now(-LONGEST_ABSENCE.total_seconds())))
                connection.execute(insert(DeletedJob).values(**gone._mapping))
            shared = set(connection.execute(select(Artifact.path).where(Artifact.path.in_(files))).scalars())
        if gone is None:
            status = self.get(job_id, owner=owner).status
            raise IllegalTransitionError(status.value, "deleted", "cancel it first")
        return sorted(files - shared)


_AFTER_THE_END = {
    JobStatus.succeeded: "it has ended; submit its spec again to train it anew",
    JobStatus.failed: "it has ended; retry it",
    JobStatus.cancelled: "that is for good; submit its spec again to train it anew",
}
"""What can be done in place of pausing and resuming."""

_OF_THE_FAILURE = (
    *("failure_reason", "failure_message", "finished_at", "not_before"),
    *("cancel_requested_at", "pause_requested_at", "notified_at"),
)


def _ours(job_id: str, owner: Asker) -> ColumnElement[bool]:
    """The job, if its owner may change it and this release can read it: a request that is refused changes nothing."""
    return and_(Job.id == job_id, changeable_by(owner, Job), supported_version())


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


def retry_jobs(connection: Connection, which: ColumnElement[bool], *, actor: str, reason: str) -> list[str]:
    """Queue those of these jobs that have failed, from their first epochs and with all their attempts; their ids."""
    moved = move(
        connection,
        which,
        transitions=[Transition((JobStatus.failed,), JobStatus.queued)],
        actor=actor,
        reason=reason,
        values={**dict.fromkeys(_OF_THE_FAILURE), "spent_attempts": 0, "crash_count": 0},
    )
    ids = [row.id for row in moved]
    mark_for_mirror_again(connection, ids)
    return ids


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


def _running() -> ColumnElement[bool]:
    return Job.status == JobStatus.running.value
