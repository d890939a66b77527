"""Child processes of the API: they do what the API itself must not do or import, a few at a time."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from .errors import BusyError

# Not one secret of the service: a child may read what a stranger sent.
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONSAFEPATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")


def child_environment(*more: str, **own: str) -> Mapping[str, str]:
    """A child's environment: the variables that every child needs, those named in `more`, and its `own`."""
    names = (*_PASSED_ON, *more)
    return {name: os.environ[name] for name in names if name in os.environ} | {"OMP_NUM_THREADS": "1"} | own


class ProcessSlots:
    """How many children may run at once; who finds no free slot waits."""

    def __init__(self, at_once: int, wait_s: float, busy: str) -> None:
        self._slots = threading.BoundedSemaphore(at_once)
        self._wait_s, self._busy = wait_s, busy

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot. Raises `BusyError` with the sentence `busy` when none becomes free in time."""
        if not self._slots.acquire(timeout=self._wait_s):
            raise BusyError(self._busy)
        try:
            yield
        finally:
            self._slots.release()
