"""The reaper: what a dead worker held goes back to the queue, and what nobody rang for is rung again.

Every worker runs one; the record decides by its own clock, so that any number of them at once do no harm.
"""

import logging
import threading
from typing import Protocol

from store.errors import StoreError
from store.leases import LeaseStore

log = logging.getLogger(__name__)

EVERY_S = 5.0
UNRUNG_S = 10.0
"""A job queued for so long without a bell has lost its own: the broker was down, or forgot."""


class Bell(Protocol):
    """What the reaper rings."""

    def ring(self, *job_ids: str) -> bool:
        """Ring for these jobs; False when the broker is down."""


class Reaper:
    """Looks after jobs that nobody looks after."""

    def __init__(self, store: LeaseStore, doorbell: Bell) -> None:
        self._store = store
        self._doorbell = doorbell

    def once(self) -> None:
        """Reap expired leases, then ring for jobs whose bell was lost."""
        reaped = self._store.reap()
        if reaped.requeued or reaped.failed or reaped.cancelled:
            log.warning("workers were lost: %s", reaped)
        rung = []
        # A job that was just taken from a dead worker has waited long enough.
        for job_id in self._store.unnotified(older_than_s=0.0 if reaped.requeued else UNRUNG_S):
            if not self._doorbell.ring(job_id):
                break  # the broker is down: it will be as down for the next job
            rung.append(job_id)
        if rung:
            self._store.mark_notified(rung)

    def run(self, stop: threading.Event, every_s: float = EVERY_S) -> None:
        """Reap until `stop`."""
        while not stop.wait(every_s):
            try:
                self.once()
            except StoreError as error:
                log.warning("nothing reaped: %s", error)
