"""Processes that train one pack together, each on a device of its own (data parallelism, torch.distributed).

Every mate holds all weights and computes its share of each batch; gradients are summed over the team, so that all
mates take the same step. What is decided of members is decided from the same numbers everywhere, and whatever comes
from outside (who begins, who joins, who is cancelled) reaches the first mate, which tells the others.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar, cast

import torch
from torch import Tensor, distributed

from .checkpoint import Checkpoint
from .fit import Callbacks, Entry, Outcome, Point, fit

Said = TypeVar("Said")


def gather(device: str) -> tuple[torch.device, "Mates | None"]:
    """This process's device of a kind, and its mates, if torch's launcher started it as one of several."""
    if "LOCAL_RANK" not in os.environ:
        return torch.device(device), None
    own = torch.device(device, int(os.environ["LOCAL_RANK"])) if device == "cuda" else torch.device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    return own, Mates(own)


def lead(mates: "Mates", entries: Sequence[Entry], callbacks: Callbacks, *, device: torch.device, limit: int) -> None:
    """Train as the first of a team: `fit` for all of them."""
    mates.told((tuple(entries), limit))
    fit(entries, Leading(callbacks, mates), device=device, limit=limit, team=mates)


def follow(mates: "Mates", *, device: torch.device) -> None:
    """Train as another of a team what the first one trains next."""
    entries, limit = cast("tuple[Sequence[Entry], int]", mates.told(None))
    fit(entries, Following(mates), device=device, limit=limit, team=mates)


class Mates:
    """A team of several processes, joined through torch.distributed: gloo on CPUs, NCCL on GPUs.

    The process was started by torch's elastic launcher, which tells it through the environment who it is.
    """

    alone = False

    def __init__(self, device: torch.device) -> None:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()
        # What is said in words travels between CPUs, and may be long in coming: the next job may be days away.
        self._words = distributed.new_group(backend="gloo", timeout=timedelta(days=3650))

    def share(self, rows: int) -> slice:
        """As equal as can be, one after the other."""
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def mean(self, losses: Tensor, rows: int) -> Tensor:
        """The share's part of the mean: the sum of all parts is the mean over the batch."""
        return losses.sum(dim=1) / rows

    def sum(self, part: Tensor) -> Tensor:
        """The sum of all mates' parts, in place (all-reduce)."""
        distributed.all_reduce(part)
        return part

    def part(self) -> None:
        """Close what joins the team, once all is trained; left to the end of the process its threads may abort it."""
        distributed.destroy_process_group()

    def told(self, said: Said | None) -> Said:
        """What the first mate says; the others say None. Waits for it as long as it takes."""
        words = [said]
        distributed.broadcast_object_list(words, src=0, group=self._words)
        return cast("Said", words[0])


class Leading:
    """The first mate's callbacks: passes on to the others what comes from outside."""

    def __init__(self, callbacks: Callbacks, mates: Mates) -> None:
        self._callbacks, self._mates = callbacks, mates

    def new_entries(self, free: int) -> Sequence[Entry]:
        """Jobs that join now."""
        return self._mates.told(tuple(self._callbacks.new_entries(free)))

    def should_cancel(self) -> Collection[str]:
        """Ids of members to drop."""
        return self._mates.told(frozenset(self._callbacks.should_cancel()))

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        """Pass it on."""
        self._callbacks.on_epoch_end(points)

    def checkpoints_due(self) -> Collection[str]:
        """Ids of members whose checkpoints are wanted now."""
        return self._mates.told(frozenset(self._callbacks.checkpoints_due()))

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        """Pass it on."""
        self._callbacks.on_checkpoint(checkpoints)

    def on_member_end(self, outcome: Outcome) -> None:
        """Pass it on."""
        self._callbacks.on_member_end(outcome)


class Following:
    """Every other mate's callbacks: follow the first mate, and report nothing."""

    def __init__(self, mates: Mates) -> None:
        self._mates = mates

    def new_entries(self, free: int) -> Sequence[Entry]:
        """Those that the first mate took in."""
        joining: Sequence[Entry] = self._mates.told(None)
        return joining

    def should_cancel(self) -> Collection[str]:
        """Those that the first mate dropped."""
        dropped: Collection[str] = self._mates.told(None)
        return dropped

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        """The first mate says it."""

    def checkpoints_due(self) -> Collection[str]:
        """Those that the first mate saves."""
        due: Collection[str] = self._mates.told(None)
        return due

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        """The first mate says it."""

    def on_member_end(self, outcome: Outcome) -> None:
        """The first mate says it."""
