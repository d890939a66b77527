"""The answers of the API about sweeps."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Count, Frozen
from .field_error import FieldError
from .halving import Bracket
from .monitors import Monitor
from .newer import NewerView
from .population import Copy, Stretch
from .states import JobStatus, StopReason, SweepState, TrialState
from .sweep import MOST_TRIALS, Budget, SweepSpec
from .views import Metrics, MlflowRun


class TrialView(Frozen):
    """A configuration of a sweep, and how it did."""

    number: int
    generation: int
    configuration: dict[str, Any]
    state: TrialState
    score: float | None
    """The mean of the objective over seeds or folds, at the best epochs; null until all its jobs have succeeded."""
    deviation: float | None
    """The standard deviation over seeds or folds; null of one."""
    metrics: Metrics | None
    """The means of all metrics at the best epochs."""
    epochs: int
    """Epochs of its jobs together."""
    jobs: list[str]
    """Ids of its jobs, in the order of seeds or folds."""
    links: dict[str, str]


class ReplicateView(Frozen):
    """The job of one seed or fold of a configuration."""

    job: str
    replicate: int
    status: JobStatus
    stop_reason: StopReason | None
    epoch: int
    best_epoch: int | None
    score: float | None
    """The objective at the best epoch."""


class TrialDetail(TrialView):
    """A configuration with the job of each seed or fold."""

    replicates: list[ReplicateView]
    schedule: list[Stretch] | None = None
    """Of a population: the values that its network at the best epoch was trained with, epoch by epoch, through the
    configurations that it was copied from. Null without a population, and before its job has ended."""


class TrialPage(Frozen):
    """A page of configurations, and the cursor of the next page."""

    trials: list[TrialView]
    next: int | None


class TrialColumns(Frozen):
    """The configurations of a sweep as columns of equal length, in the order of their numbers: what charts need."""

    number: list[int]
    generation: list[int]
    state: list[TrialState]
    score: list[float | None]
    deviation: list[float | None]
    epochs: list[int]
    configuration: dict[str, list[Any]]
    """By field path; null where a configuration does not have the field."""


class Standing(TrialView):
    """A configuration on the leaderboard: it was trained to its end, with all its seeds or folds."""

    low: float | None
    high: float | None
    """The 95 % confidence interval of the mean, by Student's t; of folds by Nadeau and Bengio (2003). Null of one."""
    scores: list[float]
    """The objective of each seed or fold."""


class PairView(Frozen):
    """Another configuration beside the best, seed by seed or fold by fold."""

    number: int
    difference: float
    """How much worse it is than the best, in the units of the objective."""
    p: float | None
    """Of the paired t-test, with Holm's correction; null of one seed."""
    more_needed: int | None
    """How many more seeds would decide it, four times of five; null if it is decided, or none would."""


class ComparisonView(Frozen):
    """Whether the best configuration is better than the others by more than what seeds or folds do."""

    sentence: str
    others: list[PairView]


class PopulationView(Frozen):
    """A population of a sweep: that of the best configuration, or else the newest."""

    generation: int
    copies: list[Copy]
    """Who copied whom, in the order of epochs."""
    best: int | None
    """The number of its best configuration; null before one was trained to its end."""
    schedule: list[Stretch]
    """The values that the network of the best configuration was trained with up to its best epoch."""


class RungView(Frozen):
    """An epoch at which configurations are compared."""

    epoch: int
    pruned: bool
    """Whether the weak are pruned there; false: without halving, the epochs are those that it would use."""
    correlation: float | None
    """Spearman's, between the score at this epoch and the final one, of those that were trained to the end."""
    configurations: int
    """How many those are: the first hundred, of long curves fewer."""


