"""The CPU time that a unit test may take: on a busy machine it is what the clock would say on a quiet one."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def at_most(limit_s: float) -> Iterator[None]:
    """Fail where this process and the children that it has waited for take more CPU time."""
    before = _cpu_s()
    yield
    taken = _cpu_s() - before
    if taken > limit_s:
        pytest.fail(
            f"it took {taken:.1f} s of CPU time, and a unit test has {limit_s:g} s: make it smaller, share its set-up, "
            "or move it to tests/integration",
            pytrace=False,
        )


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
