"""Jobs over HTTP. A view is three moves: parse, call, answer."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from flask import Blueprint, Response, request

from spec.architectures import feature_maps
from spec.estimate import estimate
from spec.job import JobSpec
from spec.views import MOST_COUNTED, Bulk, BulkIds, CancelledMany, Check, Curve, Events, JobPage, JobView
from store.records import Submitted

from .answers import PREFIX, event_view
from .auth import principal
from .body import MIB, read_json
from .dataset_services import DatasetServices
from .errors import BadFieldsError
from .examples import CURVE, JOBS, LISTED, SUBMITTED
from .guests import MOST_JOBS, for_guest
from .idempotency import KEYED, idempotency
from .job_services import JobServices
from .openapi import documented
from .parsing import json_response, made, parse, parse_query, visible_job
from .queries import CancelMany, CurveQuery, JobsQuery
from .services import service
from .streamed import streamed
from .thinning import thinned
from .warm_starts import WarmStarts

BULK_LIMIT = 32 * MIB

jobs = Blueprint("jobs", __name__, url_prefix=f"{PREFIX}/jobs")


@jobs.post("")
@documented(
    "Submit a job",
    body=JobSpec,
    answer=JobView,
    status=201,
    already=True,
    headers=KEYED,
    examples=JOBS,
    answers=SUBMITTED,
)
def submit() -> Response:
    """Store a job and wake a worker."""
    services, submitted = service(JobServices), _submitted([_asked()], [""])
    view = services.brief(submitted.jobs[0], services.warnings(submitted.jobs))
    return made(view, is_new=not submitted.is_repeat)


@jobs.post("/bulk")
@documented("Submit many jobs, all or none", body=Bulk, answer=BulkIds, status=201, already=True, headers=KEYED)
def submit_many() -> Response:
    """Store up to 10,000 jobs in one transaction."""
    bulk, services = parse(Bulk, read_json(request, limit=BULK_LIMIT)), service(JobServices)
    paths = [f"jobs.{index}." for index in range(len(bulk.jobs))]
    submitted = _submitted(bulk.jobs, paths)
    ids = BulkIds(ids=[job.id for job in submitted.jobs], warnings=services.warnings(submitted.jobs))
    return json_response(ids, 200 if submitted.is_repeat else 201)


@jobs.post("/cancel")
@documented("Cancel many jobs", body=CancelMany, answer=CancelledMany)
def cancel_many() -> Response:
    """Cancel jobs that wait, and ask the workers of running ones to stop them."""
    wanted, who = parse(CancelMany, read_json(request, limit=BULK_LIMIT)), principal()
    done = service(JobServices).store.cancel_many(wanted.filter, owner=who.sees, actor=who.owner, ids=wanted.named)
    return json_response(CancelledMany(**asdict(done)))


@jobs.post("/check")
@documented("See what a job would be, without submitting it", body=JobSpec, answer=Check, examples=JOBS)
def check() -> Response:
    """Validate a spec and estimate its parameters and memory; nothing is stored."""
    [spec] = _resolved([_asked()], [""])
    if spec.info is None:
        raise BadFieldsError.of("dataset", "is not known")
    needed = estimate(spec, spec.info)
    return json_response(
        Check(
            spec=spec,
            parameters=needed.parameters,
            memory_bytes=needed.memory_bytes,
            pack_key=spec.pack_key,
            train_rows=needed.train_rows,
            validation_rows=needed.validation_rows,
            test_rows=needed.test_rows,
            features=spec.info.features,
            outputs=spec.info.classes or spec.info.outputs,
            image=spec.info.image,
            feature_maps=feature_maps(spec.architecture, spec.info),
            warnings=service(JobServices).warnings_of([spec]),
        )
    )


@jobs.get("")
@documented("List jobs, newest first", query=JobsQuery, answer=JobPage, answers=LISTED)
def list_jobs() -> Response:
    """One page of the jobs that the asker sees, and with the first page how many there are."""
    asked, services, sees = parse_query(JobsQuery), service(JobServices), principal().sees
    found, newer, following = services.store.list_jobs(
        asked.filter, owner=sees, order=asked.order, after=asked.after, limit=asked.limit
    )
    total = services.store.count(asked.filter, owner=sees, upto=MOST_COUNTED) if asked.cursor is None else None
    views = [services.listed(job) for job in found]
    cursor = None if following is None else str(following)
    return json_response(JobPage(jobs=views, newer=newer, next=cursor, total=total))


@jobs.get("/<uuid:job_id>")
@documented("Show a job", answer=JobView, answers=SUBMITTED)
def show(job_id: UUID) -> Response:
    """A job with its place in the queue or its verdict."""
    return json_response(service(JobServices).full(visible_job(job_id)))


@jobs.get("/<uuid:job_id>/curve")
@documented("Show a job's curve, as columns", query=CurveQuery, answer=Curve, answers=CURVE)
def curve(job_id: UUID) -> Response:
    """A job's metrics, epoch by epoch, from the record."""
    job, part = visible_job(job_id), parse_query(CurveQuery)
    store = service(JobServices).store
    shown = store.curve(job.id, after_epoch=part.from_ - 1)
    if part.points is not None:
        best = set() if job.best_epoch is None else {job.best_epoch}
        shown = thinned(shown, part.points, by=job.spec.monitored, keep=best)
    if part.seconds:
        shown = {**shown, "seconds": store.seconds(job.id, shown["epoch"])}
    return json_response(shown)


@jobs.get("/<uuid:job_id>/events")
@documented("Show a job's history", answer=Events)
def events(job_id: UUID) -> Response:
    """Every change of a job's state, oldest first."""
    history = service(JobServices).store.events(visible_job(job_id).id)
    return json_response(Events(events=[event_view(event) for event in history]))


@jobs.get("/<uuid:job_id>/files")
@documented("List the files a job left", answer=dict[str, int])
def list_files(job_id: UUID) -> Response:
    """A job's files with their sizes in bytes."""
    left = service(JobServices).store.artifacts(visible_job(job_id).id)
    return json_response({artifact.name: artifact.size for artifact in left})


@jobs.get("/<uuid:job_id>/files/<name>")
@documented("Fetch a file a job left", answer=bytes)
def fetch_file(job_id: UUID, name: str) -> Response:
    """One file of a job; its ETag is its digest."""
    artifact, file = service(JobServices).file(visible_job(job_id), name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{artifact.sha256}"'}
    return streamed(file, headers, "application/octet-stream")


def _submitted(specs: Sequence[JobSpec], paths: Sequence[str]) -> Submitted:
    """Store the jobs, all or none; a guest has a few small ones. Those of a repeated request are not checked again."""
    who, services, key = principal(), service(JobServices), idempotency(specs)
    if key is not None and (known := services.store.answered(key, owner=who.owner)) is not None:
        return known
    specs = _resolved(specs, paths)
    if who.is_guest:
        specs = list(map(for_guest, specs, paths))
    most = MOST_JOBS if who.is_guest else None
    return services.submit(specs, owner=who.owner, idempotency=key, most=most)


def _asked() -> JobSpec:
    """The body as a spec."""
    return parse(JobSpec, read_json(request))


def _resolved(specs: Sequence[JobSpec], paths: Sequence[str]) -> list[JobSpec]:
    """The specs, with what the record knows of their data sets and of the jobs that they begin from."""
    asker = principal()
    found = service(DatasetServices).resolve(specs, paths, owner=asker.shared)
    return service(WarmStarts).resolve(found, paths, sees=asker.sees)
