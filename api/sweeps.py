"""Sweeps over HTTP. A view is three moves: parse, call, answer."""

from uuid import UUID

from flask import Blueprint, Response, request

from spec.sweep import SweepSpec
from spec.sweep_views import Extension, SweepCheck, SweepPage, SweepView, TrialColumns, TrialDetail, TrialPage
from store.access import demand_change
from store.sweep_records import SweepRecord
from store.sweep_results import SweepResults
from store.sweeps import SweepStore

from .answers import PREFIX
from .auth import principal
from .body import read_json
from .examples import SWEEPS
from .idempotency import KEYED, idempotency
from .openapi import documented
from .parsing import json_response, made, parse, parse_query
from .queries import SweepsQuery, TrialsQuery
from .services import service
from .sweep_answers import trial_columns
from .sweep_checks import check as sweep_check
from .sweep_services import SweepServices

MOST_ROWS = 20_000
"""Configurations of one table: more lines than a chart can show."""

sweeps = Blueprint("sweeps", __name__, url_prefix=f"{PREFIX}/sweeps")


@sweeps.post("")
@documented(
    "Submit a sweep",
    body=SweepSpec,
    answer=SweepView,
    status=201,
    already=True,
    headers=KEYED,
    examples=SWEEPS,
)
def submit() -> Response:
    """Store a sweep; its controller proposes the first configurations within a second."""
    spec, services, who = parse(SweepSpec, read_json(request)), service(SweepServices), principal()
    sweep, is_repeat = services.submit(spec, who, idempotency([spec]))
    return made(services.full(sweep), is_new=not is_repeat)


@sweeps.post("/check")
@documented("See what a sweep would be, without submitting it", body=SweepSpec, answer=SweepCheck, examples=SWEEPS)
def check() -> Response:
    """Validate a sweep and some of its configurations; nothing is stored."""
    spec, services = parse(SweepSpec, read_json(request)), service(SweepServices)
    return json_response(sweep_check(services.resolve(spec, principal())))


@sweeps.get("")
@documented("List sweeps, newest first", query=SweepsQuery, answer=SweepPage)
def list_sweeps() -> Response:
    """One page of the sweeps that the asker sees."""
    asked, services = parse_query(SweepsQuery), service(SweepServices)
    found, newer, following = services.store.list_sweeps(
        asked.filter, owner=principal().sees, after=asked.after, limit=asked.limit
    )
    return json_response(SweepPage(sweeps=services.summaries(found), newer=newer, next=following))


@sweeps.get("/<uuid:sweep_id>")
@documented("Show a sweep", answer=SweepView)
def show(sweep_id: UUID) -> Response:
    """A sweep with its leaderboard, and what it says."""
    return json_response(service(SweepServices).full(visible_sweep(sweep_id)))


@sweeps.patch("/<uuid:sweep_id>")
@documented("Give a sweep more configurations", body=Extension, answer=SweepView)
def extend(sweep_id: UUID) -> Response:
    """Let a sweep go on, also one that has finished."""
    wanted, services, who = parse(Extension, read_json(request)), service(SweepServices), principal()
    return json_response(services.full(services.extend(changeable_sweep(sweep_id), wanted.trials, owner=who.sees)))


@sweeps.get("/<uuid:sweep_id>/trials")
@documented("List the configurations of a sweep", query=TrialsQuery, answer=TrialPage)
def list_trials(sweep_id: UUID) -> Response:
    """One page of configurations, in order of their numbers or best first."""
    sweep, asked, services = visible_sweep(sweep_id), parse_query(TrialsQuery), service(SweepServices)
    found, following = services.results.trials(
        sweep.id, after=asked.cursor, limit=asked.limit, by_score=asked.sort == "score", state=asked.state
    )
    return json_response(TrialPage(trials=services.trials(sweep, found), next=following))


@sweeps.get("/<uuid:sweep_id>/trials/<int:number>")
@documented("Show a configuration of a sweep", answer=TrialDetail)
def show_trial(sweep_id: UUID, number: int) -> Response:
    """A configuration with the job of each seed or fold."""
    return json_response(service(SweepServices).trial(visible_sweep(sweep_id), number))


@sweeps.get("/<uuid:sweep_id>/table")
@documented("Show the configurations of a sweep as columns", answer=TrialColumns)
def table(sweep_id: UUID) -> Response:
    """What charts need of all configurations, the first 20,000 of them, in one answer."""
    sweep = visible_sweep(sweep_id)
    return json_response(trial_columns(sweep, service(SweepResults).columns(sweep.id, MOST_ROWS)))


@sweeps.post("/<uuid:sweep_id>/cancel")
@documented("Cancel a sweep", answer=SweepView)
def cancel(sweep_id: UUID) -> Response:
    """Cancel a sweep with its jobs; workers stop the running ones within seconds."""
    services, who = service(SweepServices), principal()
    return json_response(services.full(services.store.cancel(str(sweep_id), owner=who.sees, actor=who.owner)))


@sweeps.post("/<uuid:sweep_id>/pause")
@documented("Set a sweep aside", answer=SweepView)
def pause(sweep_id: UUID) -> Response:
    """Pause a sweep with its jobs; workers give the running ones back within seconds."""
    services, who = service(SweepServices), principal()
    return json_response(services.full(services.store.pause(str(sweep_id), owner=who.sees, actor=who.owner)))


@sweeps.post("/<uuid:sweep_id>/resume")
@documented("Let a sweep that was set aside go on", answer=SweepView)
def resume(sweep_id: UUID) -> Response:
    """Queue a paused sweep's jobs again."""
    services, who = service(SweepServices), principal()
    return json_response(services.full(services.resume(str(sweep_id), owner=who.sees, actor=who.owner)))


@sweeps.post("/<uuid:sweep_id>/retry")
@documented("Queue the failed jobs of a sweep again", answer=SweepView)
def retry(sweep_id: UUID) -> Response:
    """Queue the jobs again that failed in a way that another try may mend; a sweep that has finished goes on."""
    services, who = service(SweepServices), principal()
    return json_response(services.full(services.retry(str(sweep_id), owner=who.sees, actor=who.owner)))


def visible_sweep(sweep_id: UUID) -> SweepRecord:
    """The sweep of this id. Raises `SweepNotFoundError` when there is none, or when the asker may not see it."""
    return service(SweepStore).get(str(sweep_id), owner=principal().sees)


def changeable_sweep(sweep_id: UUID) -> SweepRecord:
    """The sweep of this id. Raises as `visible_sweep` does, and `NotYoursError` when the asker may only see it."""
    sweep = visible_sweep(sweep_id)
    demand_change(principal().sees, sweep)
    return sweep
