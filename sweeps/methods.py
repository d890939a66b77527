"""The methods: each yields candidates for the next configurations. A new method is one function here.

A method is asked once per generation. It sees the same history and the same seed however many workers train, and so
gives the same candidates.
"""

import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product, takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from spec.sweep import Choice, Configuration, Integers, LogUniform, Parameter, SweepSpec, Uniform, active

from .history import Trial

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial
    from optuna.trial import Trial as OptunaTrial

Method = Callable[[SweepSpec, Sequence[Trial], int], Iterator[Configuration]]
"""(sweep, all trials that were proposed, generation) -> candidates, endless unless there are no others."""

STARTUP_TRIALS = 10
"""Random configurations before the first estimate of tpe (Optuna's default)."""


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
    """Tree-structured Parzen Estimator (Bergstra et al. 2011), by Optuna's sampler, told of all trials.

    The study is built anew from the history, so that nothing but the record is its memory.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = int(np.random.default_rng([sweep.seed, generation]).integers(2**32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # group, since 2020
        sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, group=True, constant_liar=True
        )
    study = optuna.create_study(sampler=sampler)
    study.add_trials([_told(sweep, trial) for trial in history])
    while True:
        yield _suggested(sweep, study.ask())


METHODS: Mapping[str, Method] = {"grid": grid, "random": random, "sobol": sobol, "tpe": tpe, "given": given}
"""All methods."""

LISTED = frozenset({"grid", "given"})
"""Those that list all that there is, and end."""


def placed(sweep: SweepSpec, places: Sequence[float]) -> Configuration:
    """The configuration at a place of the unit cube, one number in [0, 1) per parameter."""
    pairs = zip(sweep.space.items(), places, strict=True)
    return conditioned(sweep, {name: parameter.at(place) for (name, parameter), place in pairs})


def conditioned(sweep: SweepSpec, values: Configuration) -> Configuration:
    """The configuration without the parameters whose conditions do not hold."""
    return {name: values[name] for name in active(sweep.space, values, sweep.base)}


# --- Optuna's terms ---------------------------------------------------------------------------------------------------


def _suggested(sweep: SweepSpec, trial: "OptunaTrial") -> Configuration:
    """Ask for one value after the other; a condition is looked at once the values before are known."""
    values: Configuration = {}
    for name, parameter in sweep.space.items():
        if name in active(sweep.space, values, sweep.base):
            suggested = trial._suggest(name, _distribution(parameter))
            values[name] = parameter.choice[suggested] if isinstance(parameter, Choice) else suggested
    return values


def _distribution(parameter: Parameter) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match parameter:
        case Choice(choice=choices):
            return CategoricalDistribution(tuple(range(len(choices))))  # a choice may be a list, which it cannot hold
        case Uniform(uniform=(least, most), step=step):
            return FloatDistribution(least, (parameter.values or (most,))[-1], step=step)
        case LogUniform(log_uniform=(least, most)):
            return FloatDistribution(least, most, log=True)
        case Integers(integers=(least, most), step=step, log=log):
            return IntDistribution(least, most, log=log, step=step)
    raise TypeError(parameter)


def _told(sweep: SweepSpec, trial: Trial) -> "FrozenTrial":
    """A trial as Optuna knows it. One that failed has a value that is worse than any."""
    from optuna.trial import TrialState, create_trial

    values = {name: _index(sweep.space[name], value) for name, value in trial.configuration.items()}
    distributions = {name: _distribution(sweep.space[name]) for name in values}
    if trial.score is None:
        return create_trial(state=TrialState.RUNNING, params=values, distributions=distributions)
    score = min(trial.score, sys.float_info.max)
    if trial.pruned:
        steps = {trial.epochs: score}
        return create_trial(
            state=TrialState.PRUNED, params=values, distributions=distributions, intermediate_values=steps
        )
    return create_trial(value=score, params=values, distributions=distributions)


def _index(parameter: Parameter, value: Any) -> Any:
    return parameter.choice.index(value) if isinstance(parameter, Choice) else value
