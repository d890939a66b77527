"""Callbacks: how training and its caller talk while members train."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from spec.views import Curve

from .checkpoint import Checkpoint
from .member import Entry, Outcome, Point


class Callbacks(Protocol):
    """What `fit` asks and reports while it trains a pack."""

    def new_entries(self, free: int) -> Sequence[Entry]:
        """Jobs that join the pack now, `free` at most; asked between epochs."""

    def should_cancel(self) -> Collection[str]:
        """Ids of members to drop; asked every few steps, so it must be cheap."""

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        """Receive the metrics of every member after an epoch."""

    def checkpoints_due(self) -> Collection[str]:
        """Ids of members whose checkpoints are due; asked after each epoch."""

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        """Receive the checkpoints that were due, by id, of members that have not ended."""

    def on_member_end(self, outcome: Outcome) -> None:
        """Receive the outcome of a member that has left the pack."""


class NullCallbacks:
    """Callbacks that do nothing: no member joins, is cancelled or is checkpointed, and reports are ignored."""

    def new_entries(self, free: int) -> Sequence[Entry]:
        """No job joins."""
        return ()

    def should_cancel(self) -> Collection[str]:
        """No member is cancelled."""
        return ()

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        """Ignored."""

    def checkpoints_due(self) -> Collection[str]:
        """No checkpoint is due."""
        return ()

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        """Ignored."""

    def on_member_end(self, outcome: Outcome) -> None:
        """Ignored."""


class RecordingCallbacks(NullCallbacks):
    """Callbacks that keep curves and outcomes, by member."""

    def __init__(self) -> None:
        self.curves: dict[str, Curve] = {}
        self.outcomes: dict[str, Outcome] = {}

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        """Keep the points, as the record does: a value that is not finite is None."""
        for point in points:
            curve = self.curves.setdefault(point.id, {"epoch": []})
            curve["epoch"].append(point.epoch)
            for name, value in point.metrics.items():
                curve.setdefault(name, []).append(value if math.isfinite(value) else None)

    def on_member_end(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        self.outcomes[outcome.id] = outcome
