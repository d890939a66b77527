"""How batches are divided among the processes that train one pack: not at all, or over a group (`distributed.py`)."""

from typing import Protocol

from torch import Tensor


class Sharding(Protocol):
    """A division of batches among processes."""

    distributed: bool

    def shard(self, rows: int) -> slice:
        """The part of so many rows that this process computes."""

    def mean(self, losses: Tensor, rows: int) -> Tensor:
        """This process's part of the mean over all `rows`, [members], from the losses of its shard [members, shard]."""

    def sum(self, part: Tensor) -> Tensor:
        """The sum of all processes' parts, in place."""


class SingleProcess:
    """One process computes whole batches."""

    distributed = False

    def shard(self, rows: int) -> slice:
        """All rows."""
        return slice(0, rows)

    def mean(self, losses: Tensor, rows: int) -> Tensor:
        """The mean."""
        return losses.mean(dim=1)

    def sum(self, part: Tensor) -> Tensor:
        """The part, which is the whole."""
        return part


SINGLE_PROCESS = SingleProcess()
