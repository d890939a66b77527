"""Jobs over HTTP. A view is three moves: parse, call, answer."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeVar
from uuid import UUID

from flask import Blueprint, Response, request
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from spec.base import Frozen, fault
from spec.built import refusals
from spec.job import JobSpec, Label, Project
from spec.price import price
from spec.sentences import sentences
from spec.states import JobStatus
from spec.views import Bulk, BulkIds, Check, Curve, Events, FieldError, JobPage, JobView
from store.doorbell import Doorbell
from store.failpoints import Failpoints
from store.files import Files
from store.jobs import ArtifactRecord, Idempotency, JobFilter, JobRecord, JobStore, Submitted

from .answers import PREFIX, event_view, job_view
from .auth import principal
from .body import MIB, read_json
from .errors import BadFieldsError, BadKeyError, NotFoundError
from .openapi import documented

log = logging.getLogger(__name__)

BULK_LIMIT = 32 * MIB
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}")
_Model = TypeVar("_Model", bound=BaseModel)


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
    doorbell: Doorbell
    files: Files
    mlflow_url: str
    failpoints: Failpoints

    def answer(self, job: JobRecord) -> JobView:
        """The job, without its place in the queue: to count a long queue for each submission takes too long."""
        return job_view(job, self.mlflow_url)


def blueprint(desk: Desk) -> Blueprint:
    """The job routes."""
    jobs = Blueprint("jobs", __name__, url_prefix=f"{PREFIX}/jobs")

    @jobs.post("")
    @documented("Submit a job", body=JobSpec, answer=JobView, status=201, headers=("Idempotency-Key",))
    def submit() -> Response:
        spec = _spec(read_json(request))
        submitted = _submit(desk, [spec])
        answer = _json(desk.answer(submitted.jobs[0]), 200 if submitted.replayed else 201)
        answer.headers["Location"] = f"{PREFIX}/jobs/{submitted.jobs[0].id}"
        return answer

    @jobs.post("/bulk")
    @documented("Submit many jobs, all or none", body=Bulk, answer=BulkIds, status=201, headers=("Idempotency-Key",))
    def submit_many() -> Response:
        bulk = _parse(Bulk, read_json(request, limit=BULK_LIMIT))
        _refuse([fault for index, spec in enumerate(bulk.jobs) for fault in _refusals(spec, f"jobs.{index}.")])
        submitted = _submit(desk, bulk.jobs)
        return _json(BulkIds(ids=[job.id for job in submitted.jobs]), 200 if submitted.replayed else 201)

    @jobs.post("/check")
    @documented("See what a job would be, without submitting it", body=JobSpec, answer=Check)
    def check() -> Response:
        spec = _spec(read_json(request))
        info = spec.info
        if info is None:
            raise BadFieldsError.of("dataset", "is not known")
        needed = price(spec, info)
        return _json(
            Check(
                spec=spec,
                parameters=needed.parameters,
                memory_bytes=needed.memory_bytes,
                pack_key=spec.pack_key,
                train_rows=needed.train_rows,
                validation_rows=needed.validation_rows,
            )
        )

    @jobs.get("")
    @documented("List jobs, newest first", query=ListQuery, answer=JobPage)
    def list_jobs() -> Response:
        query = _query(ListQuery)
        wanted = JobFilter(
            status=query.status,
            project=query.project,
            name=query.name,
            tags=query.tags,
        )
        after = None if query.cursor is None else str(query.cursor)
        found, following = desk.store.page(wanted, owner=principal().sees, after=after, limit=query.limit)
        return _json(JobPage(jobs=[desk.answer(job) for job in found], next=following))

    @jobs.get("/<uuid:job_id>")
    @documented("Show a job", answer=JobView)
    def show(job_id: UUID) -> Response:
        job = _job(desk, job_id)
        place = desk.store.queue_place(job.id) if job.status is JobStatus.queued else None
        return _json(job_view(job, desk.mlflow_url, place))

    @jobs.get("/<uuid:job_id>/curve")
    @documented("Show a job's curve, as columns", query=CurveQuery, answer=Curve)
    def curve(job_id: UUID) -> Response:
        job, query = _job(desk, job_id), _query(CurveQuery)
        return _json(desk.store.curve(job.id, after_epoch=query.from_ - 1))

    @jobs.get("/<uuid:job_id>/events")
    @documented("Show a job's history", answer=Events)
    def events(job_id: UUID) -> Response:
        history = desk.store.events(_job(desk, job_id).id)
        return _json(Events(events=[event_view(event) for event in history]))

    @jobs.get("/<uuid:job_id>/files")
    @documented("List the files a job left", answer=dict[str, int])
    def list_files(job_id: UUID) -> Response:
        left = desk.store.artifacts(_job(desk, job_id).id)
        return _json({artifact.name: artifact.size for artifact in left})

    @jobs.get("/<uuid:job_id>/files/<name>")
    @documented("Fetch a file a job left", answer=bytes)
    def fetch_file(job_id: UUID, name: str) -> Response:
        for artifact in desk.store.artifacts(_job(desk, job_id).id):
            if artifact.name == name:
                headers = {"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{artifact.sha256}"'}
                return Response(_content(desk, artifact), headers=headers, content_type="application/octet-stream")
        raise NotFoundError(f"The job has no file {name[:100]}: list its files to see which there are.")

    @jobs.post("/<uuid:job_id>/cancel")
    @documented("Cancel a job", answer=JobView, status=202)
    def cancel(job_id: UUID) -> Response:
        who = principal()
        job = desk.store.request_cancel(str(job_id), owner=who.sees, actor=who.owner)
        return _json(desk.answer(job), 200 if job.status is JobStatus.cancelled else 202)

    @jobs.post("/<uuid:job_id>/retry")
    @documented("Queue a failed job again", answer=JobView, status=202)
    def retry(job_id: UUID) -> Response:
        who = principal()
        job = desk.store.retry(str(job_id), owner=who.sees, actor=who.owner)
        desk.doorbell.ring(job.id)
        return _json(desk.answer(job), 202)

    return jobs


def _job(desk: Desk, job_id: UUID) -> JobRecord:
    return desk.store.get(str(job_id), owner=principal().sees)


def _content(desk: Desk, artifact: ArtifactRecord) -> bytes:
    try:
        return desk.files.get(artifact.uri)
    except FileNotFoundError as error:
        log.error("%s is in the record and not in the file store", artifact.uri)
        raise NotFoundError(f"The file {artifact.name} is no longer in the file store: train the job again.") from error


def _submit(desk: Desk, specs: list[JobSpec]) -> Submitted:
    submitted = desk.store.submit(specs, owner=principal().owner, idempotency=_idempotency(specs))
    if not submitted.replayed:
        desk.failpoints.reach("submitted")
        desk.doorbell.ring(*(job.id for job in submitted.jobs))
        desk.failpoints.reach("rung")
    return submitted


def _idempotency(specs: list[JobSpec]) -> Idempotency | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise BadKeyError("Idempotency-Key must be one key of 1 to 255 visible characters, without commas.")
    digest = hashlib.sha256(request.path.encode())
    for spec in specs:
        digest.update(spec.model_dump_json().encode())
    return Idempotency(key, digest.hexdigest())


def _spec(body: Any) -> JobSpec:
    spec = _parse(JobSpec, body)
    _refuse(_refusals(spec, ""))
    return spec


def _refusals(spec: JobSpec, prefix: str) -> list[FieldError]:
    return [FieldError(path=prefix + fault.path, message=fault.message) for fault in refusals(spec)]


def _refuse(faults: list[FieldError]) -> None:
    if faults:
        raise BadFieldsError(faults)


def _parse(model: type[_Model], body: Any) -> _Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise BadFieldsError(sentences(error, body)) from error


def _query(model: type[_Model]) -> _Model:
    """The query string as `model` says; a name that may be repeated is one whose field is a tuple."""
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        field = next((f for key, f in model.model_fields.items() if (f.alias or key) == name), None)
        many = field is not None and isinstance(field.default, tuple)
        if len(values) > 1 and not many:
            raise BadFieldsError.of(name, "is given twice")
        given[name] = tuple(values) if many else values[0]
    return _parse(model, given)


def _json(answer: BaseModel | Mapping[str, Any], status: int = 200) -> Response:
    if isinstance(answer, BaseModel):
        return Response(answer.model_dump_json(), status=status, content_type="application/json")
    return Response(json.dumps(answer), status=status, content_type="application/json")
