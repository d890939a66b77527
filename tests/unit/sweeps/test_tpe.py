"""The estimator of tpe: the densities of Optuna's, places of values, and which trials are good."""

import math
import sys
from collections.abc import Iterator
from itertools import islice
from types import FrameType
from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_weights

from spec.space import Parameter
from spec.sweep import SweepSpec
from sweeps.history import Trial
from sweeps.tpe import AT_ONCE, CANDIDATES, MOST_GOOD, MOST_OTHERS, Mixture, divided, drawn_at_random, proposed

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
    return SweepSpec.stored({"base": {"dataset": "iris"}, "space": space}).space["learning_rate"]


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
    mine = Mixture([own], [[own.place_of(value)] for value in values], random)
    found = mine.log_density(np.array([[own.place_of(value)] for value in asked]))
    assert np.ptp(found - expected) == pytest.approx(0.0, abs=1e-6)  # the unit cube has another volume


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_value_has_a_place(name: str) -> None:
    own = side(name)
    for place in np.linspace(0.0, 0.999, 50):
        assert own.at(own.place_of(own.at(place))) == pytest.approx(own.at(place))


def sweep(**fields: Any) -> SweepSpec:
    space = {"learning_rate": {"log_uniform": [1e-5, 1.0]}}
    return SweepSpec.model_validate({"base": {"dataset": "iris"}, "space": space, **fields})


@pytest.mark.parametrize(
    ("fields", "sizes", "drawn"),
    [
        ({}, [4] * 16, 16),  # the fifth generation knows of the first three
        ({"parallel": 1}, [4] * 16, 12),
        ({}, [64], 64),
        ({}, [64, 64, 64], 128),
    ],
)
def test_configurations_are_drawn_at_random_until_ten_others_are_known(
    fields: dict[str, int], sizes: list[int], drawn: int
) -> None:
    assert drawn_at_random(sweep(**fields), sizes) == drawn


def test_with_halving_a_score_ranks_pruned_trials_too_and_few_are_good() -> None:
    pruned = [trial(at, 0.3 + at / 1000, 3, pruned=True) for at in range(1, 64)]
    history = [trial(0, 0.1, 1, pruned=True), *pruned, trial(64, 0.9), trial(65, 0.2)]
    good, others = divided(sweep(halving="hyperband"), history)
    assert [one.number for one in good] == [0, 1, 65]  # 0.25 times the root of 66, rounded up
    assert len(others) == 63


def test_a_sweep_from_before_versions_proposes_as_it_did() -> None:
    older = SweepSpec.stored(sweep(halving="hyperband").model_dump(exclude_unset=True))
    assert older.version == 1
    history = [trial(0, 0.1, 1, pruned=True), trial(1, 0.9), *(trial(at, 0.2, 3, pruned=True) for at in range(2, 12))]
    good, others = divided(older, history)
    assert [one.number for one in good] == [1, 2]  # those trained to their end, then those trained longest
    assert len(others) == 10


def test_of_many_trials_the_best_and_the_newest_are_looked_at() -> None:
    history = [trial(at, float(at)) for at in range(1000)]
    good, others = divided(sweep(), [*history, trial(1000, None)])
    assert [one.number for one in good] == list(range(MOST_GOOD))
    assert [one.number for one in others] == list(range(1001 - MOST_OTHERS, 1001))


def test_a_generation_spreads() -> None:
    asked = sweep(space={"dropout": {"uniform": [0.0, 0.9]}})
    history = [Trial(at, 0, {"dropout": at / 100}, str(at), abs(at / 100 - 0.3), 9) for at in range(90)]
    places = proposed(asked, history, np.random.default_rng(0))
    values = [0.9 * next(places)[0] for _ in range(32)]
    assert 0.2 < float(np.median(values)) < 0.4
    assert len({round(value, 2) for value in values}) > 8


@pytest.mark.parametrize("name", PARAMETERS)
def test_kernels_are_the_same_together_as_alone(name: str) -> None:
    own, random = side(name), np.random.default_rng(0)
    mixture = Mixture([own], random.random((20, 1)).tolist(), random)
    places, centers = mixture.sample(24), mixture.sample(8)
    together = mixture.log_kernels(places, centers)
    for at, column in enumerate(together.T):
        assert mixture.log_kernels(places[5:], centers[[at]])[:, 0] == pytest.approx(column[5:], abs=1e-9)


@pytest.mark.parametrize("sides", [1, 6, 18])
def test_a_generation_is_that_of_its_definition(sides: int) -> None:
    """Each proposal is the best of its own candidates, weighed anew against all that count as bad."""
    asked = SweepSpec.stored(
        {
            "base": {"dataset": "iris"},
            "space": {f"tags.{at}": PARAMETERS[list(PARAMETERS)[at % len(PARAMETERS)]][0] for at in range(sides)},
        }
    )
    random = np.random.default_rng(sides)
    configurations = [
        {name: own.at(place) for (name, own), place in zip(asked.space.items(), random.random(sides), strict=True)}
        for _ in range(40)
    ]
    history = [Trial(at, 0, one, str(at), float(at)) for at, one in enumerate(configurations)]
    found = list(islice(proposed(asked, history, np.random.default_rng(0)), 20))

    random = np.random.default_rng(0)
    better, worse = (
        Mixture(
            list(asked.space.values()),
            [[own.place_of(trial.configuration[name]) for name, own in asked.space.items()] for trial in trials],
            random,
        )
        for trials in divided(asked, history)
    )
    expected = np.empty((0, sides))
    while len(expected) < len(found):
        for candidates in better.sample(CANDIDATES * AT_ONCE).reshape(AT_ONCE, CANDIDATES, sides):
            bad = [worse.log_density(candidates), *worse.log_kernels(candidates, expected).T]
            ratio = better.log_density(candidates) - np.logaddexp.reduce(bad)
            expected = np.vstack([expected, candidates[np.argmax(ratio)]])
    assert found == expected[: len(found)].tolist()


def test_a_proposal_costs_as_many_calls_at_the_end_of_a_generation_as_at_its_beginning() -> None:
    history = [trial(at, float(at)) for at in range(30)]
    places = proposed(sweep(), history, np.random.default_rng(0))
    first, _, _, last = (_calls(islice(places, 64)) for _ in range(4))
    assert last < 1.2 * first


def _calls(places: Iterator[list[float]]) -> int:
    """Function calls that these places take."""
    count = 0

    def note(frame: FrameType, what: str, _: object) -> None:
        nonlocal count
        count += what == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        list(places)
    finally:
        sys.setprofile(before)
    return count


def test_a_configuration_that_failed_is_never_good() -> None:
    history = [*(trial(number, math.inf) for number in range(19)), trial(19, 0.5)]
    good, others = divided(sweep(), history)
    assert ([one.number for one in good], len(others)) == ([19], 19)
    assert divided(sweep(), history[:19])[0] == []
    older = SweepSpec.stored(sweep().model_dump(exclude_unset=True) | {"version": 5})
    assert [one.number for one in divided(older, history)[0]] == [0, 19]
