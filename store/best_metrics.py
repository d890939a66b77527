"""Best metrics of jobs: written with a job's success, read by lists that are sorted or filtered by them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Row,
    Select,
    String,
    cast,
    delete,
    exists,
    insert,
    literal,
    null,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute

from .access import Access, Asker, visible_to
from .db import in_values, shared_alias, values_table
from .records import LISTED, JobFilter, Success
from .tables import BestMetric, Job

_bound = shared_alias(BestMetric)


@dataclass(frozen=True)
class ByMetric:
    """An order of jobs: by a metric at their best epochs; jobs without it come last, newest first."""

    metric: str
    descending: bool = False


@dataclass(frozen=True)
class Position:
    """A place in a list of jobs: a job, and its metric if the list is sorted by one and the job has it.

    In the order of the queue, the value is the job's priority.
    """

    job_id: str
    value: float | None = None

    def __str__(self) -> str:
        """As a cursor."""
        return self.job_id if self.value is None else f"{self.job_id}~{self.value!r}"


def store_best_metrics(connection: Connection, ends: Sequence[Success]) -> None:
    """Write the best metrics of jobs that have just succeeded, in place of those that they had."""
    rows = [
        {"job_id": end.job_id, "name": name, "value": value}
        for end in ends
        for name, value in (end.best_metrics or {}).items()
        if value is not None and math.isfinite(value)
    ]
    if not rows:
        return
    connection.execute(delete(BestMetric).where(in_values(connection, BestMetric.job_id, [end.job_id for end in ends])))
    new = values_table(connection, rows, job_id=String(), name=String(), value=Double()).c
    connection.execute(
        insert(BestMetric).from_select(
            ["job_id", "name", "owner", "value"],
            select(new.job_id, new.name, Job.owner, new.value).join(Job, Job.id == new.job_id),
        )
    )


def within(wanted: JobFilter, job_id: InstrumentedAttribute[str]) -> list[ColumnElement[bool]]:
    """Conditions: the job of this id has these best metrics, and they are at least, or at most, these numbers."""
    bounds = [(name, _bound.value >= bound) for name, bound in wanted.least.items()]
    bounds += [(name, _bound.value <= bound) for name, bound in wanted.most.items()]
    return [exists().where(_bound.job_id == job_id, _bound.name == name, holds) for name, holds in bounds]


def with_metrics(wanted: JobFilter, owner: Asker) -> Select[Any]:
    """The ids of jobs with best metrics within bounds, at least one, by an index of the first metric."""
    first = next(iter({**wanted.least, **wanted.most}))
    query = select(BestMetric.job_id).where(BestMetric.name == first, *within(wanted, BestMetric.job_id))
    if first in wanted.least:
        query = query.where(BestMetric.value >= wanted.least[first])
    if first in wanted.most:
        query = query.where(BestMetric.value <= wanted.most[first])
    return query if owner is None else query.where(_of(owner))


def in_order(
    connection: Connection,
    order: ByMetric,
    meant: Sequence[ColumnElement[bool]],
    *,
    owner: Asker,
    after: Position | None,
    limit: int,
) -> list[Row[Any]]:
    """Rows of `LISTED` with the metric as `best`, at most `limit` after a position."""
    rows: list[Row[Any]] = []
    if after is None or after.value is not None:
        rows += connection.execute(_with_metric(order, owner, after).where(*meant).limit(limit))
        after = None
    if len(rows) < limit:
        rows += connection.execute(_without_metric(order, owner, after).where(*meant).limit(limit - len(rows)))
    return rows


def _with_metric(order: ByMetric, owner: Asker, after: Position | None) -> Select[Any]:
    place = tuple_(BestMetric.value, BestMetric.job_id)
    query = LISTED.add_columns(BestMetric.value.label("best")).join(BestMetric, BestMetric.job_id == Job.id)
    query = query.where(BestMetric.name == order.metric)
    if owner is not None:
        query = query.where(_of(owner))
    if after is not None:
        last = tuple_(literal(after.value, Double()), literal(after.job_id))
        query = query.where(place < last if order.descending else place > last)
    if order.descending:
        return query.order_by(BestMetric.value.desc(), BestMetric.job_id.desc())
    return query.order_by(BestMetric.value, BestMetric.job_id)


def _without_metric(order: ByMetric, owner: Asker, after: Position | None) -> Select[Any]:
    having = select(_bound.job_id).where(_bound.name == order.metric)
    query = LISTED.add_columns(cast(null(), Double()).label("best")).where(Job.id.not_in(having))
    query = query.where(visible_to(owner, Job))
    if after is not None:
        query = query.where(Job.id < after.job_id)
    return query.order_by(Job.id.desc())


def _of(owner: Asker) -> ColumnElement[bool]:
    """Metrics of the jobs that the asker sees; those of one owner by an index of theirs."""
    if isinstance(owner, Access) and owner.reads:
        return BestMetric.job_id.in_(select(Job.id).where(visible_to(owner, Job)))
    return BestMetric.owner == (owner.user if isinstance(owner, Access) else owner)
