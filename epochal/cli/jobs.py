"""Commands for jobs: submit, jobs, show, watch, cancel, pause, resume, priority, retry, logs, curve."""

import inspect
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Optional

import typer
from pydantic import BaseModel
from rich.markup import escape

from spec import specfile
from spec.job import JobSpec
from spec.states import JobStatus
from spec.views import JobView

from ..client import Api as Client
from ..client import parse, parse_many
from ..errors import BadFileError, NotFoundError
from .console import Json, aside, help_of, screen
from .flags import Flag, flags, overlay
from .progress import follow
from .render import control_requests, events_table, job_card, jobs_table, outcome, results_table

ID_LENGTH = 36
"""Characters of a job id; the beginning or the end of one is looked for among the newest jobs."""

SEARCHED_JOBS = 200
"""Number of newest jobs among which a shortened id is looked for."""

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id, or its beginning or end.", show_default=False)]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show progress until the end; exit 1 unless it succeeded.")]


def register(app: typer.Typer) -> None:
    """Give `app` these commands."""
    app.command(help=help_of(submit))(_with_spec_flags(submit))
    for command in (jobs, show, watch, cancel, pause, resume, priority, retry, logs, curve):
        app.command(help=help_of(command))(command)


def submit(
    file: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it
        typer.Argument(metavar="[FILE|-]", help="YAML or JSON: one spec, a list, or jobs: [...].", show_default=False),
    ] = None,
    watch: Watch = False,
    as_json: Json = False,
    **given: Any,
) -> None:
    """Submit jobs from a file, from flags, or from a file with some values replaced by flags. Prints the ids.

    Examples:
      epochal submit examples/digits.yaml --watch
      epochal submit --dataset digits --hidden 64 --hidden 32 --dropout 0.5
      epochal submit --dataset spirals --noise 0.2 --optimizer sgd --momentum 0.9 --learning-rate 0.1
      epochal submit examples/digits.yaml --seed 7 --tags try=second
      cat jobs.json | epochal submit -

    """
    chosen = _chosen(given)
    if file is None and not chosen:
        raise BadFileError("Nothing to submit: name a FILE, or describe the job with flags such as --dataset digits.")
    specs, several = specfile.read(file) if file is not None else ([{}], False)
    wanted = [overlay(spec, chosen) for spec in specs]
    valid = parse_many(wanted) if several else [parse(wanted[0])]  # a bad spec is refused without a server
    with Client() as client:
        ids = client.submit_many(valid) if several else [_submitted(client, valid[0])]
        if not watch:
            _answer_ids(ids, as_json=as_json)
            return
        if not as_json:
            _answer_ids(ids, as_json=False)
        _finish(_watched(client, ids), as_json=as_json)


def jobs(
    status: Annotated[Optional[JobStatus], typer.Option(help="Only jobs in this state.")] = None,  # noqa: UP045
    project: Annotated[Optional[str], typer.Option(help="Only jobs of this project.")] = None,  # noqa: UP045
    tag: Annotated[Optional[str], typer.Option(metavar="KEY=VALUE", help="Only jobs with this tag.")] = None,  # noqa: UP045
    limit: Annotated[int, typer.Option(min=1, help="Most jobs to show.")] = 50,
    as_json: Json = False,
) -> None:
    """List jobs, newest first.

    Examples:
      epochal jobs
      epochal jobs --status failed --project default
      epochal jobs --tag course=intro --json
      epochal cancel $(epochal jobs --status queued)

    """
    with Client() as client:
        found = list(client.jobs(status=status, project=project, tag=_tag(tag), limit=limit))
    if as_json:
        _print_json([job.model_dump(mode="json") for job in found])
    elif screen.is_terminal:
        screen.print(jobs_table(found, now=datetime.now(UTC)))
    else:
        _answer_ids([job.id for job in found], as_json=False)


def show(job_id: JobId, as_json: Json = False) -> None:
    """Show one job: state, progress, metrics, outcome, links.

    Examples:
      epochal show 4f2a91c7
      epochal show 0193a5b2-7c1e-7d31-a7b4-5d0c4f2a91c7 --json

    """
    with Client() as client:
        job = client.job(full_id(client, job_id))
    if as_json:
        _print_model(job)
    else:
        screen.print(job_card(job, now=datetime.now(UTC)), soft_wrap=True)


