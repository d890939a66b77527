"""The sweep spec: spaces, rules between fields, and the jobs of configurations."""

import hashlib
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from spec.halving import Rung, best_so_far, bracket, mean_score, survivors
from spec.job import JobSpec
from spec.optimizers import Sgd
from spec.sweep import (
    LISTED,
    MOST_TRIALS,
    RULES_VERSION,
    Budget,
    Integers,
    LogUniform,
    Parameter,
    SweepSpec,
    Uniform,
    active,
    digest_of,
    value_at,
    with_fields,
)

BASE: dict[str, Any] = {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [32]}, "epochs": 81}


def sweep(space: dict[str, Any] | None = None, **fields: Any) -> SweepSpec:
    space = {"learning_rate": {"log_uniform": [1e-5, 0.3]}} if space is None else space
    return SweepSpec.model_validate({"base": BASE, "space": space, **fields})


def broken(space: dict[str, Any] | None = None, **fields: Any) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        sweep(space, **fields)
    error = caught.value.errors()[-1]
    path = error.get("ctx", {}).get("path") or ".".join(map(str, error["loc"]))
    return path, error["msg"]


def test_a_sweep_survives_json_and_back() -> None:
    first = sweep({"optimizer": ["adam", {"type": "sgd", "momentum": 0.9}], "dropout": {"uniform": [0, 0.5]}})
    assert SweepSpec.model_validate_json(first.model_dump_json(exclude_unset=True)) == first


def test_the_schema_says_which_methods_list_all_configurations_and_how_many_a_sweep_has_at_most() -> None:
    properties = SweepSpec.model_json_schema()["properties"]
    assert properties["method"]["x-lists"] == sorted(LISTED)
    assert [part.get("maximum") for part in properties["trials"]["anyOf"]] == [MOST_TRIALS, None]


@pytest.mark.parametrize(
    ("parameter", "ends"),
    [
        (Uniform(uniform=(-1.0, 3.0)), (-1.0, 3.0)),
        (Uniform(uniform=(0.0, 0.7), step=0.1), (0.0, 0.7)),
        (LogUniform(log_uniform=(1e-5, 0.3)), (1e-5, 0.3)),
        (Integers(integers=(1, 6)), (1, 6)),
        (Integers(integers=(2, 512), log=True), (2, 512)),
        (Integers(integers=(8, 64), step=8), (8, 64)),
        (Integers(integers=(1 - 2**63, 2**63 - 1)), (1 - 2**63, 2**63 - 1)),
        (Integers(integers=(0, 2**63 - 1)), (0, 2**63 - 1)),
    ],
)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(place=st.floats(0.0, 1.0, exclude_max=True))
def test_every_place_is_a_value_between_the_limits(
    parameter: Parameter, ends: tuple[float, float], place: float
) -> None:
    assert ends[0] <= parameter.at(place) <= ends[1]
    assert parameter.at(0.0) == pytest.approx(ends[0])
    assert parameter.at(1.0 - 1e-12) == pytest.approx(ends[1], rel=1e-6)
    if parameter.values is not None:
        assert parameter.at(place) in parameter.values


def test_steps_are_the_numbers_that_people_write() -> None:
    assert Uniform(uniform=(0.0, 0.7), step=0.1).values == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def test_a_parameter_exists_only_where_its_condition_holds() -> None:
    asked = sweep(
        {
            "optimizer": ["adam", {"type": "sgd", "momentum": 0.9}],
            "optimizer.momentum": {"uniform": [0.0, 0.99], "when": {"optimizer.type": "sgd"}},
        }
    )
    values = {"optimizer": {"type": "sgd"}, "optimizer.momentum": 0.5}
    assert list(active(asked.space, values, asked.base)) == ["optimizer", "optimizer.momentum"]
    assert list(active(asked.space, {**values, "optimizer": "adam"}, asked.base)) == ["optimizer"]
    assert asked.job(values, 0).optimizer.model_dump()["momentum"] == 0.5


def test_seeds_follow_the_base_jobs_and_the_objective_is_monitored() -> None:
    asked = sweep(seeds=3, objective="val_accuracy")
    jobs = [asked.job({"learning_rate": 0.1}, replicate) for replicate in range(3)]
    assert [job.seed for job in jobs] == [0, 1, 2]
    assert {job.monitored for job in jobs} == {"val_accuracy"}
    assert {job.pack_key for job in jobs} == {asked.base.pack_key}


