"""The jobs, for users: submit and read them. `control.py` changes them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError

from spec.job import JobSpec
from spec.newer import NewerView
from spec.states import JobStatus
from spec.views import Curve

from .access import Asker, visible_to
from .best_metrics import Position, with_metrics
from .curves import read_curve, read_seconds
from .datasets import lock_datasets
from .db import demand_writable, in_values, now, reading, writing
from .errors import JobNotFoundError
from .filters import conditions
from .idempotency import answered_jobs, remember
from .limits import NONE, Limits, QueueCapacity
from .orders import Order, rows_in
from .projects import project_ids
from .records import (
    JOBS,
    ArtifactRecord,
    EventRecord,
    Idempotency,
    JobFilter,
    JobRecord,
    Submitted,
    artifact_record,
    columns,
    listed,
    new_job,
    read,
    record,
)
from .tables import Artifact, BestMetric, Job, JobEvent
from .transitions import enter
from .versions import read_row, read_rows


class JobStore:
    """The jobs, for users.

    Any process may call any method at any time. Methods see the jobs of `owner` (`store.access`); `store.control`
    changes them, and what only workers do is in `store.claims` and `store.leases`. Raises `StoreUnavailableError` when
    the database does not answer.
    """

    def __init__(self, engine: Engine, limits: Limits = NONE) -> None:
        self._engine = engine
        self._capacity = QueueCapacity(limits)

    def ready(self) -> None:
        """Do nothing, when the record answers, and would take a job."""
        with reading(self._engine) as connection:
            demand_writable(connection)
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
        if idempotency is not None and (known := self.answered(idempotency, owner=owner)) is not None:
            return known
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
                lock_datasets(connection, specs, owner=owner)
                if idempotency is not None:
                    remember(connection, owner, idempotency, [job.id for job in jobs])
                enter(connection, rows, actor=owner)
        except IntegrityError:
            known = None if idempotency is None else self.answered(idempotency, owner=owner)
            if known is None:
                raise
            return known  # another request with this key was a moment faster
        self._capacity.taken(len(jobs))
        return Submitted(jobs, is_repeat=False)

    def answered(self, idempotency: Idempotency, *, owner: str) -> Submitted | None:
        """The jobs that a request with this key made before. Raises as `answered_jobs` does."""
        with reading(self._engine) as connection:
            return answered_jobs(connection, owner, idempotency)

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
        order: Order = "newest",
        after: Position | None = None,
        limit: int = 50,
    ) -> tuple[list[JobRecord], list[NewerView], Position | None]:
        """Jobs in this order, those that a newer release wrote, and the position of the next page.

        Their specs are `ListedSpec`s. `after` is the last page's.
        """
        with reading(self._engine) as connection:
            rows = rows_in(connection, order, wanted, owner=owner, after=after, limit=limit + 1)
        jobs, newer = read_rows(rows[:limit], listed)
        last = rows[limit - 1] if len(rows) > limit else None
        return jobs, newer, None if last is None else Position(last.id, last.best)

    def count(self, wanted: JobFilter, *, owner: Asker, upto: int) -> int:
        """How many jobs pass the filter, `upto` at most."""
        meant = conditions(replace(wanted, least={}, most={}))
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

    def seconds(self, job_id: str, epochs: Sequence[float | None]) -> list[float | None]:
        """When the record got these epochs, to about a second, in seconds since the job first started."""
        with reading(self._engine) as connection:
            return read_seconds(connection, job_id, epochs)

    def events(self, job_id: str, *, after_seq: int = 0) -> list[EventRecord]:
        """The job's changes after `after_seq`, oldest first."""
        fields = [JobEvent.__table__.c[name] for name in EventRecord.__dataclass_fields__]
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(*fields).where(JobEvent.job_id == job_id, JobEvent.seq > after_seq).order_by(JobEvent.seq)
            ).all()
        return [
            read(
                EventRecord,
                row,
                from_status=JobStatus(row.from_status) if row.from_status else None,
                to_status=JobStatus(row.to_status),
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
