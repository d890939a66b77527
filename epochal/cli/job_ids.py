"""The argument that names a job, and its completion by the shell."""

from collections.abc import Iterable
from typing import Annotated

import typer

from spec.short_ids import short_ids

from ..client import Api
from ..client.find import OF_NONE, find_job
from ..client.words import label
from ..errors import EpochalError

COMPLETED = 50
"""Newest jobs among which the shell completes."""


def complete(incomplete: str) -> Iterable[tuple[str, str]]:
    """The newest jobs, those of sweeps apart, whose short id or name begins with `incomplete`, for the shell."""
    try:
        with Api() as client:
            newest = list(client.jobs(sweep=OF_NONE, limit=COMPLETED))
    except EpochalError:
        return
    for job, short in zip(newest, short_ids([job.id for job in newest]), strict=True):
        if short.startswith(incomplete):
            yield short, f"{label(job)}, {job.status.value}"
        elif job.name and job.name.startswith(incomplete):
            yield job.name, job.status.value


ID_HELP = "The job's id or its end, its name, @last, or @last~1."
JobId = Annotated[str, typer.Argument(metavar="ID", help=ID_HELP, show_default=False, autocompletion=complete)]
JobIds = Annotated[list[str], typer.Argument(metavar="ID", help=ID_HELP, show_default=False, autocompletion=complete)]


def find_jobs(client: Api, given: Iterable[str]) -> list[str]:
    """The ids of the jobs that these mean, each once. Raises as `find_job` does."""
    return list(dict.fromkeys(find_job(client, one) for one in given))
