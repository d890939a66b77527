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
    _mean: float = 0.0
    _squares: float = 0.0

    def take(self, numbers: npt.NDArray[Any]) -> None:
        """Add finite numbers (Chan's way of merging, which loses no digits)."""
        if not numbers.size:
            return
        self.least, self.most = min(self.least, float(numbers.min())), max(self.most, float(numbers.max()))
        with np.errstate(over="ignore", invalid="ignore"):  # who asks for the deviation sees that it is none
            count, mean = numbers.size, float(numbers.mean(dtype=np.float64))
            apart, total = mean - self._mean, self.count + count
            self._squares += float(np.square(numbers - mean, dtype=np.float64).sum())
            self._squares += float(np.float64(apart) * apart * self.count * count / total)
        self._mean += apart * count / total
        self.count = total

    @property
    def is_constant(self) -> bool:
        """Whether all are the same number."""
        return self.least == self.most

    @property
    def is_rounding(self) -> bool:
        """Whether the numbers differ, and in their last bits only."""
        if not self.count or self.is_constant:
            return False
        return self.most - self.least <= 8 * max(math.ulp(self.least), math.ulp(self.most))

    @property
    def mean(self) -> float:
        """The mean; of a constant the constant, whose sum may round."""
        return self.least if self.is_constant else min(max(self._mean, self.least), self.most)

    @property
    def deviation(self) -> float:
        """The standard deviation; not finite when the numbers are too large to be squared."""
        return math.sqrt(self._squares / self.count) if self.count and not self.is_constant else 0.0


@dataclass
class End:
    """The largest of numbers that come in batches, how often it comes, and the next one."""

    value: float = -math.inf
    count: int = 0
    next: float = -math.inf

    def take(self, numbers: npt.NDArray[Any]) -> None:
        """Add finite numbers."""
        if not numbers.size or (most := float(numbers.max())) < self.next:
            return
        below = numbers[numbers < max(most, self.value)]
        if most > self.value:
            self.value, self.count, self.next = most, 0, self.value
        if below.size:
            self.next = max(self.next, float(below.max()))
        self.count += int((numbers == self.value).sum())


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
        margin = 0.5 if spread.is_constant else 0.0
        edges = np.linspace(spread.least - margin, spread.most + margin, BINS + 1)
        if not (np.diff(edges) > 0.0).all():  # the numbers differ in their last bits
            return None
        return cls(edges, np.zeros(BINS, dtype=np.int64))

    def take(self, numbers: npt.NDArray[Any]) -> None:
        """Count these."""
        self.counts += np.histogram(numbers, bins=self.edges)[0]

    def view(self) -> Histogram:
        """As people see it."""
        return Histogram(edges=self.edges.tolist(), counts=self.counts.tolist())
