"""Control requests: what users ask of a job that was submitted. Change, cancel, pause, resume, retry or delete it."""

from uuid import UUID

from flask import Blueprint, Response, request

from spec.states import JobStatus
from spec.views import Change, JobView

from .answers import PREFIX
from .auth import principal
from .body import read_json
from .job_services import JobServices
from .openapi import documented
from .parsing import json_response, parse
from .services import service

control = Blueprint("control", __name__, url_prefix=f"{PREFIX}/jobs/<uuid:job_id>")


@control.patch("")
@documented("Change a job's priority, name or tags", body=Change, answer=JobView)
def change(job_id: UUID) -> Response:
    """Give a job another priority, name or tags."""
    services, who, wanted = service(JobServices), principal(), parse(Change, read_json(request))
    job = services.store.change(str(job_id), wanted, owner=who.sees, actor=who.owner)
    return json_response(services.brief(job))


@control.post("/cancel")
@documented("Cancel a job", answer=JobView, status=202, already=True)
def cancel(job_id: UUID) -> Response:
    """Cancel a job that waits; ask the worker of a running one to stop it, and answer 202."""
    services, who = service(JobServices), principal()
    job = services.store.request_cancel(str(job_id), owner=who.sees, actor=who.owner)
    return json_response(services.brief(job), 200 if job.status is JobStatus.cancelled else 202)


@control.post("/pause")
@documented("Set a job aside", answer=JobView, status=202, already=True)
def pause(job_id: UUID) -> Response:
    """Pause a job that waits; ask the worker of a running one to give it back, and answer 202."""
    services, who = service(JobServices), principal()
    job = services.store.request_pause(str(job_id), owner=who.sees, actor=who.owner)
    return json_response(services.brief(job), 200 if job.status is JobStatus.paused else 202)


@control.post("/resume")
@documented("Queue a job that was set aside", answer=JobView)
def resume(job_id: UUID) -> Response:
    """Queue a paused job and wake a worker."""
    services, who = service(JobServices), principal()
    job = services.store.resume(str(job_id), owner=who.sees, actor=who.owner)
    services.doorbell.ring(job.id)
    return json_response(services.brief(job))


@control.post("/retry")
@documented("Queue a failed job again", answer=JobView, status=202)
def retry(job_id: UUID) -> Response:
    """Queue a failed job again and wake a worker."""
    services, who = service(JobServices), principal()
    job = services.store.retry(str(job_id), owner=who.sees, actor=who.owner)
    services.doorbell.ring(job.id)
    return json_response(services.brief(job), 202)


@control.delete("")
@documented("Delete a job that has ended", status=204)
def delete(job_id: UUID) -> Response:
    """Delete a job, its curve, history and files; its run in MLflow stays."""
    service(JobServices).delete(str(job_id), owner=principal().sees)
    return Response(status=204)
