"""The heart: one transaction a second keeps all leases of this worker, stores its new points, and learns of wishes.

It also fences this worker off. A lease that could not be renewed is somebody else's soon: after two thirds of it the
trainer is told to drop its members, after five sixths it is killed, both on CLOCK_MONOTONIC, so that nobody trains a
job that a successor may already have. The guard does this from a thread of its own, because the heart may hang in a
call to the very database that is gone.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from store.errors import StoreError
from store.leases import LeaseStore

from .pack import Pack

log = logging.getLogger(__name__)

BEAT_S = 1.0
KILL_AT = 5 / 6
DROP_AT = 2 / 3


class Heart:
    """Keeps the leases of every pack this worker carries."""

    def __init__(
        self, store: LeaseStore, *, worker: str, lease_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._packs: list[tuple[Pack, Callable[[], bool]]] = []
        self._changing = threading.Lock()
        self.lease_s = lease_s
        self.recording = threading.Lock()
        """Held while points travel: an epoch is never sent by the heart and by a finish at the same time."""

    @contextmanager
    def carrying(self, pack: Pack, kill: Callable[[], bool]) -> Iterator[None]:
        """Keep the leases of this pack meanwhile; `kill` ends its trainer, from any thread, if there is one."""
        entry = (pack, kill)
        with self._changing:
            self._packs.append(entry)
        try:
            yield
        finally:
            with self._changing:
                self._packs.remove(entry)

    def beat(self) -> None:
        """Renew every lease and store every new point, in one transaction. Raises `StoreError` when it cannot."""
        with self.recording:
            now = self._clock()
            sent = [(pack, pack.beats(now)) for pack, _ in self._carried()]
            beats = [beat for _, of_pack in sent for beat in of_pack]
            if not beats:
                return
            renewal = self._store.renew(worker=self._worker, progress=beats, lease_s=self.lease_s)
            for pack, of_pack in sent:
                pack.renewed(of_pack, lost=renewal.lost, cancel=renewal.cancel, pause=renewal.pause, asked_at=now)

    def guard(self) -> None:
        """End trainers whose leases are about to pass to somebody else."""
        for pack, kill in self._carried():
            if self.unkept(pack) > KILL_AT * self.lease_s and kill():
                log.error("leases not renewed for %.0f s: the trainer is killed before they pass on", self.unkept(pack))

    def unkept(self, pack: Pack) -> float:
        """Seconds for which the leases of this pack could not be renewed."""
        return self._clock() - pack.renewed_at

    def slipping(self, pack: Pack) -> bool:
        """Whether so much of the lease is gone that the trainer must drop the members."""
        return self.unkept(pack) > DROP_AT * self.lease_s

    def run(self, stop: threading.Event) -> None:
        """Beat until `stop`."""
        every = min(BEAT_S, self.lease_s / 10)
        while not stop.wait(every):
            try:
                self.beat()
            except StoreError as error:
                log.warning("leases not renewed: %s", error)

    def run_guard(self, stop: threading.Event) -> None:
        """Guard until `stop`."""
        while not stop.wait(min(0.25, self.lease_s / 40)):
            self.guard()

    def _carried(self) -> list[tuple[Pack, Callable[[], bool]]]:
        with self._changing:
            return list(self._packs)
