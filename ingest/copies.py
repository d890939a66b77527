"""Rows that are the same as an earlier one, target and all: what is trained on may then be validated on, too."""

from typing import Any

import numpy as np
import numpy.typing as npt

MANY = 0.1
"""So large a share of copies is worth a note."""
ROOM = 10.0
"""So many different rows must be possible for each row of the file: of fewer, copies come by chance."""
Block = npt.NDArray[Any]
Marks = npt.NDArray[np.uint64]


class Copies:
    """Counts the rows that come again; 8 bytes are remembered of each."""

    def __init__(self) -> None:
        self._marks: list[Marks] = []
        self._factors = np.empty(0, dtype=np.uint64)

    def take(self, x: Block, y: Block) -> None:
        """Add rows: features [rows, columns] and targets [rows] or [rows, outputs]."""
        row = np.column_stack((x, y)).astype(np.float64, copy=False) + 0.0  # -0 is 0
        columns = row.shape[1]
        if self._factors.size != columns:
            chance = np.random.default_rng(0).integers(1 << 63, size=(columns,), dtype=np.uint64)
            self._factors = chance | np.uint64(1)
        bits = row.view(np.uint64)
        # The sum of products with odd chance numbers; the bits of small whole numbers are the upper ones only.
        self._marks.append(((bits ^ bits >> np.uint64(29)) * self._factors).sum(axis=1, dtype=np.uint64))

    @property
    def count(self) -> int:
        """How many rows are the same as one before."""
        return self._rows - len(np.unique(np.concatenate(self._marks)))

    def note(self, possible: float) -> list[str]:
        """What is to be said of them; nothing of a few, or where few different rows are `possible`."""
        count = self.count
        if count < MANY * self._rows or possible < ROOM * self._rows:
            return []
        return [
            f"{count:,} of {self._rows:,} rows are copies of others: a row may be trained on and validated on, and the "
            "validation is then too good. Leave out the copies, or name a column that they share as the group."
        ]

    @property
    def _rows(self) -> int:
        return sum(map(len, self._marks))
