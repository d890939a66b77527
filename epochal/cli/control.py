"""Commands that change jobs: cancel, pause, resume, retry, priority, delete."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, TypeVar

import typer

from spec.short_ids import short
from spec.states import JobStatus, SweepState
from spec.sweep_views import SweepSummary
from spec.views import JobView

from ..client import Api
from ..client.find import find_job
from ..client.words import label
from ..errors import AnswerError, EpochalError, WrongUseError
from .console import Json, pair, print_json, print_model, remark
from .help import add
from .job_ids import ID_HELP, JobId, JobIds, complete, find_jobs
from .render import control_requests

Answer = TypeVar("Answer")

REMARKED = 10
"""Most running sweeps that a command looks at to name those that go on."""


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for command in (cancel, pause, resume, retry, priority, delete):
        add(app, command, panel=panel)


def cancel(
    job_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help=ID_HELP, show_default=False, autocompletion=complete),
    ] = None,
    status: Annotated[JobStatus | None, typer.Option(metavar="STATE", help="All jobs in this state.")] = None,
    project: Annotated[str | None, typer.Option(help="All jobs of this project.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="KEY=VALUE", help="All jobs with this tag.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All jobs that your token sees; sweeps that run submit new ones.")
    ] = False,
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
            _change_each(find_jobs(client, job_ids), client.cancel, as_json=as_json)
            return
        if not yes:
            asked = "Cancel all jobs that your token sees?" if everything else "Cancel all these jobs?"
            try:
                typer.confirm(asked, abort=True, err=True)
            except typer.Abort:
                remark("\nNothing is cancelled. Where nobody can answer, add --yes.")
                raise typer.Exit(1) from None
        done = client.cancel_many(status=status, project=project, tag=pair(tag), everything=everything)
        running = list[SweepSummary]()
        with suppress(EpochalError):  # the jobs are cancelled, whatever is known of sweeps
            running += client.sweeps(state=SweepState.running, limit=REMARKED) if everything else ()
    if as_json:
        print_model(done)
    else:
        typer.echo(f"{done.cancelled:,} jobs are cancelled; {done.stopping:,} that run are stopped within seconds.")
    for sweep in running:
        if sweep.proposed < sweep.most_trials:
            end = short(sweep.id)
            remark(f"Sweep {end} is running, and submits new jobs: `epochal sweep cancel {end}` ends it.")


def pause(job_ids: JobIds, as_json: Json = False) -> None:
    """Pause jobs until they are resumed.

    A queued job is paused at once, a running one within seconds.

    Example:
      epochal pause 4f2a91c7

    """
    with Api() as client:
        _change_each(find_jobs(client, job_ids), client.pause, as_json=as_json)


def resume(job_ids: JobIds, as_json: Json = False) -> None:
    """Queue paused jobs again; they continue from their checkpoints.

    Examples:
      epochal resume 4f2a91c7
      epochal resume $(epochal jobs --status paused --ids)

    """
    with Api() as client:
        _change_each(find_jobs(client, job_ids), client.resume, as_json=as_json)


def retry(job_ids: JobIds, as_json: Json = False) -> None:
    """Queue failed jobs again, from their first epochs.

    Examples:
      epochal retry 4f2a91c7
      epochal retry $(epochal jobs --status failed --project tries --ids)

    """
    with Api() as client:
        _change_each(find_jobs(client, job_ids), client.retry, as_json=as_json)


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
        _change_each([find_job(client, job_id)], partial(client.change, priority=value), as_json=as_json)


def delete(job_ids: JobIds, as_json: Json = False) -> None:
    """Delete jobs that have ended, with their curves and files.

    A job that waits or runs must be cancelled first. Runs in MLflow stay. Jobs
    that wait to begin from a deleted job (init_from) will fail.

    Examples:
      epochal delete 4f2a91c7
      epochal delete $(epochal jobs --status failed --project tries --ids)

    """
    with Api() as client:
        ids = find_jobs(client, job_ids)
        gone = []
        for job_id, _ in _asked(ids, client.delete):
            gone.append(job_id)
            if not as_json:
                typer.echo(f"{short(job_id)} deleted")
    if as_json:
        print_json({"deleted": gone})
    _exit_as(ids, gone)


def _change_each(ids: Sequence[str], change: Callable[[str], JobView], *, as_json: bool) -> None:
    """Ask for the change of each job, and print what they are then; exit 1 if one was refused."""
    views = []
    for _, view in _asked(ids, change):
        views.append(view)
        if not as_json:
            request = next((f" (will be {request})" for request in control_requests(view)), "")
            typer.echo(f"{short(view.id)} {label(view)}: {view.status.value}{request}")
    if as_json:
        print_json(views)
    _exit_as(ids, views)


def _asked(ids: Sequence[str], ask: Callable[[str], Answer]) -> Iterator[tuple[str, Answer]]:
    """Each job with the answer about it; one that was refused is named with the reason, and the others go on."""
    for job_id in ids:
        try:
            yield job_id, ask(job_id)
        except AnswerError as error:
            remark(f"epochal: {short(job_id)}: {error}")


def _exit_as(asked: Sequence[object], done: Sequence[object]) -> None:
    """Exit 1 unless all was done that was asked for."""
    if len(done) < len(asked):
        raise typer.Exit(1)
