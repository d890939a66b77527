"""Sweeps and their configurations as the record has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from spec.halving import score_of
from spec.monitors import Monitor
from spec.states import JobStatus, SweepState, TrialState
from spec.sweep import SweepSpec
from spec.views import Metrics

from .records import read

NOTHING_FOUND = "No configuration was trained to its end."
LOST = (SweepState.cancelled, SweepState.failed)
"""The states of sweeps that ended before all was trained."""


@dataclass(frozen=True, kw_only=True)
class SweepRecord:
    """A sweep as the record has it."""

    id: str
    owner: str
    project_id: str | None = None
    """The project that it is shared in."""
    name: str | None
    spec: SweepSpec
    state: SweepState
    trials: int
    generations: int
    exhausted: bool
    message: str | None
    run_id: str | None
    replays: str | None
    improves: str | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def project(self) -> str:
        """The project of its jobs."""
        return self.spec.base.project

    @property
    def most_trials(self) -> int:
        """The most configurations that it may have: those it has, once there are no others."""
        return self.trials if self.exhausted else self.spec.most_trials

    def improves_with(self, seeds: int) -> bool:
        """Whether it shows what improves a job with so many seeds or more, now or when it has ended."""
        return self.state not in LOST and self.spec.seeds >= seeds


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """A configuration of a sweep, and how its jobs did."""

    number: int
    generation: int
    configuration: dict[str, Any]
    digest: str
    state: TrialState
    score: float | None
    """The mean of the objective at the best epochs; less is better."""
    deviation: float | None
    metrics: Metrics | None
    epochs: int


@dataclass(frozen=True)
class SweepCounts:
    """The configurations and the jobs of a sweep, by state."""

    trials: Mapping[TrialState, int]
    jobs: Mapping[JobStatus, int]
    epochs: int
    """Epochs that all jobs were trained."""


def sweep_record(row: Any) -> SweepRecord:
    """The sweep in a row of its table."""
    return read(SweepRecord, row, spec=SweepSpec.stored(row.spec), state=SweepState(row.state))


def trial_record(row: Any) -> TrialRecord:
    """The configuration in a row of its table."""
    return read(TrialRecord, row, state=TrialState(row.state))


def scores_of(jobs: Sequence[Row[Any]], objective: Monitor) -> list[float]:
    """The score of each job of a configuration, by its row; less is better."""
    return [score_of((job.best_metrics or {}).get(objective), objective) for job in jobs]
