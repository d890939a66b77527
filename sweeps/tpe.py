"""The Tree-structured Parzen Estimator (Bergstra et al. 2011), asked for a whole generation at once.

It works in the unit cube, where each parameter is one side. The best trials give the density l, all others the density
g, both mixtures of one kernel per trial and a wide prior. Of some candidates drawn from l, the one with the largest
l / g is proposed. Each proposal then counts as a bad trial for those that follow (constant liar, Ginsbourger et al.
2010), so that a generation spreads. How wide kernels are, and without halving how many trials are good, is as in Optuna
5 (Watanabe 2023, arXiv 2304.11127); unlike there, both densities are made once per generation, and of the many trials
that are not good the newest are enough: a proposal takes less than a millisecond.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from spec.halvings import NoHalving
from spec.space import Choice, Integers, LogUniform, Parameter, Uniform
from spec.sweep import SweepSpec

from .history import Trial

Array = npt.NDArray[np.float64]

STARTUP_TRIALS = 10
"""Fewer trials than this say nothing (Optuna's default)."""
CANDIDATES = 24
AT_ONCE = 8
MOST_GOOD = 25
MOST_OTHERS = 200
LEAST_MASS = 1e-300
LEAST_LOG = -700.0
"""Beside a summand of 1, what is smaller than its exponential changes no bit, and takes six times as long."""
MIDDLE = 0.5
FLAT = 25
"""So many of the newest trials weigh the same; older ones less."""

_score, _number = attrgetter("score"), attrgetter("number")


def proposed(sweep: SweepSpec, history: Sequence[Trial], random: np.random.Generator) -> Iterator[list[float]]:
    """Places in the unit cube, endless. Before there are enough trials, any place."""
    sides = list(sweep.space.values())
    if sum(trial.score is not None for trial in history) < STARTUP_TRIALS:
        while True:
            yield random.random(len(sides)).tolist()
    good, others = divided(sweep, history)
    better = Mixture(sides, [_places(sweep, trial) for trial in good], random)
    worse = Mixture(sides, [_places(sweep, trial) for trial in others], random)
    yield from _generation(better, worse)


def drawn_at_random(sweep: SweepSpec, sizes: Iterable[int]) -> int:
    """How many configurations are proposed before the first estimate; `sizes` are those of the generations."""
    before = [0]
    for size in sizes:
        if before[max(len(before) - sweep.parallel, 0)] >= STARTUP_TRIALS:
            break
        before.append(before[-1] + size)
    return before[-1]


def divided(sweep: SweepSpec, history: Sequence[Trial]) -> tuple[list[Trial], list[Trial]]:
    """The good trials and the newest others, both in the order of their numbers; those that train are others.

    A score is that of the best epoch, so it ranks pruned trials too: one that did better in few epochs is better than
    one that did worse in many. With halving, few trials are trained long enough to be good: 0.25 sqrt(n) as in
    hyperopt (Bergstra et al. 2013), not a tenth. Version 1 took a tenth, and first those trained to their end. Before
    version 6, failed trials were good where few others were known.
    """
    known = [one for one in history if one.score is not None and (one.score < math.inf or sweep.version < 6)]
    if sweep.version == 1 or isinstance(sweep.halving, NoHalving):
        count = min(math.ceil(0.1 * len(known)), MOST_GOOD)
    else:
        count = math.ceil(0.25 * math.sqrt(len(known)))
    good = sorted(nsmallest(count, known, _by_length if sweep.version == 1 else _score), key=_number)
    best = {trial.number for trial in good}
    newest = history[-MOST_OTHERS - len(best) :]
    return good, [trial for trial in newest if trial.number not in best][-MOST_OTHERS:]


def _by_length(trial: Trial) -> tuple[Any, ...]:
    return trial.pruned, -trial.epochs if trial.pruned else 0, trial.score


def _generation(better: "Mixture", worse: "Mixture") -> Iterator[list[float]]:
    """The places of a generation, endless: some are drawn at once, for a generation may be small."""
    chosen: list[Array] = []
    while True:
        drawn = better.sample(CANDIDATES * AT_ONCE)
        log_better = better.log_density(drawn)
        others = _exp(worse.log_density(drawn))
        if chosen:
            others += _exp(worse.log_kernels(drawn, np.array(chosen))).sum(axis=1)
        near = _exp(worse.log_kernels(drawn, drawn))  # each candidate, if it were a bad trial itself
        for first in range(0, len(drawn), CANDIDATES):
            later = first + CANDIDATES
            best = first + int(np.argmax(log_better[first:later] - np.log(others[first:later])))
            yield drawn[best].tolist()
            chosen.append(drawn[best])
            others += near[:, best]


class Mixture:
    """A density in the unit cube: for each trial a kernel, which is a product over the sides; and a prior."""

    def __init__(self, sides: Sequence[Parameter], places: Sequence[Sequence[float]], random: np.random.Generator):
        self._random = random
        at = np.array(places, dtype=np.float64).reshape(len(places), len(sides))
        weights = np.append(_weights(len(at)), 1.0)
        self._log_weights = np.log(weights / weights.sum())
        self._sides: list[_Numbers | _Classes] = [
            _Classes(column, len(side.choice)) if isinstance(side, Choice) else _Numbers.around(side, column)
            for side, column in zip(sides, at.T, strict=True)
        ]
        smooth = {at: own for at, own in enumerate(self._sides) if isinstance(own, _Numbers) and own.is_smooth}
        self._smooth = list(smooth)
        self._others = [(at, own) for at, own in enumerate(self._sides) if at not in smooth]
        kernels = np.array([[own.center, own.width] for own in smooth.values()]).reshape(-1, 2, len(weights))
        self._normals = _polynomials(kernels[:, 0], kernels[:, 1])
        self._newest_width = _newest_width(len(weights))

    def sample(self, count: int) -> Array:
        """Draw places, [count, sides]."""
        kernels = self._random.choice(len(self._log_weights), count, p=np.exp(self._log_weights))
        return np.column_stack([side.sample(kernels, self._random.random(count)) for side in self._sides])

    def log_density(self, places: Array) -> Array:
        """Give the logarithm of the density, [places]."""
        logs = _powers(places[:, self._smooth]) @ self._normals
        logs += self._log_weights
        for at, side in self._others:
            logs += side.log_density(places[:, at])
        most = logs.max(axis=1)
        logs -= most[:, None]
        return np.asarray(most + np.log(_exp(logs).sum(axis=1)))

    def log_kernels(self, places: Array, centers: Array) -> Array:
        """The densities of more kernels with these centers, [kernels, sides], each with the weight of the newest."""
        own = centers[:, self._smooth].T
        logs = _powers(places[:, self._smooth]) @ _polynomials(own, np.full(own.shape, self._newest_width))
        logs += self._log_weights[-1]
        for at, side in self._others:
            logs += side.log_kernels(places[:, at], centers[:, at])
        return np.asarray(logs)


@dataclass(frozen=True)
class _Numbers:
    """Normal kernels within [0, 1], the prior last. Whole numbers and steps have the density of their cell."""

    side: Parameter
    center: Array
    width: Array

    @property
    def is_smooth(self) -> bool:
        """Whether every place is another value."""
        return isinstance(self.side, LogUniform) or (isinstance(self.side, Uniform) and self.side.step is None)

    @classmethod
    def around(cls, side: Parameter, values: Array) -> "_Numbers":
        """A kernel is as wide as the larger gap to its neighbours. A trial without this parameter is like the prior."""
        known = ~np.isnan(values)
        center, width = np.full(len(values) + 1, 0.5), np.ones(len(values) + 1)
        mine = values[known]
        order = np.argsort(mine, kind="stable")
        edged = np.concatenate([[0.0], mine[order], [1.0]])
        gaps = np.diff(edged)
        widths = np.maximum(gaps[:-1], gaps[1:])
        if len(mine) >= 2:  # the edges count for the inner ones only
            widths[0], widths[-1] = gaps[1], gaps[-2]
        least = 1.0 / min(100.0, 2.0 + len(mine))
        at = np.flatnonzero(known)
        center[at], width[at[order]] = mine, np.clip(widths, least, 1.0)
        return cls(side, center, width)

    def sample(self, kernels: npt.NDArray[np.int64], uniform: Array) -> Array:
        center, width = self.center[kernels], self.width[kernels]
        low, high = ndtr(-center / width), ndtr((1.0 - center) / width)
        return np.asarray(np.clip(center + width * ndtri(low + uniform * (high - low)), 0.0, np.nextafter(1.0, 0.0)))

    def log_density(self, values: Array) -> Array:
        """Of a side with cells; those where every place is another value are weighed together by `Mixture`."""
        lows, highs = _cells(self.side, values)
        inside = _inside(self.center, self.width)
        low, first, same = np.unique(lows, return_index=True, return_inverse=True)  # many places share a cell
        high = highs[first]
        below, above = (ndtr((edges[:, None] - self.center) / self.width) for edges in (low, high))
        return np.asarray(np.log(np.maximum(above - below, LEAST_MASS) / inside)[same])

    def log_kernels(self, values: Array, centers: Array) -> Array:
        width = np.full(len(centers), _newest_width(len(self.center)))
        return _Numbers(self.side, centers, width).log_density(values)


class _Classes:
    """Kernels over `count` choices, the prior last; a place in [0, 1) stands for the choice that `Choice.at` gives."""

    is_smooth = False

    def __init__(self, values: Array, count: int) -> None:
        kernels = len(values) + 1
        shares = np.full((kernels, count), 1.0 / kernels)
        known = np.flatnonzero(~np.isnan(values))
        shares[known, (values[known] * count).astype(int)] += 1.0
        self._shares = shares / shares.sum(axis=1, keepdims=True)
        self._log_shares = np.log(self._shares.T)
        self._count = count

    def sample(self, kernels: npt.NDArray[np.int64], uniform: Array) -> Array:
        chosen = (self._shares.cumsum(axis=1)[kernels] <= uniform[:, None]).sum(axis=1)
        return np.asarray((np.minimum(chosen, self._count - 1) + 0.5) / self._count)

    def log_density(self, values: Array) -> Array:
        return np.asarray(self._log_shares[(values * self._count).astype(int)])

    def log_kernels(self, values: Array, centers: Array) -> Array:
        kernels = len(self._shares)
        same = (values * self._count).astype(int)[:, None] == (centers * self._count).astype(int)
        return np.asarray(np.log((same + 1.0 / kernels) / (1.0 + self._count / kernels)))


def _exp(logs: Array) -> Array:
    """The exponentials, written over the logarithms."""
    np.maximum(logs, LEAST_LOG, out=logs)
    return np.exp(logs, out=logs)


def _polynomials(center: Array, width: Array) -> Array:
    """Products of normal densities that end at 0 and 1: their logarithms are polynomials of the places.

    For [sides, kernels] the coefficients of `_powers`, [2 sides + 1, kernels]: one matrix product serves all sides.
    """
    own, sharpness = center - MIDDLE, width**-2
    logs = -0.5 * own * own * sharpness - np.log(width * _inside(center, width)) - 0.5 * math.log(2.0 * math.pi)
    return np.concatenate([-0.5 * sharpness, own * sharpness, logs.sum(axis=0, keepdims=True)])


def _powers(places: Array) -> Array:
    """The squares of [places, sides], themselves and 1, seen from the middle: [places, 2 sides + 1]."""
    own = places - MIDDLE
    return np.concatenate([own * own, own, np.ones((len(own), 1))], axis=1)


def _inside(center: Array, width: Array | float) -> Array:
    """The share of normal densities that lies between 0 and 1."""
    return np.asarray(ndtr((1.0 - center) / width) - ndtr(-center / width))


def _newest_width(kernels: int) -> float:
    """How wide the kernel of a new trial is beside so many."""
    return 1.0 / min(100.0, 1.0 + kernels)


def _weights(count: int) -> Array:
    """The weights of trials, from the oldest to the newest."""
    ramp = max(count - FLAT, 0)
    return np.concatenate([np.linspace(1.0 / max(count, 1), 1.0, ramp), np.ones(count - ramp)])


def _places(sweep: SweepSpec, trial: Trial) -> list[float]:
    """Where a configuration lies in the unit cube; NaN for a parameter that it does not have."""
    own = trial.configuration
    return [side.place_of(own[name]) if name in own else math.nan for name, side in sweep.space.items()]


def _cells(side: Parameter, places: Array) -> tuple[Array, Array]:
    """The limits of the places that stand for the same value. Raises `TypeError` where each stands for another."""
    match side:
        case Integers(integers=(least, most), log=True):
            low, high = math.log(least - 0.5), math.log(most + 0.5)
            whole = np.clip(np.rint(np.exp(low + places * (high - low))), least, most)
            return (np.log(whole - 0.5) - low) / (high - low), (np.log(whole + 0.5) - low) / (high - low)
        case Integers():
            count = side.count
        case Uniform(step=float()):
            count = len(side.values or ())
        case _:
            raise TypeError(f"{side} has no cells")
    whole = np.floor(places * count)
    return whole / count, (whole + 1.0) / count
