"""Statistics of seeds and folds: means with intervals, and whether the best configuration differs from the others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

LEAST_ROWS = 6
"""2 x 0.5 ** 6 = 0.03 is the least p of a sign test of so many rows (McNemar 1947)."""
CONFIDENCE = 0.95
POWER = 0.84
"""The normal quantile of 80 %: a difference so many standard errors larger than it must be is decided 4 times of 5."""
EQUAL = 1e-12
"""Means that differ by less are equal."""
MOST_MORE_SEEDS = 100
"""Further seeds beyond this number are not proposed."""


@dataclass(frozen=True)
class Band:
    """A mean over seeds or folds, with its deviation and its confidence interval."""

    mean: float
    deviation: float | None
    """The standard deviation of the sample (n - 1); None of one number."""
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True)
class Comparison:
    """The best configuration beside another one, seed by seed."""

    difference: float
    """Mean of (other - best); above 0 if the best is better, since less is better."""
    p: float | None
    """Of the paired t-test, one for each other configuration, corrected by Holm; None of one seed."""
    needed: int | None
    """How many more seeds would decide it four times of five, if the difference is what it seems.

    None if it is decided, or too small.
    """
    fewer_than: str = ""
    """How many rows would tell the difference from chance, where it is of fewer: more seeds have the same rows."""

    @property
    def decided(self) -> bool:
        """Whether the difference is larger than what seeds do."""
        return self.p is not None and self.p < 1.0 - CONFIDENCE


def band(
    values: Sequence[float],
    *,
    test_share: float | None = None,
    step: float = 0.0,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Band:
    """Mean and interval by Student's t, as far as it is within the limits of what is measured.

    No mean is beyond them, so an interval that is cut there holds it as often as the whole one (Mandelkern 2002).

    Folds share training rows, so their deviation says too little: with `test_share`, test rows / training rows of a
    fold, the variance of the mean is s^2 (1 / n + test_share), as Nadeau and Bengio (2003) correct it.

    Of scores that change in steps, the interval's deviation is at least that of one rounded number: see `compare`.
    """
    count, mean = len(values), math.fsum(values) / len(values)
    if count < 2:
        return Band(mean, None, None, None, count)
    deviation = float(np.std(values, ddof=1))
    error = _error(max(deviation, step / math.sqrt(12.0)), count, test_share)
    half = _quantile(0.5 + CONFIDENCE / 2.0, count - 1) * error
    least, most = limits
    return Band(mean, deviation, max(mean - half, least), min(mean + half, most), count)


def compare(
    best: Sequence[float],
    others: Sequence[Sequence[float]],
    *,
    test_share: float | None = None,
    step: float = 0.0,
) -> list[Comparison]:
    """The best configuration's scores beside those of the others, by the same seeds or folds; less is better.

    Paired t-tests (scipy.stats.ttest_rel; for folds with the corrected variance), with Holm's correction.

    Some scores change in steps: an accuracy changes by one row, and `step` is 1 / rows. A few such differences are
    easily equal by chance, and their deviation is then too small. It is taken as at least step / sqrt(6), the deviation
    of the difference of two rounded numbers: each has the variance step^2 / 12 (Sheppard 1898).
    """
    least = step / math.sqrt(6.0)
    differences = [_Differences.of(np.subtract(other, best), least) for other in others]
    raw = [difference.p(test_share) for difference in differences]
    known = [p for p in raw if p is not None]
    corrected = iter(holm(known))
    adjusted = [None if p is None else next(corrected) for p in raw]
    needs = dict[int, int | None]()
    most = 0
    for rank, (_, at) in enumerate(sorted((p, at) for at, p in enumerate(raw) if p is not None)):
        # Holm's step-down: as many tests as are left, and none is decided before those of smaller p are.
        own = differences[at].needed(adjusted[at], len(known) - rank, test_share)
        most = max(most, own or 0)
        needs[at] = own and most
    return [
        Comparison(difference.mean, p, needs.get(at))
        for at, (difference, p) in enumerate(zip(differences, adjusted, strict=True))
    ]


def holm(values: Sequence[float]) -> list[float]:
    """p-values of several tests, corrected by Holm's step-down (1979), in the order that they have."""
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected, least = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = least
    return corrected


