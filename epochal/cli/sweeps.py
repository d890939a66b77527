"""Commands for sweeps: `epochal sweep FILE`, and list, show, table, cancel, pause, resume, retry and extend below."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from spec import specfile
from spec.newer import NewerView
from spec.short_ids import short
from spec.states import SweepState
from spec.sweep import SweepSpec
from spec.sweep_views import SweepCheck, SweepView

from ..client import Api
from ..client.find import find_sweep
from ..client.states import states
from ..client.sweep_progress import out_of
from ..client.sweep_routes import parse_sweep
from ..errors import WrongUseError
from .console import (
    Ids,
    Json,
    Key,
    print_found,
    print_json,
    print_model,
    remark,
    screen,
)
from .help import HELP, Group, add
from .named_data import with_ids
from .progress import follow_sweep
from .render_sweeps import sweep_card, sweep_check_card, sweeps_table
from .sweep_ids import SweepId
from .sweep_results import ensemble, predict, replay, table

START = "start"

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show progress until the end; exit 1 unless it finished.")]


class _Sweeps(Group):
    """`epochal sweep FILE` is `epochal sweep start FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command that is meant. Raises `WrongUseError` for what is neither a command nor a file."""
        first = args[0] if args else ""
        if first and first not in (*self.commands, *ctx.help_option_names, HELP):
            if not _may_be_file(first):
                near = get_close_matches(first, self.commands, n=1)
                commands = f"Did you mean `{near[0]}`?" if near else f"The commands are {', '.join(self.commands)}."
                raise WrongUseError(f"There is no command and no file {first}. {commands}")
            args = [START, *args]
        return super().parse_args(ctx, args)


def _may_be_file(argument: str) -> bool:
    """Whether it is a file, standard input, an option, or the name of a file that is missing."""
    return argument.startswith("-") or bool(Path(argument).suffix) or os.sep in argument or Path(argument).exists()


def register(app: typer.Typer, *, panel: str) -> None:
    """Give `app` these commands."""
    about = (
        "Sweeps: train many configurations of a job, and find the best.\n\n"
        "\b\nExamples:\n"
        "  epochal sweep examples/sweep_hyperband.yaml --watch\n"
        "  epochal sweep examples/sweep_grid.yaml --check\n"
        "  epochal sweep show @last"
    )
    sweep = typer.Typer(cls=_Sweeps, help=about, no_args_is_help=True, rich_markup_mode=None)
    add(sweep, start, name=START)
    add(sweep, list_sweeps, name="list")
    for command in (show, table, cancel, pause, resume, retry, extend, replay, ensemble, predict):
        add(sweep, command)
    app.add_typer(sweep, name="sweep", rich_help_panel=panel)


def start(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="YAML or JSON: base, space, method ...")],
    trials: Annotated[int | None, typer.Option(help="Configurations, in place of the file's.")] = None,
    method: Annotated[
        str | None,
        typer.Option(metavar="METHOD", help="grid, random, sobol, tpe or given."),
    ] = None,
    halving: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="none, successive, hyperband, first_epoch or population."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(help="Jobs of each configuration, each with its seed.")] = None,
    folds: Annotated[int | None, typer.Option(help="Cross-validation in place of seeds.")] = None,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    key: Key = None,
    check: Annotated[bool, typer.Option("--check", help="Say what the sweep would be; submit nothing.")] = False,
    watch: Watch = False,
    as_json: Json = False,
) -> None:
    """Submit a sweep from a file; print its id. `epochal sweep FILE` is short for it.

    A flag replaces the value of the file.

    Examples:
      epochal sweep examples/sweep_hyperband.yaml --watch
      epochal sweep start examples/sweep_grid.yaml --seeds 5
      epochal sweep examples/sweep_random.yaml --trials 100 --check

    """
    given = {"trials": trials, "method": method, "halving": halving, "seeds": seeds, "folds": folds, "name": name}
    spec = parse_sweep(_read(file, {field: value for field, value in given.items() if value is not None}))
    with Api() as client:
        if check:
            answer_sweep_check(client.check_sweep(spec), as_json=as_json)
        else:
            submit_sweep(client, spec, key=key, watch=watch, as_json=as_json)


def list_sweeps(
    state: Annotated[
        str | None,
        typer.Option(
            metavar="STATE",
            help="Only sweeps in this state, or in several: running,paused.",
            autocompletion=lambda: list(SweepState),
        ),
    ] = None,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="Only sweeps with this in their names.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most sweeps to show.")] = 50,
    ids: Ids = False,
    as_json: Json = False,
) -> None:
    """List sweeps, newest first, with their best scores.

    In a pipe: a line each, with tabs between the cells, and the full ids.

    Examples:
      epochal sweep list
      epochal sweep list --state running --search digits

    """
    with Api() as client:
        newer: list[NewerView] = []
        found = list(client.sweeps(state=states(SweepState, state), search=search, limit=limit, newer=newer))
    drawn = partial(sweeps_table, found, now=datetime.now(UTC), whole_ids=not screen.is_terminal)
    print_found(found, drawn, newer, limit, ids=ids, as_json=as_json)


def show(sweep_id: SweepId, as_json: Json = False) -> None:
    """Show a sweep: progress, leaderboard, and whether the best is really better.

    Examples:
      epochal sweep show @last
      epochal sweep show 4f2a91c7 --json

    """
    with Api() as client:
        _answer(client.sweep(find_sweep(client, sweep_id)), as_json=as_json)


def cancel(sweep_id: SweepId, as_json: Json = False) -> None:
    """Cancel a sweep with its jobs; running ones end within seconds.

    Examples:
      epochal sweep cancel @last

    """
    with Api() as client:
        _say(client.cancel_sweep(find_sweep(client, sweep_id)), as_json=as_json)


def pause(sweep_id: SweepId, as_json: Json = False) -> None:
    """Pause a sweep with its jobs; `resume` lets it go on.

    Examples:
      epochal sweep pause @last

    """
    with Api() as client:
        _say(client.pause_sweep(find_sweep(client, sweep_id)), as_json=as_json)


def resume(sweep_id: SweepId, as_json: Json = False) -> None:
    """Let a paused sweep go on.

    Examples:
      epochal sweep resume @last

    """
    with Api() as client:
        _say(client.resume_sweep(find_sweep(client, sweep_id)), as_json=as_json)


def retry(sweep_id: SweepId, as_json: Json = False) -> None:
    """Train a sweep's failed jobs again that another try may mend.

    Jobs that diverged, or whose data cannot be used, stay failed. A sweep
    that has finished goes on.

    Examples:
      epochal sweep retry @last

    """
    with Api() as client:
        _say(client.retry_sweep(find_sweep(client, sweep_id)), as_json=as_json)


def extend(
    sweep_id: SweepId,
    trials: Annotated[int, typer.Option(min=1, help="Configurations in all.")],
    as_json: Json = False,
) -> None:
    """Give a sweep more configurations; one that has finished goes on.

    Examples:
      epochal sweep extend @last --trials 200

    """
    with Api() as client:
        _say(client.extend_sweep(find_sweep(client, sweep_id), trials), as_json=as_json)


def submit_sweep(client: Api, spec: SweepSpec, *, key: str | None, watch: bool, as_json: bool) -> None:
    """Submit, print the id, and with `watch` follow the sweep to its end."""
    sweep = client.submit_sweep(spec, key=key)
    if not (watch and as_json):
        print_json({"id": sweep.id}) if as_json else typer.echo(sweep.id)
    if not watch:
        return
    ended = follow_sweep(client, sweep.id)
    _answer(ended, as_json=as_json)
    if ended.state is not SweepState.finished:
        raise typer.Exit(1)


def answer_sweep_check(checked: SweepCheck, *, as_json: bool) -> None:
    """Show what a sweep would be."""
    print_model(checked) if as_json else screen.print(sweep_check_card(checked))


def _read(file: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The sweep in a file, with the values of the flags. Raises `WrongUseError` for a file of something else."""
    documents, _ = specfile.read(file)
    if len(documents) != 1 or not {"space", "configurations"} & documents[0].keys():
        raise WrongUseError(
            f"{file} holds no sweep: it needs a base (a job) and a space (the fields that vary) or configurations. "
            f"`epochal submit` takes a file of jobs."
        )
    sweep = {**documents[0], **given}
    base = sweep.get("base")
    return {**sweep, "base": with_ids([base])[0]} if isinstance(base, dict) else sweep


def _answer(sweep: SweepView, *, as_json: bool) -> None:
    if as_json:
        print_model(sweep)
    else:
        screen.print(sweep_card(sweep, now=datetime.now(UTC)), soft_wrap=not screen.is_terminal)


def _say(sweep: SweepView, *, as_json: bool) -> None:
    if as_json:
        print_model(sweep)
    else:
        remark(f"Sweep {short(sweep.id)} is {sweep.state.value}: {out_of(sweep.proposed, sweep)} configurations.")
