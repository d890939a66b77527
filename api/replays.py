"""Replays over HTTP: a job or a sweep trained again, and whether every number is the same."""

from uuid import UUID

from flask import Blueprint, Response

from spec.replay import ReplayView
from spec.sweep_views import SweepView
from spec.views import JobView

from .answers import PREFIX
from .idempotency import KEYED, idempotency
from .job_services import JobServices
from .openapi import documented
from .parsing import changeable_job, json_response, made, visible_job
from .replay_services import ReplayServices
from .services import service
from .sweep_services import SweepServices
from .sweeps import changeable_sweep, visible_sweep

replays = Blueprint("replays", __name__, url_prefix=PREFIX)


@replays.post("/jobs/<uuid:job_id>/replay")
@documented("Train a job that has ended again", answer=JobView, status=201, already=True, headers=KEYED)
def replay_job(job_id: UUID) -> Response:
    """Submit a job with the same spec, which knows what it replays."""
    job = changeable_job(job_id)
    submitted = service(ReplayServices).job(job, idempotency([]))
    [again] = submitted.jobs
    return made(service(JobServices).brief(again), is_new=not submitted.is_repeat)


@replays.get("/jobs/<uuid:job_id>/replay")
@documented("Compare a replay with its original", answer=ReplayView)
def compared_job(job_id: UUID) -> Response:
    """Whether every number of a replay is the same, bit for bit, and the first that is not."""
    return json_response(service(ReplayServices).of_job(visible_job(job_id)))


@replays.post("/sweeps/<uuid:sweep_id>/replay")
@documented("Make a sweep that has finished again", answer=SweepView, status=201, already=True, headers=KEYED)
def replay_sweep(sweep_id: UUID) -> Response:
    """Submit a sweep with the same spec, which knows what it replays."""
    sweep = changeable_sweep(sweep_id)
    again, is_repeat = service(ReplayServices).sweep(sweep, idempotency([]))
    return made(service(SweepServices).full(again), is_new=not is_repeat)


@replays.get("/sweeps/<uuid:sweep_id>/replay")
@documented("Compare a sweep's replay with its original", answer=ReplayView)
def compared_sweep(sweep_id: UUID) -> Response:
    """Whether the tables of both are the same, bit for bit, and the first value that is not."""
    return json_response(service(ReplayServices).of_sweep(visible_sweep(sweep_id)))
