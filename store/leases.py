"""The leases: what a worker does with jobs that it has claimed. It renews a lease, and ends it or gives it back."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Integer, String, delete, or_, select, tuple_, update

from spec.states import FailureReason, JobStatus
from spec.views import Curve

from .artifacts import record_artifacts
from .best_metrics import store_best_metrics
from .checkpoints import CheckpointRecord, void_checkpoints
from .db import in_values, now, reading, values_table, writing
from .ends import RUNNING, end_leases, end_well, release, store_progress
from .recent_use import count_recent_use
from .records import Progress, Reaped, Renewal, Success
from .states import queued
from .tables import Job, Lease, Sweep, Worker
from .tally import count_lost_leases, fold
from .transitions import Transition, clean, log_event, move

WORKER_STOPPED = "its worker was stopped"
"""What the history of a job says that its worker gave back when it was told to stop."""


class LeaseStore:
    """The running jobs, for workers.

    Any process may call any method at any time. Only the database's clock counts. Every write of a worker carries the
    attempt that it claimed: when the job has passed to another worker, nothing changes, and the method answers False
    (or lists the job as lost). Raises `StoreUnavailableError` when the database does not answer.
    """

    def __init__(self, engine: Engine, *, gpu_weight: float = 1.0) -> None:
        self._engine = engine
        self._gpu_weight = gpu_weight

    def renew(self, *, worker: str, progress: Sequence[Progress], lease_s: float) -> Renewal:
        """Renew the leases behind `progress` and store its points and checkpoints, in one transaction."""
        with writing(self._engine) as connection:
            held = values_table(
                connection,
                [{"job_id": one.job_id, "attempt": one.attempt} for one in progress],
                job_id=String(),
                attempt=Integer(),
            )
            renewed = connection.execute(
                update(Lease)
                .where(Lease.job_id == held.c.job_id, Lease.attempt == held.c.attempt, Lease.worker == worker)
                .values(until=now(lease_s))
                .returning(Lease.job_id, Lease.attempt)
            )
            kept = {(row.job_id, row.attempt) for row in renewed}
            store_progress(connection, [one for one in progress if (one.job_id, one.attempt) in kept])
            requested = connection.execute(
                select(Job.id, Job.cancel_requested_at, Job.pause_requested_at).where(
                    in_values(connection, Job.id, [job_id for job_id, _ in kept]),
                    or_(Job.cancel_requested_at.is_not(None), Job.pause_requested_at.is_not(None)),
                )
            ).all()
        cancel = frozenset(job.id for job in requested if job.cancel_requested_at is not None)
        return Renewal(
            lost=frozenset((one.job_id, one.attempt) for one in progress) - kept,
            cancel=cancel,
            pause=frozenset(job.id for job in requested) - cancel,
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

    def succeed(self, *ends: Success) -> set[str]:
        """End jobs well, with their models, in one transaction; the ids of those that still were this worker's."""
        with writing(self._engine) as connection:
            rows = [{"job_id": end.job_id, "attempt": end.attempt} for end in ends]
            sent = values_table(connection, rows, job_id=String(), attempt=Integer()).c
            leases = tuple_(Lease.job_id, Lease.attempt).in_(select(sent.job_id, sent.attempt))
            held = set(end_leases(connection, leases))
            ours = [end for end in ends if end.job_id in held]
            store_progress(connection, [Progress(end.job_id, end.attempt, end.points) for end in ours])
            ended: list[str] = []
            for stop_reason in dict.fromkeys(end.stop_reason for end in ours):
                ended += end_well(connection, [end for end in ours if end.stop_reason is stop_reason], stop_reason)
            void_checkpoints(connection, ended)
            record_artifacts(connection, [end for end in ours if end.job_id in ended])
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
            if not end_leases(connection, Lease.job_id == job_id, Lease.attempt == attempt):
                return False
            if points:
                store_progress(connection, [Progress(job_id, attempt, points)])
            rows = move(
                connection,
                Job.id == job_id,
                Job.attempt == attempt,
                transitions=[Transition(RUNNING, status)],
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
            freed = end_leases(connection, Lease.job_id == job_id, Lease.attempt == attempt)
            if freed:
                store_progress(connection, [Progress(job_id, attempt, points or {}, checkpoints=tuple(checkpoints))])
            became = release(
                connection, freed, actor="worker", reason=reason, charge=charge, crashed=crashed, wait_s=wait_s
            )
            return bool(became)

    def give_back(self, worker: str) -> int:
        """Give back, uncharged, every job that this worker still holds: it stops. How many these were."""
        with writing(self._engine) as connection:
            freed = end_leases(connection, Lease.worker == worker)
            return len(release(connection, freed, actor="worker", reason=WORKER_STOPPED, charge=False))

    def clock(self) -> datetime:
        """What the database's clock says."""
        with reading(self._engine) as connection:
            return connection.execute(select(now())).scalar_one()

    def extend(self, seconds: float) -> None:
        """Let no lease end within so many seconds: workers could not renew theirs."""
        with writing(self._engine) as connection:
            ending = select(Lease.job_id).where(Lease.until < now(seconds)).with_for_update(skip_locked=True)
            connection.execute(
                update(Lease).where(Lease.job_id.in_(ending.cte("ending").select())).values(until=now(seconds))
            )

    def clock_was_put_back(self, lease_s: float) -> None:
        """Let no lease, and no wait of a job in the queue, last longer than a lease: else a lost worker kept its jobs.

        Workers and controllers that live renew theirs. A worker that was seen in times to come is forgotten until it
        is seen again.
        """
        with writing(self._engine) as connection:
            for lease in (Lease, Sweep):
                connection.execute(update(lease).where(lease.until > now(lease_s)).values(until=now(lease_s)))
            late = select(Job.id).where(queued(), Job.not_before > now(lease_s)).with_for_update(skip_locked=True)
            waits = update(Job).where(Job.id.in_(late.cte("late").select()))
            connection.execute(waits.values(not_before=now(lease_s)))
            connection.execute(delete(Worker).where(Worker.seen_at > now()))

    def reap(self) -> Reaped:
        """Free the jobs whose leases have expired, and count them; any number of reapers may run at once.

        They also count the device time that running jobs use, for fair share: that of a GPU `gpu_weight` times.
        """
        with writing(self._engine) as connection:
            expired = select(Lease.job_id).where(Lease.until < now()).limit(1000).with_for_update(skip_locked=True)
            freed = end_leases(connection, Lease.job_id.in_(expired.cte("expired").select()))
            became = release(connection, freed, actor="reaper", reason="its worker was lost", charge=True)
            count_lost_leases(connection, len(freed))
            fold(connection)
            count_recent_use(connection, self._gpu_weight)
        return Reaped(
            requeued=became.count(JobStatus.queued.value),
            failed=became.count(JobStatus.failed.value),
            cancelled=became.count(JobStatus.cancelled.value),
        )
