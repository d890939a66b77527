"""Epochal in process: the same trials as specs, trained as packs by `trainer.fit`."""

from collections.abc import Sequence

import torch

from spec.job import JobSpec
from trainer.callbacks import NullCallbacks
from trainer.fit import fit
from trainer.member import Entry, Outcome, Point
from trainer.runtime import configure_process

from .workloads import Trial, Workload


def spec(workload: Workload, trial: Trial, *, train_metrics: str = "running") -> JobSpec:
    """The trial as a job. It reports running training metrics by default, as the loops do."""
    dataset: object = {"name": "linear", "n": workload.rows, "features": 100} if workload.kind == "table" else "digits"
    architecture: dict[str, object] = {"type": "mlp", "hidden": workload.hidden}
    if workload.channels:
        architecture |= {"type": "cnn", "channels": workload.channels, "pooling": "max"}
    return JobSpec.model_validate(
        {
            "dataset": dataset,
            "architecture": architecture,
            "activation": "relu",
            "loss": "mse" if workload.kind == "table" else "cross_entropy",
            "optimizer": "adam",
            "learning_rate": trial.learning_rate,
            "dropout": trial.dropout,
            "batch_size": workload.batch,
            "epochs": workload.epochs,
            "seed": trial.seed,
            "train_metrics": train_metrics,
        }
    )


class CheckingCallbacks(NullCallbacks):
    """Callbacks that check that every job is trained and measured to its last epoch."""

    def __init__(self) -> None:
        self.last: dict[str, dict[str, float]] = {}
        self._points: dict[str, int] = {}
        self._outcomes: list[Outcome] = []

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        """Keep the last metrics and count the epochs."""
        for point in points:
            self._points[point.id] = self._points.get(point.id, 0) + 1
            self.last[point.id] = dict(point.metrics)

    def on_member_end(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        self._outcomes.append(outcome)

    def check(self, jobs: int, epochs: int) -> None:
        """Raise `NotTrainedError` unless all `jobs` have trained all `epochs`."""
        bad = [f"{outcome.end}: {outcome.message}" for outcome in self._outcomes if outcome.end != "succeeded"]
        if bad or len(self._outcomes) != jobs or set(self._points.values()) != {epochs}:
            raise NotTrainedError(
                f"{len(self._outcomes)} of {jobs} jobs ended, bad ends: {bad}, epochs: {self._points}"
            )


def train(
    workload: Workload,
    pack: Sequence[Trial],
    *,
    train_metrics: str = "running",
    device: torch.device | None = None,
) -> list[dict[str, float]]:
    """Train `pack` as one pack to its end; the last metrics of each trial."""
    entries = [
        Entry(id=str(number), spec=spec(workload, trial, train_metrics=train_metrics))
        for number, trial in enumerate(pack)
    ]
    callbacks = CheckingCallbacks()
    configure_process()
    fit(entries, callbacks, device=device or torch.device("cpu"), limit=len(entries))
    callbacks.check(len(entries), workload.epochs)
    return [callbacks.last[entry.id] for entry in entries]


class NotTrainedError(Exception):
    """A job did not train all its epochs."""
