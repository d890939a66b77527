"""How many pilots there should be: a pure function of the queue, of the pilots there are, and of what is allowed."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from spec.views import QueueView


@dataclass(frozen=True)
class Load:
    """What of the queue a fleet can train."""

    queued: int
    slots: int
    free_slots: int
    finished_per_min: float
    """Jobs that ended per minute, lately; 0 when none did."""
    backlog_s: float | None = None
    """How many seconds one slot would train what waits; None while that is not known."""

    @classmethod
    def of(cls, queue: QueueView, requests: Collection[str]) -> Self:
        """The jobs with these device requests: for others pilots would come, be idle, and leave, for ever."""
        kinds = {request.partition("*")[0] for request in requests}
        queued = sum(jobs for request, jobs in queue.queued.items() if request in requests)
        share = queued / max(sum(queue.queued.values()), 1)
        return cls(
            queued=queued,
            slots=sum(slots for kind, slots in queue.slots.items() if kind in kinds),
            free_slots=sum(slots for kind, slots in queue.free_slots.items() if kind in kinds),
            finished_per_min=queue.finished_per_min,
            backlog_s=None if queue.backlog_s is None else share * queue.backlog_s,
        )


@dataclass(frozen=True)
class Fleet:
    """The pilots that Slurm knows."""

    running: int
    pending: int
    held: int = 0
    """Those that wait until somebody releases or cancels them."""

    @property
    def count(self) -> int:
        """Those that train, or will: one that waits for a node will come, and one that is held will not."""
        return self.running + self.pending


@dataclass(frozen=True)
class Policy:
    """What is allowed, and how soon the queue should be empty."""

    least: int = 0
    most: int = 8
    within_min: float = 10.0
    """Minutes in which the jobs that wait now should have ended."""
    slots: int = 1
    """Slots of a pilot."""
    cool_down_s: float = 60.0
    """Seconds after a change without another one: a pilot takes a while until it claims jobs."""


@dataclass(frozen=True)
class Change:
    """Pilots to submit, and pilots that wait in Slurm's queue to cancel. One that runs is never cancelled."""

    submit: int = 0
    cancel: int = 0


def decide(load: Load, fleet: Fleet, policy: Policy, since_change_s: float) -> Change:
    """What to change now, `since_change_s` seconds after the last change."""
    if since_change_s < policy.cool_down_s:
        return Change()
    wanted = desired(load, fleet, policy)
    submit = min(wanted, policy.most - fleet.held) - fleet.count  # else where each is held, more would come for ever
    return Change(submit=max(submit, 0), cancel=min(max(fleet.count - wanted, 0), fleet.pending))


def desired(load: Load, fleet: Fleet, policy: Policy) -> int:
    """How many pilots there should be in all, within what is allowed."""
    return min(max(_needed(load, fleet, policy), policy.least), policy.most)


def _needed(load: Load, fleet: Fleet, policy: Policy) -> int:
    """Pilots by which the backlog ends in time, beside those that train other jobs until then.

    It is known in seconds of work, or else in jobs, by how many a busy slot has ended. As long as neither is known, the
    pilots are doubled, once all their slots are busy.
    """
    if load.queued == 0:
        return 0
    if (work_s := _work_s(load)) is not None:
        pilot_s = 60.0 * policy.within_min * policy.slots
        more = policy.most if work_s >= pilot_s * policy.most else max(math.ceil(work_s / pilot_s), 1)
        return _engaged(load, fleet, policy) + more
    if load.free_slots > 0 or fleet.pending > 0:
        return max(fleet.count, 1)
    return max(2 * fleet.running, 1)


def _engaged(load: Load, fleet: Fleet, policy: Policy) -> int:
    """Pilots that train on for longer than that, at the rate at which jobs end lately."""
    slots = load.slots - load.free_slots - load.finished_per_min * policy.within_min
    return min(max(math.ceil(slots / policy.slots), 0), fleet.running)


def _work_s(load: Load) -> float | None:
    """How many seconds one slot would train what waits."""
    busy = load.slots - load.free_slots
    if load.backlog_s is not None or busy <= 0 or load.finished_per_min <= 0:
        return load.backlog_s
    return 60.0 * load.queued * busy / load.finished_per_min
