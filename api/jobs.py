"""Jobs over HTTP. A view is three moves: parse, call, answer."""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self
from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import AfterValidator, Field, model_validator

from spec.base import Frozen, fault
from spec.job import JobSpec, Label, Project
from spec.price import price
from spec.states import FINISHED, JobStatus
from spec.verdict import judge
from spec.views import Bulk, BulkIds, Check, Curve, Events, JobPage, JobView
from store.datasets import DatasetStore
from store.doorbell import Doorbell
from store.errors import StoreUnavailableError
from store.failpoints import Failpoints
from store.files import Files
from store.jobs import ArtifactRecord, Idempotency, JobFilter, JobRecord, JobStore, Submitted
from store.queue import Queue
from store.wishes import wish

from .answers import PREFIX, event_view, job_view
from .auth import principal
from .body import MIB, read_json
from .datasets import resolved
from .errors import BadFieldsError, BadKeyError, NotFoundError
from .openapi import documented
from .parsing import answered, parse, query

log = logging.getLogger(__name__)

BULK_LIMIT = 32 * MIB
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}")

_TAG = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}:[^\x00-\x1f\x7f-\x9f]{0,500}$"


def _pair(text: str) -> str:
    if not re.fullmatch(_TAG, text):
        raise fault("tag", "must be key:value, such as team:vision")
    return text


class ListQuery(Frozen):
    """Which jobs to list."""

    status: Annotated[JobStatus | None, Field(description="Only jobs in this state.")] = None
    project: Annotated[Project | None, Field(description="Only jobs of this project.")] = None
    name: Annotated[Label | None, Field(description="Only jobs of this name.")] = None
    tag: Annotated[
        tuple[Annotated[str, AfterValidator(_pair), Field(json_schema_extra={"pattern": _TAG})], ...],
        Field(max_length=10, description="Only jobs with this tag, as key:value; may be repeated."),
    ] = ()
    cursor: Annotated[UUID | None, Field(description="The `next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most jobs on a page.")] = 50

    @property
    def tags(self) -> dict[str, str]:
        """The tags wanted, by key."""
        return dict(tag.split(":", 1) for tag in self.tag)

    @model_validator(mode="after")
    def _one_value_per_key(self) -> Self:
        if len(self.tags) < len(set(self.tag)):
            raise fault("tag", "asks for two values of one key, which no job has")
        return self


class CurveQuery(Frozen):
    """Which part of a curve."""

    from_: Annotated[int, Field(alias="from", ge=1, le=10**9, description="First epoch wanted.")] = 1


@dataclass(frozen=True)
class Desk:
    """What the views work with."""

    store: JobStore
    queue: Queue
    datasets: DatasetStore
    doorbell: Doorbell
    files: Files
    mlflow_url: str
    failpoints: Failpoints

    def answer(self, job: JobRecord) -> JobView:
        """The job, without its place in the queue: to count a long queue for each submission takes too long."""
        return job_view(job, self.mlflow_url)

    def warnings(self, jobs: Sequence[JobRecord]) -> list[str]:
        """What will keep these jobs waiting, unless somebody does something."""
        waiting = (job.spec.resources for job in jobs if job.status is JobStatus.queued)
        try:
            return self.queue.warnings(wish(wanted.device, wanted.gpus) for wanted in waiting)
        except StoreUnavailableError:  # the jobs are stored: whoever is told otherwise submits them again
            return []


