"""How numbers spread that come in batches: range, mean, deviation, histogram."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.profile import Histogram

BINS = 10


@dataclass
class Spread:
    """Least, most, mean and deviation of numbers that come in batches."""

    count: int = 0
    least: float = math.inf
    most: float = -math.inf
    mean: float = 0.0
    _squares: float = 0.0

    def take(self, numbers: npt.NDArray[Any]) -> None:
        """Add finite numbers (Chan's way of merging, which loses no digits)."""
        if not numbers.size:
            return
        count, mean = numbers.size, float(numbers.mean(dtype=np.float64))
        apart, total = mean - self.mean, self.count + count
        self._squares += float(np.square(numbers - mean, dtype=np.float64).sum())
        self._squares += apart * apart * self.count * count / total
        self.mean += apart * count / total
        self.count = total
        self.least, self.most = min(self.least, float(numbers.min())), max(self.most, float(numbers.max()))

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0


@dataclass
class Bins:
    """A histogram over a range that is known."""

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    @classmethod
    def over(cls, spread: Spread) -> "Bins | None":
        """Empty bins over the range; None where there is none."""
        if not spread.count or not math.isfinite(spread.most - spread.least):
            return None
        edges = np.histogram_bin_edges(np.array([spread.least, spread.most]), bins=BINS)
        return cls(edges, np.zeros(BINS, dtype=np.int64))

    def take(self, numbers: npt.NDArray[Any]) -> None:
        """Count these."""
        self.counts += np.histogram(numbers, bins=self.edges)[0]

    def view(self) -> Histogram:
        """As people see it."""
        return Histogram(edges=self.edges.tolist(), counts=self.counts.tolist())
