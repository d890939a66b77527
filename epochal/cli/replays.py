"""Commands about replays."""

from typing import Annotated

import typer

from spec.replay import ReplayView

from ..client import Api
from ..client.find import find_job
from .console import Json, print_model, screen
from .help import add
from .job_ids import JobId
from .progress import follow_to_end

Wait = Annotated[
    bool, typer.Option("--wait", "-w", help="Wait for its end and compare; exit 1 unless all is the same.")
]


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    add(app, replay, panel=panel)


def replay(job_id: JobId, wait: Wait = False, as_json: Json = False) -> None:
    """Train a job again, to see whether every number is the same.

    Prints the new job's id. Numbers are compared bit for bit.

    Examples:
      epochal replay 4f2a91c7
      epochal replay 4f2a91c7 --wait

    """
    with Api() as client:
        made = client.replay(find_job(client, job_id))
        if not wait:
            typer.echo(made.model_dump_json(indent=2) if as_json else made.id)
            return
        if not as_json:
            typer.echo(made.id)
        follow_to_end(client, [made.id])
        compared = client.compare(made.id)
    answer_comparison(compared, as_json=as_json)


def answer_comparison(compared: ReplayView, *, as_json: bool) -> None:
    """Print whether all is the same, and the first number that is not; exit 1 unless all is."""
    if as_json:
        print_model(compared)
    else:
        screen.print(compared.sentence, soft_wrap=True, markup=False)
    if not compared.same:
        raise typer.Exit(1)