@pytest.mark.parametrize("values", [{"optimizer.type": "sgd", "optimizer.momentum": 0.5}, {"optimizer.momentum": 0.5}])
def test_another_type_of_an_object_drops_the_fields_that_it_does_not_have(values: dict[str, Any]) -> None:
    job = with_fields(JobSpec.model_validate({"dataset": "xor"}), {**values, "optimizer.type": "sgd"})
    assert job.optimizer == Sgd(momentum=0.5)


def test_a_field_within_an_object_keeps_the_rest_of_it() -> None:
    base = sweep().base
    assert with_fields(base, {"architecture.hidden": [7]}).architecture.model_dump()["hidden"] == (7,)
    narrow = with_fields(base, {"architecture": {"type": "resmlp", "blocks": 3}})
    assert with_fields(narrow, {"architecture.width": 5}).architecture.model_dump()["blocks"] == 3
    assert with_fields(base, {"loss": "focal", "loss.gamma": 1.0}).loss.model_dump()["gamma"] == 1.0
    assert with_fields(base, {"dataset": "moons", "dataset.noise": 0.3}).dataset.model_dump()["noise"] == 0.3
    moons = with_fields(base, {"dataset": {"name": "moons", "n": 50}})
    assert with_fields(moons, {"dataset.noise": 0.3}).dataset.model_dump() == moons.dataset.model_dump() | {
        "noise": 0.3
    }


def test_a_class_of_which_the_weight_varies_may_be_a_digit() -> None:
    assert sweep({"class_weight.3": [1.0, 2.0]}).job({"class_weight.3": 2.0}, 0).class_weight == {"3": 2.0}


def test_jobs_of_a_sweep_share_the_rows_of_its_spec_and_have_the_digests_of_jobs_that_do_not() -> None:
    rows = {"x": [[0.0, 1.5], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]], "y": [0, 1, 1, 0], "group": ["a", "b", "c", "d"]}
    asked = sweep(base={"dataset": rows, "batch_size": 2, "class_weight": {"0": 2.0}})
    shared = asked.job({"learning_rate": 0.1}, 0)
    alone = JobSpec.model_validate_json(shared.model_dump_json())
    assert shared.dataset is asked.base.dataset
    assert alone.dataset is not shared.dataset
    assert (digest_of(alone), alone.pack_key) == (digest_of(shared), shared.pack_key)
    without = {"seed", "fold", "name", "tags", "project", "priority"}
    text = json.dumps(alone.model_dump(mode="json", exclude=without), sort_keys=True, separators=(",", ":"))
    assert digest_of(alone) == hashlib.sha256(text.encode()).hexdigest()


def test_rows_in_the_spec_that_many_jobs_would_keep_are_refused_with_the_cure() -> None:
    rows = {"x": [[float(row)] * 10 for row in range(1_000)], "y": [0, 1] * 500}
    assert sweep(base={"dataset": rows}, trials=500).most_trials == 500
    for trials, seeds in ((501, 1), (251, 2)):
        with pytest.raises(ValidationError, match="upload the rows as a file"):
            sweep(base={"dataset": rows}, trials=trials, seeds=seeds)


@pytest.mark.parametrize(("version", "most"), [(4, 100_000), (5, 500)])
def test_a_budget_ends_where_jobs_would_keep_too_many_rows_of_the_spec(version: int, most: int) -> None:
    rows = {"x": [[float(row)] * 10 for row in range(1_000)], "y": [0, 1] * 500}
    asked = sweep(base={"dataset": rows}, trials={"epochs": 10**9}, version=version)
    assert (asked.most_trials, asked.most_with_rows) == (most, 500)


def test_a_condition_is_looked_up_without_the_rows_of_the_spec() -> None:
    rows = {"x": [[float(row)] * 10 for row in range(2_000)], "y": [0, 1] * 1_000}
    base = sweep(base={"dataset": rows}).base
    tracemalloc.start()
    try:
        assert value_at({}, base, "optimizer.type") == "adam"
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


MOMENTUM: dict[str, Any] = {"optimizer.momentum": {"uniform": [0.0, 0.9], "when": {"optimizer.type": "sgd"}}}


