from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from .cpu_time import at_most


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a unit test that is slow. What its fixtures take is not counted, nor a GPU's kernels, built at first use."""
    with nullcontext() if item.get_closest_marker("gpu") else at_most(2.0):
        yield
