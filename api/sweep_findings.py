"""What a sweep has found: its leaderboard, whether the best is better, how far its rungs and parameters matter.

`sweeps` is imported where it is used: NumPy takes memory and time that an API without sweeps does not need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spec.halving import MOST_RUNGS, best_so_far, bracket, mean_score, metric_of, rung_epochs
from spec.halvings import Population
from spec.population import Columns, Stretch, copies, schedule
from spec.sweep import SweepSpec
from spec.sweep_views import ComparisonView, Importances, PairView, PopulationView, RungView, Standing
from store.sweep_records import SweepRecord, TrialRecord, scores_of
from store.sweep_results import SweepResults

from .sweep_answers import trial_fields

MOST_CURVES = 300
"""Curves that are read for the correlation of rungs; those of a hundred configurations at most."""
MOST_POINTS = 300_000
"""Epochs of all curves that are read for an answer, of the correlation of rungs and of a population."""
MOST_SCORES = 1_000
"""Configurations whose scores say which parameters are important."""
_RATIO = 3
"""Between the epochs that are looked at in a sweep without halving."""


@dataclass(frozen=True)
class Leaders:
    """The best configurations of a sweep, with the rows of their jobs."""

    sweep: SweepRecord
    trials: Sequence[TrialRecord]
    jobs: Mapping[int, Sequence[Any]]

    @classmethod
    def of(cls, results: SweepResults, sweep: SweepRecord) -> "Leaders":
        """Read them from the record."""
        trials = results.best(sweep.id)
        return cls(sweep, trials, results.jobs_of(sweep.id, [trial.number for trial in trials]))

    @property
    def job_ids(self) -> list[str]:
        """Their jobs."""
        return [job.id for jobs in self.jobs.values() for job in jobs]

    def standings(self) -> list[Standing]:
        """Each with its confidence interval and the scores of its seeds or folds."""
        if not self.trials:
            return []
        from sweeps.findings import intervals

        spec, found = self.sweep.spec, []
        scores = [scores_of(self.jobs[trial.number], spec.monitored) for trial in self.trials]
        for trial, theirs, band in zip(self.trials, scores, intervals(spec, scores), strict=True):
            metrics = [metric_of(score, spec.monitored) or 0.0 for score in theirs]
            fields = trial_fields(self.sweep, trial, self.jobs[trial.number])
            found.append(Standing(**fields, low=band.low, high=band.high, scores=metrics))
        return found

    def comparison(self) -> ComparisonView | None:
        """The best beside each of the others; None before one was trained to its end."""
        if not self.trials:
            return None
        from sweeps.findings import compared

        spec = self.sweep.spec
        theirs = {trial.number: scores_of(self.jobs[trial.number], spec.monitored) for trial in self.trials}
        said, others = compared(spec, theirs, self.trials[0].metrics or {})
        pairs = [
            PairView(number=number, difference=one.difference, p=one.p, more_needed=one.needed)
            for number, one in others.items()
        ]
        return ComparisonView(sentence=said, others=pairs)


def population(results: SweepResults, leaders: Leaders) -> PopulationView | None:
    """Who copied whom, and what the best configuration trained with.

    None of a sweep without populations, and of one whose curves are too long to be read for an answer.
    """
    sweep = leaders.sweep
    if not sweep.generations or not _has_short_populations(sweep.spec):
        return None
    best = leaders.trials[0] if leaders.trials else None
    generation = sweep.generations - 1 if best is None else best.generation
    columns = results.population(sweep, generation)
    return PopulationView(
        generation=generation,
        copies=copies(columns),
        best=None if best is None else best.number,
        schedule=[] if best is None else _schedule(columns, best, leaders.jobs[best.number]) or [],
    )


def schedule_of(
    results: SweepResults, sweep: SweepRecord, trial: TrialRecord, jobs: Sequence[Any]
) -> list[Stretch] | None:
    """What the network that a configuration's first job left was trained with; None as of `population`, or of none."""
    if not _has_short_populations(sweep.spec):
        return None
    return _schedule(results.population(sweep, trial.generation), trial, jobs)


def _schedule(columns: Mapping[int, Columns], trial: TrialRecord, jobs: Sequence[Any]) -> list[Stretch] | None:
    if not jobs or jobs[0].best_epoch is None:
        return None
    return schedule(columns, trial.number, jobs[0].best_epoch)


def _has_short_populations(spec: SweepSpec) -> bool:
    """Whether the curves of a population are few and short enough to be read for an answer."""
    size = min(spec.generation, spec.most_trials)
    return isinstance(spec.halving, Population) and size * spec.base.epochs <= MOST_POINTS


def rungs(results: SweepResults, sweep: SweepRecord) -> list[RungView]:
    """How well the score at each rung foretells the final one; a population's do not, for its members are replaced."""
    spec = sweep.spec
    if isinstance(spec.halving, Population):
        return []
    kinds = min(sweep.generations, MOST_RUNGS + 1)  # then they are the first ones again
    used = {rung.epoch for number in range(kinds) for rung in bracket(spec, number, spec.most_trials).rungs}
    pruned = bool(used)
    epochs = sorted(used) or rung_epochs(1, _RATIO, spec.base.epochs)
    if not epochs:
        return []
    from sweeps.statistics import spearman

    most = min(max(MOST_CURVES // spec.replicates, 3), 100, MOST_POINTS // (epochs[-1] * spec.replicates))
    curves = results.curves(sweep.id, spec.monitored, most, upto=epochs[-1])
    final = [score for score, _ in curves]
    return [
        RungView(
            epoch=epoch,
            pruned=pruned,
            correlation=spearman([_score_at(epoch, columns, spec) for _, columns in curves], final),
            configurations=len(curves),
        )
        for epoch in epochs
    ]


def importances(results: SweepResults, sweep: SweepRecord) -> Importances | None:
    """The share of each parameter in the differences.

    None of too few configurations, of given ones, and of populations, whose values change.
    """
    if isinstance(sweep.spec.halving, Population) or not sweep.spec.space:
        return None
    scored = results.scored(sweep.id, MOST_SCORES)
    if not scored:
        return None
    from sweeps.importance import importances as shares_of

    configurations, all_scores = zip(*scored, strict=True)
    shares = shares_of(sweep.spec.space, configurations, all_scores)
    return None if shares is None else Importances(shares=shares, configurations=len(scored))


def _score_at(epoch: int, columns: Sequence[Sequence[float | None]], spec: SweepSpec) -> float:
    """The mean over seeds or folds of the best score up to this epoch."""
    return mean_score(best_so_far(column[:epoch], spec.monitored) for column in columns)
