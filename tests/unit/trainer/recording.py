"""Callbacks for tests: record what `fit` reports, and add or cancel jobs as a test planned."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch

from spec.job import JobSpec
from trainer.checkpoint import Checkpoint, dump
from trainer.fit import fit
from trainer.member import Entry, Outcome, Point


class Recorder:
    """Records curves and outcomes; adds and cancels jobs by plan."""

    def __init__(
        self,
        joining: Mapping[int, Sequence[Entry]] | None = None,
        cancel: Callable[["Recorder"], Collection[str]] = lambda recorder: (),
        checkpoint_at: int | None = None,
    ) -> None:
        self.curves: dict[str, list[Mapping[str, float]]] = {}
        self.began: dict[str, int] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.epochs = 0
        self._joining = dict(joining or {})
        self.checkpoints: dict[str, bytes] = {}
        self._cancel = cancel
        self._checkpoint_at = checkpoint_at

    def new_entries(self, free: int) -> Sequence[Entry]:
        entries = list(self._joining.pop(self.epochs, ()))
        assert len(entries) <= free
        return entries

    def should_cancel(self) -> Collection[str]:
        return self._cancel(self)

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        self.epochs += 1
        for point in points:
            curve = self.curves.setdefault(point.id, [])
            assert point.epoch == self.began.setdefault(point.id, point.epoch) + len(curve)
            curve.append(point.metrics)

    def checkpoints_due(self) -> Collection[str]:
        return self.curves.keys() if self.epochs == self._checkpoint_at else ()

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        self.checkpoints |= {id_: dump(checkpoint) for id_, checkpoint in checkpoints.items()}

    def on_member_end(self, outcome: Outcome) -> None:
        assert outcome.id not in self.outcomes
        self.outcomes[outcome.id] = outcome


def job(**fields: Any) -> JobSpec:
    """A small job: iris, eight hidden neurons, three epochs."""
    small = {"dataset": "iris", "architecture": {"type": "mlp", "hidden": [8]}, "epochs": 3, "learning_rate": 0.05}
    return JobSpec.model_validate({**small, **fields})


def train(*specs: JobSpec, limit: int = 64, recorder: Recorder | None = None) -> Recorder:
    """Train specs as one pack; their ids are their places, as text."""
    recorder = recorder or Recorder()
    entries = [Entry(str(place), spec) for place, spec in enumerate(specs)]
    fit(entries, recorder, device=torch.device("cpu"), limit=limit)
    return recorder


def same(first: Recorder, one: str, second: Recorder, other: str) -> bool:
    """Whether two members have the same curve, the same weights and the same report, bit for bit."""
    ours, theirs = first.outcomes[one], second.outcomes[other]
    same_report = (ours.best_metrics, ours.report) == (theirs.best_metrics, theirs.report)
    return same_report and same_training(first, one, second, other)


def same_training(first: Recorder, one: str, second: Recorder, other: str) -> bool:
    """Whether two members have the same curve and the same weights, bit for bit."""
    weights, others = first.outcomes[one].model, second.outcomes[other].model
    return (
        first.curves[one] == second.curves[other]
        and weights.keys() == others.keys()
        and all(torch.equal(weights[name], others[name]) for name in weights)
    )
