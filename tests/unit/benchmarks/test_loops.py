import math

import pytest
import torch

from benchmarks.loops import LOOPS, last
from benchmarks.workloads import ALL, W1, W2, data, trials


@pytest.mark.parametrize("name", LOOPS)
def test_every_loop_learns_the_digits(name: str) -> None:
    epochs = list(LOOPS[name](W1.shortened(epochs=3), data(W1), trials(W1, 1)[0]))
    assert len(epochs) == 3
    assert epochs[-1].val_accuracy > 0.85
    assert epochs[-1].train_loss < epochs[0].train_loss


def test_fused_adam_learns_the_same() -> None:
    workload, trial = W1.shortened(epochs=1), trials(W1, 1)[0]
    plain, fused = (last(LOOPS[name](workload, data(W1), trial)) for name in ("tight", "tight fused"))
    assert plain.val_loss == pytest.approx(fused.val_loss, rel=1e-4)


def test_a_regression_has_no_accuracy() -> None:
    assert math.isnan(last(LOOPS["tight"](W2.shortened(epochs=1), data(W2), trials(W2, 1)[0])).val_accuracy)


def test_a_workload_knows_its_steps() -> None:
    for workload in ALL:
        assert workload.steps == len(torch.split(data(workload).x, workload.batch))
