"""The artifacts: files that finished jobs left in the file store."""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, Integer, String, and_, delete, insert, select

from spec.job import JobSpec
from spec.states import JobStatus

from .db import in_values, reading, values_table
from .files import without_part
from .records import FinishedModel, PublishedFile, Success, artifact_record
from .tables import Artifact, Job, Lease


class ArtifactStore:
    """The files of all jobs, for workers. Raises `StoreUnavailableError` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def finished_model(self, job_id: str) -> FinishedModel | None:
        """The model of a job, whoever owns it; None if it has none."""
        with reading(self._engine) as connection:
            succeeded = Job.status == JobStatus.succeeded.value
            job = connection.execute(select(Job.spec).where(Job.id == job_id, succeeded)).first()
            rows = connection.execute(select(Artifact.__table__).where(Artifact.job_id == job_id)).all()
        if job is None or not rows:
            return None
        files = map(artifact_record, rows)
        return FinishedModel(JobSpec.stored(job.spec), {file.name: file for file in files})

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


def record_artifacts(connection: Connection, ends: Sequence[Success]) -> None:
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
