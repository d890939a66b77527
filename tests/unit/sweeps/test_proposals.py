"""Proposals: complete grids, valid configurations, no repetition, the same for the same history."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.space import active
from spec.sweep import SweepSpec
from sweeps.history import Trial
from sweeps.methods import METHODS
from sweeps.proposals import Generation, propose
from tests.examples import examples


def sweep(space: dict[str, Any], **fields: Any) -> SweepSpec:
    return SweepSpec.model_validate({"base": {"dataset": "iris", "epochs": 9}, "space": space, **fields})


def on_record(space: dict[str, Any], version: int) -> SweepSpec:
    """A grid that would be refused today."""
    base = {"dataset": "iris", "epochs": 9}
    return SweepSpec.stored({"base": base, "space": space, "method": "grid", "version": version})


def trials(asked: SweepSpec, generations: int, count: int, score: Any = lambda trial: 0.0) -> list[Trial]:
    """All trials of some generations; `score` scores a configuration."""
    history: list[Trial] = []
    for generation in range(generations):
        for one in propose(asked, history, generation=generation, count=count).proposals:
            done = score(one.configuration)
            history.append(Trial(len(history), generation, one.configuration, one.digest, done, 9))
    return history


GRID: dict[str, Any] = {
    "learning_rate": [0.1, 0.01, 0.001],
    "optimizer": ["adam", {"type": "sgd"}],
    "optimizer.momentum": {"choice": [0.0, 0.5, 0.9], "when": {"optimizer.type": "sgd"}},
}


@pytest.mark.parametrize("count", [1, 4, 5, 100])
def test_a_grid_is_complete_and_ends(count: int) -> None:
    asked = sweep(GRID, method="grid")
    history = trials(asked, 14, count)
    assert len(history) == 3 * (1 + 3)
    assert len({trial.digest for trial in history}) == len(history)
    assert propose(asked, history, generation=14, count=1) == Generation((), True, 0, ())


def test_combinations_that_are_no_job_are_left_out() -> None:
    asked = sweep(
        {"architecture": ["perceptron", {"type": "mlp", "hidden": [4]}], "dropout": [0.0, [0.5]]}, method="grid"
    )
    generation = propose(asked, [], generation=0, count=100)
    assert [one.configuration["dropout"] for one in generation.proposals] == [0.0, 0.0, [0.5]]
    assert generation.refused == 1
    assert [one.configuration["architecture"] for one in generation.refusals] == ["perceptron"]


SPELLINGS: dict[str, list[Any]] = {
    "standardize": [True, None],
    "split": ["random", None],
    "output_activation": [None, "identity"],
    "activation": ["relu", ["relu", "relu"]],
    "dropout": [0.1, [0.1, 0.1]],
    "optimizer": ["adam", {"type": "adam", "beta1": 0.9}],
}


@pytest.mark.parametrize("field", SPELLINGS)
def test_two_forms_of_one_configuration_are_one(field: str) -> None:
    """The network of the base has two hidden layers; a perceptron has none, and so neither activation nor dropout."""
    asked = sweep({field: SPELLINGS[field]}, method="grid")
    assert [one.configuration[field] for one in trials(asked, 1, 9)] == SPELLINGS[field][:1]


def test_a_perceptron_has_no_activation_to_vary() -> None:
    space = {"architecture": ["perceptron", "mlp"], "activation": ["relu", "tanh"], "dropout": [0.0, 0.1]}
    assert len(trials(sweep(space, method="grid"), 1, 9)) == 1 + 4


def test_forms_that_mean_something_else_are_two_and_by_older_rules_all_are() -> None:
    base = {"dataset": "linear"}  # made data are not standardised by default
    assert len(trials(sweep({"standardize": [True, None]}, method="grid", base=base), 1, 9)) == 2
    assert len(trials(sweep({"standardize": [True, None]}, method="grid", version=6), 1, 9)) == 2


def test_a_combination_whose_last_fold_is_no_job_is_left_out() -> None:
    base = {"dataset": "wine"}  # folds of 160 and 161 training rows: 161 = 5 x 32 + 1
    asked = sweep({"architecture.normalization": ["none", "batch"]}, method="grid", folds=10, base=base)
    generation = propose(asked, [], generation=0, count=100)
    assert [one.configuration for one in generation.proposals] == [{"architecture.normalization": "none"}]
    assert generation.refused == 1


@pytest.mark.parametrize("names", [("optimizer.momentum", "optimizer.type"), ("optimizer.type", "optimizer.momentum")])
def test_a_value_that_an_optimizer_does_not_have_is_no_job_in_whatever_order_a_space_names_them(
    names: tuple[str, str],
) -> None:
    values: dict[str, Any] = {"optimizer.momentum": [0.0, 0.9], "optimizer.type": ["adam", "sgd"]}
    asked = on_record({name: values[name] for name in names}, version=7)
    proposals = propose(asked, [], generation=0, count=100).proposals
    assert [one.configuration for one in proposals] == [
        {"optimizer.type": "sgd", "optimizer.momentum": momentum} for momentum in (0.0, 0.9)
    ]


def test_a_sweep_by_older_rules_keeps_such_values() -> None:
    space = {"optimizer.momentum": [0.0, 0.9], "optimizer.type": ["adam", "sgd"]}
    proposals = propose(on_record(space, version=5), [], generation=0, count=100).proposals
    assert [one.configuration["optimizer.type"] for one in proposals] == ["adam", "sgd", "sgd"]


@pytest.mark.parametrize(("version", "every"), [(3, False), (4, True)])
def test_a_sobol_sequence_goes_on_behind_places_that_are_no_job(version: int, every: bool) -> None:
    rates = [[0.1], [0.2], [0.1, 0.1]]  # the network has two hidden layers
    asked = sweep({"dropout": rates, "learning_rate": {"uniform": [0.1, 0.5]}}, method="sobol", version=version)
    generation = propose(asked, trials(asked, 1, 80), generation=1, count=4)
    assert (len(generation.proposals) == 4) is every
    assert generation.exhausted is not every


FEW = {"dropout": [*([0.01 * rate] for rate in range(1, 30)), [0.1, 0.1]], "learning_rate": {"uniform": [0.1, 0.5]}}
"""One in thirty is a job: the network has two hidden layers."""


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_methods_that_begin_anew_pass_nothing(method: str) -> None:
    asked = sweep(FEW | {"dropout": [[0.1], [0.1, 0.1]]}, method=method)
    first, again = (propose(asked, [], generation=1, count=4, passed=passed) for passed in (0, 9))
    assert first.proposals == again.proposals


@pytest.mark.parametrize("method", ["random", "sobol", "tpe"])
def test_an_endless_space_with_few_jobs_does_not_end(method: str) -> None:
    asked = sweep(FEW, method=method, generation=64)
    generation = propose(asked, [], generation=0, count=64)
    found = len(generation.proposals)
    assert 0 < found < 64
    assert not generation.exhausted
    assert propose(sweep(FEW, method=method, version=4), [], generation=0, count=64).exhausted
    # A replay asks for as many as were found.
    assert propose(asked, [], generation=0, count=found).proposals == generation.proposals
    history = trials(asked, 1, 64)
    assert propose(asked, history, generation=1, count=64).proposals


def test_an_endless_space_without_jobs_ends() -> None:
    asked = sweep(FEW | {"dropout": [[0.1], [0.2]]}, method="random")
    assert propose(asked, [], generation=0, count=4).exhausted


def test_what_a_sobol_sequence_has_passed_changes_no_proposal_and_saves_a_look_at_it() -> None:
    asked = sweep(FEW | {"dropout": [[0.1], [0.2], [0.1, 0.1]]}, method="sobol")
    first = propose(asked, [], generation=0, count=20)
    history = trials(asked, 1, 20)
    anew, saved = (propose(asked, history, generation=1, count=20, passed=passed) for passed in (0, first.passed))
    assert (saved.proposals, saved.passed) == (anew.proposals, anew.passed)
    assert saved.refused < anew.refused


MOMENTUM = {"choice": [0.0, 0.9], "when": {"optimizer.type": "sgd"}}
DECAY = {"choice": [0.0, 0.1], "when": {"optimizer.momentum": 0.9}}


@pytest.mark.parametrize(("version", "of_adam"), [(3, [{}, {"weight_decay": 0.1}]), (4, [{}])])
def test_a_parameter_that_is_left_out_meets_no_condition(version: int, of_adam: list[dict[str, float]]) -> None:
    space = {"optimizer.type": ["adam", "sgd"], "optimizer.momentum": MOMENTUM, "weight_decay": DECAY}
    proposed = [one.configuration for one in trials(sweep(space, method="grid", version=version), 1, 100)]
    assert proposed == [
        *({"optimizer.type": "adam"} | more for more in of_adam),
        {"optimizer.type": "sgd", "optimizer.momentum": 0.0},
        *({"optimizer.type": "sgd", "optimizer.momentum": 0.9, "weight_decay": decay} for decay in (0.0, 0.1)),
    ]


def test_a_parameter_that_is_left_out_has_the_bases_value_for_conditions() -> None:
    decay = {"choice": [0.1], "when": {"optimizer.type": "sgd"}}
    penalty = {"choice": [0.01, 0.02], "when": {"weight_decay": 0.0}}
    asked = sweep({"optimizer.type": ["adam", "sgd"], "weight_decay": decay, "l1": penalty}, method="grid")
    assert [one.configuration for one in trials(asked, 1, 100)] == [
        {"optimizer.type": "adam", "l1": 0.01},
        {"optimizer.type": "adam", "l1": 0.02},
        {"optimizer.type": "sgd", "weight_decay": 0.1},
    ]


PARAMETERS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "learning_rate": st.sampled_from([{"log_uniform": [1e-4, 1.0]}, {"uniform": [0.1, 0.2]}, {"choice": [0.1, 0.2]}]),
    "dropout": st.sampled_from(
        [{"uniform": [0.0, 0.9]}, {"uniform": [0.0, 0.6], "step": 0.2}, {"choice": [0.1, [0.2, 0.3]]}]
    ),
    "architecture.hidden": st.sampled_from([{"choice": [[4], [8, 8]]}, {"choice": [[3], [5], [7]]}]),
    "optimizer": st.just({"choice": ["adam", {"type": "sgd"}, "lion"]}),
    "optimizer.momentum": st.just({"uniform": [0.0, 0.9], "when": {"optimizer.type": "sgd"}}),
    "batch_size": st.sampled_from(
        [{"integers": [8, 64], "log": True}, {"integers": [8, 32], "step": 8}, {"choice": [16, "full"]}]
    ),
    "activation": st.just({"choice": ["relu", "tanh"]}),
}


@examples(12, many=25)
@given(
    data=st.data(),
    names=st.lists(st.sampled_from(sorted(PARAMETERS)), min_size=1, max_size=4, unique=True),
    method=st.sampled_from(["random", "sobol", "tpe"]),
    seed=st.integers(0, 5),
)
def test_proposals_are_jobs_and_conditions_hold_and_none_comes_twice(
    data: st.DataObject, names: list[str], method: str, seed: int
) -> None:
    if "optimizer.momentum" in names:
        names = sorted({*names, "optimizer"})
    asked = sweep({name: data.draw(PARAMETERS[name]) for name in names}, method=method, seed=seed)
    history = trials(asked, 2, 4)
    for trial in history:
        asked.job(trial.configuration, 0)
        assert list(trial.configuration) == list(active(asked.space, trial.configuration, asked.base))
    assert len({trial.digest for trial in history}) == len(history)
    assert history == trials(asked, 2, 4)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "given"])
def test_the_same_history_gives_the_same_proposals(method: str) -> None:
    space = {"learning_rate": {"uniform": [0.1, 1.0], "step": 0.01}, "dropout": {"uniform": [0.0, 0.5], "step": 0.01}}
    asked = sweep(space, method=method)
    assert trials(asked, 3, 8, _bowl) == trials(asked, 3, 8, _bowl)


def _bowl(configuration: dict[str, Any]) -> float:
    return float((math.log10(configuration["learning_rate"]) + 0.3) ** 2 + (configuration["dropout"] - 0.2) ** 2)


def test_tpe_learns_where_it_is_good() -> None:
    space = {"learning_rate": {"log_uniform": [1e-4, 1.0]}, "dropout": {"uniform": [0.0, 0.5]}}
    found = [
        sum(trial.score or 0.0 for trial in trials(sweep(space, method=method), 6, 16, _bowl)[48:])
        for method in ("tpe", "random")
    ]
    assert found[0] < 0.3 * found[1]


def test_pruned_failed_and_running_trials_are_told_too() -> None:
    asked = sweep({"learning_rate": {"log_uniform": [1e-4, 1.0]}}, method="tpe")
    history = trials(asked, 2, 16, lambda values: values["learning_rate"])
    strange = [
        *(Trial(**{**vars(one), "score": math.inf}) for one in history[:4]),
        *(Trial(**{**vars(one), "pruned": True, "epochs": 1}) for one in history[4:20]),
        *(Trial(**{**vars(one), "score": None}) for one in history[20:24]),
        *history[24:],
    ]
    assert len(propose(asked, strange, generation=2, count=8).proposals) == 8


@pytest.mark.parametrize("count", [1, 2, 10])
def test_given_configurations_are_proposed_in_their_order_and_once(count: int) -> None:
    configurations: list[dict[str, Any]] = [{"dropout": 0.1}, {}, {"dropout": 0.1}, {"learning_rate": 0.5}]
    asked = sweep({}, method="given", configurations=configurations)
    proposed = [trial.configuration for trial in trials(asked, 6, count)]
    assert proposed == [{"dropout": 0.1}, {}, {"learning_rate": 0.5}]