def ranks(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """The ranks of numbers, from 1; equal numbers share the mean of theirs."""
    _, places, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    shared: npt.NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2.0)[places]
    return shared


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The correlation of the ranks (Spearman 1904; scipy.stats.spearmanr); None of fewer than three, or of equals."""
    if len(first) < 3 or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def _quantile(share: float, freedom: int) -> float:
    """Of Student's t. Imported here: SciPy's functions take a while to load, and the API seldom needs them."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, share))


def _both_tails(t: float, freedom: int) -> float:
    """The probability that Student's t is further from 0 than `t`; more than 1 of a negative one."""
    from scipy.special import stdtr

    return float(2.0 * stdtr(freedom, -t))


def _error(deviation: float, count: int, test_share: float | None) -> float:
    """The standard error of the mean."""
    return deviation * math.sqrt(1.0 / count + (test_share or 0.0))


@dataclass(frozen=True)
class _Differences:
    """Of two configurations, seed by seed."""

    mean: float
    deviation: float
    """NaN of one seed, and where one of them has no number."""
    count: int

    @classmethod
    def of(cls, values: npt.NDArray[np.float64], least: float) -> Self:
        known = len(values) > 1 and bool(np.isfinite(values).all())
        deviation = float(np.std(values, ddof=1)) if known else math.nan
        return cls(float(np.mean(values)), max(deviation, least), len(values))

    def p(self, test_share: float | None) -> float | None:
        """Of the paired t-test; None where there is no deviation."""
        if not math.isfinite(self.deviation):
            return None
        error = _error(self.deviation, self.count, test_share)
        if error == 0.0:
            return 1.0 if self.mean == 0.0 else 0.0
        return _both_tails(abs(self.mean) / error, self.count - 1)

    def needed(self, p: float | None, tests: int, test_share: float | None) -> int | None:
        """How many more seeds decide a difference of this size, four times of five; folds are not added."""
        if p is None or p < 1.0 - CONFIDENCE or test_share is not None or self.mean == 0.0:
            return None
        for count in range(self.count + 1, MOST_MORE_SEEDS + self.count + 1):
            t = abs(self.mean) / _error(self.deviation, count, None) - POWER
            if _both_tails(t, count - 1) * tests < 1.0 - CONFIDENCE:
                return count - self.count
        return None


def sentence(best: str, comparisons: dict[str, Comparison], *, unit: str = "seeds", more: bool = False) -> str:
    """What the comparison says, for a student; those without a number for one of the seeds are left out.

    `more` says whether there are configurations behind those that are compared.
    """
    whom = f"the next {len(comparisons)}" if more else "all others"
    comparisons = {name: one for name, one in comparisons.items() if math.isfinite(one.difference)}
    if not comparisons:
        return f"{best} is the only configuration that was trained to its end."
    decided = sum(one.decided for one in comparisons.values())
    open_ones = {name: one for name, one in comparisons.items() if not one.decided}
    if not open_ones:
        return f"{best} is better than {whom} by more than what {unit} do (paired t-test, Holm, p < 0.05)."
    beaten = f" It is better than {decided} other{'s' * (decided > 1)}." if decided else ""
    name, nearest = min(open_ones.items(), key=lambda item: item[1].difference)
    equal = sum(abs(one.difference) < EQUAL for one in open_ones.values())
    if equal:
        by = "by one run each" if nearest.p is None else f"in the mean of their {unit}"
        others = f"{equal} other{'s' * (equal > 1)}"
        those = f"at least {others}" if more and equal == len(comparisons) else name if equal == 1 else others
        return f"{best} and {those} are equally good, {by}.{beaten}"
    if nearest.p is None:
        return f"{best} is best, by one run each: more {unit} would say whether the difference is real."
    return f"The difference between {best} and {name} is not larger than what {unit} do{_more(nearest, unit)}.{beaten}"


def _more(open_one: Comparison, unit: str) -> str:
    """How many more seeds would decide it; folds cannot be added to, and few rows stay few."""
    if open_one.fewer_than:
        than = " than more seeds" if unit == "seeds" else ""
        return f", and is less than {open_one.fewer_than}: more rows would say more{than}"
    if unit != "seeds":
        return ""
    if open_one.needed is None:
        return "; more seeds would hardly decide it"
    return f"; about {open_one.needed} more seed{'s' * (open_one.needed > 1)} would decide it"
