"""Scores of other losses, or of other rows, are said not to compare."""

from typing import Any

import pytest

from spec.sweep import SweepSpec
from sweeps.comparability import doubt


def sweep(space: dict[str, Any], dataset: str = "iris", **fields: Any) -> SweepSpec:
    return SweepSpec.model_validate({"base": {"dataset": dataset}, "space": space, "method": "grid"} | fields)


def test_losses_of_two_kinds_do_not_compare_and_another_objective_is_named() -> None:
    kinds = {"loss": ["cross_entropy", "focal"], "learning_rate": [0.1, 0.01]}
    said = "Configurations differ in loss, so their val_loss does not compare: try objective val_accuracy."
    assert doubt(sweep(kinds)) == said
    assert doubt(sweep(kinds, objective="val_accuracy")) == ""
    assert doubt(sweep({"loss": ["focal"], "learning_rate": [0.1, 0.01]})) == ""
    weighted = sweep({"class_weight": [None, "balanced"]}, objective="train_loss")
    assert doubt(weighted).endswith("does not compare: try objective train_accuracy.")


def test_of_numbers_standardised_losses_have_another_unit() -> None:
    scaled = {"standardize": [True, False]}
    assert "differ in standardize, so their val_loss does not" in doubt(sweep(scaled, "diabetes"))
    assert doubt(sweep(scaled, "diabetes", objective="val_rmse")) == doubt(sweep(scaled)) == ""
    same = {"output_activation": [None, "identity"]}
    assert (
        doubt(sweep(same, "diabetes"))
        == doubt(
            sweep(
                {},
                "diabetes",
                method="given",
                configurations=[{"output_activation": None}, {"output_activation": "identity"}],
            )
        )
        == ""
    )
    assert doubt(sweep({"output_activation": ["relu", "softplus"]}, "diabetes")) == ""
    assert "differ in output_activation, so" in doubt(sweep({"output_activation": [None, "softplus"]}, "diabetes"))
    untested = sweep({"loss": ["mse", "mae"]}, base={"dataset": "diabetes", "validation_fraction": 0})
    assert doubt(untested).endswith("so their train_loss does not compare.")


@pytest.mark.parametrize("field", ["split_seed", "dataset.noise"])
def test_scores_of_other_rows_are_said_to_be(field: str) -> None:
    split = sweep({field: {"choice": [0, 1]}}, "moons", objective="val_accuracy")
    assert doubt(split) == f"Configurations differ in {field}, so their val_accuracy is of other rows."
    assert doubt(sweep({field: {"choice": [0, 1]}}, "moons", objective="train_accuracy")) == ""


def test_given_configurations_differ_in_what_they_set() -> None:
    given = sweep(
        {}, method="given", configurations=[{}, {"loss.gamma": 1.0}], base={"dataset": "iris", "loss": "focal"}
    )
    assert "differ in loss.gamma, so" in doubt(given)


@pytest.mark.parametrize("ours", [{"loss": "focal"}, {"loss": "cross_entropy"}])
def test_given_configurations_that_set_the_same_do_not_differ(ours: dict[str, Any]) -> None:
    base = {"dataset": "iris", "loss": "cross_entropy"}
    others = {} if ours["loss"] == "cross_entropy" else ours
    configurations = [{**ours, "learning_rate": 0.1}, others]
    assert doubt(sweep({}, method="given", configurations=configurations, base=base)) == ""
    assert "differ in loss, so" in doubt(
        sweep({}, method="given", configurations=[ours, {"loss": {"type": "focal", "gamma": 1.0}}], base=base)
    )
