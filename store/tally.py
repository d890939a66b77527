"""Counters that never go backwards: what happened to jobs, which stays counted when the jobs are deleted.

A count is a new row, so that no two transactions wait for each other over a counter. A reaper adds the rows up.
"""

from collections import Counter
from collections.abc import Collection

from sqlalchemy import Connection, delete, func, insert, literal, literal_column, select

from .db import in_values
from .states import has_ended
from .tables import Job, Tally

ENDED = "ended"
"""Jobs that ended, by state and reason: failed, diverged."""
LEASE_LOST = "lease_lost"
"""Leases that expired because a worker was lost."""

FOLDED_FROM = 100
"""With fewer rows, adding them up is not worth a write."""
AT_ONCE = 10_000


def count_ends(connection: Connection, ids: Collection[str]) -> None:
    """Count those of these jobs that have ended, by state and reason."""
    reason = func.coalesce(Job.stop_reason, Job.failure_reason, literal_column("''"))
    ended = select(literal(ENDED), Job.status, reason, func.count()).where(
        in_values(connection, Job.id, ids), has_ended()
    )
    connection.execute(
        insert(Tally).from_select(["what", "status", "reason", "count"], ended.group_by(Job.status, reason))
    )


def count_lost_leases(connection: Connection, leases: int) -> None:
    """Count leases that were lost."""
    if leases:
        connection.execute(insert(Tally).values(what=LEASE_LOST, status="", reason="", count=leases))


def fold(connection: Connection) -> None:
    """Add up the rows of each counter; any number of processes may do so at once."""
    some = select(Tally.id).limit(FOLDED_FROM).subquery()
    if connection.execute(select(func.count()).select_from(some)).scalar_one() < FOLDED_FROM:
        return
    ours = select(Tally.id).limit(AT_ONCE).with_for_update(skip_locked=True).cte("ours")
    rows = connection.execute(
        delete(Tally)
        .where(Tally.id.in_(select(ours.c.id)))
        .returning(Tally.what, Tally.status, Tally.reason, Tally.count)
    ).all()
    sums: Counter[tuple[str, str, str]] = Counter()
    for what, status, reason, count in rows:
        sums[what, status, reason] += count
    if sums:
        values = [
            {"what": what, "status": status, "reason": reason, "count": count}
            for (what, status, reason), count in sums.items()
        ]
        connection.execute(insert(Tally), values)


def totals(connection: Connection, what: str) -> dict[tuple[str, str], int]:
    """A counter, by status and reason."""
    rows = connection.execute(
        select(Tally.status, Tally.reason, func.sum(Tally.count))
        .where(Tally.what == what)
        .group_by(Tally.status, Tally.reason)
    )
    return {(status, reason): int(total) for status, reason, total in rows}
