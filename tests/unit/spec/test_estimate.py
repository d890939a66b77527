from typing import Any

import pytest

from spec.estimate import Footprint, estimate
from spec.job import JobSpec


def priced(**fields: Any) -> Footprint:
    spec = JobSpec.model_validate({"dataset": "xor", "architecture": {"type": "mlp", "hidden": [8]}} | fields)
    assert spec.info is not None
    return estimate(spec, spec.info)


def test_a_small_network_by_hand() -> None:
    found = priced()
    assert found.parameters == (2 * 8 + 8) + (8 * 2 + 2) == 42
    assert (found.train_rows, found.validation_rows) == (320, 80)
    weights = 42 * (3 + 2)  # weights, best weights, gradient; Adam keeps two numbers of each
    activations = 32 * (2 + 3 * (8 + 2))
    rows = 400 * (2 + 1)
    assert found.memory_bytes == 4 * (weights + activations + rows)


def test_double_precision_takes_twice_the_memory() -> None:
    assert priced(precision="float64").memory_bytes == 2 * priced().memory_bytes


def test_without_biases() -> None:
    assert priced(architecture={"type": "mlp", "hidden": [8], "bias": False}).parameters == 2 * 8 + 8 * 2


def test_a_full_batch_is_the_training_split() -> None:
    assert priced(batch_size="full").memory_bytes == priced(batch_size=320).memory_bytes


def test_batches_of_one_step_take_the_memory_of_one_batch_and_of_its_gradient() -> None:
    assert priced(gradient_accumulation=10).memory_bytes == priced().memory_bytes + 4 * 42


@pytest.mark.parametrize(
    ("optimizer", "buffers"), [("sgd", 1), ("adam", 2), ("rmsprop", 2), ({"type": "rmsprop", "centered": True}, 3)]
)
def test_an_optimizer_takes_as_much_as_it_keeps_of_each_parameter(optimizer: Any, buffers: int) -> None:
    assert priced(optimizer=optimizer).memory_bytes == priced(optimizer="adam").memory_bytes + 4 * 42 * (buffers - 2)


def test_convolutions_keep_images() -> None:
    cnn = {"type": "cnn", "channels": [4], "hidden": [], "pooling": "none"}
    flat = priced(dataset="digits", architecture={"type": "mlp", "hidden": [4]}, batch_size=1)
    image = priced(dataset="digits", architecture=cnn, batch_size=1)
    assert image.parameters == (4 * 9 + 4) + (4 * 64 * 10 + 10)
    kept = (image.memory_bytes - flat.memory_bytes) // 4 - 5 * (image.parameters - flat.parameters)
    assert kept == 3 * (4 * 64 - 4)


@pytest.mark.parametrize(
    "fields",
    [{"architecture": {"type": "mlp", "hidden": [16]}}, {"batch_size": 64}, {"dataset": {"name": "xor", "n": 500}}],
)
def test_more_of_anything_costs_more(fields: dict[str, Any]) -> None:
    assert priced(**fields).memory_bytes > priced().memory_bytes
