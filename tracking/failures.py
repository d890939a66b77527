"""Failures of jobs and sweeps that could not be copied: each is tried again later, and none holds up another."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

WAITS_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits after the first, second ... failure in a row."""

NAMED = 3
"""Most jobs and sweeps that the log names while they fail: of more, MLflow is at fault, and they may be thousands."""

OLD_S = 300.0
"""What could be tried again for so long, and was not, is no longer there."""


@dataclass(frozen=True)
class Failure:
    """The last failure of a job or a sweep."""

    in_a_row: int
    wait_s: float
    until: float
    """When it is tried again, by the clock."""
    is_named: bool
    """Whether it is new, and one of few that fail: whether the log names it."""
    is_first_of_many: bool
    """Whether it is the first that the log does not name."""


class Failures:
    """Says what waits after failures. Threads may share it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last: dict[str, Failure] = {}
        self._adding = threading.Lock()

    def __len__(self) -> int:
        return len(self._last)

    def is_due(self, which: str) -> bool:
        """Whether the job or the sweep of this id does not wait."""
        last = self._last.get(which)
        return last is None or last.until <= self._clock()

    def add(self, which: str) -> Failure:
        """Another failure: the job or the sweep waits from now on, longer each time."""
        with self._adding:
            last = self._last.get(which)
            before = 0 if last is None else last.in_a_row
            wait_s = WAITS_S[min(before, len(WAITS_S) - 1)]
            is_new, others = last is None, len(self._last)
            named, first_of_many = is_new and others < NAMED, is_new and others == NAMED
            failure = Failure(before + 1, wait_s, self._clock() + wait_s, named, first_of_many)
            self._last[which] = failure
            return failure

    def end(self, which: str) -> None:
        """The job or the sweep was copied."""
        self._last.pop(which, None)

    def forget_old(self) -> None:
        """Forget jobs and sweeps that were deleted."""
        now = self._clock()
        self._last = {which: last for which, last in self._last.items() if now - last.until < OLD_S}
