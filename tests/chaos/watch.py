"""A watch on the record: how long it takes from a fault until something goes on.

It asks the record five times a second over a line of its own. Seconds in which the record does not answer are the
record's fault and are charged to no other.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, or_, select

from spec.states import FINISHED, JobStatus
from store.db import reading
from store.errors import StoreUnavailableError
from store.tables import CurveChunk, Job, JobEvent, Mirror
from worker.outcomes import LATER

from .background import Background

log = logging.getLogger(__name__)

EVERY_S = 0.2
SETTLES_S = 1.2
"""Points that were on their way at the moment of a fault have arrived after so long; the heart beats once a second."""
GIVEN_UP_S = 180.0
AWAY_S = 1.0
"""A record that has not answered for so long is not asked again: whoever strikes would wait for it."""


@dataclass(frozen=True)
class Seen:
    """A job as it was seen last."""

    status: JobStatus
    attempt: int
    epoch: int
    worker: str
    sent: int
    """The last attempt of which there is a point."""
    is_trained: bool
    """Whether it has all its epochs: it is being stored, and a fault interrupts no training of it."""
    was_given_back: bool
    """Whether it waits for a disk or the file store, and not for what a fault has stopped."""


Snapshot = Mapping[str, Seen]


@dataclass
class Wait:
    """Something that a fault has stopped, and that is to go on."""

    kind: str
    since: float
    done: Callable[[Snapshot], bool | None]
    """Whether it goes on; None when there was nothing to stop after all."""
    what: str
    """What is waited for, in a word."""
    ids: frozenset[str]
    uncharged_s: float = 0.0

    def lasted_s(self, until: float) -> float:
        """How long it had been waited for by then, without what other faults are charged with."""
        return max(until - self.since - self.uncharged_s, 0.0)


class _Turns:
    """Whether jobs that are back in the queue wait for their turn: another one, which goes first, has begun since."""

    def __init__(self, ours: Collection[str]) -> None:
        self._ours = ours
        self._ran: set[tuple[str, int]] | None = None
        """The attempts that ran when ours were all back in the queue; None while they are not."""

    def others_have_begun(self, now: Snapshot) -> bool:
        """Whether a job that was claimed after ours were all back trains."""
        if not all(job_id in now and now[job_id].status is JobStatus.queued for job_id in self._ours):
            self._ran = None
            return False
        running = {(job_id, job.attempt): job for job_id, job in now.items() if job.status is JobStatus.running}
        if self._ran is None:
            self._ran = set(running)
        return any(job.sent == job.attempt for attempt, job in running.items() if attempt not in self._ran)


class Watch:
    """Sees the jobs that are not over, and measures how long what was stopped takes to go on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waits: list[Wait] = []
        self._changing = threading.Lock()
        self._background = Background("watch", self._run)
        self._answered_at = time.monotonic()
        self.seen: Snapshot = {}
        self.recoveries: dict[str, list[float]] = {}
        self.struck_again: dict[str, list[float]] = {}
        """By the kind of the first fault: how long there was no recovery when a second one struck the same jobs."""
        self._stuck: list[str] = []

    @property
    def violations(self) -> list[str]:
        """What never went on, and whether the watch ceased to look."""
        return [*self._stuck, *self._background.violations]

    def start(self) -> None:
        """Begin."""
        self._background.start()

    def stop(self) -> None:
        """Look no more."""
        self._background.stop(within_s=60.0)

    def held_by(self, pid: int) -> dict[str, Seen]:
        """The jobs that a worker process holds at this moment, or held when the record answered last.

        Asked and not remembered: it may have claimed them since the last look.
        """
        seen = self.seen
        if time.monotonic() - self._answered_at < AWAY_S:
            with suppress(StoreUnavailableError):
                seen = self._snapshot(())
        return _held_by(pid, seen)

    def trains(self, pid: int) -> bool:
        """Whether a worker process trains at this moment: one of its jobs has a point of this attempt."""
        return any(job.sent == job.attempt for job in _held_by(pid, self.seen).values())

    @property
    def awaited(self) -> list[str]:
        """The faults after which something has not gone on yet."""
        with self._changing:
            return [wait.kind for wait in self._waits]

    def queued(self) -> dict[str, Seen]:
        """The jobs that wait."""
        return {job_id: job for job_id, job in self.seen.items() if job.status is JobStatus.queued}

    # --- what is waited for -------------------------------------------------------------------------------------

    def trained(self, kind: str, held: Mapping[str, Seen], struck_at: float | None = None) -> None:
        """Measure until the first of these jobs has a new point, or has ended, or waits for nothing but its turn.

        `struck_at` is when a fault began that ends now.
        """
        since, known = time.monotonic(), {job_id: job for job_id, job in held.items() if not job.is_trained}
        turns = _Turns(known)

        def done(now: Snapshot) -> bool | None:
            for job_id in [job_id for job_id in known if job_id in now and now[job_id].was_given_back]:
                del known[job_id]
            if any(now[job_id].sent > job.attempt for job_id, job in known.items() if job_id in now):
                return True
            if turns.others_have_begun(now):
                return True
            if time.monotonic() - since < SETTLES_S:  # what ends or comes now was on its way
                known.update({job_id: now[job_id] for job_id, job in known.items() if now[job_id].epoch > job.epoch})
                for job_id in [job_id for job_id in known if now[job_id].status in FINISHED]:
                    del known[job_id]
            if not known:
                return None
            return any(
                now[job_id].status in FINISHED or (now[job_id].attempt == job.attempt and now[job_id].epoch > job.epoch)
                for job_id, job in known.items()
            )

        self._wait(Wait(kind, since, done, "trained", frozenset(held)), struck_at)

    def claimed(self, kind: str, ids: Collection[str], struck_at: float | None = None) -> None:
        """Measure until the first of these jobs, which wait, is claimed or ends."""
        if ids:

            def done(now: Snapshot) -> bool:
                return any(now[job_id].status is not JobStatus.queued for job_id in ids)

            self._wait(Wait(kind, time.monotonic(), done, "claimed", frozenset(ids)), struck_at)

    def moved(self, kind: str) -> None:
        """Measure until any job starts, ends or has a new point."""
        before = self.seen
        if before:

            def done(now: Snapshot) -> bool:
                return any(now.get(job_id) not in (None, job) for job_id, job in before.items())

            self._wait(Wait(kind, time.monotonic(), done, "moved", frozenset(before)))

    def mirrored(self, kind: str) -> None:
        """Measure until MLflow has the whole curve of every job that has ended by now."""
        ended_by: list[object] = []

        def done(_: Snapshot) -> bool:
            with reading(self._engine) as connection:
                if not ended_by:
                    ended_by.append(connection.execute(select(func.clock_timestamp())).scalar_one())
                lacking = select(func.count()).select_from(Mirror).join(Job, Job.id == Mirror.job_id)
                lacking = lacking.where(Mirror.done.is_(False), Mirror.epoch < Job.epoch, Job.finished_at < ended_by[0])
                return connection.execute(lacking).scalar_one() == 0

        self._wait(Wait(kind, time.monotonic(), done, "mirrored", frozenset()))

    def uncharge(self, since: float) -> None:
        """Charge the time since then to no fault that is being measured: no job could start or be stored."""
        now = time.monotonic()
        with self._changing:
            for wait in self._waits:
                wait.uncharged_s += now - max(since, wait.since)

    def _wait(self, wait: Wait, struck_at: float | None = None) -> None:
        """Wait for this. What was stopped before and is stopped again is charged with the time until now only.

        That is the time of the last look, at which it had not gone on, if the second fault had not begun by then.
        """
        log.info("%s: until it has %s, %s", wait.kind, wait.what, sorted(wait.ids))
        with self._changing:
            again = [one for one in self._waits if one.what == wait.what and one.ids & wait.ids]
            until = min(self._answered_at, wait.since if struck_at is None else struck_at)
            for one in again:
                self.struck_again.setdefault(one.kind, []).append(one.lasted_s(until))
            self._waits = [*(one for one in self._waits if one not in again), wait]

    # --- the watch ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._background.is_stopped_within(EVERY_S):
            try:
                self.look()
            except StoreUnavailableError:
                continue

    def look(self) -> None:
        """Ask the record once, and measure what goes on by now."""
        with self._changing:
            waits = list(self._waits)
        self.seen = self._snapshot(frozenset[str]().union(*(wait.ids for wait in waits)))
        now = time.monotonic()
        away_since = self._answered_at + EVERY_S
        self._answered_at = now
        over = []
        for wait in waits:
            wait.uncharged_s += max(0.0, now - max(away_since, wait.since) - EVERY_S)
            done = wait.done(self.seen)
            if done:
                took_s = wait.lasted_s(now)
                log.info("%s: has %s after %.1f s, %s", wait.kind, wait.what, took_s, sorted(wait.ids))
                self.recoveries.setdefault(wait.kind, []).append(took_s)
            elif done is False and now - wait.since > GIVEN_UP_S:
                self._stuck.append(f"{wait.kind}: nothing went on within {GIVEN_UP_S:g} s")
            elif done is False:
                continue
            over.append(wait)
        with self._changing:
            self._waits = [wait for wait in self._waits if wait not in over]

    def _snapshot(self, ids: Collection[str]) -> Snapshot:
        sent = select(func.max(CurveChunk.attempt)).where(CurveChunk.job_id == Job.id).scalar_subquery()
        live = Job.status.in_((JobStatus.queued.value, JobStatus.running.value))
        of_job = (Job.id, Job.status, Job.attempt, Job.epoch, Job.epochs, Job.worker)
        last = select(JobEvent.reason).where(JobEvent.job_id == Job.id).order_by(JobEvent.seq.desc()).limit(1)
        query = select(*of_job, func.coalesce(sent, 0).label("sent"), last.scalar_subquery().label("last"))
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(or_(live, Job.id.in_(ids)))).all()
        return {row.id: _seen(row) for row in rows}


def _seen(row: Any) -> Seen:
    status, trained = JobStatus(row.status), row.epoch >= row.epochs
    given_back = status is JobStatus.queued and row.last.endswith(LATER)
    return Seen(status, row.attempt, row.epoch, row.worker or "", row.sent, trained, given_back)


def _held_by(pid: int, seen: Snapshot) -> dict[str, Seen]:
    return {job_id: job for job_id, job in seen.items() if f"-{pid}-" in job.worker}
