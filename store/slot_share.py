"""How many slots one owner may use: a share of those that are up, or all but one while another owner waits."""

import math
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from spec.states import JobStatus

from .device_requests import kind_of
from .tables import Job
from .workers import live_workers


@dataclass(frozen=True)
class SlotShare:
    """What part of the slots of a kind, CPU or GPU, one owner may use; at least one slot."""

    part: float = 1.0
    """This part of the slots that are up, whether others wait or not."""
    leaves_one: bool = False
    """While another owner waits, one slot of several is left to others."""

    def most(self, slots: int) -> int:
        """The most slots of so many that one owner may use while others wait."""
        left = slots - 1 if self.leaves_one else slots
        return max(min(math.floor(self.part * slots + 1e-9), left), 1)

    def reached(self, connection: Connection, owner: str, kind: str) -> bool:
        """Whether an owner uses as many slots of this kind as it may while others wait."""
        if self == WHOLE:
            return False
        slots = sum(kind_of(name) == kind for worker in live_workers(connection) for name in worker.devices)
        return slots > 1 and _used(connection, owner, kind) >= self.most(slots)


WHOLE = SlotShare()
"""No limit."""


def _used(connection: Connection, owner: str, kind: str) -> int:
    """How many slots of this kind train jobs of an owner."""
    slots = (
        select(Job.worker, Job.device)
        .where(Job.owner == owner, Job.status == JobStatus.running.value, Job.device.startswith(kind))
        .distinct()
        .subquery()
    )
    return connection.execute(select(func.count()).select_from(slots)).scalar_one()
