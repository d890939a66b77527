"""Progress of jobs on a terminal until their ends; and how they ended."""

import time
from collections.abc import Callable, Sequence

import typer
from rich.console import Console

from spec.short_ids import short
from spec.states import JobStatus
from spec.sweep_views import SweepView
from spec.views import JobView

from ..client import Api
from ..client.bars import MOST, shown
from ..client.sweep_progress import sweep_shown
from ..client.waiting import wait, wait_for_sweep
from ..command import INTERRUPTED
from .console import aside, print_json, remark
from .render import results_table, summary


def follow(
    client: Api, ids: Sequence[str], console: Console, *, sleep: Callable[[float], None] = time.sleep
) -> list[JobView]:
    """The jobs, when all have ended; until then their progress is shown."""
    with shown(ids, console) as show:
        return wait(client, ids, show, sleep=sleep)


def follow_to_end(client: Api, ids: Sequence[str]) -> list[JobView]:
    """As `follow`, on standard error. After Ctrl-C it says that the jobs go on, and how to watch or cancel them."""
    try:
        return follow(client, ids, aside)
    except KeyboardInterrupt:
        named = " ".join(map(short, ids)) if len(ids) <= MOST else "ID..."
        goes, them = ("The job goes on.", "it") if len(ids) == 1 else (f"The {len(ids)} jobs go on.", "them")
        remark(f"\n{goes} `epochal watch {named}` shows {them} again, `epochal cancel {named}` stops {them}.")
        raise typer.Exit(INTERRUPTED) from None


def follow_sweep(client: Api, sweep_id: str) -> SweepView:
    """The sweep when it has ended; until then its progress is shown on standard error."""
    try:
        with sweep_shown(aside) as show:
            return wait_for_sweep(client, sweep_id, show)
    except KeyboardInterrupt:
        end = short(sweep_id)
        remark(f"\nThe sweep goes on. `epochal sweep show {end}` shows it, `epochal sweep cancel {end}` stops it.")
        raise typer.Exit(INTERRUPTED) from None


def finish(ended: Sequence[JobView], *, as_json: bool) -> None:
    """Print how the jobs ended; exit 1 unless all succeeded."""
    if as_json:
        print_json(ended)
    elif len(ended) == 1:
        for line in summary(ended[0]):
            remark(line)
    else:
        aside.print(results_table(ended))
    exit_as(ended)


def exit_as(ended: Sequence[JobView]) -> None:
    """Exit 1 unless all succeeded."""
    if any(job.status is not JobStatus.succeeded for job in ended):
        raise typer.Exit(1)
