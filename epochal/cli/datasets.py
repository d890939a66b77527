"""Commands for data sets: upload, list, show, delete."""

import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from spec.reading import GapWords
from spec.schema import Task

from ..client import Api
from ..client.find import find_dataset
from ..errors import BadSpecError
from .console import Json, aside, print_json, print_model, print_result, screen, show_table
from .help import add, group
from .render_datasets import dataset_card, datasets_table

PANEL = "How the file is read"
ROLES = "Columns that are no features"

datasets = group("Your own data sets: upload, list, show, delete.")

DatasetId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The data set's id, its beginning or end, or its name.", show_default=False),
]


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    for name, command in (("upload", upload), ("list", list_datasets), ("show", show), ("delete", delete)):
        add(datasets, command, name=name)
    app.add_typer(datasets, name="datasets", rich_help_panel=panel)


def upload(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV, Excel, JSON, Parquet, NPZ, ARFF or a zip of images.", show_default=False
        ),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="The column to predict from the others; repeat it for several; NPZ: y."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name. Default: the file's name.")] = None,
    task: Annotated[Task | None, typer.Option(help="Default: guessed from the target.")] = None,
    decimal: Annotated[str | None, typer.Option(help="Decimal mark: . or ,", rich_help_panel=PANEL)] = None,
    thousands: Annotated[
        str | None,
        typer.Option(help="Mark between groups of three digits: , . ' _ space or none.", rich_help_panel=PANEL),
    ] = None,
    na_values: Annotated[
        list[str] | None,
        typer.Option(
            help="More words for a missing value: a,b; repeat. Or once, JSON of columns.", rich_help_panel=PANEL
        ),
    ] = None,
    keep_default_na: Annotated[
        bool | None,
        typer.Option(help="Whether NA, NaN, null, ? and the like are missing values.", rich_help_panel=PANEL),
    ] = None,
    date_format: Annotated[
        str | None,
        typer.Option(help="Of dates, as strptime has it: %d.%m.%Y", rich_help_panel=PANEL),
    ] = None,
    dayfirst: Annotated[
        bool | None,
        typer.Option("--dayfirst/--monthfirst", help="How 03/04/2026 is read.", rich_help_panel=PANEL),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option(help="Whether the first row has the names of the columns.", rich_help_panel=PANEL),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="Columns to use, a,b; or, with a minus, to leave out, =-a,-b; or repeat.", rich_help_panel=PANEL
        ),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            help="zip=category; of number, category, boolean, date, text (not used); repeat.", rich_help_panel=PANEL
        ),
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Of text: cp1250.", rich_help_panel=PANEL)] = None,
    sheet: Annotated[str | None, typer.Option(help="Of a workbook, by its name.", rich_help_panel=PANEL)] = None,
    image_size: Annotated[
        int | None,
        typer.Option(help="Side to which a zip of images is scaled, in pixels.", rich_help_panel=PANEL),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(help="Between cells: , ; | tab, space (any) or spaces (two).", rich_help_panel=PANEL),
    ] = None,
    weight: Annotated[str | None, typer.Option(help="Column of weights.", rich_help_panel=ROLES)] = None,
    group: Annotated[
        str | None,
        typer.Option(help="Column whose equal values belong together.", rich_help_panel=ROLES),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Column that says train, validation or test.", rich_help_panel=ROLES),
    ] = None,
    time: Annotated[str | None, typer.Option(help="Column of times.", rich_help_panel=ROLES)] = None,
    as_json: Json = False,
) -> None:
    """Upload a data set, print its id, and show how the file was read.

    The options overrule what is guessed from the file. The table goes to
    standard error, so that a pipe gets the id only. An interrupted upload
    resumes; the same file, read in the same way, is the same data set.

    Examples:
      epochal datasets upload examples/diabetes.csv --target progression
      epochal datasets upload umsatz.csv --target Umsatz --decimal , --dayfirst
      epochal datasets upload people.csv --target kind --columns=-id,-name
      epochal datasets upload pets.zip --image-size 32     # cat/1.jpg, dog/1.jpg
      epochal submit --dataset $(epochal datasets upload my.csv --target price)

    """
    options = {
        **{"decimal": decimal, "thousands": thousands, "keep_default_na": keep_default_na, "date_format": date_format},
        **{"dayfirst": dayfirst, "header": header, "encoding": encoding, "delimiter": delimiter},
        **{"sheet": sheet, "image_size": image_size},
        **{"weight": weight, "group": group, "split": split, "time": time},
        **{"columns": _one_or_many(columns), "types": types and ",".join(types), "na_values": _words(na_values)},
    }
    with Api() as client, _progress() as progress:
        bar = progress.add_task(file.name, total=None)

        def show_progress(sent: int, total: int) -> None:
            description = f"reading {file.name}" if sent == total else file.name
            progress.update(bar, completed=sent, total=total, description=description)

        try:
            made = client.upload(
                file, target=_one_or_many(target), name=name, task=task, on_progress=show_progress, **options
            )
        except BadSpecError as error:
            if error.na_values is None:
                raise
            again = f"Again, with these words as missing values:\n  {_command_with(error.na_values)}"
            raise BadSpecError(f"{error}\n{again}", na_values=error.na_values, status=error.status) from error
    if as_json:
        print_model(made)
        return
    aside.print(dataset_card(made))
    typer.echo(made.id)


def _one_or_many(given: list[str] | None) -> str | list[str] | None:
    """One text, whose commas the server looks at, or several."""
    return given[0] if given and len(given) == 1 else given or None


def _command_with(na_values: GapWords) -> str:
    """The command that was given with this option in place of its own, as a shell reads it."""
    kept, words = list[str](), iter(sys.argv[1:])
    for word in words:
        if word == "--na-values":
            next(words, None)
        elif not word.startswith("--na-values="):
            kept.append(word)
    return shlex.join(["epochal", *kept, f"--na-values={json.dumps(na_values, ensure_ascii=False)}"])


def _words(given: list[str] | None) -> str | list[str] | None:
    """JSON, which the server looks at, or words."""
    if given and len(given) == 1 and given[0].lstrip().startswith(("{", "[")):
        return given[0]
    return [word for text in given for word in text.split(",")] if given else None


def list_datasets(
    name: Annotated[str | None, typer.Option(help="Only data sets of this name.")] = None,
    as_json: Json = False,
) -> None:
    """List data sets, newest first.

    In a pipe: a line each, with tabs between the cells, and the full ids.

    Examples:
      epochal datasets list
      epochal datasets list | cut -f 1

    """
    with Api() as client:
        found = client.datasets(name=name)
    if as_json:
        print_json(found)
    else:
        show_table(datasets_table(found, now=datetime.now(UTC), whole_ids=not screen.is_terminal))


def show(dataset_id: DatasetId, as_json: Json = False) -> None:
    """Show a data set: columns, missing values, ranges, classes.

    Example:
      epochal datasets show diabetes

    """
    with Api() as client:
        found = client.dataset(find_dataset(client, dataset_id))
    if as_json:
        print_model(found)
    else:
        screen.print(dataset_card(found))


def delete(dataset_id: DatasetId, as_json: Json = False) -> None:
    """Delete a data set that no job needs.

    Example:
      epochal datasets delete ds_4f2a91c7

    """
    with Api() as client:
        gone = find_dataset(client, dataset_id)
        client.delete_dataset(gone)
    print_result({"deleted": gone}, f"{gone} deleted", as_json)


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
