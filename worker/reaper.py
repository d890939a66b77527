"""The reaper: it requeues the jobs of a dead worker, and rings again for jobs whose bell was lost.

Every worker runs one. The record decides by its own clock, so that any number of them at once do no harm.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from store.errors import StoreError
from store.leases import LeaseStore
from store.notifications import NotificationStore
from store.trouble import Trouble

log = logging.getLogger(__name__)

EVERY_S = 5.0
"""Between two looks at the leases; a quarter of a lease where leases are short."""
GRACE_S = 5.0
"""So long no lease ends once the record or a machine is back: a worker has to renew it first, however short it is."""
UNNOTIFIED_S = 10.0
"""A job queued for so long without a bell has lost its own: the broker was down, or forgot."""


class Reaper:
    """Requeues jobs whose leases have ended.

    While the record was away, its disk was full, or this machine slept, no worker could renew its leases; nor could one
    before the record's clock was put forward. Then workers that live have a moment to renew them, or to give their jobs
    back uncharged, before leases are reaped. Where the clock was put back, leases would last too long: they are
    shortened.

    `ring` sends a message for a job; it answers False when the broker is down.
    """

    def __init__(
        self, store: LeaseStore, notifications: NotificationStore, ring: Callable[[str], bool], *, lease_s: float
    ) -> None:
        self._store, self._notifications, self._ring = store, notifications, ring
        self._lease_s = lease_s
        self.every_s = min(EVERY_S, lease_s / 4)
        self._record_was_away = False
        self._looked_at: datetime | None = None

    def once(self) -> None:
        """Reap expired leases, then ring for jobs whose bell was lost. Raises `StoreError`."""
        was_away, self._record_was_away = self._record_was_away, True  # until the record has answered
        passed = self._since_last_look()
        if was_away or passed > timedelta(seconds=2 * self.every_s):
            self._store.extend(GRACE_S)
        if passed < timedelta():
            log.warning("the clock of the record was put back by %s: leases are shortened", -passed)
            self._store.clock_was_put_back(self._lease_s)
        reaped = self._store.reap()
        if reaped.requeued or reaped.failed or reaped.cancelled:
            log.warning("workers were lost: %s", reaped)
        rung = []
        # A job that was just taken from a dead worker has waited long enough.
        for job_id in self._notifications.unnotified(older_than_s=0.0 if reaped.requeued else UNNOTIFIED_S):
            if not self._ring(job_id):
                break  # the broker is down: it will be as down for the next job
            rung.append(job_id)
        if rung:
            self._notifications.mark_notified(rung)
        self._looked_at = self._store.clock()
        self._record_was_away = False

    def _since_last_look(self) -> timedelta:
        """The time since the last look, by the record's clock."""
        return self._store.clock() - self._looked_at if self._looked_at else timedelta()

    def run(self, stop: threading.Event) -> None:
        """Reap until `stop`."""
        trouble = Trouble(log, "the reaper cannot reach the record")
        while not stop.wait(self.every_s):
            try:
                self.once()
                trouble.is_over()
            except StoreError as error:
                trouble.is_there(error)
