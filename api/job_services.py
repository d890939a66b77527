"""What the views of jobs call: submission with its doorbell, a job as users see it, the files of a job."""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from spec.job import JobSpec
from spec.states import FINISHED, JobStatus
from spec.submission_warnings import warnings_of
from spec.views import JobView, ListedJob
from store.access import Asker
from store.control import JobControl
from store.device_requests import device_request
from store.disk_space import DiskSpace
from store.doorbell import Doorbell
from store.errors import DiskFullError, JobNotFoundError, StoreUnavailableError
from store.failpoints import Failpoints
from store.files import Files
from store.queue import Place, Queue
from store.records import ArtifactRecord, Idempotency, JobRecord, Submitted

from .answers import job_view, listed_job
from .errors import NotFoundError
from .improvement_services import Improvements
from .warm_starts import WarmStarts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobServices:
    """The record of jobs, the queue, the doorbell that wakes workers, and the files that jobs leave."""

    store: JobControl
    queue: Queue
    starts: WarmStarts
    improvements: Improvements
    doorbell: Doorbell
    files: Files
    space: DiskSpace
    mlflow_url: str
    failpoints: Failpoints

    def submit(
        self,
        specs: Sequence[JobSpec],
        *,
        owner: str,
        idempotency: Idempotency | None = None,
        replays: str | None = None,
        most: int | None = None,
    ) -> Submitted:
        """Store the jobs, all or none, and wake workers. A repeated submission stores nothing.

        Raises `DiskFullError` when the disk has no space for them, and `QueueFullError` when the owner has `most` jobs
        that have not ended.
        """
        self.space.demand()
        submitted = self.store.submit(specs, owner=owner, idempotency=idempotency, replays=replays, most=most)
        if not submitted.is_repeat:
            self.failpoints.reach("submitted")
            self.doorbell.ring(*(job.id for job in submitted.jobs))
            self.failpoints.reach("rung")
        return submitted

    def brief(self, job: JobRecord, warnings: Sequence[str] = ()) -> JobView:
        """The job without its place in the queue: counting a long queue for every submission takes too long."""
        return job_view(job, self.mlflow_url, warnings=warnings)

    def listed(self, job: JobRecord) -> ListedJob:
        """The job in a list, as `JobStore.list_jobs` reads it."""
        return listed_job(job, self.mlflow_url)

    def full(self, job: JobRecord) -> JobView:
        """The job with its place in the queue while it waits, and its verdict when it has ended."""
        place = self._place(job) if job.status is JobStatus.queued else None
        verdict = job.verdict(self.store.curve(job.id)) if job.status in FINISHED else None
        tried = self.improvements.tried(job, verdict)
        return job_view(job, self.mlflow_url, place=place, verdict=tried)

    def delete(self, job_id: str, *, owner: Asker) -> None:
        """Delete a job that has ended, and then its files; those that a crash leaves are the sweeper's."""
        for file in self.store.delete(job_id, owner=owner):
            self.files.delete_file(file)

    def _place(self, job: JobRecord) -> Place | None:
        """Where a queued job stands; while the disk is full, no job starts, and that is why it waits."""
        place = self.queue.place(job.id)
        try:
            self.space.demand()
        except DiskFullError as error:
            return place and replace(place, why=str(error), estimated_start_at=None)
        return place

    def warnings(self, jobs: Sequence[JobRecord]) -> list[str]:
        """What will keep these jobs waiting, unless somebody does something; and what else is hardly meant."""
        return self.warnings_of([job.spec for job in jobs if job.status is JobStatus.queued])

    def warnings_of(self, specs: Sequence[JobSpec]) -> list[str]:
        """What would keep jobs of these specs waiting, and what else is hardly meant."""
        waiting = (spec.resources for spec in specs)
        try:
            queued = self.queue.warnings(device_request(wanted.device, wanted.gpus) for wanted in waiting)
            return [*queued, *self.starts.warnings(specs), *warnings_of(specs)]
        except (StoreUnavailableError, JobNotFoundError):
            # The jobs are stored, and after an error they would be sent again. What they begin from may be deleted.
            return []

    def file(self, job: JobRecord, name: str) -> tuple[ArtifactRecord, BinaryIO]:
        """A file that the job left, and what it holds, for the caller to close. Raises `NotFoundError`."""
        for artifact in self.store.artifacts(job.id):
            if artifact.name == name:
                return artifact, self._opened(artifact)
        raise NotFoundError(f"The job has no file {name[:100]}: list its files to see which there are.")

    def _opened(self, artifact: ArtifactRecord) -> BinaryIO:
        copy = self.files.staging_folder() / uuid.uuid4().hex
        try:
            return self.files.fetch(artifact.uri, copy).open("rb")
        except FileNotFoundError as error:
            log.error("%s is in the record and not in the file store", artifact.uri)
            raise NotFoundError(
                f"The file {artifact.name} is no longer in the file store: train the job again."
            ) from error
        finally:
            copy.unlink(missing_ok=True)  # its content lasts while it is open
