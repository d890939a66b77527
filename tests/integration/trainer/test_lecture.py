"""The worked example of the lecture: ten thousand epochs, and the numbers that its derivation gives."""

import pytest
import torch

from tests.unit.spec.test_job import LECTURE
from tests.unit.trainer.recording import job, train


def test_the_lectures_worked_example_ends_where_its_derivation_says() -> None:
    trained = train(job(**LECTURE))
    outcome = trained.outcomes["0"]
    assert trained.curves["0"][-1]["train_loss"] == pytest.approx(0.012563065289959287, abs=1e-9)
    first, second = outcome.model["layers.0.weight"], outcome.model["layers.1.weight"]
    wanted = torch.tensor([0.23485068763648298, 0.3697013752729666], dtype=torch.float64)
    assert torch.allclose(first[0], wanted, rtol=0, atol=1e-9)
    wanted = torch.tensor([-1.8872231892915174, -1.853975539133192], dtype=torch.float64)
    assert torch.allclose(second[0], wanted, rtol=0, atol=1e-9)
    y = torch.sigmoid(second @ torch.sigmoid(first @ torch.tensor([0.05, 0.10], dtype=torch.float64)))
    wanted = torch.tensor([0.1275217603912607, 0.8836291091770982], dtype=torch.float64)
    assert torch.allclose(y, wanted, rtol=0, atol=1e-9)
