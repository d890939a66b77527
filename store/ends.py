"""How the attempts of jobs end, in the transaction that deletes their leases."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Integer,
    String,
    and_,
    case,
    delete,
    false,
    func,
    not_,
    null,
    or_,
    update,
)

from spec.states import FINISHED, FailureReason, JobStatus, StopReason

from .checkpoints import keep_checkpoints, void_checkpoints
from .curves import append_points
from .db import in_values, now, values_table
from .records import Progress, Success
from .tables import Job, Lease
from .transitions import Transition, clean, move
from .usage import end_attempts

CRASHES = 3
"""A job that crashed its trainer so often, alone and without a new checkpoint, is quarantined."""

BACKOFF_S = {crashes: min(5.0 * 2.0 ** (crashes - 1), 300.0) for crashes in range(2, CRASHES)}
"""How long a job waits after so many crashes; the first may be an accident, and it does not wait after that."""

RUNNING = (JobStatus.running,)


def end_leases(connection: Connection, *which: ColumnElement[bool]) -> list[str]:
    """End these leases, and the attempts that they were for; the ids of their jobs.

    A job runs exactly as long as a lease of its attempt exists. Every caller takes the lease first and the job's row
    after it, as `renew` does: two that meet wait one after the other, and never in a deadlock.
    """
    ended = connection.execute(delete(Lease).where(*which).returning(Lease.job_id, Lease.attempt)).all()
    end_attempts(connection, [(row.job_id, row.attempt) for row in ended])
    return [row.job_id for row in ended]


def store_progress(connection: Connection, progress: Sequence[Progress]) -> None:
    """Store new points and checkpoints of jobs whose fence was checked in this transaction."""
    append_points(connection, progress)
    # After the points: they void the checkpoints of older attempts, which would count as newer here.
    kept = [(one.job_id, one.attempt, checkpoint) for one in progress for checkpoint in one.checkpoints]
    if kept:
        keep_checkpoints(connection, kept)
        advanced = in_values(connection, Job.id, [job_id for job_id, _, _ in kept])
        connection.execute(update(Job).where(advanced, Job.crash_count > 0).values(crash_count=0))


def end_well(connection: Connection, ends: Sequence[Success], stop_reason: StopReason) -> Iterable[str]:
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
        transitions=[Transition(RUNNING, JobStatus.succeeded)],
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


def release(
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
    poisonous = and_(not_(cancelled), crashes >= CRASHES if crashed else false())
    lost = and_(not_(cancelled), spent >= Job.max_attempts)
    failures = ((poisonous, FailureReason.quarantined), (lost, FailureReason.worker_lost))
    failed = or_(poisonous, lost)
    ended = or_(cancelled, failed)
    waits: ColumnElement[Any] = now(wait_s) if wait_s else null()
    if crashed:
        waits = case({n: now(backoff_s) for n, backoff_s in BACKOFF_S.items()}, value=crashes)
    rows = move(
        connection,
        in_values(connection, Job.id, ids),
        transitions=[
            Transition(RUNNING, JobStatus.cancelled, cancelled),
            Transition(RUNNING, JobStatus.failed, failed),
            Transition(RUNNING, JobStatus.paused, Job.pause_requested_at.is_not(None)),
            Transition(RUNNING, JobStatus.queued),
        ],
        actor=actor,
        reason=reason,
        values={
            "pause_requested_at": None,
            "spent_attempts": spent,
            "crash_count": crashes,
            "not_before": waits,
            "failure_reason": case(*((when, why.value) for when, why in failures), else_=null()),
            "failure_message": case(
                *((when, f"{why.sentence} Last: {clean(reason)}.") for when, why in failures), else_=null()
            ),
            "finished_at": case((ended, now()), else_=null()),
            **{column.key: case((ended, column), else_=null()) for column in (Job.worker, Job.device, Job.pack_size)},
            "notified_at": None,
        },
    )
    void_checkpoints(connection, [row.id for row in rows if row.status in FINISHED])
    return [row.status for row in rows]
