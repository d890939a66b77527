"""How much of the queue may be one owner's, and how long it may be."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, func, not_, select

from spec.settings import Settings

from .db import lock
from .errors import QueueFullError
from .quotas import MostQueued, count_waiting, demand_queued, most_queued
from .slot_share import WHOLE, SlotShare
from .states import has_ended
from .tables import Job

NO_PROJECTS: Mapping[str, int] = {}
COUNTED_EVERY_S = 1.0
"""How often a process counts the whole queue: a million jobs take longer than a submit may."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What may be queued and run; 0 is no limit."""

    owner_running: int = 0
    owner_share: SlotShare = WHOLE
    """Of the slots."""
    owner_queued: int = 0
    queue: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that the environment sets."""
        running, share = _running_limit(settings.owner_running_limit)
        return cls(
            owner_running=running,
            owner_share=share,
            owner_queued=settings.owner_queued_limit,
            queue=settings.queue_limit,
        )


NONE = Limits()


def _running_limit(text: str) -> tuple[int, SlotShare]:
    """What `EPOCHAL_OWNER_RUNNING_LIMIT` says: a number of jobs, and a share of the slots."""
    if text == "auto":
        return 0, SlotShare(leaves_one=True)
    if text.endswith("%"):
        return 0, SlotShare(part=float(text[:-1]) / 100.0)
    if "." in text:
        return 0, SlotShare(part=float(text))
    return int(text), WHOLE


class QueueCapacity:
    """How many more jobs may wait in the queue.

    The limit of an owner is exact: submits of one owner wait for each other. That of the whole queue is not: a process
    knows what it has submitted itself, and of the others what it saw when it last counted, a second ago at most.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._counting, self._adding = threading.Lock(), threading.Lock()
        self._counted_at = float("-inf")
        self._waiting = 0

    def demand(
        self,
        connection: Connection,
        owner: str,
        jobs: int,
        under_way: int | None = None,
        projects: Mapping[str, int] = NO_PROJECTS,
    ) -> None:
        """Raise `QueueFullError` unless so many more jobs of this owner may wait, until the transaction ends.

        `projects` says how many of them are in each shared project, by its id. `under_way` is how many jobs of this
        owner may be queued, running or paused.
        """
        if under_way is not None:
            lock(connection, f"submits of {owner}")
            goes_on = not_(has_ended())
            counted = select(func.count()).select_from(Job).where(Job.owner == owner, goes_on)
            theirs = connection.execute(counted).scalar_one()
            if theirs + jobs > under_way:
                raise QueueFullError(
                    f"You have {theirs} jobs that have not ended, and you may have {under_way}: wait, or cancel some."
                )
        demand_queued(connection, owner, jobs, self._limits.owner_queued, projects)
        if (most := self._limits.queue) and (all_ := self._all(connection, most)) + jobs > most:
            raise QueueFullError(
                f"{all_} jobs wait, and the queue takes {most}: submit {jobs} more when some have started."
            )

    def most(self, connection: Connection, owner: str, project_id: str | None) -> MostQueued | None:
        """How many jobs of this owner, in this project, may ever wait together; None: any number."""
        known = [*most_queued(connection, owner, project_id, self._limits.owner_queued)]
        if queue := self._limits.queue:
            known.append(MostQueued(queue, f"the whole queue takes {queue:,} jobs"))
        return min(known, key=lambda one: one.jobs, default=None)

    def taken(self, jobs: int) -> None:
        """So many more jobs wait now."""
        with self._adding:
            self._waiting += jobs

    def _all(self, connection: Connection, most: int) -> int:
        """The jobs that wait; one thread counts them now and then, and no other waits for it."""
        if self._clock() - self._counted_at > COUNTED_EVERY_S and self._counting.acquire(blocking=False):
            try:
                counted = count_waiting(connection, most=most)
                with self._adding:
                    self._waiting, self._counted_at = counted, self._clock()
            finally:
                self._counting.release()
        return self._waiting