@pytest.mark.parametrize(
    ("space", "fields", "path", "message"),
    [
        ({"rate": [1, 2]}, {}, "space.rate", "no field of a job"),
        ({"seed": [1, 2]}, {}, "space.seed", "use seeds"),
        ({"architecture.hidden.0": [8, 16]}, {}, "space.architecture.hidden.0", "give the whole list"),
        ({"dropout.1": [0.1, 0.2]}, {}, "space.dropout.1", "give the whole list"),
        ({"dropout": {"uniform": [0.5, 0.1]}}, {}, "uniform", "must rise"),
        ({"learning_rate": {"log_uniform": [0.0, 0.1]}}, {}, "log_uniform", "above 0"),
        ({"dropout": {"normal": [0.5, 0.1]}}, {}, "space.dropout", "must be a list of values, or one of"),
        (None, {"method": "grid"}, "space.learning_rate", "endless values, and a grid needs a list"),
        ({"epochs": {"integers": [1, 1_001]}}, {"method": "grid"}, "space.epochs", "more than 1,000 values"),
        (None, {"seeds": 2, "folds": 5}, "folds", "cannot be combined"),
        ({"seed": {"integers": [0, 10**400]}}, {}, "integers.1", "less than or equal to 9223372036854775807"),
        (None, {"trials": {"epochs": 10**400}}, "trials.epochs", "must be at most 1,000,000,000,000"),
        (None, {"objective": "val_r2"}, "objective", "needs numbers"),
        ({"epochs": [1, 2]}, {"halving": "hyperband"}, "space.epochs", "cannot vary"),
        (None, {"halving": {"type": "hyperband", "min_epochs": 100}}, "halving.min_epochs", "less than the epochs"),
        (
            None,
            {"halving": {"type": "population", "interval": 100}, "method": "random"},
            "halving.interval",
            "less than the epochs",
        ),
        (None, {"trials": 100_000, "seeds": 100}, "trials", "200,000"),
        (None, {"trials": {}}, "trials", "must be a number, or"),
        (None, {"seeds": 2, "base": {**BASE, "seed": 2**63 - 1}}, "base.seed", f"must be at most {2**63 - 2}"),
        (MOMENTUM, {}, "space.optimizer.momentum.when", "no combination has the optimizer.type sgd"),
        (MOMENTUM | {"optimizer": ["adam", "lion"]}, {}, "space.optimizer.momentum.when", "never holds"),
        (
            {"dropout": {"choice": [0.1], "when": {"optimizer": "adam"}}},
            {},
            "space.dropout.when",
            "did you mean optimizer.type?",
        ),
    ],
)
def test_what_cannot_be_asked_names_its_field(
    space: dict[str, Any] | None, fields: dict[str, Any], path: str, message: str
) -> None:
    found, said = broken(space, **fields)
    assert path in found
    assert message in said


@pytest.mark.parametrize(
    ("space", "name"),
    [
        ({"learning_rate": [0, 1]}, "learning_rate"),
        ({"optimizer": ["adam", "addam"]}, "optimizer"),
        ({"dropout": {"uniform": [0, 1], "step": 0.5}}, "dropout"),
    ],
)
def test_a_value_that_no_job_takes_is_refused_with_its_rule(space: dict[str, Any], name: str) -> None:
    path, said = broken(space)
    assert path == f"space.{name}"
    assert said.startswith("must be")


def test_a_grid_and_a_list_are_trained_whole_unless_trials_says_how_far() -> None:
    space = {"learning_rate": [0.1, 0.01], "dropout": {"uniform": [0.0, 0.49], "step": 0.01}}
    grid = sweep(space, method="grid")
    assert (grid.combinations, grid.most_trials) == (100, 100)
    assert SweepSpec.stored(grid.model_dump(mode="json", exclude_unset=True)).most_trials == 100
    assert sweep(space, method="grid", trials=64).most_trials == 64
    assert sweep(space, method="random").most_trials == 64
    listed = [{"learning_rate": 0.001 * rate} for rate in range(1, 101)]
    assert SweepSpec.model_validate(given_ones(*listed)).most_trials == 100


@pytest.mark.parametrize(
    ("fields", "generation"),
    [
        ({}, 4),
        ({"trials": 640}, 40),
        ({"trials": 10_000}, 64),
        ({"halving": "none"}, 4),
        ({"generation": 64}, 64),
        ({"halving": "hyperband"}, 64),
        ({"trials": {"epochs": 1_000}}, 64),
        ({"trials": {"seconds": 60}}, 8),
        ({"trials": {"seconds": 60}, "version": 5}, 64),
        ({"trials": Budget(epochs=1_000, seconds=60.0)}, 8),
        ({"method": "random"}, 64),
        ({"version": 4}, 64),
    ],
)
def test_tpe_learns_from_small_generations_unless_it_is_told_how_large_they_are(
    fields: dict[str, Any], generation: int
) -> None:
    asked = sweep(**fields)
    assert asked.generation == generation
    stored = asked.model_dump(mode="json", exclude_unset=True) | {"version": asked.version}
    assert SweepSpec.stored(stored).generation == generation


