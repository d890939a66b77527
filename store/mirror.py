"""How far each job is mirrored in MLflow: what the tracking process reads and writes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, and_, insert, not_, or_, select, text, update

from spec.states import FINISHED, JobStatus
from spec.views import Curve

from .db import in_values, reading, writing
from .records import JOBS, JobRecord, record
from .tables import CurveChunk, Job, Mirror


@dataclass(frozen=True)
class Pending:
    """A job of which the record knows more than MLflow."""

    job: JobRecord
    run_id: str | None
    epoch: int
    """The last epoch that MLflow has."""
    attempt: int
    """The attempt those epochs came from."""


class MirrorStore:
    """How far the mirror is with each job. Writing the same epoch twice changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def finished(self, limit: int = 500) -> list[Pending]:
        """Jobs that have ended and of which MLflow lacks something, the longest waiting first."""
        return self._pending(_ENDED, limit)

    def running(self, limit: int = 100) -> list[Pending]:
        """Running jobs of which MLflow lacks epochs, and waiting jobs of which it lacks anything, the longest first."""
        behind = or_(Job.epoch > Mirror.epoch, Job.attempt != Mirror.attempt)
        trains = and_(Job.status == JobStatus.running.value, behind)
        waits = Job.status.in_((JobStatus.queued.value, JobStatus.paused.value))
        return self._pending(or_(trains, waits), limit)

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

    def _pending(self, which: ColumnElement[bool], limit: int) -> list[Pending]:
        # A job has its row here from its first start: an index leads to the few that are not done.
        open_ = text("NOT mirror.done")
        query = (
            JOBS.add_columns(Mirror.epoch.label("mirrored_epoch"), Mirror.attempt.label("mirrored_attempt"))
            .where(open_, which)
            .order_by(Job.updated_at)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [Pending(record(row), row.run_id, row.mirrored_epoch, row.mirrored_attempt) for row in rows]

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
                .values(run_id=None, experiment_id=None, epoch=0, attempt=0, done=False)
            )

    def advanced(self, job_id: str, epoch: int, attempt: int) -> None:
        """Remember the last epoch MLflow has, and the attempt it came from."""
        with writing(self._engine) as connection:
            connection.execute(update(Mirror).where(Mirror.job_id == job_id).values(epoch=epoch, attempt=attempt))

    def done(self, job: JobRecord) -> bool:
        """Remember that MLflow has all there is of a job as it is; False when it has changed meanwhile."""
        same = Job.id == job.id, Job.attempt == job.attempt, Job.updated_at == job.updated_at
        rests = select(Job.id).where(*same, Job.status != JobStatus.running.value).with_for_update(read=True)
        with writing(self._engine) as connection:
            if connection.execute(rests).first() is None:
                return False
            connection.execute(update(Mirror).where(Mirror.job_id == job.id).values(done=True))
            return True


_ENDED = Job.status.in_([status.value for status in FINISHED])


def mark_for_mirror(connection: Connection, ids: Collection[str]) -> None:
    """Mark these jobs, which have started or ended, to be mirrored."""
    noted = select(Mirror.job_id).where(Mirror.job_id == Job.id).exists()
    connection.execute(
        insert(Mirror).from_select(["job_id"], select(Job.id).where(in_values(connection, Job.id, ids), not_(noted)))
    )


def mark_for_mirror_again(connection: Connection, ids: Collection[str]) -> None:
    """Mark those of these jobs that have a run to be mirrored again, because they have changed."""
    if ids:
        changed = in_values(connection, Mirror.job_id, ids)
        connection.execute(update(Mirror).where(changed, Mirror.done).values(done=False))
