"""The CPU time that a unit test may take: on a busy machine it is what the clock would say on a quiet one."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

YARDSTICK_S = 0.03
"""What the sum in `slowness` takes on a quiet core of the machine by which the limits are meant."""


def slowness() -> float:
    """How many times longer this machine computes just now, as it is slow or others share its cores; at least 1."""
    before = _cpu_s()
    sum(number * number for number in range(1_000_000))
    return max(1.0, (_cpu_s() - before) / YARDSTICK_S)


@contextmanager
def at_most(limit_s: float, slowness: Callable[[], float] = slowness) -> Iterator[None]:
    """Fail where this process and the children that it has waited for take more CPU time.

    A core that two processes share counts more CPU time for the same work: the limit grows as the machine slows down.
    """
    before = _cpu_s()
    yield
    taken = _cpu_s() - before
    if taken > limit_s and taken > limit_s * max(slowness() for _ in range(5)):
        pytest.fail(
            f"it took {taken:.1f} s of CPU time, and a unit test has {limit_s:g} s: make it smaller, share its set-up, "
            "or move it to tests/integration",
            pytrace=False,
        )


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
