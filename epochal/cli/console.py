"""What all commands share: standard output and error, and `--json`."""

import json
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console

from ..errors import WrongUseError

PIPE_WIDTH = 120
"""Width of a table in a pipe or a log, in characters."""


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=PIPE_WIDTH)


screen = _console(stderr=False)
"""Standard output: answers."""

aside = _console(stderr=True)
"""Standard error: progress and remarks, so that a pipe gets answers only."""

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


def pair(tag: str | None) -> tuple[str, str] | None:
    """The key and the value of `--tag KEY=VALUE`. Raises `WrongUseError`."""
    if tag is None:
        return None
    key, found, value = tag.partition("=" if "=" in tag else ":")
    if not found:
        raise WrongUseError(f"--tag {tag}: write it as KEY=VALUE.")
    return key, value
