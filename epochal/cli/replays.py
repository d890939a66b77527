"""Commands about replays."""

from typing import Annotated

import typer

from ..client import Api as Client
from .console import Json, aside, help_of, screen
from .jobs import JobId, full_id
from .progress import follow

Wait = Annotated[
    bool, typer.Option("--wait", "-w", help="Wait for its end and compare; exit 1 unless all is the same.")
]


def register(app: typer.Typer) -> None:
    """Give `app` these commands."""
    app.command(help=help_of(replay))(replay)


def replay(job_id: JobId, wait: Wait = False, as_json: Json = False) -> None:
    """Train a job again, and say whether every number is the same, bit for bit. Prints the new job's id.

    Examples:
      epochal replay 4f2a91c7
      epochal replay 4f2a91c7 --wait

    """
    with Client() as client:
        made = client.replay(full_id(client, job_id))
        if not wait:
            typer.echo(made.model_dump_json(indent=2) if as_json else made.id)
            return
        if as_json:
            client.wait(made.id)
        else:
            typer.echo(made.id)
            follow(client, [made.id], aside)
        compared = client.compare(made.id)
    if as_json:
        typer.echo(compared.model_dump_json(indent=2))
    else:
        screen.print(compared.sentence, soft_wrap=True, markup=False)
    if not compared.same:
        raise typer.Exit(1)
