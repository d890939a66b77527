"""Every schedule equals PyTorch's own, one value per epoch."""

from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from spec.job import JobSpec
from trainer.schedules import share

from .recording import job

EPOCHS = 20


def theirs(scheduler: Any, **options: Any) -> list[float]:
    """The rates of PyTorch's scheduler, for a base rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    made = scheduler(optimizer, **options)
    rates = []
    for _ in range(EPOCHS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made.step()
    return rates


def ours(schedule: dict[str, Any] | str) -> list[float]:
    spec: JobSpec = job(schedule=schedule, epochs=EPOCHS)
    return [share(spec.schedule, epoch, EPOCHS) for epoch in range(1, EPOCHS + 1)]


def test_a_constant_rate_stays() -> None:
    assert ours("constant") == [1.0] * EPOCHS


def test_steps_are_pytorchs() -> None:
    wanted = theirs(lr_scheduler.StepLR, step_size=6, gamma=0.3)
    assert ours({"type": "step", "every": 6, "factor": 0.3}) == pytest.approx(wanted)


def test_exponential_decay_is_pytorchs() -> None:
    assert ours({"type": "exponential", "factor": 0.9}) == pytest.approx(theirs(lr_scheduler.ExponentialLR, gamma=0.9))


def test_a_cosine_is_pytorchs() -> None:
    wanted = theirs(lr_scheduler.CosineAnnealingLR, T_max=EPOCHS, eta_min=0.1)
    assert ours({"type": "cosine", "floor": 0.1}) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("schedule", "epochs", "most"),
    [
        ("one_cycle", 1, 4e-6),
        ({"type": "one_cycle", "rise": 0.6}, 2, 0.04),
        ({"type": "one_cycle", "rise": 0.5}, 2, 1.0),
        ("warmup_cosine", 3, 0.6),
        ("warmup_cosine", 5, 1.0),
        ("step", 1, 1.0),
        ("plateau", 9, 1.0),
    ],
)
def test_the_largest_rate_is_known_before_training(schedule: Any, epochs: int, most: float) -> None:
    spec = job(schedule=schedule, epochs=epochs).schedule
    assert spec.most(epochs) == pytest.approx(most)
    assert max(share(spec, epoch, epochs) for epoch in range(1, epochs + 1)) == pytest.approx(most)


def test_one_cycle_is_pytorchs() -> None:
    wanted = theirs(
        lambda optimizer, **options: lr_scheduler.OneCycleLR(
            optimizer, max_lr=1.0, total_steps=EPOCHS + 1, cycle_momentum=False, **options
        ),
        pct_start=0.3,
    )
    longer = [share(job(schedule="one_cycle").schedule, epoch, EPOCHS + 1) for epoch in range(1, EPOCHS + 1)]
    assert longer == pytest.approx(wanted)


def test_a_warm_up_rises_in_a_straight_line_and_falls_along_a_cosine() -> None:
    rates = ours({"type": "warmup_cosine", "warmup": 4})
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[4] == pytest.approx(1.0)
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] < 0.02
