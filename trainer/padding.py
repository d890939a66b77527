"""Padding rows: copies of members that train along, and whose results are not read.

- A lone member trains beside a copy of itself where matrix libraries compute a single matrix in another way, as a job
  must get the same bits alone as in a pack (`trainer.batch_invariance`).
- A GPU that must give the same bits in every pack always trains the same number of rows. A member's own row is one that
  begins at a multiple of eight numbers, as every other member's does, and padding fills the rows between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from spec.batch import batch_flop, full_batch
from spec.resources import DETERMINISTIC_MEMBERS

from .batch_invariance import HEAVY_BATCH_FLOP, is_batch_invariant
from .data import Split
from .evaluation import EVALUATION_ROWS
from .setup import Setup

ALIGNMENT = 8
"""On a GPU, sums over rows of numbers that begin at a multiple of so many numbers are added in the same order: PyTorch
adds what is before the first whole vector by itself (ATen, Reduce.cuh)."""

One = TypeVar("One")


@dataclass(frozen=True)
class Padding:
    """How many rows a pack has for its members."""

    least: int
    """The fewest rows that give each member the bits of any pack."""
    copies: int
    """Rows of a member: its own first, then padding up to the next member's."""

    @classmethod
    def of(cls, setup: Setup, split: Split) -> Self:
        """The padding of a pack whose data are divided like `split`."""
        if setup.on_gpu:
            copies = ALIGNMENT if setup.spec.deterministic else 1
            return cls(DETERMINISTIC_MEMBERS * copies if setup.spec.deterministic else 2, copies)
        if setup.sharding.distributed or batch_flop(setup.spec, setup.info) < HEAVY_BATCH_FLOP:
            return cls(2, 1)
        train, validation = len(split.x["train"]), len(split.x["val"])
        invariant = is_batch_invariant(
            setup.network,
            setup.objective,
            split.x["train"].unsqueeze(0),
            setup.objective.targets(split.y["train"], setup.dtype).unsqueeze(0),
            steps=_sizes(train, full_batch(setup.spec, train)),
            evaluations=_sizes(train, EVALUATION_ROWS) | _sizes(validation, EVALUATION_ROWS),
            casting=setup.casting,
        )
        return cls(1 if invariant else 2, 1)

    def padded(self, members: Sequence[One]) -> list[One]:
        """One for each row, from one for each member."""
        rows = [one for one in members for _ in range(self.copies)]
        return rows + [members[0]] * (self.least - len(rows))


def _sizes(rows: int, at_a_time: int) -> set[int]:
    """Numbers of rows that are computed at once: full batches, and a last smaller one if rows are left."""
    return {min(rows, at_a_time), rows % at_a_time} - {0}
