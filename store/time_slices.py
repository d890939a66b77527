"""The time slice: when a running pack gives its place to another owner, whose jobs wait.

A pack's slice is over when it has been on its slot for so long since it was claimed. It then gives its place if the
slot can train a waiting job of an owner who has less: no slot of this kind, or two fewer than the pack's owner.
What the record holds decides, and nothing is written: every worker that asks gets the same answer, and one waiting
owner takes one place.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, select

from .brackets import of_no_bracket
from .db import now
from .device_requests import kind_of, served
from .scheduler import Barred, waiting
from .tables import Checkpoint, Job, Lease
from .workers import live_workers


@dataclass(frozen=True)
class RunningPack:
    """What one slot trains."""

    worker: str
    device: str
    owner: str
    ran_s: float
    """Since it was claimed."""
    may_leave: bool
    """Whether it has saved a checkpoint since it was claimed, and is no bracket, whose jobs are compared."""

    @property
    def slot(self) -> tuple[str, str]:
        """Its slot."""
        return self.worker, self.device


@dataclass(frozen=True)
class Waiting:
    """An owner with a job that may start, and the devices that the job asks for."""

    owner: str
    request: str


def give_way(
    packs: Iterable[RunningPack], waiting: Collection[Waiting], free_devices: Sequence[str], slice_s: float
) -> Set[tuple[str, str]]:
    """The slots whose packs give their places to others, the pack that has run longest first.

    Free slots come first: an owner whose job one of them can take gets no place of a running pack. Nor does any owner
    get two places at once.
    """
    by_age = sorted(packs, key=lambda pack: (-pack.ran_s, pack.slot))
    # Counted apart: a place that an owner gives is no reason for it to get another one.
    left_to = Counter((pack.owner, kind_of(pack.device)) for pack in by_age)
    promised = Counter(left_to)
    without_place = {one.owner for one in waiting}
    slots: set[tuple[str, str]] = set()

    def promise(device: str, instead_of: str | None = None) -> bool:
        """Promise this slot to the owner who has least, of those whose job it can train and who have less."""
        kind, requests = kind_of(device), served(device)
        fit = without_place & {one.owner for one in waiting if one.request in requests}
        if instead_of is not None:
            most = max(left_to[instead_of, kind] - 2, 0)
            fit = {owner for owner in fit - {instead_of} if promised[owner, kind] <= most}
        if not fit:
            return False
        owner = min(fit, key=lambda one: (promised[one, kind], one))
        without_place.remove(owner)
        promised[owner, kind] += 1
        return True

    for device in free_devices:
        promise(device)
    for pack in by_age:
        if pack.ran_s >= slice_s and pack.may_leave and promise(pack.device, pack.owner):
            left_to[pack.owner, kind_of(pack.device)] -= 1
            slots.add(pack.slot)
    return slots


def must_give_way(
    connection: Connection,
    *,
    worker: str,
    device: str,
    owner: str,
    slice_s: float,
    barred: Barred,
) -> bool:
    """Whether the pack of `owner` on this slot gives its place to others now.

    It reads who waits before what runs: a job that starts in between counts for its owner already.
    """
    workers = live_workers(connection)
    devices = {name for one in workers for name in one.devices} | {device}
    requests = {request for name in devices for request in served(name)}
    owed = [Waiting(*row) for row in connection.execute(waiting(requests, barred))]
    if all(one.owner == owner for one in owed):
        return False
    packs = _running_packs(connection)
    taken = {pack.slot for pack in packs}
    free = [name for one in workers for name in one.devices if (one.id, name) not in taken]
    return (worker, device) in give_way(packs, owed, free, slice_s)


def _running_packs(connection: Connection) -> list[RunningPack]:
    at = connection.execute(select(now())).scalar_one()
    saved = (
        select(Checkpoint.job_id)
        .where(Checkpoint.job_id == Lease.job_id, Checkpoint.attempt == Lease.attempt)
        .correlate(Lease)
        .exists()
    )
    rows = connection.execute(
        select(
            Lease.worker,
            Job.device,
            func.min(Job.owner),
            func.min(Lease.since),
            func.max(case((and_(saved, of_no_bracket()), 1), else_=0)),
        )
        .join(Job, Job.id == Lease.job_id)
        .where(Job.device.is_not(None))
        .group_by(Lease.worker, Job.device)
    ).all()
    return [
        RunningPack(worker, device, owner, 0.0 if since is None else (at - since).total_seconds(), bool(may_leave))
        for worker, device, owner, since, may_leave in rows
    ]
