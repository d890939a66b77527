"""How a trainer process computes, for tests that train.

What PyTorch's own gradients and optimizers, which tests compare with, import at first use is imported before: it is not
the time of some test.
"""

from collections.abc import Iterator

import pytest
import torch
import torch.fx.experimental.symbolic_shapes


@pytest.fixture(autouse=True)
def as_a_trainer_process() -> Iterator[None]:
    """One thread and no denormal numbers, for the test only: whoever comes after may count on IEEE's arithmetic."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)
    torch.set_num_threads(before)
