"""How configurations end: when all jobs of one have, and not any more when one of them is retried."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, select, update

from spec.halving import mean_score
from spec.states import JobStatus, StopReason, TrialState
from spec.sweep import SweepSpec

from .sweep_records import scores_of
from .tables import Generation, Job, Trial


def open_again(connection: Connection, sweep_id: str) -> None:
    """Open the configurations that have failed and have a job that waits again."""
    waits = exists().where(Job.sweep_id == sweep_id, Job.trial == Trial.number, Job.status == JobStatus.queued.value)
    failed = update(Trial).where(Trial.sweep_id == sweep_id, Trial.state == TrialState.failed.value, waits)
    unknown = {"score": None, "deviation": None, "metrics": None, "epochs": 0}
    connection.execute(failed.values(state=TrialState.open.value, **unknown))
    count_open(connection, sweep_id)


def count_open(connection: Connection, sweep_id: str, *which: ColumnElement[bool]) -> None:
    """Write how many configurations of a sweep's generations are open."""
    opened = (
        select(func.count())
        .where(
            Trial.sweep_id == Generation.sweep_id,
            Trial.generation == Generation.number,
            Trial.state == TrialState.open.value,
        )
        .scalar_subquery()
    )
    connection.execute(update(Generation).where(Generation.sweep_id == sweep_id, *which).values(open_trials=opened))


def ended_as(sweep: SweepSpec, jobs: Sequence[Row[Any]]) -> Mapping[str, Any]:
    """How a configuration ended, by the rows of its jobs."""
    objective = sweep.monitored
    metrics = [row.best_metrics or {} for row in jobs]
    scores = scores_of(jobs, objective)
    score = mean_score(scores)
    known = math.isfinite(score)
    return {
        "state": _state(jobs).value,
        "score": score if known and all(row.status == JobStatus.succeeded.value for row in jobs) else None,
        "deviation": statistics.stdev(scores) if known and len(scores) > 1 else None,
        "metrics": _means(metrics),
        "epochs": sum(row.epoch for row in jobs),
    }


def _state(jobs: Sequence[Row[Any]]) -> TrialState:
    statuses = {row.status for row in jobs}
    if JobStatus.failed.value in statuses:
        return TrialState.failed
    if JobStatus.cancelled.value in statuses:
        return TrialState.cancelled
    if any(row.stop_reason == StopReason.pruned.value for row in jobs):
        return TrialState.pruned
    return TrialState.finished


def _means(metrics: Sequence[Mapping[str, float | None]]) -> dict[str, float | None] | None:
    names: Iterable[str] = dict.fromkeys(name for one in metrics for name in one)
    means = {name: mean_score(_finite(one.get(name)) for one in metrics) for name in names}
    return {name: mean if math.isfinite(mean) else None for name, mean in means.items()} or None


def _finite(value: float | None) -> float:
    return math.inf if value is None else value
