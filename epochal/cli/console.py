"""What all commands share: standard output and error, `--json`, and help that keeps the lines of examples."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.console import Console

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


def help_of(command: Callable[..., Any]) -> str:
    """The command's docstring; click joins lines unless a paragraph begins with a backspace."""
    return (inspect.getdoc(command) or "").replace("\n\nExample", "\n\n\b\nExample")
