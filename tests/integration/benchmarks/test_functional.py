from benchmarks.functional import train
from benchmarks.workloads import W1, data, trials


def test_a_stack_of_torch_func_learns_the_digits() -> None:
    assert min(train(W1.shortened(epochs=2), data(W1), trials(W1, 2))) > 0.8
