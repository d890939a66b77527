"""The `epochal` command. Exit codes: 0 succeeded, 1 failed, 2 bad spec or bad flags, 3 server unreachable."""

import sys
from typing import Any

import typer

from spec.specfile import BadSpecFileError

from ..errors import EpochalError
from . import datasets, jobs, models, queue, replays, stack


class _Commands(typer.Typer):
    """Commands whose errors are a sentence on standard error and an exit code."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line."""
        try:
            return super().__call__(*args, **kwargs)
        except EpochalError as error:
            typer.echo(f"epochal: {error}", err=True)
            sys.exit(error.exit_code)
        except BadSpecFileError as error:
            typer.echo(f"epochal: {error}", err=True)
            sys.exit(2)


app = _Commands(
    name="epochal",
    help=(
        "Train neural networks as jobs: submit a spec, watch its curve.\n\n"
        "Exit codes: 0 succeeded, 1 failed, 2 bad spec or flags, 3 server unreachable.\n\n"
        "\b\nStart with:\n"
        "  epochal up --detach\n"
        "  epochal submit --dataset digits --hidden 64 --hidden 32 --watch"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
stack.register(app)
jobs.register(app)
queue.register(app)
datasets.register(app)
models.register(app)
replays.register(app)
