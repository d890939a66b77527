"""Improvements: the counterfactuals of a job, beside it, as the API answers them."""

from typing import Annotated

from pydantic import Field

from .base import Count, Frozen
from .configuration import Configuration
from .counterfactuals import SEEDS
from .job import JobSpec
from .monitors import Monitor
from .states import SweepState

MOST_SEEDS = 30


class Improve(Frozen):
    """How the counterfactuals of a job are to be trained."""

    seeds: Annotated[
        Count,
        Field(ge=2, le=MOST_SEEDS, description="Seeds of the job and of each counterfactual."),
    ] = SEEDS


class ChangeView(Frozen):
    """A counterfactual, or the job itself."""

    number: int
    """Its configuration in the sweep; 0 is the job as it is."""
    change: str
    """What is other than in the job, in words."""
    configuration: Configuration
    scores: list[float | None]
    """The objective of each seed; null where training diverged or failed."""
    mean: float | None
    """Null if it is no number with one of the seeds."""
    low: float | None
    high: float | None
    """The 95 % confidence interval of the mean, by Student's t."""
    difference: float | None
    """How much better it is than the job as it is, in units of the objective; below 0 it is worse."""
    p: float | None
    """Of the paired t-test against the job as it is, with Holm's correction; null if one of them has no mean."""
    helps: bool
    """Whether it is better by more than what seeds do, and by enough to matter."""


class ImprovementView(Frozen):
    """What was tried to improve a job, and what helped."""

    job: str
    sweep: str
    """The sweep that trains the counterfactuals."""
    state: SweepState
    objective: Monitor
    seeds: int
    changes: list[ChangeView]
    """The job as it is, then its counterfactuals, the best first; only those that have ended."""
    sentence: str
    warning: str | None = None
    """Why hardly any change can be seen to help, known before one is trained; null: there is no such reason."""
    suggestion: JobSpec | None
    """The best change that helps, as a job; null if none does, or while the counterfactuals train."""
    links: dict[str, str]
