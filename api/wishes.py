"""What users wish of a job that was submitted: to change it, to cancel, pause, resume or retry it."""

from uuid import UUID

from flask import Blueprint, Response, request

from spec.states import JobStatus
from spec.views import Change, JobView

from .answers import PREFIX
from .auth import principal
from .body import read_json
from .jobs import Desk
from .openapi import documented
from .parsing import answered, parse


def blueprint(desk: Desk) -> Blueprint:
    """The routes that change a job. One that only notes a wish, for a worker to see, answers 202."""
    wishes = Blueprint("wishes", __name__, url_prefix=f"{PREFIX}/jobs/<uuid:job_id>")

    @wishes.patch("")
    @documented("Change a job's priority, name or tags", body=Change, answer=JobView)
    def change(job_id: UUID) -> Response:
        who, wanted = principal(), parse(Change, read_json(request))
        job = desk.store.change(str(job_id), wanted, owner=who.sees, actor=who.owner)
        return answered(desk.answer(job))

    @wishes.post("/cancel")
    @documented("Cancel a job", answer=JobView, status=202)
    def cancel(job_id: UUID) -> Response:
        who = principal()
        job = desk.store.request_cancel(str(job_id), owner=who.sees, actor=who.owner)
        return answered(desk.answer(job), 200 if job.status is JobStatus.cancelled else 202)

    @wishes.post("/pause")
    @documented("Set a job aside", answer=JobView, status=202)
    def pause(job_id: UUID) -> Response:
        who = principal()
        job = desk.store.request_pause(str(job_id), owner=who.sees, actor=who.owner)
        return answered(desk.answer(job), 200 if job.status is JobStatus.paused else 202)

    @wishes.post("/resume")
    @documented("Queue a job that was set aside", answer=JobView)
    def resume(job_id: UUID) -> Response:
        who = principal()
        job = desk.store.resume(str(job_id), owner=who.sees, actor=who.owner)
        desk.doorbell.ring(job.id)
        return answered(desk.answer(job))

    @wishes.post("/retry")
    @documented("Queue a failed job again", answer=JobView, status=202)
    def retry(job_id: UUID) -> Response:
        who = principal()
        job = desk.store.retry(str(job_id), owner=who.sees, actor=who.owner)
        desk.doorbell.ring(job.id)
        return answered(desk.answer(job), 202)

    return wishes
