import pytest

from benchmarks.functional import train
from benchmarks.workloads import W1, data, trials

pytestmark = pytest.mark.thorough


def test_a_stack_of_torch_func_learns_the_digits() -> None:
    assert min(train(W1.shortened(epochs=1), data(W1), trials(W1, 3)[1:])) > 0.8
