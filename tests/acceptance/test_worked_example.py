"""The lecture's worked example, over HTTP, within 1e-9 of the numbers in the design of the spec."""

import numpy as np
import pytest
from safetensors.numpy import load

from epochal.client import Api

pytestmark = pytest.mark.thorough

SPEC = {
    "name": "worked-example",
    "dataset": {"x": [[0.05, 0.10]], "y": [[0.01, 0.99]]},
    "validation_fraction": 0,
    "architecture": {"type": "mlp", "hidden": [2], "bias": False},
    "activation": "sigmoid",
    "output_activation": "sigmoid",
    "initial_weights": [[[0.15, 0.20], [0.25, 0.30]], [[0.40, 0.45], [0.50, 0.55]]],
    "loss": "mse",
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "batch_size": "full",
    "epochs": 10_000,
    "restore_best": False,
    "precision": "float64",
}


def sigmoid(z: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def test_the_worked_example_ends_where_the_lecture_says(client: Api) -> None:
    job = client.wait(client.submit(SPEC).id)
    assert job.status == "succeeded", job.failure
    curve = client.curve(job.id)
    assert curve["epoch"][-1] == 10_000
    assert curve["train_loss"][-1] == pytest.approx(0.012563065289959287, abs=1e-9)

    tensors = load(client.file(job.id, "model.safetensors"))
    first, second = (tensor for _, tensor in sorted(tensors.items()))
    assert first.dtype == np.float64
    assert first[0] == pytest.approx([0.23485068763648298, 0.3697013752729666], abs=1e-9)
    assert second[0] == pytest.approx([-1.8872231892915174, -1.853975539133192], abs=1e-9)
    y = sigmoid(second @ sigmoid(first @ np.array([0.05, 0.10])))
    assert y == pytest.approx([0.1275217603912607, 0.8836291091770982], abs=1e-9)
