"""A member of a pack: a job in training, and how it ends."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

from torch import Tensor

from model.boundary import Boundary
from model.preprocessing import Preprocessing
from model.report import Report
from spec.configuration import with_fields
from spec.halving import score_of
from spec.job import JobSpec
from spec.monitors import LOWER_IS_BETTER
from spec.schedules import Plateau
from spec.states import FailureReason, StopReason

from .checkpoint import Checkpoint, TrainingState
from .optimizer_state import OptimizerState
from .schedules import share
from .warm_start import WarmStart

End = Literal["succeeded", "diverged", "cancelled", "failed"]


@dataclass(frozen=True)
class Entry:
    """A job that is to be trained, from its beginning or from a checkpoint."""

    id: str
    spec: JobSpec
    checkpoint: Checkpoint | None = None
    older: Sequence[Checkpoint] = ()
    """Checkpoints before that one, newest first: the members of a population go on from the same rung."""
    table: Path | None = None
    """The file of its data set, when that was uploaded."""
    trial: int | None = None
    """The number of its configuration, in a bracket."""
    start: WarmStart | None = None
    """The network that it begins with, instead of a drawn one."""


@dataclass(frozen=True)
class Point:
    """The metrics of one member after one epoch."""

    id: str
    epoch: int
    metrics: Mapping[str, float]
    boundary: Callable[[int], Boundary | None] = field(default=lambda _: None, compare=False, repr=False)
    """Draws the member's decision boundary on a grid of so many points along each axis, until the next epoch."""


@dataclass(frozen=True)
class Outcome:
    """How a member ended; `model` holds its arrays by name, on the CPU, when it succeeded."""

    id: str
    end: End
    stop_reason: StopReason | None = None
    failure_reason: FailureReason | None = None
    message: str = ""
    best_epoch: int | None = None
    best_metrics: Mapping[str, float] | None = None
    model: Mapping[str, Tensor] = field(default_factory=dict)
    preprocessing: Preprocessing | None = None
    """How rows become features, when it succeeded."""
    report: Report | None = None
    """The evaluation on rows that were not trained on, and what can be drawn, if there is anything."""
    optimizer: OptimizerState | None = None
    """What another job's optimizer can go on from, if it is kept."""


class Member(TrainingState):
    """A job in training. Its weights are a row of its pack; all else that belongs to it is here."""

    def __init__(self, entry: Entry) -> None:
        self.checkpoint, self.start = entry.checkpoint, entry.start
        super().__init__(**({} if self.checkpoint is None else asdict(self.checkpoint.state)))
        self.id, self.trial = entry.id, entry.trial
        self.spec = with_fields(entry.spec, self.values) if self.values else entry.spec
        if self.checkpoint is None and self.start is not None and self.start.optimizer is not None:
            self.steps = self.best_steps = self.start.optimizer.steps

    @property
    def state(self) -> TrainingState:
        """A copy of its state as it is now."""
        return TrainingState(**{field.name: getattr(self, field.name) for field in fields(TrainingState)})

    @property
    def kept(self) -> tuple[int, Mapping[str, float]]:
        """The epoch whose weights its model has, and the metrics of that epoch."""
        if self.spec.restore_best:
            return self.best_epoch, self.best_metrics
        return self.epoch, self.last_metrics or self.best_metrics  # checkpoints of earlier releases have no last ones

    @property
    def rate(self) -> float:
        """The learning rate of the epoch that comes next."""
        spec = self.spec
        return spec.learning_rate * share(spec.schedule, self.epoch + 1, spec.epochs) * self.plateau

    def measure(self, metrics: Mapping[str, float]) -> bool:
        """Take the metrics of an epoch; whether it is the best so far, as the first is in any case."""
        self.last_metrics, monitor = metrics, self.spec.monitored
        value = metrics[monitor] if monitor in LOWER_IS_BETTER else -metrics[monitor]
        self.score = score_of(metrics[monitor], monitor)
        self.lowest = min(self.lowest, self.score)
        self._wait_on_plateau(value)
        self.waited += 1
        if value < (self.best if self.improved_to is None else self.improved_to) - self.spec.min_delta:
            self.improved_to, self.waited = value, 0
        if self.best_epoch and not value < self.best:
            return False
        self.best = math.inf if math.isnan(value) else value
        self.best_epoch, self.best_steps, self.best_metrics = self.epoch, self.steps, metrics
        return True

    def end_reason(self, metrics: Mapping[str, float], gradient_norm: float) -> Outcome | StopReason | None:
        """Why training ends now: an outcome if it diverged, a stop reason if it is done, None if it goes on."""
        if not all(math.isfinite(metrics[name]) for name in ("train_loss", "val_loss") if name in metrics):
            message = f"The loss was not finite after epoch {self.epoch}: try a smaller learning_rate."
            return Outcome(self.id, "diverged", failure_reason=FailureReason.diverged, message=message)
        if self.spec.tolerance is not None and gradient_norm < self.spec.tolerance:
            return StopReason.converged
        if self.epoch >= self.spec.epochs:
            return StopReason.max_epochs
        if self.spec.patience is not None and self.waited >= self.spec.patience:
            return StopReason.early_stopping
        return None

    def follow(self, source: "Member", values: Mapping[str, float]) -> None:
        """Go on as `source` does after this epoch, but with these values by field path, which form a valid job.

        What was its own best stays its own: its curve says so. Patience counts anew.
        """
        self.spec, self.values, self.parent = with_fields(self.spec, values), dict(values), source.trial
        self.steps, self.waited = source.steps, 0
        self.plateau, self.plateau_best, self.plateau_waited = (
            source.plateau,
            source.plateau_best,
            source.plateau_waited,
        )

    def _wait_on_plateau(self, value: float) -> None:
        """Reduce the learning rate when the monitored metric stops improving (ReduceLROnPlateau, threshold 1e-4)."""
        schedule = self.spec.schedule
        if not isinstance(schedule, Plateau):
            return
        if value < self.plateau_best - 1e-4 * abs(self.plateau_best if math.isfinite(self.plateau_best) else 0.0):
            self.plateau_best, self.plateau_waited = value, 0
            return
        self.plateau_waited += 1
        if self.plateau_waited > schedule.patience:
            self.plateau, self.plateau_waited = self.plateau * schedule.factor, 0