def watch(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Jobs to watch.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show progress until the jobs end; exit 0 when all succeeded, else 1. With --json: one update per line.

    Examples:
      epochal watch 4f2a91c7
      epochal watch 4f2a91c7 --json | jq .

    """
    with Client() as client:
        ids = [full_id(client, job_id) for job_id in job_ids]
        if as_json:
            for job_id in ids:
                for update in client.watch(job_id):
                    typer.echo(json.dumps({"job": job_id, "kind": update.kind, **update.data}))
            _exit_as([client.job(job_id) for job_id in ids])
        else:
            _finish(_watched(client, ids), as_json=False)


def cancel(
    job_ids: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads it
        typer.Argument(metavar="[ID...]", help="Jobs to cancel.", show_default=False),
    ] = None,
    status: Annotated[Optional[JobStatus], typer.Option(help="All jobs in this state.")] = None,  # noqa: UP045
    project: Annotated[Optional[str], typer.Option(help="All jobs of this project.")] = None,  # noqa: UP045
    tag: Annotated[Optional[str], typer.Option(metavar="KEY=VALUE", help="All jobs with this tag.")] = None,  # noqa: UP045
    everything: Annotated[bool, typer.Option("--all", help="All jobs that your token sees.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: Json = False,
) -> None:
    """Cancel jobs: queued ones at once, running ones within seconds.

    Jobs are named by their ids, or by --project, --status and --tag, which are combined.

    Examples:
      epochal cancel 4f2a91c7
      epochal cancel --project first-try --tag sweep=first
      epochal cancel --all --yes

    """
    filtered = bool(status or project or tag)
    if bool(job_ids) + filtered + everything != 1:
        raise typer.BadParameter("Name the jobs to cancel: by ID, or by --project, --status and --tag, or with --all.")
    with Client() as client:
        if job_ids:
            _answer_changes([client.cancel(full_id(client, job_id)) for job_id in job_ids], as_json=as_json)
            return
        if not yes:
            typer.confirm(
                "Cancel all jobs that your token sees?" if everything else "Cancel all these jobs?",
                abort=True,
                err=True,
            )
        done = client.cancel_many(status=status, project=project, tag=_tag(tag), everything=everything)
    if as_json:
        _print_model(done)
    else:
        screen.print(f"{done.cancelled:,} jobs are cancelled; {done.stopping:,} that run are stopped within seconds.")


def pause(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Jobs to pause.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Pause jobs until they are resumed: queued ones at once, running ones within seconds.

    Example:
      epochal pause 4f2a91c7

    """
    with Client() as client:
        views = [client.pause(full_id(client, job_id)) for job_id in job_ids]
    _answer_changes(views, as_json=as_json)


def resume(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Jobs to queue again.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Queue paused jobs again.

    Examples:
      epochal resume 4f2a91c7
      epochal resume $(epochal jobs --status paused)

    """
    with Client() as client:
        views = [client.resume(full_id(client, job_id)) for job_id in job_ids]
    _answer_changes(views, as_json=as_json)


def priority(
    job_id: JobId,
    value: Annotated[
        int,
        typer.Argument(metavar="PRIORITY", help="-100 to 100; higher runs first.", min=-100, max=100),
    ],
    as_json: Json = False,
) -> None:
    """Change a job's priority.

    Examples:
      epochal priority 4f2a91c7 10
      epochal priority 4f2a91c7 -- -10

    """
    with Client() as client:
        view = client.change(full_id(client, job_id), priority=value)
    _answer_changes([view], as_json=as_json)


def retry(job_id: JobId, as_json: Json = False) -> None:
    """Queue a failed job again.

    Example:
      epochal retry 4f2a91c7

    """
    with Client() as client:
        view = client.retry(full_id(client, job_id))
    _answer_changes([view], as_json=as_json)


def logs(job_id: JobId, as_json: Json = False) -> None:
    """Show a job's history: every change with its time, actor and reason.

    Example:
      epochal logs 4f2a91c7

    """
    with Client() as client:
        events = client.events(full_id(client, job_id))
    if as_json:
        _print_json([event.model_dump(mode="json") for event in events])
    else:
        screen.print(events_table(events))


def curve(job_id: JobId, as_json: Json = False) -> None:
    """Print a job's curve, epoch by epoch, as comma-separated values.

    Examples:
      epochal curve 4f2a91c7 > curve.csv
      epochal curve 4f2a91c7 --json

    """
    with Client() as client:
        columns = client.curve(full_id(client, job_id))
    if as_json:
        _print_json(columns)
        return
    typer.echo(",".join(columns))
    for row in zip(*columns.values(), strict=True):
        typer.echo(",".join("" if value is None else repr(value) for value in row))


def full_id(client: Client, shortened: str) -> str:
    """The id of the newest jobs that begins or ends with `shortened`. Raises `NotFoundError`."""
    if len(shortened) >= ID_LENGTH:
        return shortened
    newest = (job.id for job in client.jobs(limit=SEARCHED_JOBS))
    found = [job_id for job_id in newest if job_id.startswith(shortened) or job_id.endswith(shortened)]
    match found:
        case [job_id]:
            return job_id
        case []:
            raise NotFoundError(
                f"None of the newest {SEARCHED_JOBS} jobs has an id that begins or ends with {shortened}: "
                f"give the full id; `epochal jobs` lists them."
            )
        case _:
            raise NotFoundError(f"{len(found)} jobs have an id that begins or ends with {shortened}: give more of it.")


# --- submit's flags ---------------------------------------------------------------------------------------------------


def _with_spec_flags(command: Any) -> Any:
    """`command`, whose `**given` is opened into one parameter per flag of the spec."""
    signature = inspect.signature(command)
    fixed = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    made = [
        inspect.Parameter(flag.variable, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(flag))
        for flag in flags()
    ]
    command.__signature__ = signature.replace(parameters=[*fixed, *made])
    command.__annotations__ = {
        parameter.name: parameter.annotation for parameter in command.__signature__.parameters.values()
    }
    return command


def _annotation(flag: Flag) -> Any:
    panel = {1: "Spec"}.get(len(flag.path), f"Spec: {flag.path[0]}")
    if flag.form == "switch":
        names = f"--{flag.name}/--no-{flag.name}"
        return Annotated[Optional[bool], typer.Option(names, help=escape(flag.help), rich_help_panel=panel)]  # noqa: UP045
    metavar = {"pairs": "KEY=VALUE"}.get(flag.form, "VALUE")
    option = typer.Option(f"--{flag.name}", help=escape(flag.help), metavar=metavar, rich_help_panel=panel)
    return Annotated[Optional[list[str]], option]  # noqa: UP045


def _chosen(given: dict[str, Any]) -> dict[Flag, Any]:
    """The flags that were given, with their values."""
    known = {flag.variable: flag for flag in flags()}
    return {known[name]: known[name].read(value) for name, value in given.items() if value not in (None, [])}


def _tag(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    separator = "=" if "=" in text else ":"
    key, found, value = text.partition(separator)
    if not found:
        raise BadFileError(f"--tag {text}: write it as KEY=VALUE.")
    return key, value


# --- answers ----------------------------------------------------------------------------------------------------------


def _submitted(client: Client, spec: JobSpec) -> str:
    """The id of a new job; warnings go to standard error."""
    job = client.submit(spec)
    for warning in job.warnings:
        aside.print(warning, soft_wrap=True, markup=False)
    return job.id


def _watched(client: Client, ids: Sequence[str]) -> list[JobView]:
    return follow(client, ids, aside)


def _finish(ended: Sequence[JobView], *, as_json: bool) -> None:
    """Print how the jobs ended; exit 1 unless all succeeded."""
    if as_json:
        _print_json([job.model_dump(mode="json") for job in ended])
    elif len(ended) == 1:
        aside.print(outcome(ended[0]), soft_wrap=True, markup=False)
    else:
        aside.print(results_table(ended))
    _exit_as(ended)


def _exit_as(ended: Sequence[JobView]) -> None:
    if any(job.status is not JobStatus.succeeded for job in ended):
        raise typer.Exit(1)


def _answer_ids(ids: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        _print_json({"ids": list(ids)})
        return
    for job_id in ids:
        typer.echo(job_id)


def _answer_changes(views: Sequence[JobView], *, as_json: bool) -> None:
    if as_json:
        _print_json([view.model_dump(mode="json") for view in views])
        return
    for view in views:
        request = next((f" (will be {request})" for request in control_requests(view)), "")
        typer.echo(f"{view.id} {view.status.value}{request}")


def _print_model(model: BaseModel) -> None:
    typer.echo(model.model_dump_json(indent=2))


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))
