"""Slots for work that takes long: a child process, an ensemble, a message to a webhook."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import BusyError


class Slots:
    """How many requests may do it at once; who finds no free slot waits."""

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
