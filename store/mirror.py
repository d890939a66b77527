"""How far each job is mirrored in MLflow: what the tracking process reads and writes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    TextClause,
    and_,
    bindparam,
    exists,
    insert,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute

from spec.states import JobStatus
from spec.sweep import SweepSpec
from spec.views import Curve

from .db import in_values, reading, writing
from .records import JOBS, JobRecord, record
from .states import has_ended
from .tables import CurveChunk, Job, Lease, Mirror, Sweep
from .versions import readable


@dataclass(frozen=True)
class ParentSweep:
    """What a job's run shows of its sweep."""

    spec: SweepSpec
    run_id: str | None
    """The parent run."""
    best: int | None
    """The number of the best configuration, when the sweep has ended."""


@dataclass(frozen=True)
class Pending:
    """A job of which the record knows more than MLflow."""

    job: JobRecord
    run_id: str | None
    epoch: int
    """The last epoch that MLflow has."""
    attempt: int
    """The attempt those epochs came from."""
    sweep: ParentSweep | None = None

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def project(self) -> str:
        """The job's project."""
        return self.job.project

    @property
    def is_best(self) -> bool:
        """Whether the job belongs to the best configuration of a sweep that has ended."""
        return self.sweep is not None and self.sweep.best is not None and self.sweep.best == self.job.trial


