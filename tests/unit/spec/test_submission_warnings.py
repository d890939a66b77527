"""What the answer to a valid submission warns of."""

from typing import Any

import pytest

from spec.job import JobSpec
from spec.submission_warnings import warnings_of


def said(**fields: Any) -> list[str]:
    return warnings_of([JobSpec.model_validate({"dataset": "iris", **fields})] * 2)


@pytest.mark.parametrize("shape", [{"type": "mlp", "hidden": [8, 1]}, {"type": "resmlp", "width": 1}])
def test_a_layer_of_one_neuron_that_is_normalised_says_nothing_of_a_row(shape: dict[str, Any]) -> None:
    (told,) = said(architecture={**shape, "normalization": "layer"})
    assert told.startswith("With architecture.normalization layer, a hidden layer of one neuron has the same output")
    assert said(architecture=shape) == said(architecture={**shape, "normalization": "batch"}) == []


def test_a_schedule_that_is_longer_than_the_training_is_told_once() -> None:
    (told,) = said(epochs=2, schedule={"type": "warmup_cosine", "warmup": 8})
    assert told.startswith("In 2 epochs, schedule warmup_cosine has a learning rate of 0.00025 at most, not 0.001")


def test_a_few_whole_numbers_that_are_learnt_as_numbers_may_be_classes() -> None:
    data = {"x": [[float(row)] for row in range(20)], "y": [row % 4 for row in range(20)]}
    assert said(dataset=data, loss="mae") == [
        "The targets are 4 different whole numbers, and loss mae learns them as numbers: if they are classes, use loss "
        "cross_entropy."
    ]
    halves = {**data, "y": [row % 4 / 2 for row in range(20)]}
    assert said(dataset=data) == said(dataset=data, loss="poisson_nll") == said(dataset=halves, loss="mse") == []
