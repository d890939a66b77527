"""Processes of their own, for what the API itself must not do or import: a few at a time."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .errors import BusyError

# Not one secret of the service: a child may read what a stranger sent.
_PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")


def environment(*more: str, **own: str) -> Mapping[str, str]:
    """What a child is told: of the service's variables those that it needs, and these `more`; and its `own`."""
    names = (*_PASSED_ON, *more)
    return {name: os.environ[name] for name in names if name in os.environ} | {"OMP_NUM_THREADS": "1"} | own


class Turns:
    """Who may have a child now; the others wait."""

    def __init__(self, at_once: int, wait_s: float, busy: str) -> None:
        self._turns = threading.BoundedSemaphore(at_once)
        self._wait_s, self._busy = wait_s, busy

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One of them. Raises `BusyError`, in these words, when none comes in time."""
        if not self._turns.acquire(timeout=self._wait_s):
            raise BusyError(self._busy)
        try:
            yield
        finally:
            self._turns.release()