def blueprint(desk: Desk) -> Blueprint:
    """The job routes."""
    jobs = Blueprint("jobs", __name__, url_prefix=f"{PREFIX}/jobs")

    @jobs.post("")
    @documented("Submit a job", body=JobSpec, answer=JobView, status=201, headers=("Idempotency-Key",))
    def submit() -> Response:
        spec = _spec(desk, read_json(request))
        submitted = _submit(desk, [spec])
        view = job_view(submitted.jobs[0], desk.mlflow_url, warnings=desk.warnings(submitted.jobs))
        answer = answered(view, 200 if submitted.replayed else 201)
        answer.headers["Location"] = f"{PREFIX}/jobs/{submitted.jobs[0].id}"
        return answer

    @jobs.post("/bulk")
    @documented("Submit many jobs, all or none", body=Bulk, answer=BulkIds, status=201, headers=("Idempotency-Key",))
    def submit_many() -> Response:
        bulk = parse(Bulk, read_json(request, limit=BULK_LIMIT))
        paths = [f"jobs.{index}." for index in range(len(bulk.jobs))]
        submitted = _submit(desk, resolved(desk.datasets, bulk.jobs, paths, owner=principal().owner))
        ids = BulkIds(ids=[job.id for job in submitted.jobs], warnings=desk.warnings(submitted.jobs))
        return answered(ids, 200 if submitted.replayed else 201)

    @jobs.post("/check")
    @documented("See what a job would be, without submitting it", body=JobSpec, answer=Check)
    def check() -> Response:
        spec = _spec(desk, read_json(request))
        info = spec.info
        if info is None:
            raise BadFieldsError.of("dataset", "is not known")
        needed = price(spec, info)
        return answered(
            Check(
                spec=spec,
                parameters=needed.parameters,
                memory_bytes=needed.memory_bytes,
                pack_key=spec.pack_key,
                train_rows=needed.train_rows,
                validation_rows=needed.validation_rows,
                test_rows=needed.test_rows,
            )
        )

    @jobs.get("")
    @documented("List jobs, newest first", query=ListQuery, answer=JobPage)
    def list_jobs() -> Response:
        asked = query(ListQuery)
        wanted = JobFilter(
            status=asked.status,
            project=asked.project,
            name=asked.name,
            tags=asked.tags,
        )
        after = None if asked.cursor is None else str(asked.cursor)
        found, following = desk.store.page(wanted, owner=principal().sees, after=after, limit=asked.limit)
        return answered(JobPage(jobs=[desk.answer(job) for job in found], next=following))

    @jobs.get("/<uuid:job_id>")
    @documented("Show a job", answer=JobView)
    def show(job_id: UUID) -> Response:
        job = _job(desk, job_id)
        place = desk.queue.place(job.id) if job.status is JobStatus.queued else None
        verdict = judge(job.spec, desk.store.curve(job.id), job.failure_reason) if job.status in FINISHED else None
        return answered(job_view(job, desk.mlflow_url, place=place, verdict=verdict))

    @jobs.get("/<uuid:job_id>/curve")
    @documented("Show a job's curve, as columns", query=CurveQuery, answer=Curve)
    def curve(job_id: UUID) -> Response:
        job, part = _job(desk, job_id), query(CurveQuery)
        return answered(desk.store.curve(job.id, after_epoch=part.from_ - 1))

    @jobs.get("/<uuid:job_id>/events")
    @documented("Show a job's history", answer=Events)
    def events(job_id: UUID) -> Response:
        history = desk.store.events(_job(desk, job_id).id)
        return answered(Events(events=[event_view(event) for event in history]))

    @jobs.get("/<uuid:job_id>/files")
    @documented("List the files a job left", answer=dict[str, int])
    def list_files(job_id: UUID) -> Response:
        left = desk.store.artifacts(_job(desk, job_id).id)
        return answered({artifact.name: artifact.size for artifact in left})

    @jobs.get("/<uuid:job_id>/files/<name>")
    @documented("Fetch a file a job left", answer=bytes)
    def fetch_file(job_id: UUID, name: str) -> Response:
        for artifact in desk.store.artifacts(_job(desk, job_id).id):
            if artifact.name == name:
                headers = {"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{artifact.sha256}"'}
                return Response(_content(desk, artifact), headers=headers, content_type="application/octet-stream")
        raise NotFoundError(f"The job has no file {name[:100]}: list its files to see which there are.")

    return jobs


def _job(desk: Desk, job_id: UUID) -> JobRecord:
    return desk.store.get(str(job_id), owner=principal().sees)


def _content(desk: Desk, artifact: ArtifactRecord) -> bytes:
    try:
        return desk.files.get(artifact.uri)
    except FileNotFoundError as error:
        log.error("%s is in the record and not in the file store", artifact.uri)
        raise NotFoundError(f"The file {artifact.name} is no longer in the file store: train the job again.") from error


def _submit(desk: Desk, specs: Sequence[JobSpec]) -> Submitted:
    submitted = desk.store.submit(specs, owner=principal().owner, idempotency=_idempotency(specs))
    if not submitted.replayed:
        desk.failpoints.reach("submitted")
        desk.doorbell.ring(*(job.id for job in submitted.jobs))
        desk.failpoints.reach("rung")
    return submitted


def _idempotency(specs: Sequence[JobSpec]) -> Idempotency | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise BadKeyError("Idempotency-Key must be one key of 1 to 255 visible characters, without commas.")
    digest = hashlib.sha256(request.path.encode())
    for spec in specs:
        digest.update(spec.model_dump_json().encode())
    return Idempotency(key, digest.hexdigest())


def _spec(desk: Desk, body: Any) -> JobSpec:
    spec = parse(JobSpec, body)
    return resolved(desk.datasets, [spec], [""], owner=principal().owner)[0]
