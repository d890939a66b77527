"""Populations: the rule on numbers, and what curves tell of it."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from spec.halving import bracket
from spec.halvings import Population
from spec.population import (
    PARENT,
    Columns,
    Copy,
    PopulationOrder,
    Stretch,
    copies,
    exploits,
    explored,
    schedule,
)
from spec.space import Choice, Integers, LogUniform, Parameter, Uniform
from spec.sweep import SweepSpec

SPACE: dict[str, Parameter] = {
    "learning_rate": LogUniform(log_uniform=(1e-4, 1.0)),
    "dropout": Uniform(uniform=(0.0, 0.7), step=0.1),
    "weight_decay": Choice(choice=(0.0, 0.01, 0.1)),
}


def order(seed: int = 0, **rule: Any) -> PopulationOrder:
    return PopulationOrder(rule=Population(**rule), space=dict(SPACE), seed=seed, generation=0)


SCORES = st.dictionaries(st.integers(0, 50), st.floats(-10.0, 10.0) | st.just(float("inf")), max_size=20)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(scores=SCORES, quantile=st.floats(0.01, 0.5), epoch=st.integers(1, 9), seed=st.integers(0, 3))
def test_only_the_worst_copy_and_only_the_best_are_copied(
    scores: dict[int, float], quantile: float, epoch: int, seed: int
) -> None:
    asked = order(seed, quantile=quantile)
    found = exploits(scores, asked, epoch)
    assert found == exploits(dict(reversed(scores.items())), asked, epoch)
    assert not found.keys() & set(found.values())
    ranked = sorted(scores, key=lambda number: (scores[number], number))
    most = min(math.ceil(quantile * len(ranked)), len(ranked) // 2)
    assert found.keys() <= set(ranked[len(ranked) - most :])
    assert set(found.values()) <= set(ranked[:most])
    assert all(scores[source] < scores[number] for number, source in found.items())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    places=st.tuples(*(st.floats(0.0, 1.0, exclude_max=True) for _ in SPACE)),
    resample=st.sampled_from([0.0, 0.5, 1.0]),
    trial=st.integers(0, 20),
)
def test_explored_values_stay_in_the_space(places: tuple[float, ...], resample: float, trial: int) -> None:
    asked = order(resample=resample, factors=(0.5, 2.0))
    values = {name: float(parameter.at(place)) for (name, parameter), place in zip(SPACE.items(), places, strict=True)}
    found = explored(values, asked, 5, trial)
    assert found == explored(values, asked, 5, trial)
    assert found.keys() == SPACE.keys()
    assert 1e-4 <= found["learning_rate"] <= 1.0
    assert found["dropout"] in (SPACE["dropout"].values or ())
    assert found["weight_decay"] in (0.0, 0.01, 0.1)


@pytest.mark.parametrize(
    ("value", "factor", "parameter", "expected"),
    [
        (0.1, 1.2, LogUniform(log_uniform=(1e-4, 1.0)), 0.1 * 1.2),
        (0.9, 1.2, LogUniform(log_uniform=(1e-4, 1.0)), 1.0),
        (0.3, 1.2, Uniform(uniform=(0.0, 0.7), step=0.1), 0.4),
        (0.3, 0.8, Uniform(uniform=(0.0, 0.7), step=0.1), 0.2),
        (0.0, 0.8, Choice(choice=(0.1, 0.0)), 0.0),
        (0.0, 1.2, Choice(choice=(0.1, 0.0)), 0.1),
        (10.0, 1.2, Integers(integers=(1, 100), log=True), 12.0),
    ],
)
def test_a_value_is_multiplied_or_becomes_the_next_one(
    value: float, factor: float, parameter: Parameter, expected: float
) -> None:
    assert parameter.changed(value, factor) == expected


def test_a_schedule_follows_copies_to_their_sources() -> None:
    columns: dict[int, Columns] = {
        0: {PARENT: [0, 0, 0, 0, 0, 0], "learning_rate": [0.1] * 6},
        1: {PARENT: [1, 1, 0, 1, 2, 1], "learning_rate": [0.5, 0.5, 0.2, 0.2, 0.3, 0.3]},
        2: {PARENT: [2, 2, 2, 2, 2, 2], "learning_rate": [0.4] * 6},
    }
    assert copies(columns) == [
        Copy(trial=1, epoch=2, source=0, values={"learning_rate": 0.2}),
        Copy(trial=1, epoch=4, source=2, values={"learning_rate": 0.3}),
    ]

    def stretch(first: int, last: int, trial: int, rate: float) -> Stretch:
        return Stretch(first_epoch=first, last_epoch=last, trial=trial, values={"learning_rate": rate})

    assert schedule(columns, 1, 6) == [stretch(1, 4, 2, 0.4), stretch(5, 6, 1, 0.3)]
    assert schedule(columns, 1, 3) == [stretch(1, 2, 0, 0.1), stretch(3, 3, 1, 0.2)]


def sweep(**fields: Any) -> SweepSpec:
    body = {"base": {"dataset": "digits", "epochs": 12}, "space": {"learning_rate": {"log_uniform": [1e-4, 1.0]}}}
    return SweepSpec.model_validate({**body, "method": "random", "halving": "population", **fields})


def test_a_population_has_a_rung_every_few_epochs_and_prunes_nobody() -> None:
    found = bracket(sweep(generation=8, halving={"type": "population", "interval": 4}), 0, 100)
    assert [(rung.epoch, rung.keep) for rung in found.rungs] == [(4, 8), (8, 8)]


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        (
            {"space": {"architecture.hidden": [[8], [16]]}},
            "space.architecture.hidden",
            "allowed are learning_rate, dropout",
        ),
        ({"space": {"optimizer": ["adam", "sgd"]}}, "space.optimizer", "optimizer.beta1"),
        ({"space": {"optimizer.momentum": [0.1, 0.9]}}, "space.optimizer.momentum", "cannot change"),
        ({"space": {"dropout": [[0.1], [0.2]]}}, "space.dropout", "numbers only"),
        ({"space": {"dropout": {"uniform": [0, 0.5], "when": {"loss": "mse"}}}}, "space.dropout", "condition"),
        ({"method": "tpe"}, "method", "random, sobol or grid"),
        ({"halving": {"type": "population", "quantile": 0.6}}, "quantile", "less than or equal to 0.5"),
        (
            {"base": {"dataset": "digits", "epochs": 9000}, "halving": {"type": "population", "interval": 1}},
            "halving.interval",
            "at least 9",
        ),
        ({"base": {"dataset": "digits", "resources": {"gpus": 2}}}, "base.resources.gpus", "must be 1"),
        ({"halving": "hyperband", "space": {"resources.gpus": [1, 2]}}, "space.resources.gpus", "cannot vary"),
    ],
)
def test_what_no_population_can_be_names_its_field(fields: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        sweep(**fields)
    error = caught.value.errors()[0]
    assert path in (error.get("ctx", {}).get("path") or ".".join(map(str, error["loc"])))
    assert message in error["msg"]
