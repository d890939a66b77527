"""The slots of a worker: one supervisor each, lent to the thread that has work for it.

Two things hand out slots. A bell does at once: Celery's thread takes an idle slot and keeps it until nothing is queued,
so that a busy worker takes no bells from the queue and they reach an idle one. And a watch does without any bell: at
start, for jobs that were queued before, and every ten seconds for as long as the broker is down or has lost a bell.
"""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from .devices import Device

log = logging.getLogger(__name__)

WATCH_S = 10.0


class Supervisor(Protocol):
    """What a slot needs of its supervisor."""

    device: Device
    training: bool

    def drain(self) -> None:
        """Claim and train until nothing is queued."""

    def stop(self) -> None:
        """Give the jobs back to the queue, from any thread."""

    def close(self) -> None:
        """Close the trainer after a stop."""


class Slots:
    """The slots of this worker."""

    def __init__(self, supervisors: Sequence[Supervisor]) -> None:
        self._supervisors = supervisors
        # Last in, first out: the slot that trained last has the warmest caches.
        self._idle: queue.LifoQueue[Supervisor] = queue.LifoQueue()
        for supervisor in supervisors:
            self._idle.put(supervisor)
        self._stopping = threading.Event()

    def __len__(self) -> int:
        return len(self._supervisors)

    @property
    def free_devices(self) -> tuple[str, ...]:
        """Devices of the slots that train nothing, those that are about to claim included."""
        return tuple(supervisor.device.name for supervisor in self._supervisors if not supervisor.training)

    @property
    def all_rest(self) -> bool:
        """Whether no slot trains, claims, or starts its trainer."""
        return self._idle.qsize() == len(self)

    def answer(self) -> None:
        """Answer a bell: wait for an idle slot and let it drain the queue."""
        while not self._stopping.is_set():
            with suppress(queue.Empty):
                self._drain(self._idle.get(timeout=1.0))
                return

    def watch(self) -> None:
        """Let an idle slot drain the queue without a bell, now and every ten seconds, until this worker stops."""
        while True:
            with suppress(queue.Empty):
                self._drain(self._idle.get_nowait())
            if self._stopping.wait(WATCH_S):
                return

    def stop(self, within_s: float) -> bool:
        """Give all jobs back and end the trainers; whether that was done in time."""
        self._stopping.set()
        for supervisor in self._supervisors:
            supervisor.stop()
        deadline = time.monotonic() + within_s
        for given_back in range(len(self)):
            try:
                self._idle.get(timeout=max(0.0, deadline - time.monotonic())).close()
            except queue.Empty:
                log.error("%d slots did not give their jobs back in time", len(self) - given_back)
                return False
        return True

    def _drain(self, supervisor: Supervisor) -> None:
        try:
            supervisor.drain()
        except Exception:
            log.exception("a slot failed")  # and answers the next bell
        finally:
            self._idle.put(supervisor)
