"""Tables and sentences about sweeps, for people: they fit 80 columns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spec.halvings import Population
from spec.short_ids import short, short_ids
from spec.space import Integers, LogUniform, Parameter, Uniform
from spec.states import SweepState, TrialState
from spec.sweep import Budget
from spec.sweep_views import PopulationView, SweepCheck, SweepSummary, SweepView

from ..client.sweep_progress import ended_trials, out_of, value_text, whole
from ..client.words import DASH, interval, metric
from .figures import duration, one_line

SHOWN = 8
"""Of more values of a parameter, the first three and the last are shown."""

COLOURS: Mapping[str, str] = {
    SweepState.running: "yellow",
    SweepState.paused: "magenta",
    SweepState.finished: "green",
    SweepState.failed: "red",
    SweepState.cancelled: "dim",
}


def sweeps_table(sweeps: Sequence[SweepSummary], *, now: datetime, whole_ids: bool = False) -> Table:
    """One line per sweep."""
    ids = [sweep.id for sweep in sweeps]
    table = Table("id", "name", "state", "method", box=None, header_style="bold", pad_edge=False)
    table.columns[0].no_wrap = True
    for heading in ("proposed", "best", "age"):
        table.add_column(heading, justify="right", no_wrap=True)
    for sweep, shown in zip(sweeps, ids if whole_ids else short_ids(ids), strict=True):
        best = DASH if sweep.best is None else f"{sweep.objective} {metric(sweep.objective, sweep.best)}"
        table.add_row(
            shown,
            one_line(sweep.name or DASH),
            Text(sweep.state.value, style=COLOURS[sweep.state]),
            sweep.method,
            f"{sweep.proposed}" if (most := whole(sweep)) is None else f"{sweep.proposed}/{most}",
            best,
            duration((now - sweep.created_at).total_seconds()),
        )
    return table


def sweep_card(sweep: SweepView, *, now: datetime) -> RenderableType:
    """Everything about one sweep."""
    head = Text(f"{sweep.name or 'sweep'}  ", style="bold") + Text(sweep.state.value, style=COLOURS[sweep.state])
    parts: list[RenderableType] = [head, _grid(_facts(sweep, now))]
    if sweep.leaderboard:
        parts += ["", leaderboard(sweep)]
    if sweep.comparison is not None:
        parts.append(Text(sweep.comparison.sentence))
    if sweep.population is not None and sweep.population.schedule:
        parts += ["", Text(f"The network of #{sweep.population.best} was trained with"), schedule(sweep.population)]
    return Group(*parts)


def schedule(population: PopulationView) -> Table:
    """The values that the best network of a population was trained with, and the configuration that it was then."""
    table = Table("epochs", "as", box=None, header_style="bold", pad_edge=False)
    for name in population.schedule[0].values:
        table.add_column(name, justify="right")
    for one in population.schedule:
        values = (value_text(value) for value in one.values.values())
        table.add_row(f"{one.first_epoch} to {one.last_epoch}", f"#{one.trial}", *values)
    return table


def leaderboard(sweep: SweepView) -> Table:
    """The best configurations, with the 95 % confidence intervals of their means."""
    table = Table("", box=None, header_style="bold", pad_edge=False)
    table.add_column(sweep.objective, justify="right", no_wrap=True)
    if any(one.low is not None for one in sweep.leaderboard):
        table.add_column("95 % interval", no_wrap=True)
    table.add_column("epochs", justify="right", no_wrap=True)
    table.add_column("configuration")
    for one in sweep.leaderboard:
        ends = [] if len(table.columns) < 5 else [interval(sweep.objective, one.low, one.high)]
        values = ", ".join(f"{name} {value_text(value)}" for name, value in one.configuration.items())
        table.add_row(f"#{one.number}", metric(sweep.objective, one.score), *ends, str(one.epochs), one_line(values))
    return table


def sweep_check_card(check: SweepCheck) -> RenderableType:
    """What a sweep would be."""
    return _grid(_checked(check))


def _checked(check: SweepCheck) -> Iterable[tuple[str, str]]:
    budget = check.spec.trials if isinstance(check.spec.trials, Budget) else None
    if budget is None:
        yield "configurations", f"{check.configurations:,}"
        yield "jobs", f"{check.jobs:,} ({check.spec.replicates} for each configuration)"
        yield "epochs", f"{check.epochs:,} at most"
    else:
        yield "configurations", "new ones until the budget is spent"
        yield "budget", _budget(budget)
        yield "jobs", f"{check.spec.replicates} for each configuration"
    for place, (name, parameter) in enumerate(check.spec.space.items()):
        yield "" if place else "space", f"{name} {values_text(parameter)}"
    for one in check.brackets if budget is None else ():
        rungs = ", ".join(f"{rung.keep} after epoch {rung.epoch}" for rung in one.bracket.rungs)
        kept = f"; {rungs} go on" if rungs else ""
        if isinstance(check.spec.halving, Population):
            kept = f", which copy each other every {check.spec.halving.interval} epochs"
        yield "generations", f"{one.count} of {one.bracket.size} configurations{kept}"
    if check.drawn is not None:
        learns = check.configurations is None or check.drawn < check.configurations
        yield (
            "tpe",
            f"draws {check.drawn:,} at random, then learns" if learns else "draws all at random: too few to learn",
        )
    shapes = "1 shape" if check.packs == 1 else f"{check.packs} shapes"
    yield "packs", f"{shapes} among {check.sampled} configurations that were looked at"
    if check.refused:
        yield "refused", f"{check.refused} combinations, which are not proposed"
    for reason in check.reasons:
        yield "", f"{reason.path} {reason.message}"


def values_text(parameter: Parameter) -> str:
    """The values that a parameter may have, the first and the last of many, and where it exists."""
    match parameter:
        case LogUniform(log_uniform=(least, most)) | Integers(integers=(least, most), log=True):
            text = f"{value_text(least)} to {value_text(most)}, uniform by logarithm"
        case Uniform(uniform=(least, most), values=None) | Integers(integers=(least, most), values=None):
            text = f"{value_text(least)} to {value_text(most)}"
        case _:
            text = _listed([value_text(value) for value in parameter.values or ()])
    conditions = [f"{path} is {' or '.join(map(value_text, them))}" for path, them in parameter.conditions.items()]
    return text + (f", where {' and '.join(conditions)}" if conditions else "")


def _listed(values: Sequence[str]) -> str:
    few = values if len(values) <= SHOWN else [*values[:3], f"... {values[-1]} ({len(values):,} values)"]
    return ", ".join(few).replace(", ...", " ...")


def _budget(budget: Budget) -> str:
    epochs = [] if budget.epochs is None else [f"{budget.epochs:,} epochs of all jobs together"]
    seconds = [] if budget.seconds is None else [f"{budget.seconds:g} s since it began"]
    return " or ".join([*epochs, *seconds])


def _facts(sweep: SweepView, now: datetime) -> Iterable[tuple[str, str]]:
    yield "id", sweep.id
    if sweep.message:
        yield "message", sweep.message
    yield "method", f"{sweep.method}, {sweep.objective}, halving {sweep.spec.halving.type}"
    counts = ", ".join(f"{count} {state.value}" for state, count in sweep.trials.items() if count)
    yield "configurations", f"{out_of(ended_trials(sweep), sweep)} ended" + (f": {counts}" if counts else "")
    yield "jobs", ", ".join(f"{count} {state.value}" for state, count in sweep.jobs.items() if count) or "none yet"
    if sweep.retryable:
        yield "retry", f"epochal sweep retry {short(sweep.id)} trains {sweep.retryable:,} of the failed jobs again"
    yield "epochs", f"{sweep.epochs:,}"
    if sweep.split:
        packs = max(sweep.split.values())
        brackets = "1 bracket" if len(sweep.split) == 1 else f"{len(sweep.split):,} brackets"
        yield "split", f"{brackets} larger than a device trains at once: up to {packs} packs, one after the other"
    yield "time", duration(((sweep.finished_at or now) - sweep.created_at).total_seconds())
    if sweep.trials.get(TrialState.finished, 0) and sweep.rungs:
        told = ", ".join(f"{_correlation(rung.correlation)} after epoch {rung.epoch}" for rung in sweep.rungs)
        yield "rungs", f"rank correlation with the end: {told}"
    if sweep.population is not None:
        found = sweep.population
        copied = len({one.epoch for one in found.copies})
        yield "copies", f"{len(found.copies)} after {copied} epochs, in generation {found.generation}"
    if sweep.importances is not None:
        yield "importance", ", ".join(f"{name} {100 * share:.0f} %" for name, share in sweep.importances.shares.items())
    if sweep.mlflow is not None:
        yield "MLflow", sweep.mlflow.url


def _correlation(value: float | None) -> str:
    return DASH if value is None else f"{value:.2f}"


def _grid(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, text in rows:
        table.add_row(label, Text(text, overflow="fold"))  # an address that is cut leads nowhere
    return table
