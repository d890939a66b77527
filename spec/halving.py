"""Brackets and rungs: which configurations train together, and when the weak ones are pruned.

The trainer applies the rule between epochs; it compares numbers that are the same to the bit wherever they are
computed, so its decisions are too.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from .base import Frozen
from .halvings import FirstEpoch, Hyperband, NoHalving, Population, Successive
from .monitors import LOWER_IS_BETTER, Monitor
from .population import PopulationOrder
from .sweep import MOST_TRIALS, Budget, SweepSpec

MOST_RUNGS = 20
"""Twenty rungs of factor 2 are the million epochs that a job may have."""

ROUNDS = 16
"""So often each kind of bracket of Hyperband comes before they are larger than the paper's."""


class Rung(Frozen):
    """An epoch of a bracket, and how many configurations go on after it."""

    epoch: int
    keep: int


class Bracket(Frozen):
    """Configurations that train in lockstep and are pruned together."""

    size: int
    """Configurations that it begins with."""
    rungs: tuple[Rung, ...]
    """In order of their epochs, all before the last epoch."""
    objective: Monitor

    @property
    def epochs(self) -> tuple[int, ...]:
        """The epochs of the rungs."""
        return tuple(rung.epoch for rung in self.rungs)


class BracketOrder(Frozen):
    """A bracket as a trainer gets it."""

    bracket: Bracket
    replicates: int
    """Jobs of each configuration: its seeds or folds."""
    trials: tuple[int, ...] = ()
    """The numbers of its configurations that have not ended, by which brackets that train together are told apart."""
    keep_models: bool = False
    """Whether pruned jobs keep their models."""
    known: dict[int, tuple[tuple[float | None, ...], ...]] = {}
    """By configuration, its jobs that ended before: the best score of each up to each rung; None is infinite."""
    hand_back: Literal["never", "at_rung", "after_rung"] = "never"
    """Whether all are handed back with checkpoints: before or after their next rung is decided.

    So a worker finds the job that crashes its trainer: parts of a bracket train to their rung apart.
    """
    population: PopulationOrder | None = None
    """Then the weak are not pruned: they copy the best."""


def bracket(sweep: SweepSpec, generation: int, left: int) -> Bracket:
    """The bracket of a generation, of `left` configurations at most."""
    most, halving = sweep.base.epochs, sweep.halving
    match halving:
        case Hyperband(factor=factor, min_epochs=least):
            highest = _steps(most / least, factor)
            steps = highest - generation % (highest + 1)
            size = _size(highest, steps, factor) * _multiple(sweep, highest, factor)
            if sweep.version == 1:
                epochs = [max(most // factor**step, 1) for step in range(steps, 0, -1)]
            else:
                epochs = rung_epochs(least * factor ** (highest - steps), factor, most)
        case Successive(factor=factor, min_epochs=least):
            size = sweep.generation
            epochs = rung_epochs(least, factor, most)
        case FirstEpoch(keep=keep):
            size = min(sweep.generation, left)
            first = [Rung(epoch=1, keep=min(keep, size))] if most > 1 else []
            return Bracket(size=size, rungs=tuple(first), objective=sweep.monitored)
        case Population(interval=interval):
            size = min(sweep.generation, left)
            rungs = tuple(Rung(epoch=epoch, keep=size) for epoch in range(interval, most, interval))
            return Bracket(size=size, rungs=rungs, objective=sweep.monitored)
        case _:
            assert isinstance(halving, NoHalving)
            return Bracket(size=min(sweep.generation, left), rungs=(), objective=sweep.monitored)
    size = min(size, left)
    rungs = tuple(Rung(epoch=epoch, keep=max(size // factor ** (step + 1), 1)) for step, epoch in enumerate(epochs))
    return Bracket(size=size, rungs=rungs, objective=sweep.monitored)


def most_together(sweep: SweepSpec) -> int:
    """The most configurations of a generation: a tenth of a budget of epochs, which those that train may exceed.

    With halving nobody knows what a bracket will take.
    """
    if sweep.version < 4 or not isinstance(sweep.halving, NoHalving) or not isinstance(sweep.trials, Budget):
        return MOST_TRIALS
    tenth = (sweep.trials.epochs or math.inf) / (10 * sweep.base.epochs * sweep.replicates)
    return max(int(min(tenth, MOST_TRIALS)), 1)


def _size(highest: int, steps: int, factor: int) -> int:
    """The configurations that a bracket of Hyperband begins with, by the paper."""
    size: float = (highest + 1) / (steps + 1) * factor**steps
    return math.ceil(size)


def _multiple(sweep: SweepSpec, highest: int, factor: int) -> int:
    """How many times larger a sweep's brackets are than the paper's, as a small pack trains hardly sooner than a large.

    The largest has `generation` configurations at most, and each kind of bracket still comes `ROUNDS` times.
    """
    if sweep.version < 3 or not isinstance(sweep.trials, int):
        return 1
    sizes = [_size(highest, steps, factor) for steps in range(highest + 1)]
    return max(min(sweep.generation // max(sizes), sweep.most_trials // (ROUNDS * sum(sizes))), 1)


def rung_epochs(first: int, factor: int, most: int) -> list[int]:
    """The epochs of the rungs, from the first one; all brackets of a sweep share them."""
    return [epoch for step in range(MOST_RUNGS) if (epoch := first * factor**step) < most]


def _steps(ratio: float, factor: int) -> int:
    """How often `ratio` can be divided by `factor`; a power of it counts exactly."""
    return max(math.floor(math.log(ratio) / math.log(factor) + 1e-9), 0) if ratio >= 1.0 else 0


def score_of(metric: float | None, objective: Monitor) -> float:
    """A metric as a score: less is better, and a metric that is missing or no number is worst."""
    if metric is None or not math.isfinite(metric):
        return math.inf
    return metric if objective in LOWER_IS_BETTER else -metric


def metric_of(score: float | None, objective: Monitor) -> float | None:
    """The metric that a score stands for."""
    return score if score is None or objective in LOWER_IS_BETTER else -score


def best_so_far(column: Sequence[float | None], objective: Monitor) -> float:
    """The best score of some epochs."""
    return min((score_of(value, objective) for value in column), default=math.inf)


def mean_score(scores: Iterable[float]) -> float:
    """The mean over seeds or folds; infinite if one of them is."""
    numbers = list(scores)
    return math.fsum(numbers) / len(numbers) if numbers and all(map(math.isfinite, numbers)) else math.inf


def survivors(scores: Mapping[int, float], keep: int) -> set[int]:
    """The `keep` best configurations, by number; of equal ones the one that was proposed first.

    Those that failed, with an infinite score, are never among them.
    """
    ranked = sorted((score, number) for number, score in scores.items() if score < math.inf)
    return {number for _, number in ranked[:keep]}
