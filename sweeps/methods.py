"""The methods: each yields candidates for the next configurations. A new method is one function here.

A method is asked once per generation. It sees the same history and the same seed however many workers train, and so
gives the same candidates.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product, takewhile

import numpy as np

from spec.configuration import Configuration
from spec.space import active
from spec.sweep import SweepSpec

from .history import Trial

Method = Callable[[SweepSpec, Sequence[Trial], int], Iterator[Configuration]]
"""(sweep, all trials that were proposed, generation) -> candidates, endless unless there are no others."""


def grid(sweep: SweepSpec, history: Sequence[Trial], generation: int) -> Iterator[Configuration]:
    """All combinations, the last parameter fastest."""
    names, lists = list(sweep.space), [parameter.values or () for parameter in sweep.space.values()]
    return _behind(history, (conditioned(sweep, dict(zip(names, values, strict=True))) for values in product(*lists)))


def given(sweep: SweepSpec, history: Sequence[Trial], generation: int) -> Iterator[Configuration]:
    """The configurations of the spec, in their order."""
    return _behind(history, iter(sweep.configurations))


def _behind(history: Sequence[Trial], candidates: Iterator[Configuration]) -> Iterator[Configuration]:
    """The candidates behind the last one that was proposed."""
    if history:
        deque(takewhile(lambda one: one != history[-1].configuration, candidates), maxlen=0)
    return candidates


def random(sweep: SweepSpec, history: Sequence[Trial], generation: int) -> Iterator[Configuration]:
    """Independent and uniform places of the space."""
    draws = np.random.default_rng([sweep.seed, generation])
    while True:
        yield placed(sweep, draws.random(len(sweep.space)).tolist())


def sobol(sweep: SweepSpec, history: Sequence[Trial], generation: int) -> Iterator[Configuration]:
    """A scrambled Sobol sequence (Owen 1998; scipy.stats.qmc.Sobol): it fills the space more evenly than chance."""
    from scipy.stats.qmc import Sobol

    sequence = Sobol(len(sweep.space), scramble=True, rng=np.random.default_rng(sweep.seed))
    if history:
        sequence.fast_forward(len(history))
    while True:
        yield placed(sweep, sequence.random(1)[0].tolist())


def tpe(sweep: SweepSpec, history: Sequence[Trial], generation: int) -> Iterator[Configuration]:
    """Tree-structured Parzen Estimator (Bergstra et al. 2011), told of all trials: see `sweeps.tpe`."""
    from .tpe import proposed

    for places in proposed(sweep, history, np.random.default_rng([sweep.seed, generation])):
        yield placed(sweep, places)


METHODS: Mapping[str, Method] = {"grid": grid, "random": random, "sobol": sobol, "tpe": tpe, "given": given}
"""All methods."""


def placed(sweep: SweepSpec, places: Sequence[float]) -> Configuration:
    """The configuration at a place of the unit cube, one number in [0, 1) per parameter."""
    pairs = zip(sweep.space.items(), places, strict=True)
    return conditioned(sweep, {name: parameter.at(place) for (name, parameter), place in pairs})


def conditioned(sweep: SweepSpec, values: Configuration) -> Configuration:
    """The configuration without the parameters whose conditions do not hold.

    A parameter that is left out has the base's value, also for the conditions of others; before version 4, it kept its
    own for them.
    """
    kept = values
    for _ in sweep.space:
        before, kept = kept, {name: values[name] for name in active(sweep.space, kept, sweep.base)}
        if sweep.version < 4 or kept == before:
            break
    return kept
