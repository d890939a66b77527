"""The processes that train one pack together, each on a device of its own (data parallelism, torch.distributed).

Every mate holds all weights and computes its share of each batch; gradients are summed over the team, so that all
mates take the same step. What is decided of members is decided from the same numbers everywhere, and whatever comes
from outside (who joins, who is cancelled) reaches the first mate, which tells the others.
"""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar, cast

import torch
from torch import Tensor

from .member import Conductor, Entry, Outcome, Point

Said = TypeVar("Said")


class Team(Protocol):
    """Who trains a pack."""

    alone: bool

    def share(self, rows: int) -> slice:
        """Which of so many rows are this mate's."""

    def mean(self, losses: Tensor, rows: int) -> Tensor:
        """From losses [members, share] the share's part of the mean over all `rows`, [members]."""

    def sum(self, part: Tensor) -> Tensor:
        """The sum of all mates' parts, in place."""


class Alone:
    """A team of one."""

    alone = True

    def share(self, rows: int) -> slice:
        """All of them."""
        return slice(0, rows)

    def mean(self, losses: Tensor, rows: int) -> Tensor:
        """The mean."""
        return losses.mean(dim=1)

    def sum(self, part: Tensor) -> Tensor:
        """The part is the whole."""
        return part


ALONE = Alone()


class Mates:
    """A team of several processes, joined through torch.distributed: gloo on CPUs, NCCL on GPUs.

    The process was started by torch's elastic launcher, which tells it through the environment who it is.
    """

    alone = False

    def __init__(self, device: torch.device) -> None:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        self.rank, self.size = torch.distributed.get_rank(), torch.distributed.get_world_size()
        # What is said in words travels between CPUs, whatever numbers travel between.
        self._words = torch.distributed.new_group(backend="gloo")

    def share(self, rows: int) -> slice:
        """As equal as can be, one after the other."""
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)

    def mean(self, losses: Tensor, rows: int) -> Tensor:
        """The share's part of the mean: the sum of all parts is the mean over the batch."""
        return losses.sum(dim=1) / rows

    def sum(self, part: Tensor) -> Tensor:
        """The sum of all mates' parts, in place (all-reduce)."""
        torch.distributed.all_reduce(part)
        return part

    def told(self, said: Said | None) -> Said:
        """What the first mate says; the others say None. Waits for it as long as it takes."""
        words = [said]
        torch.distributed.broadcast_object_list(words, src=0, group=self._words)
        return cast("Said", words[0])


class Leading:
    """The first mate's conductor: what it hears from outside, it tells the others."""

    def __init__(self, conductor: Conductor, mates: Mates) -> None:
        self._conductor, self._mates = conductor, mates

    def admit(self, room: int) -> Sequence[Entry]:
        """Jobs that join now."""
        return self._mates.told(tuple(self._conductor.admit(room)))

    def cancelled(self) -> Collection[str]:
        """Ids of members to drop."""
        return self._mates.told(frozenset(self._conductor.cancelled()))

    def epoch_ended(self, points: Sequence[Point]) -> None:
        """Pass it on."""
        self._conductor.epoch_ended(points)

    def member_ended(self, outcome: Outcome) -> None:
        """Pass it on."""
        self._conductor.member_ended(outcome)


class Following:
    """Every other mate's conductor: it does as the first one does, and says nothing."""

    def __init__(self, mates: Mates) -> None:
        self._mates = mates

    def admit(self, room: int) -> Sequence[Entry]:
        """Those that the first mate took in."""
        joining: Sequence[Entry] = self._mates.told(None)
        return joining

    def cancelled(self) -> Collection[str]:
        """Those that the first mate dropped."""
        dropped: Collection[str] = self._mates.told(None)
        return dropped

    def epoch_ended(self, points: Sequence[Point]) -> None:
        """The first mate says it."""

    def member_ended(self, outcome: Outcome) -> None:
        """The first mate says it."""
