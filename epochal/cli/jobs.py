"""Commands that read jobs: jobs, show, watch, compare, curve, logs."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer

from spec.monitors import MEASURES
from spec.newer import NewerView
from spec.states import JobStatus
from spec.views import JobView

from ..client import Api
from ..client.find import OF_NONE, find_job, find_sweep
from ..client.states import states
from ..client.words import label
from ..errors import BadSpecError, WrongUseError
from .console import (
    Ids,
    Json,
    pair,
    print_found,
    print_json,
    print_model,
    remark,
    screen,
    show_table,
)
from .help import add
from .job_ids import JobId, JobIds, find_jobs
from .progress import exit_as, finish, follow_to_end
from .render import events_table, job_card, jobs_table
from .render_compare import compare_table, comparison

HIGHER_IS_BETTER = tuple(name for name, measure in MEASURES.items() if measure.higher_is_better)
"""Ends of the names of metrics whose best value is the highest."""


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for command in (jobs, show, watch, compare, curve, logs):
        add(app, command, panel=panel)


def jobs(
    status: Annotated[
        str | None,
        typer.Option(
            metavar="STATE",
            help="Only jobs in this state, or in several: queued,running.",
            autocompletion=lambda: list(JobStatus),
        ),
    ] = None,
    project: Annotated[str | None, typer.Option(help="Only jobs of this project.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="KEY=VALUE", help="Only jobs with this tag.")] = None,
    sweep: Annotated[
        str | None, typer.Option(metavar="ID|all", help="Only jobs of this sweep; all: also those of sweeps.")
    ] = None,
    sort: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="created, name, status; queue: jobs that wait, the next one first; or a metric of the best epoch, "
            "such as val_loss: the best of all jobs first.",
        ),
    ] = "created",
    limit: Annotated[int, typer.Option(min=1, help="Most jobs to show.")] = 50,
    ids: Ids = False,
    as_json: Json = False,
) -> None:
    """List jobs, newest first, with the metrics of their best epochs.

    Jobs of sweeps are apart, unless --sweep or --sort queue asks for them.
    Loss and accuracy are of validation rows, or of training rows where a job
    has no validation. In a pipe: a line each, with tabs between the cells, and
    the full ids.

    Examples:
      epochal jobs
      epochal jobs --sort val_accuracy --limit 10
      epochal jobs --status failed --sweep all
      epochal jobs --sweep @last
      epochal cancel $(epochal jobs --status queued --tag sweep=first --ids)

    """
    wanted = states(JobStatus, status)
    with Api() as client:
        newer: list[NewerView] = []
        of = _sweep(client, sweep, sort)
        found = fetched(client, sort, status=wanted, project=project, tag=pair(tag), sweep=of, limit=limit, newer=newer)
    if not found and of == OF_NONE:
        remark("There is no such job, those of sweeps apart: --sweep all lists them, too.")
    drawn = partial(jobs_table, found, now=datetime.now(UTC), whole_ids=not screen.is_terminal)
    print_found(found, drawn, newer, limit, ids=ids, as_json=as_json)


def show(job_id: JobId, as_json: Json = False) -> None:
    """Show one job: state, progress, metrics, outcome, verdict, links.

    Examples:
      epochal show @last
      epochal show 4f2a91c7 --json

    """
    with Api() as client:
        job = client.job(find_job(client, job_id))
    if as_json:
        print_model(job)
    else:
        screen.print(job_card(job, now=datetime.now(UTC)), soft_wrap=not screen.is_terminal)


def watch(job_ids: JobIds, as_json: Json = False) -> None:
    """Show progress until the jobs end; exit 0 if all succeeded, else 1.

    Ctrl-C ends the display, not the jobs. With --json: one update per line.

    Examples:
      epochal watch @last
      epochal watch 4f2a91c7 9b1d77e0
      epochal watch 4f2a91c7 --json | jq .

    """
    with Api() as client:
        ids = find_jobs(client, job_ids)
        if not as_json:
            finish(follow_to_end(client, ids), as_json=False)
            return
        for job_id in ids:
            for update in client.watch(job_id):
                typer.echo(json.dumps({"job": job_id, "kind": update.kind, **update.data}))
        exit_as([client.job(job_id) for job_id in ids])


def compare(job_ids: JobIds, as_json: Json = False) -> None:
    """Compare jobs: the fields that differ, the best metrics, the curves.

    Curves are of the validation loss, or of the training loss where a job has
    no validation, drawn to one scale, also of epochs.

    Examples:
      epochal compare @last @last~1
      epochal compare 4f2a91c7 9b1d77e0 wide-network

    """
    with Api() as client:
        ids = find_jobs(client, job_ids)
        if len(ids) < 2:
            raise WrongUseError("Name two different jobs or more, such as `epochal compare @last @last~1`.")
        compared = [client.job(job_id) for job_id in ids]
        curves = [client.curve(job_id) for job_id in ids]
    if as_json:
        print_json(comparison(compared))
        return
    for table in compare_table(compared, curves, width=screen.width):
        screen.print(table)


def curve(job_id: JobId, as_json: Json = False) -> None:
    """Print a job's curve, epoch by epoch, as comma-separated values.

    Examples:
      epochal curve 4f2a91c7 > curve.csv
      epochal curve @last --json

    """
    with Api() as client:
        columns = client.curve(find_job(client, job_id))
    if as_json:
        print_json(columns)
        return
    typer.echo(",".join(columns))
    for row in zip(*columns.values(), strict=True):
        typer.echo(",".join("" if value is None else repr(value) for value in row))


def logs(job_id: JobId, as_json: Json = False) -> None:
    """Show a job's history: every change with its time, actor and reason.

    Example:
      epochal logs 4f2a91c7

    """
    with Api() as client:
        events = client.events(find_job(client, job_id))
    if as_json:
        print_json(events)
    else:
        show_table(events_table(events))


def _sweep(client: Api, given: str | None, sort: str) -> str | None:
    """Whose jobs are listed: those of a sweep, of none, or all that there are, as in the queue."""
    if given is None:
        return None if sort == "queue" else OF_NONE
    return None if given == "all" else find_sweep(client, given)


def fetched(client: Api, key: str, **wanted: Any) -> Sequence[JobView]:
    """The jobs by a metric of the best epoch, the best of all first; or the newest jobs, by name or status.

    Raises `WrongUseError`, which lists the keys, if no job has the metric.
    """
    match key:
        case "created":
            return list(client.jobs(**wanted))
        case "queue":
            return list(client.jobs(sort="queue", **wanted))
        case "name":
            return sorted(client.jobs(**wanted), key=label)
        case "status":
            return sorted(client.jobs(**wanted), key=lambda job: job.status.value)
    name = key.replace("-", "_")
    sign = "-" if name.endswith(HIGHER_IS_BETTER) else ""
    try:
        found = list(client.jobs(sort=f"{sign}best_{name}", **wanted))
    except BadSpecError:
        found = list(client.jobs(**wanted))  # no metric has such a name: say which there are
    known = sorted({metric for job in found if job.best is not None for metric in job.best.metrics})
    if found and name not in known:
        allowed = ", ".join(("created", "name", "status", "queue", *known))
        raise WrongUseError(f"--sort {key}: no job of this list has it. It must be one of {allowed}.")
    return found
