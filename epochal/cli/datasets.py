"""Commands about data sets: upload, list, show, delete."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from spec.schema import Task

from ..client import Client
from ..errors import NotFoundError
from .console import Json, aside, help_of, screen
from .render_datasets import dataset_card, datasets_table

ID_LENGTH = 35

datasets = typer.Typer(help="Your own data.", no_args_is_help=True)

DatasetId = Annotated[
    str, typer.Argument(metavar="ID", help="The data set's id, its beginning, or its name.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Give `app` these commands."""
    datasets.command("upload", help=help_of(upload))(upload)
    datasets.command("list", help=help_of(list_datasets))(list_datasets)
    datasets.command("show", help=help_of(show))(show)
    datasets.command("delete", help=help_of(delete))(delete)
    app.add_typer(datasets, name="datasets")


def upload(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, Parquet or NPZ.", show_default=False)],
    target: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it
        typer.Option(metavar="COLUMN", help="The column to tell from the others; of NPZ it is y."),
    ] = None,
    name: Annotated[Optional[str], typer.Option(help="A name for people; else the file's.")] = None,  # noqa: UP045
    task: Annotated[Optional[Task], typer.Option(help="Else as the target looks.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """Upload a data set and print its id. The same file again is the same data set, and goes on where it was cut off.

    Examples:
      epochal datasets upload examples/diabetes.csv --target progression
      epochal datasets upload pictures.npz --name pictures
      epochal submit --dataset $(epochal datasets upload my.csv --target price) --loss mse --watch

    """
    with Client() as client, _progress() as progress:
        bar = progress.add_task(file.name, total=None)

        def tell(sent: int, total: int) -> None:
            words = f"{file.name} is read" if sent == total else file.name
            progress.update(bar, completed=sent, total=total, description=words)

        made = client.upload(file, target=target, name=name, task=task, tell=tell)
    if as_json:
        typer.echo(made.model_dump_json(indent=2))
        return
    for note in made.notes:
        aside.print(note, markup=False, soft_wrap=True)
    typer.echo(made.id)


def list_datasets(
    name: Annotated[Optional[str], typer.Option(help="Only data sets of this name.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """List data sets, newest first.

    Example:
      epochal datasets list

    """
    with Client() as client:
        found = client.datasets(name=name)
    if as_json:
        typer.echo(json.dumps([dataset.model_dump(mode="json") for dataset in found], indent=2))
    else:
        screen.print(datasets_table(found, now=datetime.now(UTC)))


def show(dataset_id: DatasetId, as_json: Json = False) -> None:
    """Show what is in a data set: columns, what is missing, ranges, histograms, classes.

    Example:
      epochal datasets show diabetes

    """
    with Client() as client:
        found = client.dataset(whole(client, dataset_id))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        screen.print(dataset_card(found))


def delete(dataset_id: DatasetId, as_json: Json = False) -> None:
    """Delete a data set that no job needs any more.

    Example:
      epochal datasets delete ds_4f2a91c7

    """
    with Client() as client:
        gone = whole(client, dataset_id)
        client.delete_dataset(gone)
    typer.echo(json.dumps({"deleted": gone}) if as_json else f"{gone} deleted")


def whole(client: Client, said: str) -> str:
    """The whole id of the data set that `said` begins or names; of a name the newest. Raises `NotFoundError`."""
    if said.startswith("ds_") and len(said) == ID_LENGTH:
        return said
    listed = client.datasets()
    named = [dataset.id for dataset in listed if dataset.name == said][:1]
    found = named or [dataset.id for dataset in listed if dataset.id.startswith(said)]
    if len(found) == 1:
        return found[0]
    many = f"{len(found)} data sets have" if found else "No data set has"
    raise NotFoundError(f"{many} the name {said} or an id that begins so: `epochal datasets list` shows them.")


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=aside,
        disable=not aside.is_terminal,
    )
