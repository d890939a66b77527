"""Digests of whole numbers, of which random numbers are functions; without PyTorch, which `trainer.rows` needs not."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

_MASK64 = (1 << 64) - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SPLITMIX = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)


class Purpose(IntEnum):
    """What random numbers are used for; each purpose has its own."""

    weights = 1
    order = 2
    dropout = 3
    split = 4
    augmentation = 5
    landscape = 6


def mix(*words: int) -> int:
    """A 64-bit digest of whole numbers (splitmix64, Steele et al. 2014, applied word by word)."""
    return int(mixed(*([word] for word in words))[0])


def mixed(*words: Sequence[int]) -> npt.NDArray[np.uint64]:
    """The digests of many: of the first of all `words`, of the second, ...; of a lone word beside them each time."""
    state = np.zeros(1, dtype=np.uint64)
    for column in words:
        state = state + _GOLDEN + np.array([word & _MASK64 for word in column], dtype=np.uint64)  # all of it wraps
        for shift, factor in _SPLITMIX:
            state = (state ^ (state >> shift)) * factor
        state = state ^ (state >> np.uint64(31))
    return state