def test_tpe_on_record_has_the_generations_that_it_had() -> None:
    body = {"version": RULES_VERSION, "base": {"dataset": "iris"}, "space": {"epochs": {"integers": [1, 100]}}}
    assert SweepSpec.stored(body).generation == 64


def test_a_grid_on_record_has_the_trials_that_it_had() -> None:
    body = {"base": {"dataset": "iris"}, "space": {"epochs": list(range(1, 101))}, "method": "grid"}
    assert SweepSpec.stored(body).most_trials == 64


def test_whole_numbers_by_logarithm_are_listed_but_for_older_rules() -> None:
    space = {"batch_size": {"integers": [2, 16], "log": True}}
    assert sweep(space, method="grid").combinations == 15
    assert [sweep(space, method="sobol", version=version).most_trials for version in (3, 4)] == [64, 15]


def test_a_grid_that_is_too_large_says_how_large_it_is() -> None:
    rates = {"learning_rate": {"uniform": [0.1, 0.9], "step": 0.001}, "dropout": {"uniform": [0.0, 0.9], "step": 0.001}}
    assert broken(rates, method="grid") == ("space", "has 721,701 combinations; a grid may have 100,000")
    epochs = {"epochs": list(range(1, 1_001)), "dropout": [0.0, 0.1, 0.2]}
    said = "times seeds or folds must be at most 200,000 jobs; it is 300,000"
    assert broken(epochs, method="grid", seeds=100) == ("trials", said)


def test_a_sweep_on_record_is_read_though_a_value_would_be_refused_today() -> None:
    body = {"base": {"dataset": "iris"}, "space": {"learning_rate": [0, 0.1]}}
    with pytest.raises(ValidationError):
        SweepSpec.model_validate(body)
    assert SweepSpec.stored(body).space["learning_rate"].values == (0, 0.1)


def test_hyperband_has_the_brackets_of_its_paper() -> None:
    asked = sweep(halving="hyperband")
    brackets = [bracket(asked, generation, 10_000) for generation in range(6)]
    assert [one.size for one in brackets] == [81, 34, 15, 8, 5, 81]  # Li et al. 2018, table 1
    assert [[rung.epoch for rung in one.rungs] for one in brackets[:5]] == [
        [1, 3, 9, 27],
        [3, 9, 27],
        [9, 27],
        [27],
        [],
    ]
    assert [[rung.keep for rung in one.rungs] for one in brackets[:3]] == [[27, 9, 3, 1], [11, 3, 1], [5, 1]]


@pytest.mark.parametrize(("epochs", "rungs"), [(81, ()), (100, (Rung(epoch=81, keep=1),))])
def test_the_last_bracket_of_hyperband_prunes_nothing_only_where_epochs_are_a_power(
    epochs: int, rungs: tuple[Rung, ...]
) -> None:
    last = bracket(sweep(halving="hyperband", base={**BASE, "epochs": epochs}), 4, 10_000)
    assert (last.size, last.rungs) == (5, rungs)


def test_a_long_sweep_has_larger_brackets_of_hyperband_and_each_kind_often() -> None:
    def sizes(trials: object, **fields: Any) -> list[int]:
        asked = sweep(halving="hyperband", base={"dataset": "iris", "epochs": 9}, trials=trials, **fields)
        return [bracket(asked, generation, 10_000).size for generation in range(3)]

    assert sizes(10_000) == [63, 35, 21]  # seven times the paper's, for a generation may have 64
    assert sizes(10_000, generation=200) == [198, 110, 66]
    assert sizes(17 * 16 * 2) == [18, 10, 6]
    assert sizes(17 * 16 * 2 - 1) == sizes({"epochs": 10**6}) == sizes(10_000, version=2) == [9, 5, 3]


def test_brackets_of_hyperband_share_their_rungs_whatever_the_last_epoch() -> None:
    asked = sweep(halving={"type": "hyperband", "min_epochs": 2}, base={"dataset": "iris", "epochs": 52})
    rungs = [[rung.epoch for rung in bracket(asked, generation, 10_000).rungs] for generation in range(3)]
    assert rungs == [[2, 6, 18], [6, 18], [18]]


def test_a_sweep_from_before_versions_keeps_its_rungs() -> None:
    asked = sweep(halving="hyperband", base={"dataset": "iris", "epochs": 52})
    older = SweepSpec.stored(asked.model_dump(mode="json", exclude_unset=True))
    rungs = [[[rung.epoch for rung in bracket(one, at, 10_000).rungs] for at in (0, 3)] for one in (older, asked)]
    assert rungs == [[[1, 5, 17], []], [[1, 3, 9, 27], [27]]]
    assert SweepSpec.stored(asked.model_dump(mode="json")).version == RULES_VERSION


