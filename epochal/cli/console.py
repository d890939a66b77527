"""What all commands share: standard output and error, and `--json`."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from spec.newer import NewerView
from spec.short_ids import short_ids

from ..errors import WrongUseError

Model = TypeVar("Model", bound=BaseModel)

LEAST_WIDTH = 72
"""Least width of an answer: a narrower terminal breaks its lines, and cuts no id."""
PIPE_WIDTH = 120
"""Width of a table in a pipe or a log, in characters."""


def console_of(*, stderr: bool) -> Console:
    """The console of one of the two streams, as wide as its terminal is, or as a reader of a log needs it."""
    stream = sys.stderr if stderr else sys.stdout
    if stream is None or not stream.isatty():  # FORCE_COLOR makes no terminal of a pipe, but it may have colours
        return Console(
            stderr=stderr,
            highlight=False,
            width=PIPE_WIDTH,
            force_terminal=False,
            color_system="standard" if os.environ.get("FORCE_COLOR") else None,
        )
    console = Console(stderr=stderr, highlight=False)
    if not stderr and console.width < LEAST_WIDTH:
        return Console(highlight=False, width=LEAST_WIDTH)
    return console


screen = console_of(stderr=False)
"""Standard output: answers."""

aside = console_of(stderr=True)
"""Standard error: progress and remarks, so that a pipe gets answers only."""

Ids = Annotated[bool, typer.Option("--ids", help="Print full ids only, for other commands.")]
Key = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="A text of your own: who submits again with it, within seven days, submits nothing new. For scripts that "
        "try again.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]


def remark(text: str) -> None:
    """A line on standard error."""
    aside.print(text, soft_wrap=True, markup=False)


def print_model(model: BaseModel) -> None:
    """An answer of the API, as JSON."""
    typer.echo(model.model_dump_json(indent=2))


def print_json(value: Any) -> None:
    """A value, as JSON; models in it too."""
    typer.echo(json.dumps(value, indent=2, default=lambda model: model.model_dump(mode="json")))


def print_ids(ids: Sequence[str], *, as_json: bool) -> None:
    """Full ids, one a line, which other commands take."""
    if as_json:
        print_json({"ids": list(ids)})
    else:
        typer.echo("\n".join(ids), nl=bool(ids))


def print_answer(model: BaseModel, text: str, as_json: bool) -> None:
    """What a command answers: the model for programs, the text for people."""
    if as_json:
        print_model(model)
    else:
        typer.echo(text)


def print_result(value: dict[str, Any], text: str, as_json: bool) -> None:
    """What a command did: a line of JSON for programs, the text for people."""
    typer.echo(json.dumps(value) if as_json else text)


def print_list(
    found: Sequence[Model], columns: Sequence[str], row: Callable[[Model], Iterable[str]], as_json: bool
) -> None:
    """A list: the models for programs, a table with a row each for people, or its lines in a pipe."""
    if as_json:
        print_json(found)
    else:
        print_table(columns, map(row, found))


def print_found(
    found: Sequence[Any],
    table: Callable[[], Table],
    newer: Sequence[NewerView],
    limit: int,
    *,
    ids: bool,
    as_json: bool,
) -> None:
    """Jobs or sweeps: their ids for other commands, or as `print_list`. Standard error says what is left out."""
    for one in newer:
        remark(f"{one.id} ({one.name or 'no name'}, {one.status}) is not shown. {one.why}")
    if len(found) == limit:
        remark(f"The list ends after {limit:,}, and there may be more: raise --limit.")
    if ids:
        print_ids([one.id for one in found], as_json=as_json)
    elif as_json:
        print_json(found)
    else:
        show_table(table())


def print_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A table of texts."""
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    show_table(table)


def show_table(table: Table) -> None:
    """A drawn table on a terminal; in a pipe or a file a line per row, with tabs between the cells and no heading."""
    if screen.is_terminal:
        screen.print(table)
        return
    for row in zip(*(column.cells for column in table.columns), strict=True):
        typer.echo("\t".join(" ".join(_plain(cell).split()) for cell in row))


def _plain(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else Text.from_markup(str(cell)).plain


def listed_ids(ids: Sequence[str]) -> Mapping[str, str]:
    """How a list shows each id: short on a terminal, whole in a pipe."""
    return dict(zip(ids, short_ids(ids) if screen.is_terminal else ids, strict=True))


def pair(tag: str | None) -> tuple[str, str] | None:
    """The key and the value of `--tag KEY=VALUE`. Raises `WrongUseError`."""
    if tag is None:
        return None
    key, found, value = tag.partition("=" if "=" in tag else ":")
    if not found:
        raise WrongUseError(f"--tag {tag}: write it as KEY=VALUE.")
    return key, value