class MirrorStore:
    """How far the mirror is with each job. Writing the same epoch twice changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def finished(self, limit: int = 500) -> list[Pending]:
        """Jobs that have ended and whose curve or status MLflow lacks, the oldest first."""
        return self._pending(_FINISHED, limit)

    def without_files(self, limit: int = 100) -> list[Pending]:
        """Jobs that have ended and of which MLflow lacks files and pictures only, the oldest first."""
        return self._pending(_WITHOUT_FILES, limit)

    def busy(self) -> bool:
        """Whether a job waits or runs."""
        with reading(self._engine) as connection:
            return bool(connection.execute(_BUSY).scalar())

    def running(self, limit: int = 100) -> list[Pending]:
        """Running jobs of which MLflow lacks epochs, and waiting jobs of which it lacks anything, the longest first."""
        return self._pending(_RUNNING, limit)

    def chunks(self, job_id: str, *, after_epoch: int, limit: int = 200) -> list[tuple[datetime, Curve]]:
        """At most `limit` pieces of the job's curve after an epoch, in order, with when the record got them."""
        query = (
            select(CurveChunk.at, CurveChunk.columns)
            .where(CurveChunk.job_id == job_id, CurveChunk.last_epoch > after_epoch)
            .order_by(CurveChunk.first_epoch, CurveChunk.attempt)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [(row.at, row.columns) for row in connection.execute(query)]

    def _pending(self, which: Select[Any], limit: int) -> list[Pending]:
        with reading(self._engine) as connection:
            rows = connection.execute(which, {"most": limit}).all()
            ids = {row.sweep_id for row in rows if row.sweep_id is not None}
            fields = Sweep.id, Sweep.spec, Sweep.run_id, Sweep.best
            found = connection.execute(select(*fields).where(Sweep.id.in_(ids))).all() if ids else []
        sweeps = {row.id: ParentSweep(SweepSpec.stored(row.spec), row.run_id, row.best) for row in found}
        return [
            Pending(record(row), row.run_id, row.mirrored_epoch, row.mirrored_attempt, sweeps.get(row.sweep_id))
            for row in rows
        ]

    def creating(self, job_id: str, experiment_id: str) -> bool:
        """Record that the job's run is about to be made; False when that is recorded already, and a run may exist."""
        with writing(self._engine) as connection:
            noted = (
                update(Mirror)
                .where(Mirror.job_id == job_id, Mirror.experiment_id.is_(None))
                .values(experiment_id=experiment_id)
                .returning(Mirror.job_id)
            )
            return connection.execute(noted).first() is not None

    def started(self, job_id: str, run_id: str, experiment_id: str) -> str:
        """Remember the job's run, unless another is known; the run that is recorded now."""
        with writing(self._engine) as connection:
            connection.execute(
                update(Mirror)
                .where(Mirror.job_id == job_id, Mirror.run_id.is_(None))
                .values(run_id=run_id, experiment_id=experiment_id)
            )
            known = connection.execute(select(Mirror.run_id).where(Mirror.job_id == job_id)).scalar_one_or_none()
            return known or run_id

    def lost(self, job_id: str, run_id: str) -> None:
        """Forget the job's run, which MLflow does not have any more, and all that was sent to it."""
        with writing(self._engine) as connection:
            connection.execute(
                update(Mirror)
                .where(Mirror.job_id == job_id, Mirror.run_id == run_id)
                .values(run_id=None, experiment_id=None, epoch=0, attempt=0, whole=False, done=False)
            )

    def again(self) -> int:
        """Have the runs of all jobs and sweeps sent again, as MLflow may have lost some; how many jobs have one."""
        with writing(self._engine) as connection:
            connection.execute(update(Sweep).where(Sweep.run_id.is_not(None)).values(mirrored=False))
            sent = update(Mirror).where(Mirror.run_id.is_not(None))
            return connection.execute(sent.values(epoch=0, attempt=0, whole=False, done=False)).rowcount

    def complete_runs(self, *, ended_before: datetime, limit: int = 5) -> list[str]:
        """Runs of the jobs that were the last to end before this moment, of those of which MLflow has all."""
        query = (
            select(Mirror.run_id)
            .join(Job, Job.id == Mirror.job_id)
            .where(Job.finished_at < ended_before, Mirror.whole, Mirror.done, Mirror.run_id.is_not(None))
            .order_by(Job.finished_at.desc())
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [run_id for run_id in connection.execute(query).scalars() if run_id is not None]

    def deleted(self, ids: Collection[str]) -> set[str]:
        """Those of these jobs that are no longer in the record."""
        if not ids:
            return set()
        with reading(self._engine) as connection:
            there = connection.execute(select(Job.id).where(in_values(connection, Job.id, ids)))
            return set(ids) - set(there.scalars())

    def advanced(self, job_id: str, epoch: int, attempt: int) -> None:
        """Remember the last epoch MLflow has, and the attempt it came from."""
        with writing(self._engine) as connection:
            connection.execute(update(Mirror).where(Mirror.job_id == job_id).values(epoch=epoch, attempt=attempt))

    def whole(self, pending: Pending, epoch: int, *, done: bool) -> bool:
        """Remember that MLflow has the curve up to `epoch` and the status of a job as it is, and perhaps its files.

        False when the job, or the best configuration of its sweep, has changed meanwhile.
        """
        return self._keep(pending, {"epoch": epoch, "attempt": pending.job.attempt, "whole": True, "done": done})

    def done(self, pending: Pending) -> bool:
        """Remember that MLflow has all there is of a job as it is; False as `whole` says."""
        return self._keep(pending, {"whole": True, "done": True})

    def _keep(self, pending: Pending, values: Mapping[str, int | bool]) -> bool:
        job = pending.job
        same = Job.id == job.id, Job.attempt == job.attempt, Job.updated_at == job.updated_at
        rests = select(Job.id).where(*same, Job.status != JobStatus.running.value).with_for_update(read=True)
        with writing(self._engine) as connection:
            if connection.execute(rests).first() is None:
                return False
            connection.execute(update(Mirror).where(Mirror.job_id == job.id).values(**values))
            if pending.sweep is None:
                return True
            # Asked after the row is locked, because whoever changes the best configuration locks the row afterwards.
            best = connection.execute(select(Sweep.best).where(Sweep.id == job.sweep_id)).scalar_one_or_none()
            if best == pending.sweep.best:
                return True
            connection.execute(update(Mirror).where(Mirror.job_id == job.id).values(whole=False, done=False))
            return False


# A job has its row here from its first start. Indexes lead to the few that lack something.
_LACKS_CURVE = text("NOT mirror.whole")
_LACKS_FILES = text("NOT mirror.done")


def _jobs_where(order: InstrumentedAttribute[Any], *conditions: TextClause | ColumnElement[bool]) -> Select[Any]:
    """At most `most` jobs of these. An index gives the first ones by their ids; else all of them are read.

    Jobs of a sweep without a parent run wait for it, and take no other's place.
    """
    mirrored = Mirror.epoch.label("mirrored_epoch"), Mirror.attempt.label("mirrored_attempt")
    has_parent = or_(Job.sweep_id.is_(None), exists().where(Sweep.id == Job.sweep_id, Sweep.run_id.is_not(None)))
    which = JOBS.add_columns(*mirrored).where(*conditions, readable(), has_parent)
    return which.order_by(order).limit(bindparam("most"))


# Written once: the mirror asks four times a second, and SQLAlchemy takes longer to build a statement than to run it.
_FINISHED = _jobs_where(Mirror.job_id, _LACKS_CURVE, has_ended())
_WITHOUT_FILES = _jobs_where(Mirror.job_id, and_(_LACKS_FILES, Mirror.whole), has_ended())
_RUNNING = _jobs_where(
    Job.updated_at,
    _LACKS_CURVE,
    or_(
        and_(Job.status == JobStatus.running.value, or_(Job.epoch > Mirror.epoch, Job.attempt != Mirror.attempt)),
        Job.status.in_((JobStatus.queued.value, JobStatus.paused.value)),
    ),
)
_BUSY = select(or_(exists(select(Lease.job_id)), exists().where(Job.status == JobStatus.queued.value)))


def mark_for_mirror(connection: Connection, ids: Collection[str]) -> None:
    """Mark these jobs, which have started or ended, to be mirrored; not those of sweeps that mirror the best only."""
    best_only = exists().where(Sweep.id == Job.sweep_id, Sweep.spec["mirror"].as_string() == "best")
    _mark(connection, and_(in_values(connection, Job.id, ids), not_(best_only)))


def mark_best(connection: Connection, sweep_id: str, trials: Collection[int]) -> None:
    """Mark the jobs of these configurations to be mirrored, or mirrored again, also if the sweep mirrors no others."""
    jobs = and_(Job.sweep_id == sweep_id, Job.trial.in_(trials))
    _mark(connection, jobs)
    again = update(Mirror).where(Mirror.job_id.in_(select(Job.id).where(jobs))).values(whole=False, done=False)
    connection.execute(again)


def _mark(connection: Connection, which: ColumnElement[bool]) -> None:
    noted = select(Mirror.job_id).where(Mirror.job_id == Job.id).exists()
    connection.execute(insert(Mirror).from_select(["job_id"], select(Job.id).where(which, not_(noted))))


def mark_for_mirror_again(connection: Connection, ids: Collection[str]) -> None:
    """Mark those of these jobs that have a run to be mirrored again, because they have changed."""
    if ids:
        changed = in_values(connection, Mirror.job_id, ids)
        connection.execute(update(Mirror).where(changed, Mirror.whole).values(whole=False, done=False))
