"""Replays over HTTP: a job trained again, and whether every number is the same."""

from uuid import UUID

from flask import Blueprint, Response

from spec.replay import ReplayView
from spec.views import JobView

from .answers import PREFIX
from .job_services import JobServices
from .openapi import documented
from .parsing import json_response, visible_job
from .replay_services import ReplayServices
from .services import service

replays = Blueprint("replays", __name__, url_prefix=PREFIX)


@replays.post("/jobs/<uuid:job_id>/replay")
@documented("Train a job that has ended again", answer=JobView, status=201)
def replay_job(job_id: UUID) -> Response:
    """Submit a job with the same spec, which knows what it replays."""
    made = service(ReplayServices).job(visible_job(job_id))
    answer = json_response(service(JobServices).brief(made), 201)
    answer.headers["Location"] = f"{PREFIX}/jobs/{made.id}"
    return answer


@replays.get("/jobs/<uuid:job_id>/replay")
@documented("Compare a replay with its original", answer=ReplayView)
def compared_job(job_id: UUID) -> Response:
    """Whether every number of a replay is the same, bit for bit, and the first that is not."""
    return json_response(service(ReplayServices).of_job(visible_job(job_id)))
