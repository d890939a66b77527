"""The inbox of a trainer process: what its supervisor sent and the training loop has not taken yet."""

import threading
from collections import deque
from collections.abc import Collection

from spec.halving import BracketOrder

from .messages import Cancel, Job, Leave, Order, Train


class Inbox:
    """Orders on their way from the thread that reads them to the training loop."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        # These two are replaced, never changed: the training loop reads them unlocked.
        self._cancelled: frozenset[str] = frozenset()
        self._leaving: frozenset[str] = frozenset()
        self.limit = 1
        self.limits: dict[str, int] = {}
        self.brackets: tuple[BracketOrder, ...] = ()

    def put(self, order: Order) -> None:
        """Take an order in."""
        with self._changed:
            match order:
                case Train():
                    self._waiting.extend(order.jobs)
                    again = {job.id for job in order.jobs}  # a new attempt begins without old requests
                    self._cancelled, self._leaving = self._cancelled - again, self._leaving - again
                    self.limit, self.limits, self.brackets = order.limit, order.limits, order.brackets
                case Leave():
                    self._leaving |= set(order.ids)
                case Cancel():
                    self._cancelled |= set(order.ids)
            self._changed.notify_all()

    def wait(self) -> None:
        """Sleep until there is a job to train."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)

    def take(self, most: int | None) -> list[Job]:
        """Take up to `most` of the jobs that wait, oldest first; None: all of them."""
        with self._changed:
            waiting = len(self._waiting)
            return [self._waiting.popleft() for _ in range(waiting if most is None else min(most, waiting))]

    def cancelled(self) -> Collection[str]:
        """Jobs to drop."""
        return self._cancelled

    def leaving(self) -> frozenset[str]:
        """Jobs to drop as soon as their checkpoints are saved."""
        return self._leaving

    def drop(self, ids: Collection[str]) -> None:
        """Drop these now, as if the supervisor had cancelled them."""
        with self._changed:
            self._cancelled |= set(ids)

    def forget(self) -> None:
        """Drop the cancels of a pack that is over."""
        with self._changed:
            waiting = {job.id for job in self._waiting}
            self._cancelled, self._leaving = self._cancelled & waiting, self._leaving & waiting
