"""What counterfactuals of jobs show, on a terminal or as JSON."""

from collections.abc import Sequence

import typer
from rich.table import Table

from spec.improvement import ChangeView, ImprovementView
from spec.p_values import p_text
from spec.states import SweepState

from ..client import Api
from ..client.waiting import wait_for_improvement
from ..client.words import DASH, interval, metric
from .console import aside, print_json, remark, screen

SHOWN = 12
"""Changes in a table: the job as it is, then the best."""


def answer_improvements(client: Api, ids: Sequence[str], *, seeds: int, as_json: bool) -> None:
    """Train the counterfactuals of these jobs, wait, and print what helped. Exits 1 unless all were trained."""
    begun = [client.improve(job_id, seeds=seeds) for job_id in ids]
    for warning in dict.fromkeys(view.warning for view in begun if view.warning is not None):
        remark(warning)
    with aside.status("training counterfactuals"):
        views = [wait_for_improvement(client, job_id) for job_id in ids]
    print_improvements(views, as_json=as_json)
    if any(view.state is not SweepState.finished for view in views):
        raise typer.Exit(1)


def print_improvements(views: Sequence[ImprovementView], *, as_json: bool) -> None:
    """A table and a sentence each; as JSON one object, or a list of several."""
    if as_json:
        print_json(views[0] if len(views) == 1 else list(views))
        return
    for view in views:
        if view.changes:
            screen.print(changes_table(view))
        screen.print(view.sentence, soft_wrap=True, markup=False)
        if view.warning is not None and not view.state.is_final:
            remark(view.warning)


def changes_table(view: ImprovementView) -> Table:
    """The job as it is, and the best of its counterfactuals."""
    table = Table("change", view.objective, "95 % interval", "better by", "p", "helps", box=None, pad_edge=False)
    for change in view.changes[:SHOWN]:
        table.add_row(*_cells(change, view.objective), style="bold" if change.helps else None)
    return table


def _cells(change: ChangeView, objective: str) -> list[str]:
    sign = "+" if change.difference is not None and change.difference > 0.0 else ""
    numbers = [
        metric(objective, change.mean),
        DASH if change.low is None or change.high is None else interval(objective, change.low, change.high),
        sign + metric(objective, change.difference),
        DASH if change.p is None else p_text(change.p),
    ]
    return [change.change, *numbers, "yes" if change.helps else ""]
