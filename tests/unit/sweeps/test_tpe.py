"""The estimator of tpe: the densities of Optuna's, places of values, and which trials are good."""

from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights

from spec.sweep import Parameter, SweepSpec
from sweeps.history import Trial
from sweeps.tpe import MOST_GOOD, MOST_OTHERS, Mixture, divided, place_of, proposed

PARAMETERS: dict[str, tuple[dict[str, Any], BaseDistribution]] = {
    "number": ({"uniform": [-1.0, 3.0]}, FloatDistribution(-1.0, 3.0)),
    "rate": ({"log_uniform": [1e-4, 1.0]}, FloatDistribution(1e-4, 1.0, log=True)),
    "steps": ({"uniform": [0.0, 0.5], "step": 0.1}, FloatDistribution(0.0, 0.5, step=0.1)),
    "whole": ({"integers": [1, 5]}, IntDistribution(1, 5)),
    "width": ({"integers": [16, 512], "log": True}, IntDistribution(16, 512, log=True)),
    "choice": ({"choice": [0, 1, 2]}, CategoricalDistribution((0, 1, 2))),
}


def side(name: str) -> Parameter:
    space = {"learning_rate": PARAMETERS[name][0]}
    return SweepSpec.model_validate({"base": {"dataset": "iris"}, "space": space}).space["learning_rate"]


def trial(number: int, score: float | None, epochs: int = 9, *, pruned: bool = False) -> Trial:
    rate = 10.0 ** -(1 + number % 4)
    return Trial(number, 0, {"learning_rate": rate}, str(number), score, epochs, pruned)


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_densities_differ_from_those_of_optuna_by_a_constant(name: str, count: int) -> None:
    own, (_, theirs) = side(name), PARAMETERS[name]
    random = np.random.default_rng(count)
    values, asked = ([own.at(place) for place in random.random(size)] for size in (count, 30))
    parameters = _ParzenEstimatorParameters(1.0, True, False, default_weights, True)
    estimator = _ParzenEstimator({"x": np.array(values)}, {"x": theirs}, parameters)
    expected = estimator.log_pdf({"x": np.array(asked)})
    mine = Mixture([own], [[place_of(own, value)] for value in values], random)
    found = mine.log_density(np.array([[place_of(own, value)] for value in asked]))
    assert np.ptp(found - expected) == pytest.approx(0.0, abs=1e-6)  # the unit cube has another volume


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_value_has_a_place(name: str) -> None:
    own = side(name)
    for place in np.linspace(0.0, 0.999, 50):
        assert own.at(place_of(own, own.at(place))) == pytest.approx(own.at(place))


def test_a_trial_that_was_trained_to_its_end_is_better_than_one_that_was_pruned() -> None:
    history = [trial(0, 0.1, 1, pruned=True), trial(1, 0.9), *(trial(at, 0.2, 3, pruned=True) for at in range(2, 12))]
    good, others = divided(history)
    assert [one.number for one in good] == [1, 2]
    assert len(others) == 10


def test_of_many_trials_the_best_and_the_newest_are_looked_at() -> None:
    history = [trial(at, float(at)) for at in range(1000)]
    good, others = divided([*history, trial(1000, None)])
    assert [one.number for one in good] == list(range(MOST_GOOD))
    assert [one.number for one in others] == list(range(1001 - MOST_OTHERS, 1001))


def test_a_generation_spreads() -> None:
    sweep = SweepSpec.model_validate({"base": {"dataset": "iris"}, "space": {"dropout": {"uniform": [0.0, 0.9]}}})
    history = [Trial(at, 0, {"dropout": at / 100}, str(at), abs(at / 100 - 0.3), 9) for at in range(90)]
    places = proposed(sweep, history, np.random.default_rng(0))
    values = [0.9 * next(places)[0] for _ in range(32)]
    assert 0.2 < float(np.median(values)) < 0.4
    assert len({round(value, 2) for value in values}) > 8