def test_successive_halving_has_rungs_until_the_last_epoch() -> None:
    one = bracket(sweep(halving={"type": "successive", "factor": 2, "min_epochs": 5}, generation=16), 0, 100)
    assert [(rung.epoch, rung.keep) for rung in one.rungs] == [(5, 8), (10, 4), (20, 2), (40, 1), (80, 1)]


def test_the_best_go_on_and_of_equal_ones_the_first() -> None:
    scores = {4: 0.5, 1: 0.5, 2: 0.1, 3: float("inf"), 0: 0.9}
    assert survivors(scores, 2) == {2, 1}
    assert survivors(scores, 10) == {0, 1, 2, 4}


def test_scores_are_less_where_the_metric_is_better() -> None:
    assert best_so_far([0.2, 0.9, None, 0.8], "val_accuracy") == -0.9
    assert best_so_far([0.2, 0.1, float("nan")], "val_loss") == 0.1
    assert best_so_far([None], "val_loss") == float("inf")
    assert mean_score([0.1, float("inf")]) == float("inf")


def given_ones(*configurations: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"base": BASE, "method": "given", "configurations": configurations, **fields}


def test_given_configurations_are_jobs_that_keep_their_monitor() -> None:
    wider = {"architecture.hidden": [4], "learning_rate": 0.1}
    asked = SweepSpec.model_validate(given_ones({}, wider, objective="val_accuracy"))
    assert (asked.most_trials, asked.monitored) == (2, "val_accuracy")
    assert asked.job(asked.configurations[1], 1).monitored == "val_loss"
    assert asked.job(asked.configurations[1], 1).seed == 1


@pytest.mark.parametrize(("version", "monitored"), [(4, "val_loss"), (5, "val_accuracy")])
def test_given_configurations_that_halving_compares_monitor_the_objective(version: int, monitored: str) -> None:
    fields = {"objective": "val_accuracy", "halving": "successive", "version": version}
    asked = SweepSpec.model_validate(given_ones({}, {"dropout": 0.5}, **fields))
    assert asked.job({}, 0).monitored == monitored


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"method": "random"}, "configurations", "needs method given"),
        ({"space": {"dropout": [0.1]}}, "space", "must be left out"),
        ({"configurations": []}, "configurations", "must be a list"),
        ({"configurations": [{}, {"width": 3}]}, "configurations.1.width", "is no field of a job"),
        ({"configurations": [{"seed": 3}]}, "configurations.0.seed", "use seeds"),
        ({"configurations": [{"architecture.hidden.0": 8}]}, "configurations.0.architecture.hidden.0", "whole list"),
        ({"configurations": [{"architecture.hidden.x": 8}]}, "configurations.0.architecture.hidden", "must be a list"),
        ({"configurations": [{"dropout": 2.0}]}, "configurations.0.dropout", "must be less than 1"),
        (
            {"base": {"dataset": "wine"}, "folds": 10, "configurations": [{}, {"architecture.normalization": "batch"}]},
            "configurations.1.batch_size",
            "32 leaves one of 161 rows",  # not of the 160 that the first folds leave
        ),
        (
            {"configurations": [{"epochs": 3}], "halving": "successive"},
            "configurations.0.epochs",
            "cannot vary with halving",
        ),
    ],
)
def test_given_configurations_that_cannot_be(fields: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SweepSpec.model_validate(given_ones({}) | fields)
    error = caught.value.errors()[-1]
    assert error["ctx"]["path"] == path
    assert words in error["msg"]


def test_a_sweep_on_record_is_read_though_its_last_fold_is_no_job() -> None:
    wine = {"base": {"dataset": "wine"}, "folds": 10, "configurations": [{"architecture.normalization": "batch"}]}
    assert SweepSpec.stored(given_ones() | wine).configurations == ({"architecture.normalization": "batch"},)


def test_given_configurations_on_record_are_not_tried_again() -> None:
    refused = [{"dropout": 2.0}]
    assert list(SweepSpec.stored(given_ones(*refused, objective="val_r2")).configurations) == refused


def test_a_sweep_without_a_space_says_what_is_missing() -> None:
    assert broken({}) == ("space", "must name the fields that vary: {learning_rate: [0.1, 0.01]}")


def test_a_budget_on_record_is_read_though_a_new_one_may_not_be_so_large() -> None:
    body = {"base": BASE, "space": {"learning_rate": [0.1, 0.2]}, "method": "random", "trials": {"epochs": 10**15}}
    assert SweepSpec.stored(body | {"version": 4}).trials == Budget(epochs=10**15)
