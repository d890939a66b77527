"""The orders in which jobs are listed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from sqlalchemy import Connection, Row, null, or_

from .access import Asker, visible_to
from .best_metrics import ByMetric, Position, in_order
from .filters import conditions
from .records import LISTED, JobFilter
from .states import queued
from .tables import Job

Order = ByMetric | Literal["newest", "oldest", "queue"]
"""`queue` lists only jobs that wait, in the order in which those of one owner start."""


def rows_in(
    connection: Connection, order: Order, wanted: JobFilter, *, owner: Asker, after: Position | None, limit: int
) -> Sequence[Row[Any]]:
    """Rows of `LISTED` with what the order goes by as `best`, at most `limit` after a position."""
    if isinstance(order, ByMetric):
        return in_order(connection, order, conditions(wanted), owner=owner, after=after, limit=limit)
    if order == "queue":
        query = LISTED.add_columns(Job.priority.label("best")).where(queued(), *conditions(replace(wanted, status=())))
        query = query.order_by(Job.priority.desc(), Job.id)
        if after is not None:
            priority = int(after.value or 0)
            # The first condition is a range of the index.
            query = query.where(Job.priority <= priority, or_(Job.priority < priority, Job.id > after.job_id))
    else:
        newest = order == "newest"
        query = LISTED.add_columns(null().label("best")).where(*conditions(wanted))
        query = query.order_by(Job.id.desc() if newest else Job.id)
        if after is not None:
            query = query.where(Job.id < after.job_id if newest else Job.id > after.job_id)
    return connection.execute(query.where(visible_to(owner, Job)).limit(limit)).all()
