"""Improvements over HTTP: the counterfactuals of a job, trained beside it, and which of them helped."""

from uuid import UUID

from flask import Blueprint, Response, request

from spec.improvement import Improve, ImprovementView

from .answers import PREFIX
from .body import has_body, read_json
from .improvement_services import Improvements
from .openapi import documented
from .parsing import changeable_job, json_response, made, parse, visible_job
from .services import service

improvements = Blueprint("improvements", __name__, url_prefix=f"{PREFIX}/jobs/<uuid:job_id>/improve")


@improvements.post("")
@documented(
    "Train counterfactuals of a job that has ended", body=Improve, answer=ImprovementView, status=201, already=True
)
def improve(job_id: UUID) -> Response:
    """Submit the sweep of counterfactuals; 200 when there is one with as many seeds."""
    body = read_json(request) if has_body(request) else {}
    job, wanted, services = changeable_job(job_id), parse(Improve, body), service(Improvements)
    sweep, is_new = services.improve(job, wanted)
    return made(services.view(job, sweep), is_new=is_new)


@improvements.get("")
@documented("Show what was tried to improve a job", answer=ImprovementView)
def show(job_id: UUID) -> Response:
    """The counterfactuals beside the job, and a sentence."""
    job, services = visible_job(job_id), service(Improvements)
    return json_response(services.view(job, services.newest(job)))
