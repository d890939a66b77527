"""Sends the messages of webhooks, in a thread beside the controller of sweeps."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from store.errors import StoreError
from store.posting import Poster
from store.webhooks import Due, Outbox

log = logging.getLogger("sweeps")

ROUND_S = 1.0
"""Pause after a round in which nothing was sent."""
MOST = 8
"""Most receivers that are told at the same time."""


class Deliveries:
    """Tells the receivers, each message at least once: one that a dead process did not mark is sent again."""

    def __init__(self, outbox: Outbox, poster: Poster) -> None:
        self._outbox, self._poster = outbox, poster

    def round(self) -> int:
        """Write the messages for what has ended, and send what is due, one to each receiver; how many were sent."""
        self._outbox.fill()
        taken = self._outbox.take(MOST)
        if taken:
            with ThreadPoolExecutor(len(taken)) as pool:
                list(pool.map(self._send, taken))
        return len(taken)

    def run(self, stop: threading.Event) -> None:
        """Send in rounds until `stop`."""
        moved = 0
        while not stop.wait(0.0 if moved else ROUND_S):
            try:
                moved = self.round()
            except StoreError:  # the controller says so
                moved = 0

    def _send(self, due: Due) -> None:
        answer = self._poster.post(due.url, due.secret, due.id, due.body)
        self._outbox.mark(due, answer)
        if not answer.arrived:
            log.info("webhook %s, try %d: %s", due.webhook_id, due.tries, answer.detail)
