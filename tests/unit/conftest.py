from collections.abc import Iterator

import pytest

from .cpu_time import at_most


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Fail a unit test that is slow; what its fixtures take is not counted."""
    with at_most(2.0):
        yield
