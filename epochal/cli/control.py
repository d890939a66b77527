"""Commands that change jobs: cancel, pause, resume, retry, priority, delete."""

from collections.abc import Sequence
from typing import Annotated, Optional

import typer

from spec.states import JobStatus
from spec.views import JobView

from ..client import Api
from ..client.find import find_job
from ..client.words import label, short
from ..errors import WrongUseError
from .console import Json, pair, print_json, print_model
from .help import add
from .job_ids import ID_HELP, JobId, JobIds, complete, find_jobs
from .render import control_requests


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for command in (cancel, pause, resume, retry, priority, delete):
        add(app, command, panel=panel)


def cancel(
    job_ids: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads it
        typer.Argument(metavar="ID", help=ID_HELP, show_default=False, autocompletion=complete),
    ] = None,
    status: Annotated[Optional[JobStatus], typer.Option(metavar="STATE", help="All jobs in this state.")] = None,  # noqa: UP045
    project: Annotated[Optional[str], typer.Option(help="All jobs of this project.")] = None,  # noqa: UP045
    tag: Annotated[Optional[str], typer.Option(metavar="KEY=VALUE", help="All jobs with this tag.")] = None,  # noqa: UP045
    everything: Annotated[bool, typer.Option("--all", help="All jobs that your token sees.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: Json = False,
) -> None:
    """Cancel jobs: queued ones at once, running ones within seconds.

    Jobs are named by their ids, or by --project, --status and --tag, which are
    combined.

    Examples:
      epochal cancel @last
      epochal cancel --project first-try --tag sweep=first
      epochal cancel --all --yes

    """
    filtered = bool(status or project or tag)
    if bool(job_ids) + filtered + everything != 1:
        raise WrongUseError("Name the jobs to cancel: by ID, or by --project, --status and --tag, or with --all.")
    with Api() as client:
        if job_ids:
            _answer_changes([client.cancel(job_id) for job_id in find_jobs(client, job_ids)], as_json=as_json)
            return
        if not yes:
            asked = "Cancel all jobs that your token sees?" if everything else "Cancel all these jobs?"
            typer.confirm(asked, abort=True, err=True)
        done = client.cancel_many(status=status, project=project, tag=pair(tag), everything=everything)
    if as_json:
        print_model(done)
    else:
        typer.echo(f"{done.cancelled:,} jobs are cancelled; {done.stopping:,} that run are stopped within seconds.")


def pause(job_ids: JobIds, as_json: Json = False) -> None:
    """Pause jobs until they are resumed.

    A queued job is paused at once, a running one within seconds.

    Example:
      epochal pause 4f2a91c7

    """
    with Api() as client:
        views = [client.pause(job_id) for job_id in find_jobs(client, job_ids)]
    _answer_changes(views, as_json=as_json)


def resume(job_ids: JobIds, as_json: Json = False) -> None:
    """Queue paused jobs again; they continue from their checkpoints.

    Examples:
      epochal resume 4f2a91c7
      epochal resume $(epochal jobs --status paused)

    """
    with Api() as client:
        views = [client.resume(job_id) for job_id in find_jobs(client, job_ids)]
    _answer_changes(views, as_json=as_json)


def retry(job_id: JobId, as_json: Json = False) -> None:
    """Queue a failed job again.

    Example:
      epochal retry 4f2a91c7

    """
    with Api() as client:
        view = client.retry(find_job(client, job_id))
    _answer_changes([view], as_json=as_json)


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
    with Api() as client:
        view = client.change(find_job(client, job_id), priority=value)
    _answer_changes([view], as_json=as_json)


def delete(job_ids: JobIds, as_json: Json = False) -> None:
    """Delete jobs that have ended, with their curves and files.

    A job that waits or runs must be cancelled first. Runs in MLflow stay. Jobs
    that wait to begin from a deleted job (init_from) will fail.

    Examples:
      epochal delete 4f2a91c7
      epochal delete $(epochal jobs --status failed --project tries)

    """
    with Api() as client:
        ids = find_jobs(client, job_ids)
        for job_id in ids:
            client.delete(job_id)
            if not as_json:
                typer.echo(f"{short(job_id)} deleted")
    if as_json:
        print_json({"deleted": ids})


def _answer_changes(views: Sequence[JobView], *, as_json: bool) -> None:
    if as_json:
        print_json(views)
        return
    for view in views:
        request = next((f" (will be {request})" for request in control_requests(view)), "")
        typer.echo(f"{short(view.id)} {label(view)}: {view.status.value}{request}")
