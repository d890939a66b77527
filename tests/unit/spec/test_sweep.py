"""The sweep spec: its rules between fields, and the jobs of its configurations."""

from typing import Any

import pytest
from pydantic import ValidationError

from spec.sweep import LISTED, MOST_TRIALS, RULES_VERSION, Budget, SweepSpec

from .sweeping import BASE, sweep


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


def test_seeds_follow_the_base_jobs_and_the_objective_is_monitored() -> None:
    asked = sweep(seeds=3, objective="val_accuracy")
    jobs = [asked.job({"learning_rate": 0.1}, replicate) for replicate in range(3)]
    assert [job.seed for job in jobs] == [0, 1, 2]
    assert {job.monitored for job in jobs} == {"val_accuracy"}
    assert {job.pack_key for job in jobs} == {asked.base.pack_key}


def test_a_class_of_which_the_weight_varies_may_be_a_digit() -> None:
    assert sweep({"class_weight.3": [1.0, 2.0]}).job({"class_weight.3": 2.0}, 0).class_weight == {"3": 2.0}


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


MOMENTUM: dict[str, Any] = {"optimizer.momentum": {"uniform": [0.0, 0.9], "when": {"optimizer.type": "sgd"}}}


@pytest.mark.parametrize(
    ("space", "fields", "path", "message"),
    [
        ({"rate": [1, 2]}, {}, "space.rate", "no field of a job"),
        ({"seed": [1, 2]}, {}, "space.seed", "use seeds"),
        ({"name": ["a", "b"]}, {}, "space.name", "changes nothing of what a job trains"),
        ({"tags.course": ["a", "b"]}, {}, "space.tags.course", "changes nothing of what a job trains"),
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
        (
            {
                "architecture.hidden": [[8], [8, 8]],
                "dropout": {"choice": [0.1], "when": {"architecture.hidden": [8, 8]}},
            },
            {},
            "space.dropout.when",
            "of a field that is a list write [[8, 8]]",
        ),
        (
            {"dropout": {"choice": [0.1, 0.2], "when": {"dropout": 0.1}}},
            {},
            "space.dropout.when",
            "must be about another field: dropout is what the parameter sets",
        ),
        (
            {"optimizer": {"choice": ["sgd", "adam"], "when": {"optimizer.type": "sgd"}}},
            {},
            "space.optimizer.when",
            "must be about another field",
        ),
        ({"batch_size": {"uniform": [8, 64]}}, {}, "space.batch_size", "write {integers: [8, 64]}"),
        ({"epochs": {"uniform": [8, 1_000_000]}}, {}, "space.epochs", "write {integers: [8, 1000000]}"),
        ({"epochs": {"uniform": [8, 64], "step": 8}}, {}, "space.epochs", "write {integers: [8, 64], step: 8}"),
        ({"patience": {"log_uniform": [2, 64]}}, {}, "space.patience", "write {integers: [2, 64], log: true}"),
        (None, {"halving": "hyperband", "base": {**BASE, "epochs": 1}}, "base.epochs", "must be at least 2"),
        (
            {"optimizer": ["sgd", {"type": "adam"}], "optimizer.momentum": [0.0, 0.9]},
            {},
            "space.optimizer.momentum",
            "is no field of optimizer adam: give it a condition, when: {optimizer.type: sgd}",
        ),
        (
            {"architecture.type": ["mlp", "perceptron", "cnn"], "architecture.hidden": [[8], [16]]},
            {},
            "space.architecture.hidden",
            "is no field of architecture perceptron: give it a condition, when: {architecture.type: [mlp, cnn]}",
        ),
        ({"dropout": {"uniform": [0.0, 0.3], "step": 0.5}}, {}, "space.dropout.step", "must be at most 0.3"),
        ({"epochs": {"integers": [10, 50], "step": 50}}, {}, "space.epochs.step", "must be at most 40"),
    ],
)
def test_what_cannot_be_asked_names_its_field(
    space: dict[str, Any] | None, fields: dict[str, Any], path: str, message: str
) -> None:
    found, said = broken(space, **fields)
    assert path in found
    assert message in said


def test_a_step_that_is_the_distance_of_the_limits_but_for_rounding_is_taken() -> None:
    space = {"dropout": {"uniform": [0.1, 0.3], "step": 0.2}}  # 0.3 - 0.1 is 0.19999999999999998
    assert SweepSpec.model_validate({"base": {"dataset": "xor"}, "space": space, "method": "grid"}).combinations == 2


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


def test_a_condition_on_the_loss_of_an_upload_may_hold_before_it_is_known() -> None:
    of_squares = {"l1": {"choice": [0.0, 0.1], "when": {"loss.type": "mse"}}}
    uploaded = {"base": {"dataset": "ds_" + "0" * 32}, "space": of_squares, "method": "grid"}
    assert SweepSpec.model_validate(uploaded).combinations == 2
    with pytest.raises(ValidationError, match="never holds"):
        SweepSpec.model_validate(uploaded | {"base": {"dataset": "iris"}})
    others = {"loss": ["mse", "mae"], "loss.delta": {"choice": [1.0, 2.0], "when": {"loss.type": "huber"}}}
    with pytest.raises(ValidationError, match="never holds"):
        SweepSpec.model_validate(uploaded | {"space": others})


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
