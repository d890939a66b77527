"""Who trains a pack: one process, or several that share every batch (`trainer.mates`)."""

from typing import Protocol

from torch import Tensor


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
