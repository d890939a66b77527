"""A process group that trains one pack together, each process on a device of its own (data parallelism).

Every rank holds all weights and computes its shard of each batch; gradients are summed over the group, so that all
ranks take the same step. All ranks decide about members from the same numbers. What comes from outside (which jobs
begin, join or are cancelled) reaches rank 0 only, which broadcasts it.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar, cast

import torch
from torch import Tensor, distributed

from .callbacks import Callbacks, NullCallbacks
from .checkpoint import Checkpoint
from .fit import fit
from .member import Entry, Outcome, Point

Value = TypeVar("Value")


def join_process_group(device: str) -> tuple[torch.device, "ProcessGroup | None"]:
    """This process's device of a kind, and its group, if torch's elastic launcher started it as one of several."""
    if "LOCAL_RANK" not in os.environ:
        return torch.device(device), None
    own = torch.device(device, int(os.environ["LOCAL_RANK"])) if device == "cuda" else torch.device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    return own, ProcessGroup(own)


def run_rank0(
    group: "ProcessGroup", entries: Sequence[Entry], callbacks: Callbacks, *, device: torch.device, limit: int
) -> None:
    """Train these jobs as rank 0, with the other ranks of the group: `fit` for all of them."""
    group.broadcast((tuple(entries), limit))
    fit(entries, Rank0Callbacks(callbacks, group), device=device, limit=limit, sharding=group)


def run_other_rank(group: "ProcessGroup", *, device: torch.device) -> None:
    """Train the jobs that rank 0 trains next."""
    entries, limit = cast("tuple[Sequence[Entry], int]", group.broadcast(None))
    fit(entries, OtherRankCallbacks(group), device=device, limit=limit, sharding=group)


class ProcessGroup:
    """Several processes, joined through torch.distributed: gloo on CPUs, NCCL on GPUs.

    Rank and size come from the environment that torch's elastic launcher sets.
    """

    distributed = True

    def __init__(self, device: torch.device) -> None:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()
        # Python objects travel between CPUs, and a broadcast may take long to begin: the next job may be days away.
        self._objects = distributed.new_group(backend="gloo", timeout=timedelta(days=3650))

    def shard(self, rows: int) -> slice:
        """This rank's part of so many rows: as equal as can be, one after the other."""
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def mean(self, losses: Tensor, rows: int) -> Tensor:
        """This rank's part of the mean: the sum of all parts is the mean over the batch."""
        return losses.sum(dim=1) / rows

    def sum(self, part: Tensor) -> Tensor:
        """The sum of all ranks' parts, in place (all-reduce)."""
        distributed.all_reduce(part)
        return part

    def broadcast(self, value: Value | None) -> Value:
        """Rank 0's value; the other ranks pass None. Waits as long as it takes."""
        values = [value]
        distributed.broadcast_object_list(values, src=0, group=self._objects)
        return cast("Value", values[0])

    def close(self) -> None:
        """Leave the group, once all is trained; left to the end of the process its threads may abort it."""
        distributed.destroy_process_group()


class Rank0Callbacks:
    """Callbacks of rank 0: broadcast what they are asked for, and pass reports on."""

    def __init__(self, callbacks: Callbacks, group: ProcessGroup) -> None:
        self._callbacks, self._group = callbacks, group

    def new_entries(self, free: int) -> Sequence[Entry]:
        """Jobs that join now."""
        return self._group.broadcast(tuple(self._callbacks.new_entries(free)))

    def should_cancel(self) -> Collection[str]:
        """Ids of members to drop."""
        return self._group.broadcast(frozenset(self._callbacks.should_cancel()))

    def on_epoch_end(self, points: Sequence[Point]) -> None:
        """Pass the metrics on."""
        self._callbacks.on_epoch_end(points)

    def checkpoints_due(self) -> Collection[str]:
        """Ids of members whose checkpoints are due."""
        return self._group.broadcast(frozenset(self._callbacks.checkpoints_due()))

    def on_checkpoint(self, checkpoints: Mapping[str, Checkpoint]) -> None:
        """Pass the checkpoints on."""
        self._callbacks.on_checkpoint(checkpoints)

    def on_member_end(self, outcome: Outcome) -> None:
        """Pass the outcome on."""
        self._callbacks.on_member_end(outcome)


class OtherRankCallbacks(NullCallbacks):
    """Callbacks of every other rank: receive what rank 0 broadcasts, and report nothing."""

    def __init__(self, group: ProcessGroup) -> None:
        self._group = group

    def new_entries(self, free: int) -> Sequence[Entry]:
        """Jobs that join on rank 0."""
        joining: Sequence[Entry] = self._group.broadcast(None)
        return joining

    def should_cancel(self) -> Collection[str]:
        """Ids of members that rank 0 drops."""
        dropped: Collection[str] = self._group.broadcast(None)
        return dropped

    def checkpoints_due(self) -> Collection[str]:
        """Ids of members whose checkpoints rank 0 hands out."""
        due: Collection[str] = self._group.broadcast(None)
        return due
