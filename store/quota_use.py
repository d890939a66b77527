"""What users and projects have now of what quotas limit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, select, true

from spec.access import Used

from .access import Access, Asker, visible_to
from .db import now, reading
from .quotas import month_of
from .states import queued
from .tables import Attempt, Dataset, Job, Lease, Upload
from .usage import uses

HOUR_S = 3600.0
NOTHING = Used(running=0, queued=0, gpu_hours=0.0, bytes=0)
Amount = tuple[str, str | None, float]
"""An owner, the id of a project or None, and how much."""


@dataclass(frozen=True)
class QuotaUses:
    """Of all that somebody sees; who has nothing is in neither."""

    owners: Mapping[str, Used]
    """By name."""
    projects: Mapping[str, Used]
    """By id."""


class QuotaUseStore:
    """Adds up what is used."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def used(self, asker: Asker) -> QuotaUses:
        """What there is of all that the asker sees."""
        owner = asker.user if isinstance(asker, Access) else asker
        with reading(self._engine) as connection:
            at = connection.execute(select(now())).scalar_one()
            on_gpus = and_(visible_to(asker, Attempt), Attempt.device.startswith("cuda"))
            own = true() if owner is None else Upload.owner == owner
            arriving = select(Upload.owner, func.sum(Upload.size)).where(own).group_by(Upload.owner)
            amounts: dict[str, list[Amount]] = {
                "running": _sums(connection, Lease, func.count(), visible_to(asker, Lease)),
                "queued": _sums(connection, Job, func.count(), and_(queued(), visible_to(asker, Job))),
                "gpu_hours": [
                    (use.owner, use.project_id, use.seconds / HOUR_S)
                    for use in uses(connection, month_of(at), at, on_gpus)
                ],
                "bytes": [
                    *_sums(connection, Dataset, func.sum(Dataset.size), visible_to(asker, Dataset)),
                    *((row[0], None, int(row[1])) for row in connection.execute(arriving)),
                ],
            }
        return QuotaUses(_by(0, amounts), _by(1, amounts))


def _sums(connection: Connection, table: Any, total: Any, which: ColumnElement[bool]) -> list[Amount]:
    query = select(table.owner, table.project_id, total).where(which).group_by(table.owner, table.project_id)
    return [(row[0], row[1], int(row[2])) for row in connection.execute(query)]


def _by(place: int, amounts: Mapping[str, Sequence[Amount]]) -> Mapping[str, Used]:
    """The sums by owner (place 0) or by project (place 1)."""
    found = defaultdict[str, dict[str, Any]](dict)
    for name, rows in amounts.items():
        for row in rows:
            if (who := row[place]) is not None:
                found[str(who)][name] = found[str(who)].get(name, 0) + row[2]
    return {who: NOTHING.model_copy(update=sums) for who, sums in found.items()}
