"""The `epochal` command. Exit codes: 0 succeeded, 1 failed or refused, 2 wrong use, 3 no server."""

import errno
import io
import sys
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.main import get_command

from spec.disk import is_full
from spec.specfile import BadSpecFileError

from ..errors import EpochalError
from . import (
    control,
    datasets,
    doctor,
    improvements,
    jobs,
    lessons,
    models,
    people,
    queue,
    replays,
    reports,
    slurm,
    stack,
    submit,
    sweeps,
    tokens,
    webhooks,
)
from .help import Group


class _Commands(typer.Typer):
    """Commands whose errors are a sentence on standard error and an exit code."""

    @cached_property
    def built(self) -> Callable[..., Any]:
        """All of them, built once: that takes longer than most of them do."""
        return get_command(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal that cannot show a character shows the others
        try:
            return self.built(*args, **kwargs)
        except EpochalError as error:
            typer.echo(f"epochal: {error}", err=True)
            sys.exit(error.exit_code)
        except BadSpecFileError as error:
            typer.echo(f"epochal: {error}", err=True)
            sys.exit(2)
        except OSError as error:
            if error.strerror is None or error.errno == errno.EPIPE:
                raise
            what = "The system refused an operation"
            if error.filename is not None:
                what = f"Cannot use {error.filename}"
            elif is_full(error):
                what = "Cannot write the answer"
            typer.echo(f"epochal: {what}: {error.strerror}.", err=True)
            sys.exit(1)


app = _Commands(
    name="epochal",
    cls=Group,
    help=(
        "Train neural networks as jobs: submit a spec, watch its curve.\n\n"
        "\b\nStart with:\n"
        "  epochal up --detach\n"
        "  epochal submit --dataset digits --hidden 64,32 --watch\n"
        "  epochal jobs\n\n"
        "\b\nExit codes: 0 succeeded, 1 a job failed or the service refused,\n"
        "2 wrong use, 3 no server answers, 130 Ctrl-C.\n\n"
        "`epochal COMMAND --help` explains a command, with examples."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"epochal {version('epochal')}")
        raise typer.Exit


@app.callback()
def _main(
    _version_asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None: ...


submit.register(app, panel="Jobs")
jobs.register(app, panel="Jobs")
control.register(app, panel="Change jobs")
replays.register(app, panel="Change jobs")
improvements.register(app, panel="Change jobs")
sweeps.register(app, panel="Sweeps")
lessons.register(app, panel="Lessons")
datasets.register(app, panel="Data and models")
models.register(app, panel="Data and models")
stack.register(app, panel="Service")
slurm.register(app, panel="Service")
queue.register(app, panel="Service")
doctor.register(app, panel="Service")
people.register(app, panel="People")
reports.register(app, panel="People")
tokens.register(app, panel="People")
webhooks.register(app, panel="People")
