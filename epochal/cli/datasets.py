"""Commands for data sets: upload, list, show, delete."""

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

datasets = typer.Typer(help="Your own data sets.", no_args_is_help=True)

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
        typer.Option(metavar="COLUMN", help="The column to predict from the others; for NPZ: y."),
    ] = None,
    name: Annotated[Optional[str], typer.Option(help="A name. Default: the file's name.")] = None,  # noqa: UP045
    task: Annotated[Optional[Task], typer.Option(help="Default: guessed from the target.")] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """Upload a data set and print its id. An interrupted upload resumes; the same file again is the same data set.

    Examples:
      epochal datasets upload examples/diabetes.csv --target progression
      epochal datasets upload pictures.npz --name pictures
      epochal submit --dataset $(epochal datasets upload my.csv --target price) --loss mse --watch

    """
    with Client() as client, _progress() as progress:
        bar = progress.add_task(file.name, total=None)

        def show_progress(sent: int, total: int) -> None:
            description = f"reading {file.name}" if sent == total else file.name
            progress.update(bar, completed=sent, total=total, description=description)

        made = client.upload(file, target=target, name=name, task=task, on_progress=show_progress)
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
    """Show a data set: columns, missing values, ranges, histograms, classes.

    Example:
      epochal datasets show diabetes

    """
    with Client() as client:
        found = client.dataset(full_id(client, dataset_id))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        screen.print(dataset_card(found))


def delete(dataset_id: DatasetId, as_json: Json = False) -> None:
    """Delete a data set that no job needs.

    Example:
      epochal datasets delete ds_4f2a91c7

    """
    with Client() as client:
        gone = full_id(client, dataset_id)
        client.delete_dataset(gone)
    typer.echo(json.dumps({"deleted": gone}) if as_json else f"{gone} deleted")


def full_id(client: Client, given: str) -> str:
    """The id of the data set of this name, the newest, or whose id begins so. Raises `NotFoundError`."""
    if given.startswith("ds_") and len(given) == ID_LENGTH:
        return given
    listed = client.datasets()
    named = [dataset.id for dataset in listed if dataset.name == given][:1]
    found = named or [dataset.id for dataset in listed if dataset.id.startswith(given)]
    if len(found) == 1:
        return found[0]
    many = f"{len(found)} data sets have" if found else "No data set has"
    raise NotFoundError(f"{many} the name {given} or an id that begins so: `epochal datasets list` shows them.")


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
