"""Commands for the service as a whole: workers, queue."""

from datetime import UTC, datetime

import typer

from ..client import Api
from .console import Json, print_json, print_model, show_table
from .help import add
from .render_service import queue_table, workers_table


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for command in (workers, queue):
        add(app, command, panel=panel)


def workers(as_json: Json = False) -> None:
    """List the workers that are up, their slots and the jobs that they train.

    Examples:
      epochal workers
      epochal workers --json

    """
    with Api() as client:
        found = client.workers()
    if as_json:
        print_json(found)
    else:
        show_table(workers_table(found, now=datetime.now(UTC)))


def queue(as_json: Json = False) -> None:
    """Show the length of the queue, the free slots and the throughput.

    Examples:
      epochal queue
      epochal queue --json

    """
    with Api() as client:
        found = client.queue()
    if as_json:
        print_model(found)
    else:
        show_table(queue_table(found))
