"""The text of `--help`: plain lines that fit 80 columns, options and commands under the headings of their groups."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

OPTIONS, COMMANDS, ARGUMENTS = "Options", "Commands", "Arguments"

_WORDS: Mapping[str, str] = {
    "Input should be": "it must be",
    "Value error, ": "",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    ", unable to parse string as an integer": "",
    ", unable to parse string as a number": "",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}
"""Pydantic's words, in which typer says what is wrong with a value, and ours."""

HELP = "help"
"""`epochal help submit` is `epochal submit --help`."""

_OTHERS: Mapping[str, tuple[str, ...]] = {
    "submit": ("run", "train", "create", "launch", "apply"),
    "jobs": ("list", "ls", "ps", "get", "squeue", "runs", "experiments"),
    "show": ("describe", "info", "inspect", "view"),
    "watch": ("wait", "follow", "attach", "top"),
    "logs": ("history", "events"),
    "cancel": ("stop", "kill", "abort", "scancel"),
    "delete": ("rm", "remove", "del"),
    "list": ("ls", "ps", "get"),
    "remove": ("rm", "delete", "del"),
    "up": ("start", "serve", "server"),
    "datasets": ("dataset", "data", "upload"),
    "workers": ("nodes", "agents", "slots"),
    "open": ("login", "ui", "dashboard"),
    "--version": ("version",),
}
"""Other programs' words for a command."""

Rows = dict[str, list[tuple[str, str]]]
"""Names with their descriptions, by heading."""


class Command(TyperCommand):
    """A command whose options stand under the headings that their `rich_help_panel` names."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of arguments and options."""
        _write(formatter, _parameters(self.get_params(ctx), ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; a wrong one is said in the words of the specs."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            for theirs, ours in _WORDS.items():
                error.message = error.message.replace(theirs, ours)
            raise


class Group(TyperGroup):
    """A group whose commands stand under the headings that their `rich_help_panel` names."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, with `help` in the place of `--help`."""
        return super().parse_args(ctx, [*args[1:], "--help"] if args[:1] == [HELP] else args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named; of another program's word ours is said."""
        word = args[0]
        known = {*self.commands, *(name for option in self.get_params(ctx) for name in option.opts)}
        ours = [name for name, others in _OTHERS.items() if word in others and name in known]
        if word not in self.commands and ours:
            ctx.fail(f"No such command '{word}'. Did you mean '{ours[0]}'?")
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections of commands, and then the options."""
        rows: Rows = {}
        for name, command in self.commands.items():
            heading = getattr(command, "rich_help_panel", None) or COMMANDS
            rows.setdefault(heading, []).append((name, first_sentence(command.help or "")))
        _write(formatter, rows)
        _write(formatter, _parameters(self.get_params(ctx), ctx))


def group(about: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(cls=Group, help=about, no_args_is_help=True, rich_markup_mode=None)


def add(app: typer.Typer, command: Callable[..., Any], *, name: str | None = None, panel: str | None = None) -> None:
    """Give `app` the command, with its docstring as help."""
    app.command(name, cls=Command, help=help_of(command), rich_help_panel=panel)(command)


def help_of(command: Callable[..., Any]) -> str:
    """The command's docstring; click joins lines unless a paragraph begins with a backspace."""
    return (inspect.getdoc(command) or "").replace("\n\nExample", "\n\n\b\nExample")


def first_sentence(text: str) -> str:
    """The first sentence of a help text, without its full stop."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split()).split(". ")[0].rstrip(".")


def _parameters(parameters: Iterable[Any], ctx: Any) -> Rows:
    """Arguments and options as rows; the options that belong to no group come first."""
    rows: Rows = {ARGUMENTS: [], OPTIONS: []}
    for parameter in parameters:
        written = parameter.get_help_record(ctx)
        if written is not None:
            is_argument = parameter.param_type_name == "argument"
            heading = ARGUMENTS if is_argument else getattr(parameter, "rich_help_panel", None) or OPTIONS
            rows.setdefault(heading, []).append(written)
    return rows


def _write(formatter: Any, rows: Rows) -> None:
    for heading, listed in rows.items():
        if listed:
            with formatter.section(heading):
                formatter.write_dl(listed)
