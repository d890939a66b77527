"""How many pilots there should be: a pure function of the queue, of the pilots there are, and of what is allowed."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """The queue, as `GET /queue` shows it."""

    queued: int
    slots: int
    free_slots: int
    finished_per_min: float
    """Jobs that ended per minute, lately; 0 when none did."""
    backlog_s: float | None = None
    """How many seconds one slot would train what waits; None while that is not known."""


@dataclass(frozen=True)
class Fleet:
    """The pilots that Slurm knows."""

    running: int
    pending: int

    @property
    def count(self) -> int:
        """All of them: one that waits for a node will come."""
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
    return Change(submit=max(wanted - fleet.count, 0), cancel=min(max(fleet.count - wanted, 0), fleet.pending))


def desired(load: Load, fleet: Fleet, policy: Policy) -> int:
    """How many pilots there should be in all, within what is allowed."""
    return min(max(_needed(load, fleet, policy), policy.least), policy.most)


def _needed(load: Load, fleet: Fleet, policy: Policy) -> int:
    """Pilots by which the backlog ends in time.

    It is known in seconds of work, or else in jobs, by how many a busy slot has ended. As long as neither is known, the
    pilots are doubled, once all their slots are busy.
    """
    if load.queued == 0:
        return 0
    if (work_s := _work_s(load)) is not None:
        pilot_s = 60.0 * policy.within_min * policy.slots
        return policy.most if work_s >= pilot_s * policy.most else max(math.ceil(work_s / pilot_s), 1)
    if load.free_slots > 0 or fleet.pending > 0:
        return max(fleet.count, 1)
    return max(2 * fleet.running, 1)


def _work_s(load: Load) -> float | None:
    """How many seconds one slot would train what waits."""
    busy = load.slots - load.free_slots
    if load.backlog_s is not None or busy <= 0 or load.finished_per_min <= 0:
        return load.backlog_s
    return 60.0 * load.queued * busy / load.finished_per_min
