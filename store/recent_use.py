"""Recent use: how much device time projects and their owners have used lately. Fair share is by it.

It is sampled: once a minute, one of the reapers adds the time since the last sample to whoever has a slot at that
moment, and halves what is a day old. So a short job is sometimes missed and sometimes counted as a minute, in the mean
as what it is, and nothing has to be right at each start, end and crash. The report of device time, which is exact, is
another one (`store/usage.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, literal, select

from .db import now, try_lock
from .device_requests import kind_of
from .tables import Job, Lease, RecentUse

HALF_LIFE_S = 86_400.0
"""After so long, device time counts half."""

SAMPLED_EVERY_S = 60.0
"""Between two samples."""

MOST_S = 5.0 * SAMPLED_EVERY_S
"""The most time that one sample stands for: while no reaper was up, nothing trained."""

FORGOTTEN_S = 1.0
"""Who has used less has used nothing."""

User = tuple[str, str]
"""An account, and an owner who has jobs there: of an owner's jobs that no project shares, the owner is the account."""


class Running(NamedTuple):
    """Jobs of one user that share a slot."""

    user: User
    worker: str
    device: str
    jobs: int


def count_recent_use(connection: Connection, gpu_weight: float) -> None:
    """Take a sample if it is time for one; any number of processes may ask at once, and one takes it."""
    if not _seconds_due(connection) or not connection.execute(select(try_lock(literal("recent use")))).scalar_one():
        return
    if not (passed_s := _seconds_due(connection)):
        return  # another process was faster
    used = {(row.account, row.owner): row.seconds for row in connection.execute(select(RecentUse.__table__))}
    at = connection.execute(select(now())).scalar_one()
    rows = [
        {"account": account, "owner": owner, "seconds": seconds, "at": at}
        for (account, owner), seconds in sampled(used, _running(connection), passed_s, gpu_weight).items()
    ]
    connection.execute(delete(RecentUse))
    if rows:
        connection.execute(insert(RecentUse), rows)


def sampled(
    used: dict[User, float], running: Iterable[Running], passed_s: float, gpu_weight: float = 1.0
) -> dict[User, float]:
    """What was used, decayed by the time that has passed, and with it as the use of what runs now.

    Jobs that train together share their slot; of devices that train together, each counts. A GPU counts `gpu_weight`
    times as much as a CPU slot.
    """
    slots = defaultdict[tuple[str, str], Counter[User]](Counter)
    for one in running:
        slots[one.worker, one.device][one.user] += one.jobs
    left = 0.5 ** (passed_s / HALF_LIFE_S)
    found = defaultdict[User, float](float, {user: seconds * left for user, seconds in used.items()})
    for (_, device), jobs in slots.items():
        seconds = min(passed_s, MOST_S) * (device.count("+") + 1)
        seconds *= gpu_weight if kind_of(device) == "cuda" else 1.0
        for user, share in jobs.items():
            found[user] += seconds * share / jobs.total()
    return {user: seconds for user, seconds in found.items() if seconds >= FORGOTTEN_S}


def _seconds_due(connection: Connection) -> float:
    """How much time the next sample stands for; 0 while it is too early for one."""
    at, last = connection.execute(select(now(), func.max(RecentUse.at))).one()
    passed_s: float = SAMPLED_EVERY_S if last is None else (at - last).total_seconds()
    return passed_s if passed_s >= SAMPLED_EVERY_S else 0.0


def _running(connection: Connection) -> list[Running]:
    slot = (Job.account, Job.owner, Lease.worker, Job.device)
    leases = select(*slot, func.count()).join(Lease, Lease.job_id == Job.id).where(Job.device.is_not(None))
    return [
        Running((account, owner), worker, device or "", jobs)
        for account, owner, worker, device, jobs in connection.execute(leases.group_by(*slot))
    ]
