"""Counterfactuals: valid jobs, one change each, none twice, compared by a metric that all of them have."""

from typing import Any

import pytest

from spec.configuration import digest_of, with_fields
from spec.counterfactuals import counterfactuals, improvement_sweep, objective_of, words
from spec.job import JobSpec
from spec.sweep import SweepSpec

DIGITS: dict[str, Any] = {"dataset": "digits", "architecture": {"type": "mlp", "hidden": [32]}}
JOBS: dict[str, dict[str, Any]] = {
    "mlp": DIGITS,
    "perceptron": DIGITS | {"architecture": "perceptron"},
    "resmlp": DIGITS | {"architecture": "resmlp", "dropout": [0.1, 0.2, 0.3]},
    "cnn": DIGITS | {"architecture": {"type": "cnn", "hidden": []}, "dropout": 0.5},
    "batch norm": DIGITS | {"architecture": {"type": "mlp", "hidden": [1, 8192], "normalization": "batch"}},
    "batch of one": DIGITS | {"batch_size": 1, "activation": "identity"},
    "full batch": DIGITS | {"batch_size": "full", "optimizer": {"type": "sgd", "momentum": 0.9}},
    "weights": {
        **{"dataset": "xor", "architecture": {"type": "mlp", "hidden": [2]}},
        **{"initial_weights": [[[1.0, 1.0], [1.0, 1.0]], [[1.0, -2.0], [1.0, 2.0]]]},
    },
    "numbers": {"dataset": "diabetes", "loss": "mae", "restore_best": False, "learning_rate": 900.0},
    "no validation": {"dataset": "diabetes", "loss": "mse", "validation_fraction": 0.0, "standardize": False},
    "counts": {"dataset": {"x": [[1.0], [2.0], [3.0], [4.0]], "y": [0.0, 1.0, 4.0, 2.0]}, "loss": "poisson_nll"},
    "warm": DIGITS | {"init_from": "0193a5b2-7c1e-7d31-a7b4-5d0c4f2a91c7"},
    "folds": DIGITS | {"folds": 4, "fold": 2, "monitor": "val_macro_f1"},
}


@pytest.mark.parametrize("name", JOBS)
def test_each_is_a_valid_job_that_differs_from_all_others(name: str) -> None:
    spec = JobSpec.model_validate(JOBS[name])
    found = counterfactuals(spec)
    assert found[0] == {}
    digests = [digest_of(with_fields(spec, change)) for change in found]
    assert len(set(digests)) == len(digests) >= 8
    sweep = improvement_sweep(spec)
    assert sweep.most_trials == len(found)
    assert SweepSpec.model_validate_json(sweep.model_dump_json(exclude_unset=True)) == sweep
    as_it_is = sweep.job({}, 0)
    assert digest_of(as_it_is) == digest_of(spec)
    assert as_it_is.monitored == spec.monitored
    assert [sweep.job({}, replicate).seed for replicate in range(3)] == [0, 1, 2]


def test_they_are_what_a_teacher_would_try() -> None:
    spec = JobSpec.model_validate(DIGITS | {"loss": "mae", "standardize": False, "activation": "identity"})
    said = {words(spec, change) for change in counterfactuals(spec)}
    assert said >= {
        "the job as it is",
        "learning_rate 0.0001 instead of 0.001",
        "learning_rate 0.01 instead of 0.001",
        "hidden [128] instead of [32]",
        "hidden [8] instead of [32]",
        "dropout 0.5 instead of 0",
        "weight_decay 0.001 instead of 0",
        "activation relu instead of identity",
        "epochs 300 instead of 100",
        "standardize true instead of none",
        "batch_size 8 instead of 32",
        "batch_size 128 instead of 32",
        "loss cross_entropy instead of mae",
    } - {"standardize true instead of none"} | {"standardize true instead of false"}


def test_other_initial_weights_are_tried_and_not_those_that_the_job_has() -> None:
    spec = JobSpec.model_validate(DIGITS)
    draws = [change["initial_weights"] for change in counterfactuals(spec) if "initial_weights" in change]
    assert spec.initial_weights == "kaiming_uniform"
    assert draws == ["torch_default"]


def test_the_suggestion_of_the_verdict_is_among_them() -> None:
    spec = JobSpec.model_validate(DIGITS)
    other = JobSpec.model_validate(DIGITS | {"dropout": 0.5, "patience": 20})
    assert "dropout 0.5 instead of 0, patience 20 instead of none" in {
        words(spec, change) for change in counterfactuals(spec, other)
    }
    assert len(counterfactuals(spec, other)) == len(counterfactuals(spec)) + 1


def test_a_job_that_keeps_its_last_epoch_is_tried_with_early_stopping() -> None:
    spec = JobSpec.model_validate(DIGITS | {"restore_best": False})
    assert {"patience": 20, "restore_best": True} in counterfactuals(spec)
    for patience, tried in ((None, False), (2, True), (4, False)):
        one = JobSpec.model_validate(DIGITS | {"patience": patience})
        assert any("patience" in change for change in counterfactuals(one)) is tried


def test_a_perceptron_becomes_an_mlp_and_a_warm_start_keeps_its_network() -> None:
    perceptron = JobSpec.model_validate(JOBS["perceptron"])
    said = {words(perceptron, change) for change in counterfactuals(perceptron)}
    assert "architecture mlp [32] instead of perceptron" in said
    warm = JobSpec.model_validate(JOBS["warm"])
    changed = {name for change in counterfactuals(warm) for name in change}
    assert not changed & {"architecture", "activation", "standardize", "initial_weights"}


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("mlp", "val_accuracy"),
        ("numbers", "val_r2"),
        ("no validation", "train_loss"),
        ("folds", "val_macro_f1"),
        ("weights", "val_accuracy"),
    ],
)
def test_the_objective_can_be_compared(name: str, objective: str) -> None:
    spec = JobSpec.model_validate(JOBS[name])
    assert objective_of(spec) == objective
    changed = {field for change in counterfactuals(spec) for field in change}
    assert objective != "train_loss" or not changed & {"loss", "standardize"}


def test_where_a_rare_class_is_missed_balanced_accuracy_is_compared() -> None:
    spec = JobSpec.model_validate({"dataset": "breast_cancer"})
    balanced = JobSpec.model_validate({"dataset": "breast_cancer", "class_weight": "balanced"})
    assert improvement_sweep(spec, balanced).objective == "val_balanced_accuracy"
    assert improvement_sweep(spec, spec).objective == "val_accuracy"


def test_what_a_job_does_by_default_is_said_and_not_that_nothing_is_written() -> None:
    spec = JobSpec.model_validate({"dataset": "moons"})
    assert words(spec, {"standardize": True}) == "standardize true instead of false"
