"""The heartbeat: one transaction a second renews all leases of this worker and stores its new points.

The record answers which jobs users asked to cancel or pause, and which are another worker's by now. The heartbeat also
fences this worker off. A lease that could not be renewed will soon be claimed by another worker: after two thirds of it
the trainer must drop the members, after five sixths it is killed, both on CLOCK_MONOTONIC, so that no two workers train
one job. The watchdog does this from a thread of its own, because the heartbeat may hang in a call to the very database
that is gone.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from store.curves import BEAT_S
from store.errors import DiskFullError, StoreError
from store.leases import LeaseStore
from store.records import Progress
from store.trouble import Trouble

from .claimed_pack import ClaimedPack

log = logging.getLogger(__name__)

KILL_AT = 5 / 6
DROP_AT = 2 / 3


class Heartbeat:
    """Keeps the leases of every pack that this worker trains."""

    def __init__(
        self, store: LeaseStore, *, worker: str, lease_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._packs: list[tuple[ClaimedPack, Callable[[], bool]]] = []
        self._changing = threading.Lock()
        self.lease_s = lease_s
        self.recording = threading.Lock()
        """Held while points travel: an epoch is never sent by a heartbeat and by an outcome at the same time."""

    @contextmanager
    def registered(self, pack: ClaimedPack, kill: Callable[[], bool]) -> Iterator[None]:
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
        """Renew every lease and store every new point, in one transaction. Raises `StoreError` when it cannot.

        Where the record's disk has no space for points, leases are renewed alone: a reaper may find space to write that
        this worker is lost. To this worker they count as not renewed: it can store nothing, and gives its jobs back.
        """
        with self.recording:
            now = self._clock()
            sent = [(pack, pack.progress(now)) for pack, _ in self._registered_packs()]
            progress = [one for _, of_pack in sent for one in of_pack]
            if not progress:
                return
            try:
                renewal = self._store.renew(worker=self._worker, progress=progress, lease_s=self.lease_s)
            except DiskFullError:
                # On PostgreSQL each lease has room for its next renewal in its page.
                self._store.renew(worker=self._worker, progress=[_bare(one) for one in progress], lease_s=self.lease_s)
                raise
            for pack, of_pack in sent:
                pack.renewed(of_pack, renewal, asked_at=now)

    def watchdog(self) -> None:
        """Kill trainers whose leases are about to pass to another worker."""
        for pack, kill in self._registered_packs():
            unrenewed_s = self.seconds_since_renewal(pack)
            if unrenewed_s > KILL_AT * self.lease_s and kill():
                log.error("leases not renewed for %.0f s: the trainer is killed before they pass on", unrenewed_s)

    def seconds_since_renewal(self, pack: ClaimedPack) -> float:
        """Seconds for which the leases of this pack could not be renewed."""
        return self._clock() - pack.renewed_at

    def lease_at_risk(self, pack: ClaimedPack) -> bool:
        """Whether so much of the lease is gone that the trainer must drop the members."""
        return self.seconds_since_renewal(pack) > DROP_AT * self.lease_s

    def run(self, stop: threading.Event) -> None:
        """Beat until `stop`."""
        every, trouble = min(BEAT_S, self.lease_s / 10), Trouble(log, "leases are not renewed")
        while not stop.wait(every):
            try:
                self.beat()
                trouble.is_over()
            except StoreError as error:
                trouble.is_there(error)

    def run_watchdog(self, stop: threading.Event) -> None:
        """Watch until `stop`."""
        while not stop.wait(min(0.25, self.lease_s / 40)):
            self.watchdog()

    def give_back(self) -> bool:
        """Put every job that this worker still holds back into the queue, uncharged; whether the record has it.

        For a worker that ends right after this. Slots that ran out of time still hold jobs, and their trainers are
        killed first; so may a slot that failed unexpectedly.
        """
        for _, kill in self._registered_packs():
            kill()
        try:
            with suppress(DiskFullError):  # jobs then go on from older checkpoints
                self.beat()  # the record lacks points and checkpoints
            with self.recording:
                jobs = self._store.give_back(self._worker)
        except StoreError as error:
            log.warning("the jobs that this worker may still hold come back when their leases end: %s", error)
            return False
        if jobs:
            log.warning("%d jobs that slots still held are given back", jobs)
        return True

    @property
    def jobs(self) -> int:
        """How many jobs this worker holds."""
        return sum(len(pack.members()) for pack, _ in self._registered_packs())

    def _registered_packs(self) -> list[tuple[ClaimedPack, Callable[[], bool]]]:
        with self._changing:
            return list(self._packs)


def _bare(progress: Progress) -> Progress:
    """Only that the worker holds the job."""
    return Progress(progress.job_id, progress.attempt)
