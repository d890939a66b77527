"""The progress of a sweep that is waited for: a table on a terminal, a table in a notebook, or nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from spec.states import JobStatus, TrialState
from spec.sweep_views import SweepSummary, SweepView

from .fields import KINDS
from .words import html_table, metric

Show = Callable[[SweepView], None]
LEADERS = 5


class Pace:
    """How fast a sweep goes, from what was seen of it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, int, int] | None = None

    def seen(self, sweep: SweepView) -> tuple[float | None, float | None]:
        """Epochs of all jobs per second since the first look, and the seconds that are left; None if unknown."""
        now, ended = self._clock(), ended_trials(sweep)
        if self._first is None:
            self._first = (now, sweep.epochs, ended)
        began, epochs, before = self._first
        took, trained = now - began, sweep.epochs - epochs
        if took <= 0.0 or trained <= 0:
            return None, None
        most = whole(sweep)
        left = None if ended == before or most is None else (most - ended) * took / (ended - before)
        return trained / took, left


def whole(sweep: SweepSummary) -> int | None:
    """The configurations that there are to be; None where a budget ends the sweep."""
    return sweep.most_trials if sweep.budget is None else None


def out_of(count: int, sweep: SweepSummary) -> str:
    """So many configurations of all, such as `12 of 64`."""
    return str(count) if (most := whole(sweep)) is None else f"{count} of {most}"


def ended_trials(sweep: SweepView) -> int:
    """Configurations that have ended."""
    return sum(count for state, count in sweep.trials.items() if state is not TrialState.open)


def facts(sweep: SweepView, pace: tuple[float | None, float | None]) -> list[tuple[str, ...]]:
    """The sweep's progress in words."""
    speed, left = pace
    found: list[tuple[str, ...]] = [
        *([("message", sweep.message)] if sweep.message else []),
        ("configurations", _counts(sweep.trials, out_of(ended_trials(sweep), sweep))),
        ("jobs", _counts(sweep.jobs, str(sum(sweep.jobs.values())))),
    ]
    if speed is not None:
        eta = "" if left is None else f", about {left:.0f} s left"
        found.append(("speed", f"{speed:.3g} epochs a second{eta}"))
    rungs = [rung for rung in sweep.rungs if rung.pruned and rung.correlation is not None]
    if rungs:
        told = ", ".join(f"{rung.correlation:.2f} after epoch {rung.epoch}" for rung in rungs)
        found.append(("rungs", f"correlation with the end {told}"))
    return found


def leaders(sweep: SweepView) -> list[tuple[str, ...]]:
    """The best configurations, a row each: number, score, configuration."""
    return [
        (
            f"#{one.number}",
            metric(sweep.objective, one.score),
            ", ".join(f"{name} {value_text(value)}" for name, value in one.configuration.items()),
        )
        for one in sweep.leaderboard[:LEADERS]
    ]


def value_text(value: Any) -> str:
    """A value of a configuration, such as `sgd (momentum 0.9)`."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        kind = next((str(value[name]) for name in KINDS if name in value), "")
        rest = ", ".join(f"{name} {value_text(one)}" for name, one in value.items() if name not in KINDS)
        return f"{kind} ({rest})" if kind and rest else kind or rest or "{}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@contextmanager
def sweep_shown(console: Console) -> Iterator[Show]:
    """A function that draws the state of a sweep, where there is a terminal or a notebook to draw on."""
    pace = Pace()
    if console.is_jupyter:
        yield _Notebook(pace).show
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda sweep: live.update(drawn(sweep, pace.seen(sweep)), refresh=True)
    else:
        yield lambda sweep: None


def drawn(sweep: SweepView, pace: tuple[float | None, float | None]) -> RenderableType:
    """The state of a sweep on a terminal."""
    head = Table.grid(padding=(0, 2))
    head.add_row(
        Text(sweep.name or "sweep", style="bold"),
        ProgressBar(total=max(whole(sweep) or sweep.proposed, 1), completed=ended_trials(sweep), width=24),
        Text(sweep.state.value),
    )
    lines = Table.grid(padding=(0, 2))
    for name, text in facts(sweep, pace):
        lines.add_row(Text(name, style="bold"), Text(text))
    best = Table("", sweep.objective, "configuration", box=None, header_style="bold", pad_edge=False)
    for row in leaders(sweep):
        best.add_row(*(Text(cell) for cell in row))
    return Group(head, lines, best) if sweep.leaderboard else Group(head, lines)


class _Notebook:
    """One output of a notebook, which is replaced."""

    def __init__(self, pace: Pace) -> None:
        self._pace, self._output = pace, None

    def show(self, sweep: SweepView) -> None:
        """Draw the state of the sweep."""
        from IPython.display import HTML, display

        table = html_table((), facts(sweep, self._pace.seen(sweep))) + html_table((), leaders(sweep))
        if self._output is None:
            self._output = display(HTML(table), display_id=True)
        else:
            self._output.update(HTML(table))


def _counts(counts: "dict[TrialState, int] | dict[JobStatus, int]", total: str) -> str:
    told = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    return f"{total} ({told})" if told else total