class Importances(Frozen):
    """How much of the differences between configurations each parameter explains on its own."""

    method: Literal["rank_epsilon_squared"] = "rank_epsilon_squared"
    """Epsilon squared of Kruskal and Wallis: the share of the variance of the scores' ranks between the values of a
    parameter, corrected for chance; numbers are cut into groups of equal size. Interactions are not seen."""
    shares: dict[str, float]
    """By parameter, the most important first: 0 explains nothing, 1 everything. One with a condition is measured among
    the configurations that have it, and left out where fewer than eight have."""
    configurations: int
    """How many have a score."""


class SweepSummary(Frozen):
    """A sweep, in a list."""

    id: str
    owner: str = ""
    name: str | None
    state: SweepState
    message: str | None
    """Why it failed, waits, or has found nothing."""
    method: str
    objective: Monitor
    most_trials: int
    """The most configurations that it asks for, of those that are jobs once all were looked at; with a budget, the most
    that a sweep may have."""
    budget: Budget | None = None
    """What ends it in place of a number of configurations."""
    proposed: int
    """Configurations so far."""
    best: float | None
    """The best score."""
    replays: str | None = None
    """The sweep that this one makes again."""
    improves: str | None = None
    """The job whose counterfactuals it trains."""
    created_at: datetime
    finished_at: datetime | None
    links: dict[str, str]


class SweepPage(Frozen):
    """A page of sweeps, newest first, and the cursor of the next page."""

    sweeps: list[SweepSummary]
    newer: list[NewerView] = []
    """Sweeps of this page that a newer release wrote, which this service cannot read."""
    next: str | None


class SweepView(SweepSummary):
    """A sweep: what it asks, how far it is, and what it has found."""

    spec: SweepSpec
    generations: int
    trials: dict[TrialState, int]
    """Configurations by state."""
    jobs: dict[JobStatus, int]
    """Jobs by state."""
    retryable: int = 0
    """Failed jobs that `POST /sweeps/{sweep_id}/retry` queues again."""
    epochs: int
    """Epochs of all jobs together."""
    split: dict[int, int] = {}
    """Generations whose brackets were larger than their devices train at once, and the packs that they became: these
    train one after the other to each rung, and are compared together."""
    leaderboard: list[Standing]
    """The best ten of the configurations that were trained to the end."""
    comparison: ComparisonView | None
    rungs: list[RungView]
    population: PopulationView | None = None
    importances: Importances | None
    mlflow: MlflowRun | None = None


class SweepProgress(Frozen):
    """How far a sweep is, as its stream says."""

    state: SweepState
    most_trials: int
    proposed: int
    trials: dict[TrialState, int]
    jobs: dict[JobStatus, int]
    epochs: int
    best: TrialView | None


class BracketView(Frozen):
    """Brackets of one kind."""

    bracket: Bracket
    count: int


class SweepCheck(Frozen):
    """What a sweep would be, found by its first proposals; nothing is stored."""

    spec: SweepSpec
    configurations: int | None
    """The most there can be; exact for a space that was looked at as a whole. Null where a budget ends the sweep."""
    jobs: int | None
    """Configurations times seeds or folds."""
    epochs: int | None
    """The most epochs of all jobs together: early stopping saves some."""
    brackets: list[BracketView]
    """The generations, by kind: with halving, how many go on after which epoch. Empty with a budget."""
    drawn: int | None = None
    """Configurations that tpe draws at random before enough others have ended to learn from; null of other methods."""
    sampled: int
    """Configurations that were looked at."""
    packs: int
    """Different shapes among them: jobs of one shape train as one stacked model."""
    refused: int
    """Combinations that no job can have; they are not proposed."""
    reasons: list[FieldError]
    """Why they are refused."""
    features: int | None = None
    """Input features of the base job's network."""
    outputs: int | None = None
    """Its outputs."""
    image: tuple[int, int, int] | None = None
    """(channels, height, width) of its inputs, for images."""
    feature_maps: list[tuple[int, int, int]] = []
    """(channels, height, width) after each of its convolutions and its pooling."""


class Extension(Frozen):
    """More configurations for a sweep."""

    trials: Annotated[Count, Field(ge=1, le=MOST_TRIALS, description="How many it shall have in all.")]
